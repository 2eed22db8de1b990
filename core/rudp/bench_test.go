package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// engine carries messages from one connection to another without a link in between: what it costs is rudp.
type engine struct {
	a, b    *Conn
	now     time.Time
	numbers [2]uint64
	buf     []byte
	packets int
	lossy   bool // every eighth packet of a's gets lost
}

func newEngine() *engine {
	e := &engine{now: testStart, buf: make([]byte, 0, wire.MaxDatagram)}
	e.a, e.b = New(e.now, Config{}), New(e.now, Config{})
	for _, c := range []*Conn{e.a, e.b} {
		c.OpenPath(e.now, 2, wire.MaxFrames, time.Millisecond)
		c.SetRoute(e.now, 2)
	}
	return e
}

func (e *engine) pump(from, to *Conn, side int) {
	for {
		out, ok := from.AppendPacket(e.now, 2, e.numbers[side], e.buf)
		if !ok {
			return
		}
		if side == 0 && e.lossy && e.numbers[0]%8 == 3 {
			e.numbers[0]++
			continue
		}
		if err := to.HandlePacket(e.now, 2, e.numbers[side], out); err != nil {
			panic(err)
		}
		e.numbers[side]++
		e.packets++
		for ev, ok := to.NextEvent(); ok; ev, ok = to.NextEvent() {
			if ev.Mode.Reliable() {
				to.Consumed(e.now, len(ev.Data))
			}
		}
	}
}

// step sends one message and lets it, and the acknowledgement, arrive.
func (e *engine) step(mode api.Mode, data []byte) {
	if err := e.a.Send(e.now, mode, 0, 0, data); err != nil {
		panic(err)
	}
	e.pump(e.a, e.b, 0)
	e.now = e.now.Add(500 * time.Microsecond)
	for _, c := range []*Conn{e.a, e.b} {
		if next := c.NextTimeout(); !next.After(e.now) {
			c.HandleTimeout(e.now)
		}
	}
	e.pump(e.b, e.a, 1)
}

func benchmark(b *testing.B, mode api.Mode, size int) {
	e, data := newEngine(), make([]byte, size)
	for range 2000 {
		e.step(mode, data)
	}
	e.packets = 0
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	for range b.N {
		e.step(mode, data)
	}
	b.ReportMetric(float64(e.packets)/float64(b.N), "packets/op")
}

func BenchmarkReliable64(b *testing.B)    { benchmark(b, api.ReliableOrdered, 64) }
func BenchmarkReliable1K(b *testing.B)    { benchmark(b, api.ReliableOrdered, 1024) }
func BenchmarkReliable16K(b *testing.B)   { benchmark(b, api.ReliableOrdered, 16<<10) }
func BenchmarkUnreliable64(b *testing.B)  { benchmark(b, api.Unreliable, 64) }
func BenchmarkUnreliable16K(b *testing.B) { benchmark(b, api.Unreliable, 16<<10) }

// The benchmarks' promise, held by the gate: no allocation in the steady state.
func TestNoAllocationPerPacket(t *testing.T) {
	for _, c := range []struct {
		mode api.Mode
		size int
	}{
		{api.ReliableOrdered, 64}, {api.ReliableOrdered, 1024}, {api.ReliableUnordered, 16 << 10},
		{api.Unreliable, 64}, {api.UnreliableSequenced, 16 << 10},
	} {
		e, data := newEngine(), make([]byte, c.size)
		for range 2000 {
			e.step(c.mode, data)
		}
		if n := testing.AllocsPerRun(2000, func() { e.step(c.mode, data) }); n != 0 {
			t.Errorf("mode %d, %d bytes: %v allocations a message", c.mode, c.size, n)
		}
	}
}

// lossyStep is step with a frame's time between messages, so that REPAIR frames leave, and every eighth packet lost.
func (e *engine) lossyStep(data []byte) {
	e.lossy = true
	if err := e.a.Send(e.now, api.ReliableOrdered, 0, 0, data); err != nil {
		panic(err)
	}
	for range 4 {
		e.pump(e.a, e.b, 0)
		e.pump(e.b, e.a, 1)
		e.now = e.now.Add(4 * time.Millisecond)
		e.a.HandleTimeout(e.now)
		e.b.HandleTimeout(e.now)
	}
}

func TestNoAllocationForRedundancy(t *testing.T) {
	e, data := newEngine(), make([]byte, 100)
	for range 2000 {
		e.lossyStep(data)
	}
	before := e.b.Stats().Repaired
	if n := testing.AllocsPerRun(2000, func() { e.lossyStep(data) }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
	if n := e.b.Stats().Repaired - before; n < 200 {
		t.Errorf("the scene does not play: %d packets repaired", n)
	}
}

// BenchmarkRepair is a message with its REPAIR, one in eight packets lost.
func BenchmarkRepair(b *testing.B) {
	e, data := newEngine(), make([]byte, 100)
	b.ReportAllocs()
	for range b.N {
		e.lossyStep(data)
	}
}

// BenchmarkOutstanding60k: the cost of a message while sixty thousand others wait for an acknowledgement.
func BenchmarkOutstanding60k(b *testing.B) {
	e := newEngine()
	e.a.paths[2].cong.window = maxWindow
	e.a.cfg.SendBudget, e.a.credit.limit = 1<<30, 1<<50
	e.b.credit.advertised = 1 << 50
	data := make([]byte, 64)
	var late [][]byte
	fill := func(count int) {
		for range count {
			_ = e.a.Send(e.now, api.ReliableOrdered, 0, 0, data)
		}
		for {
			e.a.paths[2].cong.pace.tokens = 1 << 20
			out, ok := e.a.AppendPacket(e.now, 2, e.numbers[0], nil)
			if !ok {
				return
			}
			e.numbers[0]++
			late = append(late, out)
		}
	}
	fill(60000)
	b.ResetTimer()
	for n := range b.N {
		if n%16 == 0 { // about one packet of messages in, one out
			fill(16)
			for len(late) > 60000/16 {
				_ = e.b.HandlePacket(e.now, 2, e.numbers[1], late[0])
				e.numbers[1]++
				late = late[1:]
			}
			e.now = e.now.Add(5 * time.Millisecond)
			for _, ok := e.b.NextEvent(); ok; _, ok = e.b.NextEvent() {
			}
			e.b.HandleTimeout(e.now)
			for out, ok := e.b.AppendPacket(e.now, 2, e.numbers[1], nil); ok; out, ok = e.b.AppendPacket(e.now, 2, e.numbers[1]+1, nil) {
				_ = e.a.HandlePacket(e.now, 2, e.numbers[1], out)
			}
		}
	}
}
