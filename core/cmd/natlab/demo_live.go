//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/view"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// live shows the story as a picture while it goes on, and keeps what a reader wants to have on paper afterwards.
type live struct {
	out   *os.File
	style view.Style

	mu     sync.Mutex // never held while the terminal is written to: who stops it with Ctrl-S does not stop the story
	state  view.State
	kept   bytes.Buffer // printed when the picture is gone
	closed bool

	painting sync.Mutex
	screen   *view.Screen // nil: given back
	end      chan struct{}
	over     sync.Once
}

const (
	drawEvery = 100 * time.Millisecond
	// statsEvery is how often both players are asked for their figures while somebody watches.
	statsEvery = 200 * time.Millisecond
	// A terminal that does not tell its size is taken to be a VT100.
	usualColumns, usualRows = 80, 24
	// leastWrap is the narrowest that lines are broken for; below that they are torn to pieces.
	leastWrap = 40
)

// newLive takes the terminal over; nil if out is none that can show pictures, and plain lines must do.
func newLive(out io.Writer, began time.Duration, chapters int) *live {
	f, ok := out.(*os.File)
	if term := os.Getenv("TERM"); !ok || term == "" || term == "dumb" {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	l := &live{out: f, end: make(chan struct{}), style: view.Style{Color: os.Getenv("NO_COLOR") == ""}, screen: view.NewScreen(f)}
	l.state.Of = chapters
	go l.draw(began)
	return l
}

// draw shows a picture ten times a second; the size of the terminal is asked each time.
func (l *live) draw(began time.Duration) {
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	var last [2]int
	for {
		select {
		case <-l.end:
			return
		case <-tick.C:
		}
		size := l.size()
		l.mu.Lock()
		l.state.Now = wan.Now() - began
		// The last column stays free: where it is written, erasing what is right of it would take it back.
		lines := view.Render(&l.state, size[0]-1, size[1], l.style)
		l.mu.Unlock()
		l.painting.Lock()
		if l.screen != nil {
			l.screen.Draw(lines, size != last)
		}
		l.painting.Unlock()
		last = size
	}
}

// size is the terminal's columns and rows.
func (l *live) size() [2]int {
	w, err := unix.IoctlGetWinsize(int(l.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || w.Col == 0 || w.Row == 0 {
		return [2]int{usualColumns, usualRows}
	}
	return [2]int{int(w.Col), int(w.Row)}
}

// close gives the terminal back and prints what was kept. What comes later is printed at once.
func (l *live) close() {
	l.over.Do(func() {
		close(l.end)
		l.painting.Lock()
		l.screen.Close()
		l.screen = nil
		l.painting.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed = true
		_, _ = io.WriteString(l.out, view.Wrap(l.kept.String(), max(l.size()[0], leastWrap)))
	})
}

// keep keeps lines for the end.
func (l *live) keep(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_, _ = io.WriteString(l.out, text)
		return
	}
	l.kept.WriteString(text)
}

// begin begins a chapter, and goOn follows the steps that it consists of.
func (l *live) begin(at time.Duration, c chapter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Begin(at, c.name, c.about, [2]string{natName(c.nats[0]), natName(c.nats[1])}, c.steps...)
}

// again tells that the chapter is told once more.
func (l *live) again(at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Again(at)
}

// finish ends a chapter: its routes go into what is kept.
func (l *live) finish() {
	l.mu.Lock()
	l.state.Reach(stepJudged)
	lines := view.Routes(&l.state, l.size()[0]-1, l.style)
	l.mu.Unlock()
	l.keep("\n" + strings.Join(lines, "\n") + "\n\n")
}

// check shows a result, and the sums of the whole demo.
func (l *live) check(mark view.Mark, text string, all counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Checks = append(l.state.Checks, view.Check{Mark: mark, Text: text})
	l.state.HeldAll, l.state.Wrong = all.held, all.missed
}

// happened puts a line below the timeline, and a sign into it unless that is 0.
func (l *live) happened(at time.Duration, sign rune, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Events = append(l.state.Events, view.Event{At: at, Sign: sign, Text: text})
	l.goOn()
}

// hear takes what a player says.
func (l *live) hear(side wan.Side, at time.Duration, e harness.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.state.Players[side]
	switch e.Name {
	case harness.ServerConnected:
		p.Linked = true
	case harness.ServerLost:
		p.Linked = false
	case harness.Profiled:
		p.Mapping, p.Filtering, p.Public = e.Get("mapping"), e.Get("filtering"), e.Get("public")
	case harness.RoomJoined:
		p.Room = e.Get("code")
	case harness.PeerConnected, harness.RouteChanged:
		p.MoveTo(at, e.Get("route"))
	case harness.PeerClosed:
		p.MoveTo(at, "")
	case harness.Stats:
		if rtt := e.Milliseconds("rtt_ms"); rtt > 0 {
			p.Samples = append(p.Samples, view.Sample{At: at, RTT: rtt})
		}
		p.Loss, p.Resent = max(e.Float("loss_in"), 0), max(e.Int("resent"), 0)
	case harness.Result:
		p.Done = fmt.Sprintf("received %s of %s, lost %s", e.Get("received"), e.Get("sent"), e.Get("lost"))
		p.MoveTo(at, "")
	}
	l.goOn()
}

// goOn marks the steps that have come about.
func (l *live) goOn() {
	signed := func(sign rune) bool {
		for _, e := range l.state.Events {
			if e.Sign == sign {
				return true
			}
		}
		return false
	}
	directly := func(p *view.Player) bool { return strings.HasPrefix(p.Route(), "direct") }
	for _, step := range l.state.Steps {
		var done bool
		switch step.Name {
		case stepLinked:
			done = l.state.Both(func(p *view.Player) bool { return p.Linked })
		case stepProfiled:
			done = l.state.Both(func(p *view.Player) bool { return p.Mapping != "" })
		case stepRoom:
			done = l.state.Both(func(p *view.Player) bool { return p.Room != "" })
		case stepRelayed, stepTakeover:
			done = l.state.Both(func(p *view.Player) bool { return p.Route() == "relay" })
		case stepDirect, stepReturn:
			done = l.state.Both(directly)
		case stepCut:
			done = signed(signCut)
		case stepHealed:
			done = signed(signHealed)
		case stepArrived:
			done = l.state.Both(func(p *view.Player) bool { return p.Done != "" })
		}
		if !step.Done && !done {
			return
		}
		l.state.Reach(step.Name)
	}
}
