package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// trickle sends ordered messages for a while, one every 5 ms, and returns the next number.
func (p *pair) trickle(first uint64, d time.Duration, size func(uint64) int) uint64 {
	for end := p.now.Add(d); p.now.Before(end); first++ {
		for _, e := range p.ends {
			p.send(e, api.ReliableOrdered, 0, body(first, size(first)))
			p.send(e, api.Unreliable, 0, body(first, 100))
		}
		p.advance(5 * time.Millisecond)
	}
	return first
}

func (p *pair) route(id wire.PathID) {
	for _, e := range p.ends {
		e.SetRoute(p.now, id)
	}
}

// wantTrickle: exactly once, in order, on both sides; unreliable ones at most once.
func (p *pair) wantTrickle(count uint64, size func(uint64) int) {
	p.t.Helper()
	if !p.advanceUntil(20*time.Second, p.idle) {
		p.t.Fatalf("undelivered: %d and %d", p.alice().Undelivered(), p.bob().Undelivered())
	}
	for _, e := range p.ends {
		p.wantNumbered(e.messages(api.ReliableOrdered, 0), 0, int(count), size)
		p.wantOnceSized(e.messages(api.Unreliable, 0), count)
	}
}

func (p *pair) wantOnceSized(got [][]byte, count uint64) {
	p.t.Helper()
	seen := map[string]bool{}
	for _, b := range got {
		if seen[string(b)] {
			p.t.Fatal("an unreliable message came twice")
		}
		seen[string(b)] = true
	}
	if len(got) > int(count) {
		p.t.Fatalf("%d unreliable messages of %d", len(got), count)
	}
}

func TestRelayToDirectAndBack(t *testing.T) {
	for seed := range int64(12 * *seeds) {
		p := newPair(t, seed, Config{})
		p.links[0] = link{delay: 50 * time.Millisecond, loss: 0.02, jitter: 3 * time.Millisecond}
		p.links[2] = link{delay: 15 * time.Millisecond, loss: 0.05 * float64(seed%3), jitter: 5 * time.Millisecond}
		n := p.trickle(0, 200*time.Millisecond, mixedSize)
		p.openDirect()
		p.route(2)
		n = p.trickle(n, 200*time.Millisecond, mixedSize)
		p.links[2].cut = true // unnoticed for a while
		n = p.trickle(n, 100*time.Millisecond, mixedSize)
		for _, e := range p.ends {
			e.Requeue(p.now, 2)
			e.SetReturn(2, 0)
		}
		p.route(0)
		n = p.trickle(n, 200*time.Millisecond, mixedSize)
		p.links[2].cut = false
		for _, e := range p.ends {
			e.SetReturn(2, 2)
			e.Ping(p.now, 2)
		}
		p.route(2)
		n = p.trickle(n, 100*time.Millisecond, mixedSize)
		p.ends[seed%2].ClosePath(p.now, 2)
		p.ends[seed%2].SetRoute(p.now, 0)
		n = p.trickle(n, 100*time.Millisecond, mixedSize)
		p.wantTrickle(n, mixedSize)
	}
}

// What was in flight on a dead path reaches the peer over the relay after one trip, not after a timeout.
func TestRequeueMovesAtOnce(t *testing.T) {
	for _, move := range []string{"requeue", "close"} {
		p := newPair(t, 1, Config{})
		p.openDirect()
		p.route(2)
		p.links[2].cut = true
		for n := range uint64(8) { // less than a new path's first window
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 1100))
		}
		p.advance(10 * time.Millisecond)
		p.alice().SetRoute(p.now, 0)
		if move == "requeue" {
			p.alice().Requeue(p.now, 2)
		} else {
			p.alice().ClosePath(p.now, 2)
		}
		p.advance(20 * time.Millisecond)
		p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 8, constant(1100))
	}
}

