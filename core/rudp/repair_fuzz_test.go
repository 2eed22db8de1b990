package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzRepairs lets a peer with the keys say anything by REPAIR and REPAIRED between honest packets. Nothing may panic,
// memory stays what it is, and the sender's state holds together.
func FuzzRepairs(f *testing.F) {
	message := wire.AppendMessage(nil, &wire.Message{Payload: []byte("hello")}, true)
	f.Add([]byte{0, 5, 1, 1, 0, 7, 2, 3, 9, 0, 3, 1, 2, 3}, uint8(3))
	f.Add(append([]byte{2, 1, 11, 0, byte(len(message))}, message...), uint8(1))
	f.Add([]byte{2, 1, 4, 0, 1, 0x77, 2, 5, 4, 0, 1, 0x78, 2, 21, 4, 0, 1, 0x79, 2, 85, 4, 0, 1, 0x7a}, uint8(2))
	f.Fuzz(func(t *testing.T, script []byte, gap uint8) {
		now := testStart
		c := New(now, Config{SendBudget: 64 << 10, RecvBudget: 64 << 10})
		c.OpenPath(now, 0, wire.MaxFramesRelayed, 50*time.Millisecond)
		c.SetRoute(now, 0)
		number, sent := uint64(40), uint64(0)
		take := func(n int) []byte {
			b := script[:min(n, len(script))]
			script = script[len(b):]
			return b
		}
		var frames []byte
		for len(script) > 1 && !c.Closed() {
			op := take(2)
			switch op[0] % 4 {
			case 0: // an honest message
				m := wire.Message{Sequence: uint64(op[1]), Payload: take(int(op[1]))}
				frames = wire.AppendMessage(frames[:0], &m, true)
			case 1: // our own traffic
				_ = c.Send(now, api.ReliableOrdered, 0, 0, make([]byte, op[1]))
				frames = wire.AppendRepaired(frames[:0], wire.Repaired{Newest: uint64(op[1] & 7), Earlier: uint32(op[1])})
			case 2:
				size := 3
				if b := take(1); len(b) > 0 {
					size = max(3, int(b[0]))
				}
				frames = append(wire.AppendRepair(frames[:0], uint32(op[1])*0x1010101&0x8a5d3721|1), take(size)...)
			case 3:
				frames = append(frames[:0], take(int(op[1]))...)
			}
			if len(frames) > 0 && c.HandlePacket(now, 0, number, frames) != nil {
				c.Close(now, api.ErrProtocol, "", 0)
			}
			number += 1 + uint64(op[0]>>2)%uint64(gap%8+1)
			now = now.Add(time.Duration(op[0]>>4) * time.Millisecond)
			c.HandleTimeout(now)
			for {
				if _, ok := c.AppendPacket(now, 0, sent, nil); !ok {
					break
				}
				sent++
			}
			for _, ok := c.NextEvent(); ok; _, ok = c.NextEvent() {
			}
		}
		if d := c.acks[0].repair; d != nil && !c.Closed() {
			for i := range d.rows {
				if r := &d.rows[i]; r.n > maxUnknown || r.n == 1 || r.size > wire.MaxRepairCoded {
					t.Fatalf("row %+v", r)
				}
			}
		}
		if bytes := held(c); bytes > 20*(64<<10) {
			t.Fatalf("%d bytes held", bytes)
		}
	})
}

// FuzzLosses plays any pattern of losses, one bit a packet, to a game with redundancy: all arrives, once and in order.
func FuzzLosses(f *testing.F) {
	f.Add([]byte{0x55, 0x07, 0xe3, 0x00, 0xff, 0x18}, uint8(5))
	f.Add([]byte{0xff, 0x0f, 0x33, 0xcc}, uint8(90))
	f.Fuzz(func(t *testing.T, pattern []byte, size uint8) {
		p := newPair(t, 1, Config{})
		p.links[0].jitter = time.Duration(size%3) * 10 * time.Millisecond
		bit := 0
		p.links[0].lose = func(int, uint64) bool {
			bit++
			// No longer than the traffic itself: after it only probes leave, too few for a pattern to pass in time.
			return bit/8 < min(len(pattern), 15) && pattern[bit/8]>>(bit%8)&1 != 0
		}
		sizes := func(n uint64) int { return 8 + int(n*37%(2*uint64(size)+1)) }
		const count = 60
		for n := range uint64(count) {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, sizes(n)))
			p.send(p.alice(), api.ReliableUnordered, 1, body(n, sizes(n)))
			p.advance(frame60)
		}
		if !p.advanceUntil(8*time.Second, p.idle) {
			t.Fatal("not delivered")
		}
		p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, count, sizes)
		if n := len(p.bob().messages(api.ReliableUnordered, 1)); n != count {
			t.Fatalf("%d unordered messages", n)
		}
	})
}

// hostileRepair gives a connection one REPAIR over packet 99, which did not come, of a block that holds these frames.
func hostileRepair(t *testing.T, block []byte) (*Conn, error) {
	l := newListener(t)
	coded := append([]byte{uint8(len(block) >> 8), uint8(len(block))}, block...)
	return l.Conn, l.HandlePacket(l.now, 0, 100, scaledRepair(100, 99, coded))
}

