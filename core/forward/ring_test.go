package forward

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/musubi-p2p/musubi/core/wire"
)

// One goroutine puts numbered datagrams of all sizes, another takes them: whole, in order, and what found no room is counted.
func TestRingKeepsOrderAndBounds(t *testing.T) {
	r := newRing(1 << 13)
	const total = 20000
	var done sync.WaitGroup
	done.Go(func() {
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range uint32(total) {
			b := make([]byte, 4+rng.IntN(2045))
			for k := range b {
				b[k] = byte(i)
			}
			binary.BigEndian.PutUint32(b, i)
			r.put(netip.AddrPortFrom(alice.Addr(), uint16(i)), b)
		}
	})
	got, last := uint64(0), int64(-1)
	check := func(from netip.AddrPort, b []byte) {
		i := binary.BigEndian.Uint32(b)
		if int64(i) <= last || from != netip.AddrPortFrom(alice.Addr(), uint16(i)) {
			t.Fatalf("datagram %d from %v after %d", i, from, last)
		}
		if rest := b[4:]; !bytes.Equal(rest, bytes.Repeat([]byte{byte(i)}, len(rest))) {
			t.Fatalf("datagram %d is spoiled", i)
		}
		last, got = int64(i), got+1
	}
	finished := make(chan struct{})
	go func() { done.Wait(); close(finished) }()
	for ended := false; ; {
		if r.take(check) {
			continue
		}
		if ended {
			break
		}
		select {
		case <-finished:
			ended = true
		default:
		}
	}
	if lost := r.lost.Load(); got+lost != total || got == 0 {
		t.Errorf("%d taken and %d lost of %d", got, lost, total)
	}
}

func TestRingTakesWhatFitsAndNoMore(t *testing.T) {
	r := newRing(1 << 12)
	put := 0
	for r.put(alice, make([]byte, 100)) {
		put++
	}
	if put != 1<<12/recordSize(100) || r.lost.Load() != 1 {
		t.Errorf("%d records, %d lost", put, r.lost.Load())
	}
	for r.take(func(netip.AddrPort, []byte) {}) {
	}
	if !r.put(alice, nil) || r.empty() {
		t.Error("an empty ring takes nothing")
	}
}

// A flood of one kind is kept out of the others' rings, and its share of a round is bounded.
func TestAFloodTakesNothingFromOtherKinds(t *testing.T) {
	woken := 0
	in := newInbox(2, func() { woken++ })
	hello, packet, first, forged := make([]byte, 1200), make([]byte, 80), make([]byte, 1200), make([]byte, 80)
	hello[0], packet[0], first[0], forged[0] = wire.TypeHello, 0x80, wire.TypeInit, 0x80
	packet[4] = 7 // its connection id
	known := NewKnown()
	known.Add(7)
	for range 100_000 {
		in.rings[0][kindOf(forged, known)].put(mallet, forged)
		in.rings[0][kindOf(first, known)].put(mallet, first)
		in.rings[1][kindOf(hello, known)].put(mallet, hello)
	}
	if !in.rings[0][kindOf(packet, known)].put(alice, packet) {
		t.Fatal("no room for a link's packet in a flood")
	}
	var got [KindCount]int
	in.Read(func(k Kind, from netip.AddrPort, b []byte) { got[k]++ })
	if got[Session] != 1 || got[Hello] != share[Hello] || got[Stranger] != share[Stranger] {
		t.Errorf("one round took %v", got)
	}
	if in.Lost(Stranger) == 0 || in.Lost(Session) != 0 {
		t.Errorf("lost: strangers %d, sessions %d", in.Lost(Stranger), in.Lost(Session))
	}
	if in.Sleep() {
		t.Error("the reader may sleep while rings are full")
	}
	for in.Read(func(Kind, netip.AddrPort, []byte) {}) > 0 {
	}
	if !in.Sleep() {
		t.Error("the reader may not sleep")
	}
	in.call()
	in.call()
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}

func TestRingsAllocateNothing(t *testing.T) {
	in := newInbox(1, func() {})
	b := make([]byte, 300)
	n := testing.AllocsPerRun(100, func() {
		in.rings[0][Session].put(alice, b)
		in.Read(func(Kind, netip.AddrPort, []byte) {})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