// Requeued data whose ACK comes late after all is not delivered twice, and need not be sent to the end.
func TestLateAckAfterRequeue(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.openDirect()
	p.route(2)
	p.links[2].delay = 300 * time.Millisecond // a stall, not a cut
	for n := range uint64(20) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 500))
	}
	p.advance(100 * time.Millisecond)
	p.alice().Requeue(p.now, 2)
	p.alice().SetRoute(p.now, 0)
	p.links[0].cut = true // the relay is down as well: only the late ACK can help
	p.bob().SetReturn(2, 2)
	if stats := p.alice().PathStats(2); !stats.Oldest.IsZero() || stats.InFlight != 0 || stats.UnackedSinceHeard == 0 {
		t.Fatalf("after Requeue: %+v", stats)
	}
	p.advance(600 * time.Millisecond)
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 20, constant(500))
	if !p.alice().Idle() {
		t.Fatalf("%d messages not acknowledged by late ACKs", p.alice().Undelivered())
	}
	if stats := p.alice().PathStats(2); stats.UnackedSinceHeard != 0 || stats.LastAck.IsZero() {
		t.Fatalf("a late ACK does not count: %+v", stats)
	}
}

// While a path is suspect, everything goes both ways: the cut of either is not felt.
func TestDuplicateHidesTheCut(t *testing.T) {
	for _, dead := range []wire.PathID{0, 2} {
		p := newPair(t, 1, Config{})
		p.openDirect()
		for _, e := range p.ends {
			e.SetDuplicate(p.now, 2, true)
		}
		n := p.trickle(0, 100*time.Millisecond, constant(200))
		p.links[dead].cut = true
		start := n
		n = p.trickle(n, 100*time.Millisecond, constant(200))
		for _, e := range p.ends {
			if got := len(e.messages(api.ReliableOrdered, 0)); got < int(start)+int(n-start)/2 {
				t.Fatalf("path %d cut: %s has %d of %d messages", dead, e.name, got, n)
			}
			if got := len(e.messages(api.Unreliable, 0)); got < int(n)-6 {
				t.Fatalf("path %d cut: %s has %d of %d unreliable messages", dead, e.name, got, n)
			}
		}
		for _, e := range p.ends {
			e.SetDuplicate(p.now, 2, false)
			e.Requeue(p.now, dead)
			e.SetRoute(p.now, 2-dead)
			e.SetReturn(2, 2-dead)
			e.SetReturn(0, 2-dead)
		}
		p.wantTrickle(n, constant(200))
	}
}

// A message cut for one path is cut again for a narrower one.
func TestFragmentsAreCutAgain(t *testing.T) {
	p := newPair(t, 1, Config{})
	for _, e := range p.ends {
		e.OpenPath(p.now, 3, 300, 0)
	}
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number%3 == 1 }
	sizes := []int{10_000, 1150, 299, 100_000, 8}
	for n, size := range sizes {
		p.send(p.alice(), api.ReliableOrdered, 0, body(uint64(n), size))
	}
	p.advance(10 * time.Millisecond)
	p.alice().Requeue(p.now, 0)
	p.alice().SetRoute(p.now, 3)
	if !p.advanceUntil(5*time.Second, p.alice().Idle) {
		t.Fatal("not delivered")
	}
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, len(sizes), func(n uint64) int { return sizes[n] })
}

func TestReopenResetsTheEstimate(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.trickle(0, 300*time.Millisecond, constant(50))
	before := p.alice().PathStats(0)
	p.alice().OpenPath(p.now, 0, wire.MaxFramesRelayed, 70*time.Millisecond)
	after := p.alice().PathStats(0)
	if before.MinRTT == 0 || after.MinRTT != 0 || after.SRTT != 70*time.Millisecond || after.Sent != before.Sent {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	p.wantTrickle(60, constant(50))
}

func TestNoRouteKeepsMessages(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.alice().ClosePath(p.now, 0)
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 100))
	p.advance(time.Second)
	p.alice().OpenPath(p.now, 2, wire.MaxFrames, 0)
	p.alice().SetRoute(p.now, 2)
	p.advance(100 * time.Millisecond)
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 1, constant(100))
}
