// Package view shows the demo while it runs: a picture of the whole terminal, drawn from what has happened so far. State and
// Render are pure; Screen writes to a terminal. What the demo tells and checks is its own affair.
package view

import "time"

// Mark is how a check went.
type Mark rune

const (
	Held   Mark = '✓'
	Missed Mark = '✗'
	Noted  Mark = '·'
)

// Check is one line of what must hold.
type Check struct {
	Mark Mark
	Text string
}

// Span is a time on one route. To is zero while it lasts.
type Span struct {
	Route    string // "relay", "direct4", …; empty: no connection
	From, To time.Duration
}

// Sample is a measured round trip.
type Sample struct {
	At, RTT time.Duration
}

// Player is what one side sees. Empty: not known yet.
type Player struct {
	Name, NAT                  string
	Linked                     bool
	Mapping, Filtering, Public string
	Room                       string
	Spans                      []Span
	Samples                    []Sample
	Loss                       float64 // share of the packets to this side that get lost, as the library measures
	Resent                     int
	Done                       string // its result, once there is one
}

// Route is the present one.
func (p *Player) Route() string {
	if len(p.Spans) == 0 {
		return ""
	}
	return p.Spans[len(p.Spans)-1].Route
}

// MoveTo begins a span.
func (p *Player) MoveTo(at time.Duration, route string) {
	if n := len(p.Spans); n > 0 {
		p.Spans[n-1].To = at
	}
	p.Spans = append(p.Spans, Span{Route: route, From: at})
}

// Event is something that happened, for the timeline (Sign not 0) and the list below it.
type Event struct {
	At   time.Duration
	Sign rune // ✂ and ⚕ stand in the timeline
	Text string
}

// Step is a part of a chapter in the order in which parts come.
type Step struct {
	Name string
	Done bool
}

// State is all that a picture shows. Times are since the demo began.
type State struct {
	Now            time.Duration
	Chapter, Of    int
	Title, About   string
	Began          time.Duration // the chapter
	Players        [2]Player
	Steps          []Step
	Events         []Event
	Checks         []Check // of this chapter
	HeldAll, Wrong int     // checks of the whole demo
}

// Begin begins a chapter with these steps.
func (s *State) Begin(at time.Duration, title, about string, nats [2]string, steps ...string) {
	s.Chapter++
	s.Again(at)
	s.Title, s.About = title, about
	for i, name := range []string{"A", "B"} {
		s.Players[i] = Player{Name: name, NAT: nats[i]}
	}
	s.Steps = nil
	for _, name := range steps {
		s.Steps = append(s.Steps, Step{Name: name})
	}
}

// Again forgets what happened in the chapter, which is told once more.
func (s *State) Again(at time.Duration) {
	s.Began, s.Events, s.Checks = at, nil, nil
	for i := range s.Players {
		s.Players[i] = Player{Name: s.Players[i].Name, NAT: s.Players[i].NAT}
	}
	for i := range s.Steps {
		s.Steps[i].Done = false
	}
}

// Reach marks a step as done, if it is the next one: steps come in order.
func (s *State) Reach(name string) {
	for i := range s.Steps {
		if !s.Steps[i].Done {
			s.Steps[i].Done = s.Steps[i].Name == name
			return
		}
	}
}

// Both reports whether something holds for both players.
func (s *State) Both(f func(*Player) bool) bool { return f(&s.Players[0]) && f(&s.Players[1]) }
