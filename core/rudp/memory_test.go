package rudp

import (
	"runtime"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// liveHeap is what this process holds, in bytes.
func liveHeap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held for one more round
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestBufferClasses(t *testing.T) {
	for size := range api.MaxReliable + 1 {
		if size > 5000 && size%977 != 0 && size != api.MaxReliable {
			continue
		}
		if class := classOf(size); bufferSizes[class] < size || class > 0 && bufferSizes[class-1] >= size {
			t.Fatalf("%d bytes have class %d of %d", size, class, bufferSizes[class])
		}
	}
}

// A connection that has carried traffic and gone quiet holds a few kilobytes. (core/sim measures whole peers.)
func TestIdleConnectionIsSmall(t *testing.T) {
	const count = 50
	conns, p := make([]*Conn, 0, 2*count), (*pair)(nil)
	before := liveHeap()
	for seed := range int64(count) {
		p = newPair(t, seed, Config{})
		p.openDirect()
		p.route(2)
		p.search()
		p.trickle(0, 300*time.Millisecond, constant(100))
		p.send(p.alice(), api.ReliableOrdered, 5, make([]byte, 300_000))
		p.advance(time.Minute)
		conns = append(conns, p.alice().Conn, p.bob().Conn)
	}
	p = nil
	if each := (liveHeap() - before) / len(conns); each > 8<<10 {
		t.Errorf("an idle connection holds %d bytes", each)
	} else {
		t.Logf("an idle connection holds %d bytes", each)
	}
	runtime.KeepAlive(conns)
}

// Whatever the size of the messages, and whether they wait or are under way, a full send budget costs at most itself and
// a tenth.
func TestFullBudgetCostsItself(t *testing.T) {
	const budget = 8 << 20
	worst := 0.0
	for _, flying := range []bool{false, true} {
		for _, size := range []int{0, 1, 33, 64, 65, 100, 200, 500, 1000, 1025, 1153, 1200, 2049, 4097, 6913, 8193, 14337, 28673, 33000, 65 << 10, 131_073, 600_000, 1 << 20} {
			data := make([]byte, size)
			before := liveHeap()
			c := New(testStart, Config{SendBudget: budget, RecvBudget: 64 << 20})
			c.OpenPath(testStart, 0, wire.MaxFrames, time.Second)
			c.SetRoute(testStart, 0)
			c.credit.limit = 1 << 40
			for c.Send(testStart, api.ReliableOrdered, 0, 7, data) == nil {
			}
			for number := uint64(0); flying && c.hasData(); number++ {
				c.paths[0].cong.window, c.paths[0].cong.pace.tokens = 1<<30, 1<<30
				if _, ok := c.AppendPacket(testStart, 0, number, nil); !ok {
					break // more messages than may be outstanding
				}
			}
			share := float64(liveHeap()-before) / budget
			if worst = max(worst, share); share > 1.1 {
				t.Errorf("messages of %d bytes, flying %v: %.3f of the budget", size, flying, share)
			}
			runtime.KeepAlive(c)
		}
	}
	t.Logf("at most %.3f of the budget", worst)
}
