package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

const mostFrames = wire.MostDatagram4 - packetOverhead

// search lets both ends look for the MTU of path 0.
func (p *pair) search() {
	for _, e := range p.ends {
		e.SearchMTU(p.now, 0, mostFrames)
	}
}

// The search ends within mtuStep of what the path carries, with few packets, and costs nothing: no loss is counted, no
// window shrinks, nobody takes the path for silent.
func TestMTUSearch(t *testing.T) {
	for _, mtu := range []int{0, mostFrames, mostFrames - 1, 1400, 1392, 1300, 1252, wire.MaxFramesRelayed + 3, wire.MaxFramesRelayed} {
		p := newPair(t, 1, Config{})
		p.links[0].mtu = mtu
		p.search()
		p.send(p.alice(), api.ReliableOrdered, 0, body(0, 100))
		p.advance(900 * time.Millisecond)
		before := p.alice().sent[0]
		if p.alice().PathStats(0).MaxFrames != wire.MaxFramesRelayed {
			t.Fatal("the search did not wait for the path to settle")
		}
		window := p.alice().PathStats(0).Window
		p.advance(8 * time.Second)
		st := p.alice().PathStats(0)
		if mtu == 0 {
			mtu = mostFrames
		}
		if st.MaxFrames > mtu || st.MaxFrames < max(mtu-mtuStep, wire.MaxFramesRelayed) {
			t.Errorf("%d frame bytes pass, the search says %d", mtu, st.MaxFrames)
		}
		if n := p.alice().sent[0] - before; n > 40 { // keepalives and ACKs included
			t.Errorf("mtu %d: %d packets", mtu, n)
		}
		if st.Lost != 0 || st.Window < window || p.alice().paths[0].ptoCount != 0 || st.UnackedSinceHeard > 1 {
			t.Errorf("mtu %d: a probe is taken for something else: %+v", mtu, st)
		}
		p.alice().wantClean(t)
	}
}

// Messages are cut to what a path carries: more than a base packet where that is proven, less after a rebinding, and
// again for the path that they are sent over once more.
func TestFragmentsFollowTheMTU(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.search()
	p.trickle(0, 2*time.Second, constant(50))
	if p.alice().PathStats(0).MaxFrames != mostFrames {
		t.Fatal("nothing found")
	}
	largest := 0
	p.links[0].lose = func(from int, number uint64) bool { return false }
	before := p.alice().sent[0]
	p.send(p.alice(), api.ReliableOrdered, 9, body(0, 20*1400))
	p.settle(0)
	if n := p.alice().sent[0] - before; n > 21 {
		t.Errorf("%d packets for 20 of the full size", n)
	}
	for _, f := range p.flights {
		largest = max(largest, len(f.frames))
	}
	if largest != mostFrames {
		t.Errorf("the largest packet has %d bytes", largest)
	}
	p.advance(time.Second)
	p.links[0].cut = true
	p.send(p.alice(), api.ReliableOrdered, 9, body(1, 20*1400))
	p.advance(20 * time.Millisecond)
	p.links[0].cut = false
	p.flights = nil
	p.alice().OpenPath(p.now, 0, 500, 0) // another network
	p.settle(0)
	for _, f := range p.flights {
		if f.to == 1 && len(f.frames) > 500 {
			t.Fatalf("a packet of %d bytes after the rebinding", len(f.frames))
		}
	}
	if !p.advanceUntil(5*time.Second, p.idle) {
		t.Fatal("not delivered")
	}
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 9), 0, 2, constant(20*1400))
}

// A path that carried large packets swallows them from now on, and says nothing. Bulk goes on after two probe timeouts,
// state beside it is not interrupted, and when the hole is gone the size comes back.
func TestBlackHole(t *testing.T) {
	for seed := range int64(6 * *seeds) {
		p := newPair(t, seed, Config{})
		p.links[0].loss = 0.02 * float64(seed%3)
		p.search()
		n := p.trickle(0, 5*time.Second, constant(50))
		if p.alice().PathStats(0).MaxFrames < mostFrames-mtuStep {
			t.Fatalf("seed %d: nothing found", seed)
		}
		p.links[0].mtu = wire.MaxFramesRelayed
		hole := p.now
		for i := range uint64(40) {
			p.send(p.alice(), api.ReliableOrdered, 9, body(i, 20_000))
		}
		if seed%2 == 0 {
			n = p.trickle(n, time.Second, constant(50))
		}
		delivered := func() bool { return len(p.bob().messages(api.ReliableOrdered, 9)) == 40 }
		if !p.advanceUntil(10*time.Second, delivered) {
			t.Fatalf("seed %d: %d of 40 messages through the hole", seed, len(p.bob().messages(api.ReliableOrdered, 9)))
		}
		if took := p.now.Sub(hole); took > 4*time.Second {
			t.Errorf("seed %d: bulk took %v", seed, took)
		}
		if st := p.alice().Stats(); st.BlackHoles != 1 || p.alice().PathStats(0).MaxFrames != wire.MaxFramesRelayed {
			t.Errorf("seed %d: fell back %d times, to %d", seed, st.BlackHoles, p.alice().PathStats(0).MaxFrames)
		}
		p.links[0].mtu = 0
		p.advance(mtuRetry + 5*time.Second)
		if p.alice().PathStats(0).MaxFrames < mostFrames-mtuStep {
			t.Errorf("seed %d: the size did not come back", seed)
		}
		p.wantTrickle(n, constant(50))
	}
}

// A queue that overflows loses many large packets in a row, and some get through behind them: no black hole.
func TestOverflowIsNoBlackHole(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 1_250_000, 2*time.Millisecond
	p.search()
	p.advance(3 * time.Second)
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 50))
	p.advance(3 * time.Second)
	p.bulk(4 << 20)
	if st := p.alice().PathStats(0); p.alice().Stats().BlackHoles > 0 || st.Lost == 0 || st.MaxFrames != mostFrames {
		t.Errorf("%d black holes, %d lost, size %d", p.alice().Stats().BlackHoles, st.Lost, st.MaxFrames)
	}
}
