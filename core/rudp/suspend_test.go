package rudp

import (
	"container/heap"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// asleep lets d pass for everybody but e, which neither hears nor says anything, and then wakes it up.
func (p *pair) asleep(e *end, d time.Duration) {
	side := 0
	if e == p.bob() {
		side = 1
	}
	end := p.now.Add(d)
	for {
		p.settle(1 - side)
		at := p.ends[1-side].NextTimeout()
		for len(p.flights) > 0 && (at.IsZero() || !p.flights[0].at.After(at)) {
			f := heap.Pop(&p.flights).(*flight)
			if f.to != side { // what was on its way when it fell asleep
				p.now = f.at
				_ = p.ends[f.to].HandlePacket(p.now, f.path, f.number, f.frames)
				p.settle(f.to)
			}
			at = p.ends[1-side].NextTimeout()
		}
		if at.IsZero() || at.After(end) {
			p.now = end
			return
		}
		p.now = at
		p.ends[1-side].HandleTimeout(p.now)
	}
}

// Five minutes of announced sleep: the other side is told, keeps what it is given, sends next to nothing meanwhile, and
// both go on where they were.
func TestSuspendHoldsTheConnection(t *testing.T) {
	for seed := range int64(10) {
		p := newPair(t, seed, Config{})
		p.links[0].loss = 0.1 * float64(seed%3)
		n := p.trickle(0, time.Second, constant(100))
		p.bob().Suspend(p.now, 5*time.Minute)
		p.settle(1)
		p.advanceUntil(2*time.Second, func() bool { return p.alice().Away(p.now) })
		if p.alice().count(EventInterrupted) != 1 || !strings.Contains(p.alice().got[len(p.alice().got)-1].Text, "suspended") {
			t.Fatalf("seed %d: alice was not told", seed)
		}
		for range 20 {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 100))
			p.send(p.bob(), api.ReliableOrdered, 0, body(n, 100))
			n++
		}
		p.settle(1)
		before := p.alice().sent[0]
		p.asleep(p.bob(), 5*time.Minute-3*time.Second)
		if sent := p.alice().sent[0] - before; sent > 10 {
			t.Errorf("seed %d: %d packets to a sleeping peer", seed, sent)
		}
		if p.alice().Closed() || p.alice().count(EventRecovered) != 0 {
			t.Fatalf("seed %d: closed %v, recovered %d times", seed, p.alice().Closed(), p.alice().count(EventRecovered))
		}
		p.bob().Suspend(p.now, 0)
		p.bob().HandleTimeout(p.now)
		p.settle(1)
		if !p.advanceUntil(3*time.Second, func() bool { return !p.alice().Away(p.now) }) {
			t.Fatalf("seed %d: alice does not hear of the return", seed)
		}
		n = p.trickle(n, time.Second, constant(100))
		p.wantTrickle(n, constant(100))
		if p.alice().count(EventRecovered) < 1 || p.bob().Closed() {
			t.Errorf("seed %d: recovered %d times", seed, p.alice().count(EventRecovered))
		}
	}
}

// The device sleeps 15 ms after it said so, long before a loss can be noticed: the announcement left three times by then.
func TestSuspendSurvivesALoss(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.trickle(0, time.Second, constant(100))
	p.advance(time.Second)
	first := p.bob().numbers[0]
	p.links[0].lose = func(from int, number uint64) bool { return from == 1 && number < first+2 }
	p.bob().Suspend(p.now, time.Minute)
	p.advance(15 * time.Millisecond)
	if n := p.bob().numbers[0] - first; n != 3 {
		t.Errorf("announced %d times", n)
	}
	p.asleep(p.bob(), 30*time.Second)
	if p.alice().Closed() || !p.alice().Away(p.now) {
		t.Error("alice does not know")
	}
}

