package link

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"

	"github.com/musubi-p2p/musubi/core/wire"
)

// spoofed is the address of the i-th forger.
func spoofed(i int) netip.AddrPort {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0x0a000000+uint32(i))
	return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(1+i%60000))
}

// A flood from invented addresses leaves nothing behind and allocates nothing while it lasts: none over a
// quarter of a million is none over a million.
func TestFloodLeavesNothing(t *testing.T) {
	const n = 250_000
	w := newWorld(t, 1)
	a := w.server.acceptor
	init := wire.AppendInit(nil, &wire.Init{Version: wire.Version, Random: [16]byte{1}})
	hello := wire.AppendHello(nil, &wire.Hello{Version: wire.Version, ConnID: 5, Noise: make([]byte, 200)})
	resume := wire.AppendHello(nil, &wire.Hello{Resume: true, Version: wire.Version, ConnID: 5, Ticket: make([]byte, 200), Noise: make([]byte, 200)})
	flood := func(i int) {
		b := [][]byte{init, hello, resume}[i%3]
		b[10]++
		reply, s := a.Handle(w.now, spoofed(i), b)
		if s != nil || len(reply) == 0 || len(reply) > 64 {
			t.Fatalf("%d bytes in reply", len(reply))
		}
	}
	for i := range 100 {
		flood(i)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		flood(i)
	}
	runtime.ReadMemStats(&after)
	// What the runtime itself allocates in the meantime is a few hundred objects.
	if mallocs := after.Mallocs - before.Mallocs; mallocs > uint64(n/100) {
		t.Fatalf("%d allocations for %d spoofed datagrams", mallocs, n)
	}
	if len(a.seen.entries) != 0 || len(a.seen.order) != 0 {
		t.Fatal("the acceptor remembers forgers")
	}
}

func TestSpoofedInitAllocatesNothing(t *testing.T) {
	w := newWorld(t, 1)
	init := wire.AppendInit(nil, &wire.Init{Version: wire.Version})
	if n := testing.AllocsPerRun(1000, func() { w.server.acceptor.Handle(w.now, clientAddr, init) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// Short questions get no answer at all, whatever their type: an answer would be longer.
func TestShortHandshakesAreNotAnswered(t *testing.T) {
	w := newWorld(t, 1)
	for first := range 256 {
		for _, size := range []int{1, 39, 100, wire.ClientHelloSize - 1} {
			b := make([]byte, size)
			b[0] = byte(first)
			if reply, s := w.server.acceptor.Handle(w.now, clientAddr, b); reply != nil || s != nil {
				t.Fatalf("%#x of %d bytes was answered", first, size)
			}
		}
	}
}

func TestReplayMemoryIsBounded(t *testing.T) {
	var r replays
	key := func(i int) (k [16]byte) { binary.BigEndian.PutUint64(k[:], uint64(i)); return k }
	for i := range maxReplays + 1000 {
		r.add(birth, key(i))
	}
	if len(r.entries) != maxReplays || len(r.order)-r.head != maxReplays || r.find(birth, key(999)) != nil || r.find(birth, key(1000)) == nil {
		t.Fatalf("%d entries", len(r.entries))
	}
	if r.find(birth.Add(replayLife), key(5000)) != nil || len(r.entries) != 0 || len(r.order) != 0 {
		t.Fatal("entries outlive their cookies")
	}
}

func BenchmarkInit(b *testing.B) {
	w := newWorld(b, 1)
	init := wire.AppendInit(nil, &wire.Init{Version: wire.Version})
	b.ReportAllocs()
	for b.Loop() {
		w.server.acceptor.Handle(w.now, clientAddr, init)
	}
}

// BenchmarkConnect is both ends' work for a whole new link.
func BenchmarkConnect(b *testing.B) {
	for b.Loop() {
		newWorld(b, 1).connect()
	}
}
