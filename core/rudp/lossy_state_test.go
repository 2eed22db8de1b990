package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Half of everything is lost, and what must be sent again fills a narrow path: a game's state still gets through.
func TestStateFlowsBesideResends(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0] = narrow
	p.links[0].loss = 0.5
	got := 0
	for n := range uint64(600) {
		if p.alice().Queued() < 400_000 {
			p.send(p.alice(), api.ReliableUnordered, 1, make([]byte, 8000))
		}
		p.send(p.alice(), api.Unreliable, 0, body(n, 60))
		p.advance(16 * time.Millisecond)
	}
	p.advance(time.Second)
	if got = len(p.bob().messages(api.Unreliable, 0)); got < 150 {
		t.Errorf("%d of 600 states arrived", got)
	}
}

// A process that stood still, a clock that jumped, a peer that slept: what was under way meanwhile gives no RTT, so that the
// next probe timeout is as short as before.
func TestAbsenceIsNoRoundTrip(t *testing.T) {
	for name, absence := range map[string]func(p *pair, d time.Duration){
		"our process stands still": func(p *pair, d time.Duration) {
			p.flights = nil
			p.now = p.now.Add(d)
			p.alice().HandleTimeout(p.now) // and the packets that its socket has kept
		},
		"our clock jumps": func(p *pair, d time.Duration) {
			p.now = p.now.Add(d)
			for _, f := range p.flights {
				f.at = f.at.Add(d)
			}
		},
		"the peer sleeps": func(p *pair, d time.Duration) {
			p.bob().Suspend(p.now, d+time.Second)
			p.settle(1)
			p.advanceUntil(time.Second, func() bool { return p.alice().Away(p.now) })
			p.asleep(p.bob(), d)
			p.bob().Suspend(p.now, 0)
			p.bob().HandleTimeout(p.now)
		},
	} {
		p := newPair(t, 1, Config{IdleTimeout: time.Minute})
		n := p.trickle(0, time.Second, constant(100))
		before := p.alice().paths[0].rtt.pto()
		absence(p, 30*time.Second)
		n = p.trickle(n, 60*time.Millisecond, constant(100)) // a wrong sample would be forgotten after some hundred others
		if after := p.alice().paths[0].rtt.pto(); after > 3*before+50*time.Millisecond {
			t.Errorf("%s: PTO %v before, %v after", name, before, after)
		}
		p.wantTrickle(n, constant(100))
	}
}

// A clock that jumps by more than the idle timeout does not make silence: the peer is there.
func TestClockJumpIsNoSilence(t *testing.T) {
	c := New(testStart, Config{})
	c.OpenPath(testStart, 0, wire.MaxFrames, 0)
	c.SetRoute(testStart, 0)
	now := testStart
	for range 50 {
		now = now.Add(20 * time.Millisecond)
		_ = c.HandlePacket(now, 0, uint64(now.Sub(testStart)), []byte{uint8(wire.FramePing)})
		c.HandleTimeout(now)
		c.NextTimeout()
	}
	now = now.Add(time.Hour)
	if c.HandleTimeout(now); c.Closed() {
		t.Fatal("a jump of the clock closed the connection")
	}
	for range 12 { // but real silence still does
		now = now.Add(time.Second)
		c.NextTimeout()
		c.HandleTimeout(now)
	}
	if !c.Closed() {
		t.Error("silence is never noticed")
	}
}