// Who never comes back is lost after the absence and the usual patience; who comes back late without a word is welcome
// until then.
func TestSuspendEnds(t *testing.T) {
	for _, late := range []time.Duration{5 * time.Second, 11 * time.Second} {
		p := newPair(t, 1, Config{})
		p.trickle(0, time.Second, constant(100))
		p.bob().Suspend(p.now, time.Minute)
		p.advance(100 * time.Millisecond)
		p.asleep(p.bob(), time.Minute+late)
		if lost := late > 10*time.Second; p.alice().Closed() != lost {
			t.Fatalf("%v late: closed is %v", late, p.alice().Closed())
		}
		if late > 10*time.Second {
			continue
		}
		p.bob().HandleTimeout(p.now)
		p.send(p.bob(), api.ReliableOrdered, 1, body(0, 10))
		p.advance(time.Second)
		if (len(p.alice().messages(api.ReliableOrdered, 1)) != 1) || p.alice().count(EventRecovered) == 0 {
			t.Error("the latecomer is not heard")
		}
	}
}

// Both sleep at once, and wake one after the other.
func TestBothSuspend(t *testing.T) {
	p := newPair(t, 1, Config{})
	n := p.trickle(0, time.Second, constant(100))
	for _, e := range p.ends {
		e.Suspend(p.now, 4*time.Minute)
	}
	p.settle(0)
	p.settle(1)
	p.flights = nil // none of it arrives
	p.now = p.now.Add(200 * time.Second)
	p.alice().HandleTimeout(p.now)
	p.alice().Suspend(p.now, 0)
	p.settle(0)
	p.flights = nil
	p.now = p.now.Add(9 * time.Second)
	p.alice().HandleTimeout(p.now)
	p.bob().HandleTimeout(p.now)
	p.bob().Suspend(p.now, 0)
	n = p.trickle(n, 2*time.Second, constant(100))
	p.wantTrickle(n, constant(100))
}

// Announcements that overtake each other, or say more than is allowed.
func TestHostileSuspend(t *testing.T) {
	say := func(turn, millis uint64) []byte {
		return wire.AppendSuspend(nil, wire.Suspend{Turn: turn, Millis: millis})
	}
	c, now, number := New(testStart, Config{}), testStart, uint64(0)
	c.OpenPath(now, 0, wire.MaxFrames, 0)
	c.SetRoute(now, 0)
	hear := func(b []byte) error {
		number++
		return c.HandlePacket(now, 0, number, b)
	}
	for _, step := range []struct {
		turn, millis uint64
		away         bool
	}{{2, 0, false}, {1, 600_000, false}, {3, 600_000, true}, {2, 0, true}, {3, 0, true}, {5, 0, false}, {4, 1000, false}, {6, 1, true}} {
		if err := hear(say(step.turn, step.millis)); err != nil || c.Away(now) != step.away {
			t.Fatalf("after turn %d, %d ms: away is %v (%v)", step.turn, step.millis, c.Away(now), err)
		}
	}
	for _, bad := range [][]byte{say(0, 5), say(9, wire.MaxSuspend+1), say(9, ^uint64(0)), {uint8(wire.FrameSuspend)}, {uint8(wire.FrameSuspend), 1}} {
		if err := New(testStart, Config{}).HandlePacket(now, 0, 1, bad); code(err) != api.ErrProtocol {
			t.Errorf("%x: %v", bad, err)
		}
	}
	// Announcing again and again holds the connection only as long as packets come.
	for turn := uint64(10); turn < 1000; turn++ {
		if err := hear(say(turn, wire.MaxSuspend)); err != nil {
			t.Fatal(err)
		}
		for _, ok := c.NextEvent(); ok; _, ok = c.NextEvent() {
		}
	}
	now = now.Add(wire.MaxSuspend*time.Millisecond + 11*time.Second)
	if c.HandleTimeout(now); !c.Closed() {
		t.Error("still open")
	}
}

// The device itself may run on, and a game may suspend twice or resume without having suspended.
func TestSuspendWithoutSleep(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.bob().Suspend(p.now, 0)
	n := p.trickle(0, time.Second, constant(100))
	p.bob().Suspend(p.now, time.Hour) // at most ten minutes
	p.bob().Suspend(p.now, time.Minute)
	p.advance(time.Second)
	if until := p.alice().suspended.peerUntil; p.alice().time(until).After(p.now.Add(time.Minute)) {
		t.Fatal("the second announcement does not count")
	}
	p.advance(50 * time.Second)
	if p.alice().count(EventRecovered) != 0 || p.bob().count(EventInterrupted) != 0 {
		t.Fatal("an answer is taken for a return")
	}
	p.bob().Suspend(p.now, 0)
	n = p.trickle(n, time.Second, constant(100))
	p.wantTrickle(n, constant(100))
}
