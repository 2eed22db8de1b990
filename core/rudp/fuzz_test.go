package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// held is the payload memory that a peer can make a connection hold, in bytes.
func held(c *Conn) (bytes int) {
	for i := range c.events.Len() {
		if e := c.events.At(i); e.buf != nil {
			bytes += len(e.buf.b)
		}
	}
	for mode := range c.inbox.reliable {
		for _, ch := range c.inbox.reliable[mode] {
			bytes += 8 * len(ch.window)
			for _, a := range ch.window {
				if a != nil && a.buf != nil {
					bytes += len(a.buf.b)
				}
			}
		}
	}
	for i := range c.inbox.partial.Len() {
		if a := *c.inbox.partial.At(i); a.buf != nil {
			bytes += len(a.buf.b)
		}
	}
	return bytes
}

// FuzzHandlePacket plays a script to one connection: whatever a peer with the keys may send, at any time and mixed with
// any command. Nothing may panic, deadlines may not stick, and memory stays within a small multiple of the budget.
func FuzzHandlePacket(f *testing.F) {
	add := func(frames ...[]byte) {
		script := []byte{}
		for _, b := range frames {
			script = append(append(script, 0, byte(len(b))), b...)
		}
		f.Add(append(script, 1, 40, 2, 3, 3, 3, 4, 5, 200, 6, 2, 7, 8, 9, 10))
	}
	message := func(m wire.Message) []byte { return wire.AppendMessage(nil, &m, true) }
	add(message(wire.Message{Payload: []byte("hello")}), message(wire.Message{Sequence: 2, Payload: []byte("early")}))
	add(message(wire.Message{Mode: 1, Sequence: 7, Fragment: true, Size: 9000, Offset: 100, Payload: []byte("part")}))
	add(message(wire.Message{Mode: 2, Sequence: 65535, Fragment: true, Size: 10, Offset: 5, Payload: []byte("later")}),
		message(wire.Message{Mode: 2, Sequence: 65535, Fragment: true, Size: 10, Payload: []byte("first")}))
	add(message(wire.Message{Mode: 3, Sequence: 9, Payload: []byte("new")}), message(wire.Message{Mode: 3, Sequence: 8}))
	add(wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: 3, High: 4}, {Low: 0, High: 1}}}))
	add(wire.AppendCrypto(nil, &wire.Crypto{Size: 9, Payload: []byte("half")}), wire.AppendCrypto(nil, &wire.Crypto{Size: 9, Offset: 4, Payload: []byte("other")}))
	add(wire.AppendCredit([]byte{1}, 1<<40), wire.AppendClose(nil, wire.Close{Code: -401, Text: []byte("bye")}))
	f.Fuzz(playScript)
}

func playScript(t *testing.T, script []byte) {
	const budget = 64 << 10
	now := testStart
	c := New(now, Config{SendBudget: budget, RecvBudget: budget, Crypto: true})
	c.OpenPath(now, 0, wire.MaxFramesRelayed, 0)
	c.SetRoute(now, 0)
	var numbers, received [dataPaths]uint64
	take := func(n int) []byte {
		n = min(n, len(script))
		b := script[:n]
		script = script[n:]
		return b
	}
	for len(script) > 1 {
		op, arg := script[0], script[1]
		script = script[2:]
		id := wire.PathID(arg % 3)
		switch op % 11 {
		case 0:
			if c.HandlePacket(now, id, received[id], take(int(arg))) != nil {
				c.Close(now, api.ErrProtocol, "", 0)
			}
			received[id] += 1 + uint64(op>>4)
		case 1:
			now = now.Add(time.Duration(arg) * time.Millisecond)
		case 2:
			_ = c.Send(now, api.Mode(arg%4), arg>>4, uint64(arg&1), make([]byte, int(arg)*int(arg)))
		case 3:
			if _, ok := c.AppendPacket(now, id, numbers[id], nil); ok {
				numbers[id]++
			}
		case 4:
			if ev, ok := c.NextEvent(); ok {
				c.Consumed(now, len(ev.Data))
			}
		case 5:
			c.OpenPath(now, id, 200+int(arg)*5, 0)
			c.SearchMTU(now, id, 1000+int(arg)*3)
			c.SetReturn(id, wire.PathID(arg>>4))
		case 6:
			c.SetRoute(now, id)
		case 7:
			c.Requeue(now, id)
		case 8:
			c.ClosePath(now, id)
		case 9:
			c.SetDuplicate(now, id, arg > 100)
			c.Ping(now, id)
			if c.SendCrypto(now, make([]byte, 1+int(arg)*4)); arg&2 != 0 {
				c.TakeCrypto()
			}
		case 10:
			now = deadline(t, c, now)
		}
	}
	if bytes := held(c); bytes > 20*budget {
		t.Fatalf("%d bytes held with a budget of %d", bytes, budget)
	}
	for range 200 { // left alone, it must end
		now = deadline(t, c, now)
	}
	if next := c.NextTimeout(); !next.IsZero() && next.Before(testStart.Add(10*time.Second)) {
		t.Fatal("time stands still")
	}
}

// deadline lets time pass to the next deadline; one that is still there afterwards is a busy loop.
func deadline(t *testing.T, c *Conn, now time.Time) time.Time {
	next := c.NextTimeout()
	if next.IsZero() {
		return now
	}
	if next.After(now) {
		now = next
	}
	c.HandleTimeout(now)
	if again := c.NextTimeout(); !again.IsZero() && !again.After(now) {
		t.Fatalf("the deadline %v stays after HandleTimeout at %v", again.Sub(testStart), now.Sub(testStart))
	}
	return now
}
