package forward

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
)

// ring carries datagrams from one goroutine to one other, in order. It is bytes: small datagrams take little of it.
//
//	record = size(16) port(16) address(128) datagram, padded to 8 bytes; size skip: go on at the ring's beginning
type ring struct {
	bytes []byte        // a power of two
	head  atomic.Uint64 // bytes taken so far, the reader's
	_     [7]uint64
	tail  atomic.Uint64 // bytes put so far, the writer's
	lost  atomic.Uint64 // datagrams that found no room
	_     [6]uint64
}

const (
	recordHead = 2 + 2 + 16
	skip       = 0xffff
)

func newRing(size int) *ring {
	r := new(ring)
	r.bytes = memory[byte](size, r)
	return r
}

func recordSize(datagram int) int { return (recordHead + datagram + 7) &^ 7 }

// put copies a datagram into the ring, if it has room.
func (r *ring) put(from netip.AddrPort, b []byte) bool {
	tail, size := r.tail.Load(), recordSize(len(b))
	at := int(tail) & (len(r.bytes) - 1)
	left := len(r.bytes) - at // before the ring begins again; records don't wrap around
	need := size
	if left < size {
		need += left
	}
	if len(r.bytes)-int(tail-r.head.Load()) < need {
		r.lost.Add(1)
		return false
	}
	if left < size {
		binary.LittleEndian.PutUint16(r.bytes[at:], skip) // 8 bytes at least are left: all records are multiples of that
		tail += uint64(left)
		at = 0
	}
	w := r.bytes[at:]
	binary.LittleEndian.PutUint16(w, uint16(len(b)))
	binary.LittleEndian.PutUint16(w[2:], from.Port())
	a := from.Addr().As16()
	copy(w[4:], a[:])
	copy(w[recordHead:], b)
	r.tail.Store(tail + uint64(size))
	return true
}

// take hands the oldest datagram to fn, which may change it but not keep it, and reports whether there was one.
func (r *ring) take(fn func(from netip.AddrPort, b []byte)) bool {
	head := r.head.Load()
	if head == r.tail.Load() {
		return false
	}
	at := int(head) & (len(r.bytes) - 1)
	if binary.LittleEndian.Uint16(r.bytes[at:]) == skip {
		head += uint64(len(r.bytes) - at)
		at = 0
	}
	w := r.bytes[at:]
	n := int(binary.LittleEndian.Uint16(w))
	port := binary.LittleEndian.Uint16(w[2:])
	var a [16]byte
	copy(a[:], w[4:])
	fn(netip.AddrPortFrom(netip.AddrFrom16(a).Unmap(), port), w[recordHead:recordHead+n:recordHead+n])
	r.head.Store(head + uint64(recordSize(n)))
	return true
}

func (r *ring) empty() bool { return r.head.Load() == r.tail.Load() }
