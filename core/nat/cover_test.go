package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A covering is for pairs of which one has a small block and neither a large one; both sides come to the same.
func TestCoverPlans(t *testing.T) {
	profiles := map[string]wire.Profile{"SS": profiles["SS"], "SB": profiles["SB"], "SR": profiles["SR"], "PR": profiles["PR"],
		"S16": {Mapping: uint8(apdm), Filtering: uint8(apdf), Allocation: 3, Low: 20000, High: 40000}, // a block of 16,384
		"S64": {Mapping: uint8(apdm), Filtering: uint8(apdf), Allocation: 3, Low: 20000, High: 20063}}
	for _, c := range []struct {
		a, b    string
		covered bool
	}{
		{"SB", "SB", true}, {"SS", "SB", true}, {"S64", "SB", true}, {"S16", "SS", true}, {"S16", "S64", false},
		{"S16", "S16", false}, {"SR", "SB", false}, {"SR", "SS", false}, {"SR", "SR", false}, {"PR", "SB", false}, {"PR", "PR", false},
	} {
		x, y := planCover(profiles[c.a], profiles[c.b], true), planCover(profiles[c.b], profiles[c.a], false)
		if (x.method == methodCover) != c.covered || x.method != y.method || c.covered && x.opener == y.opener {
			t.Errorf("%s × %s: %+v, %+v", c.a, c.b, x, y)
		}
	}
}

// A range holds its block wherever that is, and its middle is in it.
func TestCoveredBlock(t *testing.T) {
	for low := 20000; low < 20000+2048; low += 64 { // where the seen ports lie in the block does not matter
		seen := []uint16{uint16(low), uint16(low + 1100), uint16(low + 300)}
		_, from, to := rangeOf(seen)
		s := sideOf{hard: true, low: int(from), high: int(to)}
		if middle := uint16((s.low + s.high) / 2); s.block() != 2048 || s.covers() != coverMost || middle < seen[0] || middle > seen[1] {
			t.Fatalf("seen %v: range %d to %d, block %d, %d sockets, middle %d", seen, from, to, s.block(), s.covers(), middle)
		}
	}
}

// told finds the latest control of a kind among what was sent, and how many there are.
func (h *hunter) told(kind wire.ControlKind) (last wire.Control, n int) {
	for _, p := range h.out {
		if p.HasControl && p.Control.Kind == kind {
			last = p.Control
			n++
		}
	}
	return last, n
}

// A side with a block offers its middle, and opens 7/8 of the block to the one port that the other side names: openers first,
// real probes when the other's openers are out, twice. It gives up within 10 s, and then has no socket left.
func TestCoveringOfABlock(t *testing.T) {
	h := newHunterAs("SB", "SB", true, api.PunchMax)
	offer, _ := h.told(wire.ControlSampled)
	if offer.Flags != wire.ControlCover || offer.Attempt != 1 || offer.Low != (20000+22500)/2 || offer.Low != offer.High || h.open != 0 {
		t.Fatalf("%+v, %d sockets", offer, h.open)
	}
	began := h.now
	h.out = nil
	h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover, Attempt: 1, Low: 21000, High: 21000, Count: 1792})
	h.drain(true)
	target := netip.AddrPortFrom(hunterPeer.Addr(), 21000)
	openers, real := map[api.SocketID]int{}, map[api.SocketID]int{}
	known := false
	for h.agent.hunt.on {
		for _, p := range h.out {
			if p.Via == ViaSTUN { // the guard's
				h.answer(p, 40000)
			}
			switch {
			case p.Via != ViaDirect || p.Socket == 0:
			case p.To != target:
				t.Fatalf("socket %d probes %v", p.Socket, p.To)
			case p.TTL != 0:
				openers[p.Socket]++
			default:
				real[p.Socket]++
			}
		}
		if w, n := h.told(wire.ControlSampled); n > 0 && w.Flags&wire.ControlKnown != 0 && !known {
			known = true
			if len(openers) != coverMost || len(real) != 0 {
				t.Fatalf("told after %d openers, %d real probes", len(openers), len(real))
			}
			h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover | wire.ControlKnown, Attempt: 2, Low: 21000, High: 21000, Count: 1792})
		}
		if w, n := h.told(wire.ControlEnded); n > 0 && w.Attempt == coverOver { // sent all; the other side is as fast
			h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlEnded, Attempt: coverOver})
		}
		h.out = h.out[:0]
		h.step(time.Millisecond)
		if h.now.Sub(began) > 10*time.Second {
			t.Fatal("goes on")
		}
	}
	for id, n := range real {
		if n != 2 || openers[id] != 1 {
			t.Fatalf("socket %d: %d openers, %d real probes", id, openers[id], n)
		}
	}
	if !known || len(real) != coverMost || h.most != coverMost || h.open != 0 {
		t.Errorf("known %v, %d probed, %d sockets at a time, %d left", known, len(real), h.most, h.open)
	}
}

