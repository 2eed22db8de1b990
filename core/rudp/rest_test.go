package rudp

import (
	"testing"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// restless puts both ends away whenever they let it be done, into the other's old memory, and says how often that was.
func restless(p *pair, cfg Config) (rests *int) {
	rests = new(int)
	spare := new(Conn)
	p.onSettled = func(i int) {
		e := p.ends[i]
		at := e.NextTimeout()
		r, ok := e.Rest(p.now)
		if !ok {
			return
		}
		*rests++
		if next := r.NextTimeout(); next.Before(at) && next.Before(p.now) || next.IsZero() {
			p.t.Fatalf("at %v: was to be called at %v, is to be woken at %v", p.now, at, next)
		}
		spare, e.Conn = e.Conn, spare
		e.Wake(p.now, cfg, &r)
		if woken := e.NextTimeout(); !woken.Equal(r.NextTimeout()) {
			p.t.Fatalf("rests until %v, woken it waits until %v", r.NextTimeout(), woken)
		}
	}
	return rests
}

// Signals of any size go both ways over a bad path, from ends that rest whenever they can: all come, once, in order.
func TestRestingLosesNothing(t *testing.T) {
	cfg := Config{SendBudget: 256 << 10, RecvBudget: 64 << 10, IdleTimeout: 50 * time.Second, KeepAlive: 15 * time.Second}
	for seed := range int64(6 * *seeds) {
		p := newPair(t, seed, cfg)
		p.links[0] = link{delay: 20 * time.Millisecond, jitter: 10 * time.Millisecond, loss: 0.15, duplicate: 0.05}
		rests := restless(p, cfg)
		size := func(n uint64) int { return 8 + int(n*977%3000) }
		const count = 150
		for n := range uint64(count) {
			for i, e := range p.ends {
				if (n+uint64(i))%3 > 0 {
					p.send(e, api.ReliableOrdered, 0, body(n, size(n)))
				}
			}
			p.advance(time.Duration(p.rng.Intn(4000)) * time.Millisecond)
		}
		p.advance(3 * time.Minute) // keepalives alone
		for i, e := range p.ends {
			var want []uint64
			for n := range uint64(count) {
				if (n+uint64(1-i))%3 > 0 {
					want = append(want, n)
				}
			}
			got := e.messages(api.ReliableOrdered, 0)
			if len(got) != len(want) {
				t.Fatalf("seed %d: %s got %d messages, want %d", seed, e.name, len(got), len(want))
			}
			for k, n := range want {
				if string(got[k]) != string(body(n, size(n))) {
					t.Fatalf("seed %d: %s: message %d is wrong", seed, e.name, n)
				}
			}
			if e.count(EventClosed) > 0 {
				t.Fatalf("seed %d: %s was closed", seed, e.name)
			}
		}
		if *rests < count {
			t.Errorf("seed %d: rested %d times", seed, *rests)
		}
	}
}

// What is not finished does not rest.
func TestBusyConnectionsDontRest(t *testing.T) {
	p := newPair(t, 1, Config{})
	idle := func(why string, want bool) {
		t.Helper()
		for _, e := range p.ends {
			if r, ok := e.Rest(p.now); ok {
				e.Wake(p.now, Config{}, &r)
			} else if want {
				t.Errorf("%s: %s does not rest", why, e.name)
			} else {
				return
			}
		}
		if !want {
			t.Errorf("%s: both rest", why)
		}
	}
	p.advance(time.Second)
	idle("fresh", true)
	p.send(p.alice(), api.ReliableOrdered, 0, []byte("queued"))
	idle("queued", false)
	p.settle(0)
	idle("in flight", false)
	p.advance(time.Second)
	idle("acknowledged", true)
	p.alice().Suspend(p.now, time.Minute)
	p.advance(time.Second)
	idle("away", false)
	p.alice().Suspend(p.now, 0)
	p.advance(time.Second)
	if _, ok := p.bob().Rest(p.now); !ok {
		t.Error("the other's absence is over, and bob does not rest")
	}
	p = newPair(t, 1, Config{})
	p.bob().hoard = true
	p.send(p.alice(), api.ReliableOrdered, 0, []byte("not consumed"))
	p.advance(time.Second)
	idle("not consumed", false)
	p = newPair(t, 1, Config{})
	p.send(p.alice(), api.ReliableOrdered, 1, []byte("another channel"))
	p.advance(time.Second)
	idle("channel 1", false)
	p = newPair(t, 1, Config{})
	p.openDirect()
	p.advance(time.Second)
	idle("two paths", false)
	p = newPair(t, 1, Config{})
	p.alice().Close(p.now, api.ErrRemoteClosed, "", 0)
	idle("closing", false)
}

// The silence that ends a connection counts while it rests, and a process that stood still is nobody's silence.
func TestSilenceCountsAtRest(t *testing.T) {
	cfg := Config{IdleTimeout: 50 * time.Second, KeepAlive: 15 * time.Second}
	for _, stood := range []bool{false, true} {
		p := newPair(t, 1, cfg)
		p.advance(time.Second)
		p.links[0].cut = true
		e := p.alice()
		r, ok := e.Rest(p.now)
		if !ok {
			t.Fatal("does not rest")
		}
		if stood {
			p.now = p.now.Add(time.Hour)
			e.Wake(p.now, cfg, &r)
			e.HandleTimeout(p.now)
			if p.settle(0); e.count(EventClosed) > 0 {
				t.Fatal("closed for the hour in which nobody ran")
			}
			continue
		}
		for e.count(EventClosed) == 0 {
			if p.now = r.NextTimeout(); p.now.Sub(testStart) > time.Minute {
				t.Fatal("never closed")
			}
			e.Wake(p.now, cfg, &r)
			e.HandleTimeout(p.now)
			for p.settle(0); e.count(EventClosed) == 0; p.settle(0) {
				if r, ok = e.Rest(p.now); ok {
					break
				}
				p.now = e.NextTimeout()
				e.HandleTimeout(p.now)
			}
		}
		if d := p.now.Sub(testStart); d < 50*time.Second || d > 52*time.Second {
			t.Errorf("closed after %v", d)
		}
	}
}

func TestRestingIsSmallAndWakingAllocatesNothing(t *testing.T) {
	if size := unsafe.Sizeof(Resting{}); size > 300 {
		t.Errorf("%d bytes", size)
	}
	c := New(testStart, Config{})
	c.OpenPath(testStart, 0, wire.MaxFrames, 0)
	c.SetRoute(testStart, 0)
	r, ok := c.Rest(testStart)
	number, out := uint64(0), make([]byte, 0, 2000)
	ping := []byte{uint8(wire.FramePing)}
	if n := testing.AllocsPerRun(100, func() {
		now := testStart.Add(time.Duration(number) * 15 * time.Second)
		c.Wake(now, Config{}, &r)
		if err := c.HandlePacket(now, 0, number, ping); err != nil {
			t.Fatal(err)
		}
		c.AckNow()
		if _, sent := c.AppendPacket(now, 0, number, out); !sent {
			t.Fatal("no ACK")
		}
		if r, ok = c.Rest(now); !ok {
			t.Fatal("does not rest")
		}
		number++
	}); n != 0 {
		t.Errorf("%v allocations for a keepalive", n)
	}
}