func scaledRepair(number, covered uint64, coded []byte) []byte {
	frames := wire.AppendRepair(nil, 1<<(number-1-covered))
	start := len(frames)
	frames = append(frames, make([]byte, len(coded))...)
	addScaled(frames[start:], coded, repairFactor(number, covered))
	return frames
}

// A block may hold whole reliable messages and nothing else, or the peer is told off as for a packet that is wrong.
func TestHostileBlocks(t *testing.T) {
	message := func(m wire.Message) []byte { return wire.AppendMessage(nil, &m, true) }
	fine := message(wire.Message{Payload: []byte("fine")})
	if c, err := hostileRepair(t, fine); err != nil || c.events.Len() != 1 || c.Stats().Repaired != 1 {
		t.Fatalf("%v, %d events", err, c.events.Len())
	}
	for name, block := range map[string][]byte{
		"unreliable":        message(wire.Message{Mode: 2, Payload: []byte("x")}),
		"fragment":          message(wire.Message{Fragment: true, Size: 9, Payload: []byte("x")}),
		"ACK":               wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: 0, High: 0}}}),
		"CREDIT":            wire.AppendCredit(nil, 1<<40),
		"CLOSE":             wire.AppendClose(nil, wire.Close{}),
		"REPAIR":            {uint8(wire.FrameRepair), 1, 0, 1, 0},
		"cut":               {uint8(wire.FrameMessage), 0},
		"outside of window": message(wire.Message{Sequence: maxOutstanding + 5, Payload: []byte("x")}),
	} {
		if c, err := hostileRepair(t, block); code(err) != api.ErrProtocol || c.events.Len() != 0 {
			t.Errorf("%s: %v, %d events", name, err, c.events.Len())
		}
	}
	l := newListener(t) // a length that the sum does not hold
	if err := l.HandlePacket(l.now, 0, 100, scaledRepair(100, 99, []byte{1, 0, 0x40, 0})); code(err) != api.ErrProtocol {
		t.Errorf("length over the sum: %v", err)
	}
	l = newListener(t) // packet numbers below zero
	if err := l.HandlePacket(l.now, 0, 3, append(wire.AppendRepair(nil, 1<<7), 0, 1, 1)); code(err) != api.ErrProtocol {
		t.Errorf("number below zero: %v", err)
	}
	for name, frame := range map[string]wire.Repaired{"unsent": {Newest: 9}, "path": {Path: 7}} {
		if err := l.HandlePacket(l.now, 0, 50, wire.AppendRepaired(nil, frame)); code(err) != api.ErrProtocol {
			t.Errorf("REPAIRED %s: %v", name, err)
		}
	}
}

// Sums over hundreds of packets that never come: what is remembered of them stays bounded.
func TestUnsolvedRepairsAreBounded(t *testing.T) {
	l := newListener(t)
	for n := uint64(100); n < 20000; n += 1 + n%7 {
		coded := make([]byte, wire.MaxRepairCoded)
		for i := range coded {
			coded[i] = uint8(n * uint64(i+3))
		}
		if err := l.HandlePacket(l.now, 0, n, append(wire.AppendRepair(nil, uint32(n*0x9e3779b1)&0x81214121|3), coded...)); err != nil {
			return // some sum came out as a block, and was none
		}
		d := l.acks[0].repair
		firsts := map[uint64]int{}
		for i := range d.rows {
			if r := &d.rows[i]; r.n > 0 {
				firsts[r.unknown[0]]++
			}
		}
		if len(firsts) > maxRows || l.events.Len() > 0 {
			t.Fatal("not bounded")
		}
	}
}

// The field: every byte but zero has an inverse, products distribute over sums.
func TestField(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			x, y := uint8(a), uint8(b)
			if y != 0 && fieldProduct(fieldQuotient(x, y), y) != x {
				t.Fatalf("%d / %d * %d", x, y, y)
			}
			if z := uint8(a*7 + b*3); fieldProduct(x, y^z) != fieldProduct(x, y)^fieldProduct(x, z) || fieldProduct(x, y) != fieldProduct(y, x) {
				t.Fatalf("%d * (%d + %d)", x, y, z)
			}
		}
	}
	if fieldProduct(0x80, 2) != 0x1d { // x^8 = x^4 + x^3 + x^2 + 1
		t.Fatal("another polynomial")
	}
	// Two REPAIRs of a window always solve for two packets.
	for distance := uint64(1); distance < 40; distance++ {
		for apart := uint64(1); apart < wire.RepairSpan; apart++ {
			const n, j = 1000, 990
			left := fieldProduct(repairFactor(n, j), repairFactor(n+distance, j-apart))
			right := fieldProduct(repairFactor(n, j-apart), repairFactor(n+distance, j))
			if (left == right) != (distance*apart%255 == 0) {
				t.Fatalf("REPAIRs %d apart, packets %d apart", distance, apart)
			}
		}
	}
}
