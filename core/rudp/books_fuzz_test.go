package rudp

import (
	"bytes"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzReassembly lets an honest peer cut messages as it likes: any pieces, in any order, overlapping, again and again. Each
// reliable message comes out once, whole and in its turn; of the unreliable ones nothing comes out that was not sent.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 0, 0, 50, 0, 0, 40, 90, 1, 3, 10, 20, 2, 1, 0, 255, 2, 1, 0, 255})
	f.Add([]byte{0, 2, 0, 255, 0, 1, 0, 255, 0, 0, 128, 255, 0, 0, 0, 140, 3, 4, 0, 100, 3, 4, 90, 255})
	const kinds = 8 // messages of each mode
	whole := func(mode uint8, n uint64) []byte { return body(n<<8|uint64(mode), 8+int(n*131%600)) }
	f.Fuzz(func(t *testing.T, script []byte) {
		c := New(testStart, Config{})
		c.OpenPath(testStart, 0, wire.MaxFrames, 0)
		var got [api.ModeCount][kinds]int
		next, number := uint64(0), uint64(0)
		say := func(mode uint8, n uint64, from, to int) {
			b := whole(mode, n)
			m := wire.Message{Mode: mode, Sequence: n, Fragment: true, Offset: uint32(from), Size: uint32(len(b)), Payload: b[from:to]}
			if err := c.HandlePacket(testStart, 0, number, wire.AppendMessage(nil, &m, true)); err != nil {
				t.Fatal(err)
			}
			number++
			for ev, ok := c.NextEvent(); ok; ev, ok = c.NextEvent() {
				if len(ev.Data) < 8 {
					t.Fatalf("%d bytes", len(ev.Data))
				}
				n := uint64(ev.Data[6])
				if !bytes.Equal(ev.Data, whole(uint8(ev.Mode), n)) {
					t.Fatalf("mode %d message %d is not what was sent", ev.Mode, n)
				}
				if got[ev.Mode][n]++; got[ev.Mode][n] > 1 {
					t.Fatalf("mode %d message %d twice", ev.Mode, n)
				}
				if ev.Mode == api.ReliableOrdered {
					if n != next {
						t.Fatalf("message %d before %d", n, next)
					}
					next++
				}
				c.Consumed(testStart, len(ev.Data))
			}
		}
		for ; len(script) >= 4 && number < 2000; script = script[4:] {
			mode, n := script[0]%4, uint64(script[1]%kinds)
			size := len(whole(mode, n))
			from, to := int(script[2])*size/256, int(script[3])*(size+1)/256
			if from < to {
				say(mode, n, from, to)
			}
		}
		for mode := range uint8(2) { // what is missing of the reliable ones
			for n := range uint64(kinds) {
				size := len(whole(mode, n))
				say(mode, n, size/2, size)
				say(mode, n, 0, size/2+1)
				if n == kinds-1 && (got[mode] != [kinds]int{1, 1, 1, 1, 1, 1, 1, 1}) {
					t.Fatalf("mode %d: %v", mode, got[mode])
				}
			}
		}
		if c.inbox.assembling != 0 {
			t.Fatalf("%d bytes under assembly", c.inbox.assembling)
		}
	})
}

// FuzzAckRanges lets a peer acknowledge any ranges of what was sent, at any time, and compares the books of the sender with a
// plain list of what it said.
func FuzzAckRanges(f *testing.F) {
	f.Add([]byte{0, 9, 1, 0x31, 0, 5, 2, 20, 1, 0x00, 3, 200, 1, 0x8f})
	f.Add([]byte{0, 40, 1, 0xf7, 2, 1, 1, 0x13, 1, 0xff, 3, 255, 3, 255, 0, 3, 1, 0x01})
	f.Fuzz(func(t *testing.T, script []byte) {
		now := testStart
		c := New(now, Config{SendBudget: 1 << 20, IdleTimeout: time.Hour, KeepAlive: time.Hour})
		c.OpenPath(now, 0, wire.MaxFrames, 20*time.Millisecond)
		c.SetRoute(now, 0)
		sent, heard := uint64(0), uint64(0)
		said := map[uint64]bool{}
		leave := func() {
			for ok := true; ok && sent < 3000; {
				if _, ok = c.AppendPacket(now, 0, sent, nil); ok {
					sent++
				}
			}
		}
		tell := func(ranges ...wire.AckRange) {
			for _, r := range ranges {
				for n := r.Low; n <= r.High; n++ {
					said[n] = true
				}
			}
			if err := c.HandlePacket(now, 0, heard, wire.AppendAck(nil, &wire.Ack{Ranges: ranges})); err != nil {
				t.Fatal(err)
			}
			heard++
		}
		for ; len(script) >= 2 && sent < 3000; script = script[2:] {
			switch arg := script[1]; script[0] % 4 {
			case 0:
				for range arg % 32 {
					_ = c.Send(now, api.Mode(arg>>6), 0, 0, make([]byte, 200+int(arg)))
				}
			case 1: // two ranges, counted back from the newest
				if sent == 0 {
					break
				}
				high := sent - 1 - min(sent-1, uint64(arg&3))
				low := high - min(high, uint64(arg>>2&7))
				if gap := uint64(arg>>5) + 2; low >= gap {
					tell(wire.AckRange{Low: low, High: high}, wire.AckRange{Low: low - gap, High: low - gap})
				} else {
					tell(wire.AckRange{Low: low, High: high})
				}
			case 2:
				now = now.Add(time.Duration(arg) * time.Millisecond)
			case 3:
				now = deadline(t, c, now)
			}
			leave()
			checkBooks(t, c, said, sent)
		}
		for range 3000 { // a peer that acknowledges everything in the end has everything
			if sent > 0 {
				tell(wire.AckRange{Low: 0, High: sent - 1})
			}
			if sent >= 3000 || c.Idle() {
				break
			}
			now = now.Add(10 * time.Millisecond)
			c.HandleTimeout(now)
			leave()
		}
		if checkBooks(t, c, said, sent); sent < 3000 && (c.paths[0].flying > 0 || c.Undelivered() > 0) {
			t.Fatalf("%d packets in flight, %d messages undelivered", c.paths[0].flying, c.Undelivered())
		}
	})
}

// checkBooks counts what is in flight one by one.
func checkBooks(t *testing.T, c *Conn, said map[uint64]bool, sent uint64) {
	t.Helper()
	p := c.paths[0]
	flying, size := 0, 0
	for i := range p.sent.len() {
		s := p.sent.at(i)
		if said[s.number] != (s.state == settled) {
			t.Fatalf("packet %d of %d: state %d, acknowledged %v", s.number, sent, s.state, said[s.number])
		}
		if s.state == inFlight {
			flying++
			size += int(s.bytes)
		}
	}
	if flying != p.flying || size != p.cong.inFlight {
		t.Fatalf("%d packets, %d bytes in flight; the books say %d, %d", flying, size, p.flying, p.cong.inFlight)
	}
}
