package rudp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// More unreliable messages are lost in a row than a 16-bit id can tell apart: what comes then is delivered from the first
// message on, each once, and nothing old.
func TestLongRowOfLosses(t *testing.T) {
	for _, lost := range []uint64{20_000, 32_000, 33_000, 50_000, 65_000, 70_000, 100_000} {
		for _, mode := range []api.Mode{api.Unreliable, api.UnreliableSequenced} {
			p := newPair(t, int64(lost), Config{})
			p.links[0] = link{delay: 2 * time.Millisecond}
			number := uint64(0)
			flow := func(count uint64) {
				for range count {
					p.send(p.alice(), mode, 7, body(number, 8))
					if number++; number%400 == 0 {
						c := &p.alice().paths[0].cong // as if the path had been fast a moment ago
						c.window, c.pace.tokens = 1<<30, 1<<30
						p.advance(time.Millisecond)
					}
				}
			}
			flow(2000)
			p.advance(200 * time.Millisecond)
			p.links[0].lose = func(from int, _ uint64) bool { return from == 0 }
			flow(lost)
			if waiting := p.alice().queue.bands[2].unsent; waiting > 4000 {
				t.Fatalf("%d bytes were not even sent", waiting)
			}
			p.links[0].lose = nil
			before := len(p.bob().messages(mode, 7))
			first := number - 500 // some left only now
			flow(8000)
			p.advance(time.Second)
			got := p.bob().messages(mode, 7)[before:]
			if len(got) < 7000 {
				t.Fatalf("mode %d, after %d lost: %d of 8000 delivered", mode, lost, len(got))
			}
			seen, last := map[uint64]bool{}, uint64(0)
			for _, b := range got {
				n := binary.BigEndian.Uint64(b)
				if seen[n] || n < first || mode == api.UnreliableSequenced && n < last {
					t.Fatalf("mode %d, after %d lost: message %d, the newest was %d, seen %v", mode, lost, n, last, seen[n])
				}
				seen[n], last = true, n
			}
			flow(2000) // and when all is well again, numbers cost nothing
			p.advance(200 * time.Millisecond)
			if p.alice().queue.numbers.far() {
				t.Errorf("mode %d, after %d lost: the sender still doubts", mode, lost)
			}
		}
	}
}

// Packet numbers that pass 2^24, where the wire's three bytes begin anew, 2^32, and their end.
func TestPacketNumbersPassTheirEdges(t *testing.T) {
	for _, start := range []uint64{1<<24 - 40, 1<<32 - 40, 1<<62 - 40} {
		p := newPair(t, 1, Config{})
		p.links[0].loss, p.links[0].jitter = 0.1, 10*time.Millisecond
		for _, e := range p.ends {
			e.numbers[0] = start
		}
		stream(p, 160)
		if !p.advanceUntil(30*time.Second, p.idle) {
			t.Fatalf("from %d: not delivered", start)
		}
		p.wantStream(160)
	}
}

// Message numbers that pass the sizes of their encodings, and 2^16 in the unreliable modes.
func TestMessageNumbersPassTheirEdges(t *testing.T) {
	for _, start := range []uint64{1<<7 - 20, 1<<14 - 20, 1<<16 - 20, 1<<28 - 20, 1<<32 - 20, 1<<61 - 20} {
		p := newPair(t, 1, Config{})
		p.links[0].loss, p.links[0].jitter, p.links[0].duplicate = 0.1, 10*time.Millisecond, 0.05
		for _, e := range p.ends {
			for mode := range api.Mode(api.ModeCount) {
				e.queue.channel(mode, uint8(mode+1)).next = start
			}
			for mode := range uint8(2) {
				in := e.inChannel(mode, mode+1)
				in.next, in.high = start, start
			}
		}
		stream(p, 160)
		if !p.advanceUntil(30*time.Second, p.idle) {
			t.Fatalf("from %d: not delivered", start)
		}
		p.wantStream(160)
	}
}

// Whatever a peer says about numbers, a connection stays a connection.
func TestHostileNumbers(t *testing.T) {
	c, number := New(testStart, Config{}), uint64(0)
	hear := func(b []byte) error {
		number++
		return c.HandlePacket(testStart, 0, number, b)
	}
	message := func(told, id uint64) []byte {
		b := wire.AppendNumber(nil, wire.Number{Mode: 2, Channel: 1, Number: told})
		return wire.AppendMessage(b, &wire.Message{Mode: 2, Channel: 1, Sequence: id, Payload: []byte{1}}, true)
	}
	delivered := func() (n int) {
		for _, ok := c.NextEvent(); ok; _, ok = c.NextEvent() {
			n++
		}
		return n
	}
	for _, step := range []struct {
		told, id uint64
		want     int
	}{
		{5, 5, 1}, {5, 5, 0}, {1 << 30, 0, 1}, {1<<30 - 1, 0xffff, 1}, {1<<30 - 100_000, (1<<30 - 100_000) & 0xffff, 0},
		{wire.MaxNumber, 0xffff, 1}, {7, 7, 0},
		{9, 10, 1}, // is not about this message: the nearest counts, which lies ahead
	} {
		if err := hear(message(step.told, step.id)); err != nil {
			t.Fatal(err)
		}
		if n := delivered(); n != step.want {
			t.Errorf("number %d, id %d: %d delivered, want %d", step.told, step.id, n, step.want)
		}
	}
	if code(hear(wire.AppendNumber(nil, wire.Number{Mode: 1}))) != api.ErrProtocol {
		t.Error("a number for a mode without ids is taken")
	}
}
