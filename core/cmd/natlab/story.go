//go:build linux

package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/view"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// grace is how many times its goal a measured time may be before it fails the demo: goals are for quiet machines, and the
// demo runs on any.
const grace = 3

// story prints what happens as it happens, and counts checks that did not hold.
type story struct {
	mu     sync.Mutex // lines come from the readers of both harnesses
	out    io.Writer
	began  time.Duration
	live   *live  // shows it as a picture; nil: plain lines
	opened string // the chapter that it shows

	counts         // of the whole story
	chapter counts // of these, since the chapter began
}

// counts are results of checks.
type counts struct {
	held, missed int
	late         int // of the missed: what a machine that stands still can bring about
}

func (c *counts) add(o counts) {
	c.held += o.held
	c.missed += o.missed
	c.late += o.late
}

func newStory(out io.Writer) *story { return &story{out: out, began: wan.Now()} }

// sayAt prints a line with the time since the beginning. The time is the event's own, by the harness's clock, not when we
// came to print it: two lines of two processes may stand in the wrong order by a moment, their times never do.
func (s *story) sayAt(at time.Duration, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.live != nil {
		s.live.happened(at-s.began, 0, text)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%9.3f  %s\n", (at - s.began).Seconds(), text)
}

// signAt is sayAt for what was done to the network, with a sign that a timeline can show.
func (s *story) signAt(at time.Duration, sign rune, text string) {
	if s.live != nil {
		s.live.happened(at-s.began, sign, text)
		return
	}
	s.sayAt(at, "%c  %s", sign, text)
}

// print prints lines that stay.
func (s *story) print(format string, args ...any) {
	if s.live != nil {
		s.live.keep(fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(s.out, format, args...)
}

// begin begins a chapter.
func (s *story) begin() { s.chapter = counts{} }

// disturbed reports whether the chapter missed nothing but time, and the machine stood still in it.
func (s *story) disturbed(by stall) bool {
	return by.longer() && s.chapter.missed > 0 && s.chapter.missed == s.chapter.late
}

// forget takes back the chapter's checks, because it is told again.
func (s *story) forget() {
	s.add(counts{-s.chapter.held, -s.chapter.missed, -s.chapter.late})
	s.begin()
}

// title prints a heading.
func (s *story) title(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print("\n── %s\n", fmt.Sprintf(format, args...))
}

// check prints one thing that must hold, however busy the machine is.
func (s *story) check(ok bool, format string, args ...any) {
	s.count(ok, counts{missed: 1}, fmt.Sprintf(format, args...))
}

// inTime prints one thing that must hold unless the machine stood still.
func (s *story) inTime(ok bool, format string, args ...any) {
	s.count(ok, counts{missed: 1, late: 1}, fmt.Sprintf(format, args...))
}

func (s *story) count(ok bool, miss counts, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark, result := view.Missed, miss
	if ok {
		mark, result = view.Held, counts{held: 1}
	}
	s.add(result)
	s.chapter.add(result)
	s.print("        %c %s\n", mark, text)
	if s.live != nil {
		s.live.check(mark, text, s.counts)
	}
}

// note prints a line among the checks that is not one of them.
func (s *story) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	s.print("        %c %s\n", view.Noted, text)
	if s.live != nil {
		s.live.check(view.Noted, text, s.counts)
	}
}

// timed checks a measured time against its goal; negative means that it could not be measured.
func (s *story) timed(what string, took, goal time.Duration) {
	switch {
	case took < 0:
		s.inTime(false, "%s: did not happen (goal %s)", what, brief(goal))
	case took <= goal:
		s.inTime(true, "%s: %s (goal %s)", what, ms(took), brief(goal))
	case took <= grace*goal:
		s.inTime(true, "%s: %s, over its goal of %s but within %d times", what, ms(took), brief(goal), grace)
	default:
		s.inTime(false, "%s: %s, more than %d times its goal of %s", what, ms(took), grace, brief(goal))
	}
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// hear retells a harness's event for people.
func (s *story) hear(side wan.Side, e harness.Event) {
	if s.live != nil {
		s.live.hear(side, e.At-s.began, e)
	}
	if text := retell(e); text != "" {
		s.sayAt(e.At, "%v  %s", side, text)
	}
}

// retell gives the words for an event; empty for those that only tools need.
func retell(e harness.Event) string {
	switch e.Name {
	case harness.ServerConnected:
		return "is linked to the server"
	case harness.Profiled:
		return fmt.Sprintf("knows its network: mapping %s, filtering %s, seen as %s", e.Get("mapping"), e.Get("filtering"), e.Get("public"))
	case harness.RoomJoined:
		return fmt.Sprintf("is in room %s (members: %s)", e.Get("code"), e.Get("members"))
	case harness.PeerConnected:
		return fmt.Sprintf("has keys with the other; route %s", e.Get("route"))
	case harness.FirstMessage:
		return "received the first message"
	case harness.Punch:
		if e.Get("ok") == "1" {
			return fmt.Sprintf("got the first authenticated answer on a direct path, round trip %s", ms(e.Milliseconds("rtt_ms")))
		}
		return fmt.Sprintf("gives up punching: %s", e.Get("text"))
	case harness.RouteChanged:
		return fmt.Sprintf("route is now %s (%s)", e.Get("route"), e.Get("text"))
	case harness.PeerInterrupted:
		return "hears nothing from the other"
	case harness.PeerRecovered:
		return "hears the other again"
	case harness.ServerLost:
		return fmt.Sprintf("lost the server: %s (%s)", e.Get("text"), e.Get("code"))
	case harness.RoomLeft:
		return fmt.Sprintf("left the room: %s (%s)", e.Get("text"), e.Get("code"))
	case harness.PeerClosed:
		return fmt.Sprintf("connection with the other ended: %s (%s)", e.Get("text"), e.Get("code"))
	case harness.Result:
		return fmt.Sprintf("sent %s, received %s; lost %s, doubled %s, out of order %s, corrupt %s", e.Get("sent"), e.Get("received"), e.Get("lost"), e.Get("dup"), e.Get("reordered"), e.Get("corrupt"))
	}
	return ""
}
