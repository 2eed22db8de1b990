package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// grace is how many times its goal a measured time may be before it fails the demo.
const grace = 3

// story prints what happens as it happens, and counts checks that did not hold.
type story struct {
	mu     sync.Mutex // lines come from the readers of both harnesses
	out    io.Writer
	began  time.Duration
	missed int
	held   int
}

func newStory(out io.Writer) *story { return &story{out: out, began: wan.Now()} }

// say prints a line with the time since the beginning.
func (s *story) say(format string, args ...any) { s.sayAt(wan.Now(), format, args...) }

func (s *story) sayAt(at time.Duration, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%9.3f  %s\n", (at - s.began).Seconds(), fmt.Sprintf(format, args...))
}

// title begins a chapter.
func (s *story) title(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "\n── %s\n", fmt.Sprintf(format, args...))
}

// check prints one thing that must hold.
func (s *story) check(ok bool, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark := "✓"
	if ok {
		s.held++
	} else {
		mark = "✗"
		s.missed++
	}
	fmt.Fprintf(s.out, "        %s %s\n", mark, fmt.Sprintf(format, args...))
}

// timed checks a measured time against its goal; negative means that it could not be measured.
func (s *story) timed(what string, took, goal time.Duration) {
	switch {
	case took < 0:
		s.check(false, "%s: did not happen (goal %v)", what, goal)
	case took <= goal:
		s.check(true, "%s: %s (goal %v)", what, ms(took), goal)
	case took <= grace*goal:
		s.check(true, "%s: %s, over its goal of %v but within %d times", what, ms(took), goal, grace)
	default:
		s.check(false, "%s: %s, more than %d times its goal of %v", what, ms(took), grace, goal)
	}
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// hear retells a harness's event for people.
func (s *story) hear(side wan.Side, e harness.Event) {
	if text := retell(e); text != "" {
		s.sayAt(e.At, "%v  %s", side, text)
	}
}

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
			return fmt.Sprintf("got the first authenticated answer on a direct path, round trip %s ms", e.Get("rtt_ms"))
		}
		return fmt.Sprintf("gives up punching: %s", e.Get("text"))
	case harness.RouteChanged:
		return fmt.Sprintf("route is now %s (%s)", e.Get("route"), e.Get("text"))
	case harness.PeerInterrupted, harness.PeerRecovered:
		return e.Name
	case harness.ServerLost, harness.RoomLeft, harness.PeerClosed:
		return fmt.Sprintf("%s: %s %s", e.Name, e.Get("code"), e.Get("text"))
	case harness.Result:
		return fmt.Sprintf("sent %s, received %s; lost %s, doubled %s, out of order %s, corrupt %s", e.Get("sent"), e.Get("received"), e.Get("lost"), e.Get("dup"), e.Get("reordered"), e.Get("corrupt"))
	}
	return ""
}