// A side that counts opens few, between two samples, and names a port of its own for certain.
func TestCoveringOfACounter(t *testing.T) {
	h := newHunterAs("SS", "SB", false, api.PunchMax)
	if offer, n := h.told(wire.ControlSampled); n != 1 || offer.Low != 0 {
		t.Fatalf("offers %+v", offer)
	}
	h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover, Attempt: 1, Low: 21000, High: 21000, Count: 1792})
	h.drain(true)
	asked := map[api.SocketID]bool{}
	for range 300 {
		for _, p := range h.out {
			if p.Via == ViaSTUN && p.Socket != 0 && !asked[p.Socket] {
				asked[p.Socket] = true
				h.answer(p, h.local)
				h.local += coverCounts + 1 // as its NAT counted between the two samples
			}
		}
		h.step(time.Millisecond)
	}
	w, _ := h.told(wire.ControlSampled)
	if w.Flags != wire.ControlCover|wire.ControlKnown || w.Low != 30001 || w.High != 30000+coverCounts || h.most != coverCounts+2 {
		t.Errorf("%+v, %d sockets", w, h.most)
	}
}

// A side that has sent all keeps its sockets for one that has not, as long as a search may last, and sleeps meanwhile; also if it
// never hears that the other's openers are out.
func TestCoveringWaitsForTheSlower(t *testing.T) {
	for _, known := range []uint8{wire.ControlKnown, 0} {
		h := newHunterAs("SS", "SB", true, api.PunchMax)
		began := h.now
		h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover | known, Attempt: 2, Low: 21000, High: 21000, Count: 1792})
		h.drain(true)
		asked := map[api.SocketID]bool{}
		steps := 0
		for ; h.agent.hunt.on && steps < 5000; steps++ {
			for _, p := range h.out {
				if p.Via == ViaSTUN && !asked[p.Socket] {
					asked[p.Socket] = true
					h.answer(p, 30000)
				}
			}
			h.out = h.out[:0]
			if h.step(10 * time.Millisecond); h.now.Sub(began) > 5*time.Second && h.now.Sub(began) < 9*time.Second && h.open < coverCounts {
				t.Fatalf("%d sockets after %v", h.open, h.now.Sub(began))
			}
		}
		if took := h.now.Sub(began); took < 9*time.Second || took > 10*time.Second || h.open != 0 {
			t.Errorf("known %d: over after %v and %d steps, %d sockets left", known, took, steps, h.open)
		}
	}
}

// Who did not ask for so much is not drawn into it, and the one who asked hears so at once.
func TestCoveringIsForBoth(t *testing.T) {
	calm := newHunter("SB", "SB", false)
	calm.out = nil
	calm.agent.HandleControl(calm.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover, Attempt: 1, Low: 21000, High: 21000, Count: 1792})
	calm.drain(true)
	no, n := calm.told(wire.ControlEnded)
	if n != 1 || no.Attempt != 1 || calm.open != 0 {
		t.Fatalf("%+v, %d sockets", no, calm.open)
	}
	eager := newHunterAs("SB", "SB", true, api.PunchMax)
	eager.agent.HandleControl(eager.now, &no)
	eager.drain(true)
	if eager.agent.hunt.on || eager.agent.hunt.why != "the other side does not allow so many sockets" || eager.most != 0 {
		t.Errorf("%+v", eager.agent.hunt.why)
	}
}

// The system gives 100 sockets and no more: the covering goes on with those.
func TestCoveringWithFewSockets(t *testing.T) {
	h := newHunterAs("SB", "SB", true, api.PunchMax)
	h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover | wire.ControlKnown, Attempt: 2, Low: 21000, High: 21000, Count: 1792})
	h.drain(true)
	for h.open < 100 {
		h.step(time.Millisecond)
	}
	for end := h.now.Add(300 * time.Millisecond); h.now.Before(end); h.drain(false) {
		h.now = h.now.Add(time.Millisecond)
		h.agent.HandleTimeout(h.now)
	}
	w, n := h.told(wire.ControlSampled)
	if c := h.agent.hunt.cover; n < 2 || int(w.Count) != c.n || c.n < 100 || c.n > 100+socketChunk || len(c.ids) != c.n {
		t.Errorf("%+v", w)
	}
}
