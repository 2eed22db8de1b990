package rudp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// positions sends a sequenced message on two channels every 10 ms for a while.
func (p *pair) positions(first uint64, d time.Duration, size func(uint64) int) uint64 {
	for end := p.now.Add(d); p.now.Before(end); first++ {
		for _, e := range p.ends {
			p.send(e, api.UnreliableSequenced, 0, body(first, size(first)))
			p.send(e, api.UnreliableSequenced, 3, body(first, size(first)))
		}
		p.advance(10 * time.Millisecond)
	}
	return first
}

// A route that moves to a faster path overtakes what is under way, and no sequenced message is lost by it: small ones, ones
// that fill a packet, and fragmented ones.
func TestSwitchLosesNothing(t *testing.T) {
	for name, size := range map[string]func(uint64) int{
		"small": func(uint64) int { return 60 }, "full": func(n uint64) int { return 1000 + int(n)%40 }, "fragments": func(uint64) int { return 2500 },
	} {
		for _, phase := range []time.Duration{0, 3, 7, 9} {
			p := newPair(t, 1, Config{})
			p.links[0].delay, p.links[2].delay = 60*time.Millisecond, 15*time.Millisecond
			n := p.positions(0, 500*time.Millisecond, size)
			p.openDirect()
			for _, e := range p.ends { // what validation of the pair would have shown
				e.paths[2].rtt.init(30 * time.Millisecond)
			}
			p.advance(phase * time.Millisecond)
			p.route(2)
			n = p.positions(n, 300*time.Millisecond, size)
			p.route(0) // a slower path overtakes nothing
			n = p.positions(n, 300*time.Millisecond, size)
			p.route(2)
			n = p.positions(n, 300*time.Millisecond, size)
			p.advance(time.Second)
			for _, e := range p.ends {
				for _, channel := range []uint8{0, 3} {
					p.wantNumbered(e.messages(api.UnreliableSequenced, channel), 0, int(n), size)
				}
				if len(e.inbox.held.list) > 0 || e.inbox.held.bytes > 0 {
					t.Errorf("%s: %d messages are still held", name, len(e.inbox.held.list))
				}
			}
		}
	}
}

// What is lost on the old path is not waited for longer than the sender said; and nothing ever comes after a newer one.
func TestSwitchWithLosses(t *testing.T) {
	size := func(uint64) int { return 60 }
	for seed := range int64(20 * *seeds) {
		p := newPair(t, seed, Config{})
		p.links[0] = link{delay: 60 * time.Millisecond, jitter: 10 * time.Millisecond, loss: 0.2}
		p.links[2] = link{delay: 15 * time.Millisecond, jitter: 10 * time.Millisecond, loss: 0.1, duplicate: 0.1}
		n := p.positions(0, 300*time.Millisecond, size)
		p.openDirect()
		latest := time.Duration(0)
		p.onEvent = func(e *end, ev Event) {
			e.got = append(e.got, Event{Kind: ev.Kind, Mode: ev.Mode, Channel: ev.Channel, Data: append([]byte(nil), ev.Data...)})
			sent := testStart.Add(time.Duration(binary.BigEndian.Uint64(ev.Data)) * 10 * time.Millisecond)
			latest = max(latest, p.now.Sub(sent))
		}
		p.route(2)
		n = p.positions(n, 500*time.Millisecond, size)
		p.advance(time.Second)
		for _, e := range p.ends {
			last := -1
			for _, b := range e.messages(api.UnreliableSequenced, 0) {
				if now := int(binary.BigEndian.Uint64(b)); now <= last {
					t.Fatalf("seed %d: %d after %d", seed, now, last)
				} else {
					last = now
				}
			}
			if last < int(n)-10 {
				t.Errorf("seed %d: the last message is %d of %d", seed, last, n)
			}
		}
		if limit := maxSwitchWait + 25*time.Millisecond; latest > limit {
			t.Errorf("seed %d: a message came %v after it was sent, want at most %v", seed, latest, limit)
		}
	}
}

// A peer that speaks of packets which never come makes us hold little, and not for long.
func TestSwitchFromHostilePeer(t *testing.T) {
	c := New(testStart, Config{})
	c.OpenPath(testStart, 0, wire.MaxFramesRelayed, 0)
	now, got := testStart, 0
	drain := func() {
		for {
			if _, ok := c.NextEvent(); !ok {
				return
			}
			got++
		}
	}
	for n := range uint64(5 * maxHeld) {
		frames := wire.AppendSwitch(nil, wire.Switch{Path: 6, WaitMillis: 255, Last: 1<<60 + n/maxHeld})
		frames = wire.AppendMessage(frames, &wire.Message{Mode: uint8(api.UnreliableSequenced), Channel: uint8(n), Sequence: n, Size: 900, Payload: make([]byte, 900)}, true)
		if err := c.HandlePacket(now, 0, n, frames); err != nil {
			t.Fatal(err)
		}
		if h := &c.inbox.held; len(h.list) > maxHeld || h.bytes > maxHeldBytes {
			t.Fatalf("%d messages, %d bytes are held", len(h.list), h.bytes)
		}
		drain()
	}
	if at := c.NextTimeout(); at.After(now.Add(maxSwitchWait)) {
		t.Errorf("next timeout %v after, want at most %v", at.Sub(now), maxSwitchWait)
	}
	now = now.Add(maxSwitchWait)
	c.HandleTimeout(now)
	if drain(); got != 5*maxHeld || len(c.inbox.held.list) > 0 {
		t.Errorf("%d of %d messages, %d still held", got, 5*maxHeld, len(c.inbox.held.list))
	}
}
