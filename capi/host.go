//go:build cgo

package main

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
)

// endPatience is how long a closed client waits for senders that reserved cells before the close and have not filled them
// in: they are between two instructions, but the system may have taken their processor away.
const endPatience = 3 * time.Second

// idleSleep is between two looks at a client whose owner has failed.
const idleSleep = 50 * time.Millisecond

// host is node.Host over the rings of one slot. Only the owner uses it.
type host struct {
	s *slot

	// The command ring (commands.go).
	cells     []byte
	seqs      []atomic.Uint64
	next      uint64 // position of the next command to take
	freed     uint64 // position that head says
	block     unsafe.Pointer
	freeBlock func(unsafe.Pointer)

	// The event ring (events.go).
	entries    []entry
	payload    []byte
	put        uint64             // entries written
	told       uint64             // of these, those that a waiting game was woken for
	write      uint64             // payload bytes placed, padding included; offset = write % size
	start      uint64             // where the payloads begin that the game has not released
	startEntry uint64             // released entries when start was worked out
	ends       [entryCount]uint64 // write behind each entry's payload
	dropped    uint64             // unreliable messages that found no room, not told yet
	notice     api.Event          // QUEUE_FULL or WRITABLE under way
	owed       bool               // a WRITABLE found no room
	lastPeer   uint32             // 1 + the highest peer slot in use

	closing bool   // Closing has returned true
	report  []byte // the latest, for its memory
}

// newHost looks at the rings that musubi_create has made. The slot and its rings outlive the host: musubi_destroy frees
// them only after end.
func newHost(s *slot, freeBlock func(unsafe.Pointer)) *host {
	cells := s.cellMask.Load() + 1
	return &host{
		s:         s,
		cells:     unsafe.Slice((*byte)(address(&s.cells)), cells*cellSize),
		seqs:      unsafe.Slice((*atomic.Uint64)(address(&s.seqs)), cells),
		entries:   unsafe.Slice((*entry)(address(&s.entries)), entryCount),
		payload:   unsafe.Slice((*byte)(address(&s.payload)), s.payloadSize.Load()),
		freeBlock: freeBlock,
	}
}

// address reads a C address that the slot holds as a number.
func address(p *atomic.Uint64) unsafe.Pointer {
	a := uintptr(p.Load())
	return *(*unsafe.Pointer)(unsafe.Pointer(&a)) // not Go memory: vet's rule about uintptr does not apply
}

// Pending looks at what Sleep looks at.
func (h *host) Pending() bool {
	return h.committed() || h.s.retry.Load() != 0 || h.s.ringBlocked.Load() != 0 || h.closed() && !h.closing
}

// Sleep is the owner's half of the wake protocol in command_ring.c: say so first, then look once more.
func (h *host) Sleep() bool {
	h.unblock()
	h.Publish()
	h.s.asleep.Swap(1) // not a Store: this must see what a sender committed before its own swap
	if h.Pending() {
		h.s.retry.Store(0)
		h.s.asleep.Store(0)
		return false
	}
	return true
}

func (h *host) Awake() {
	h.s.asleep.Store(0)
	h.s.retry.Store(0)
}

// Closing reports whether musubi_destroy was called.
func (h *host) Closing() bool {
	h.closing = h.closing || h.closed()
	return h.closing
}

func (h *host) closed() bool { return h.s.tail.Load()&closedBit != 0 }

// end tells musubi_destroy that nothing touches the rings any more: neither the owner nor a sender that was under way
// when the client closed.
func (h *host) end() {
	if !h.closed() {
		h.s.failed.Store(1) // said already, unless what failed is the way to say it
	}
	for !h.closed() { // the owner gave up by itself; the game has yet to destroy the client
		h.drained()
		time.Sleep(idleSleep)
	}
	deadline := time.Now().Add(endPatience)
	for !h.drained() {
		if time.Now().After(deadline) {
			return // musubi_destroy gives up too and never uses the slot again
		}
		time.Sleep(time.Millisecond)
	}
	h.s.ended.Store(1)
	futexWake(&h.s.ended)
}

// drained throws away what is committed and reports whether nothing more can come.
func (h *host) drained() bool {
	for h.take() != nil {
	}
	h.publishHead()
	return h.closed() && h.next == h.s.tail.Load()&positionMask
}

// crashed is called if something around node.Run panics, which recovers on its own: the event may be lost, the client still
// ends.
func (h *host) crashed(text string) {
	defer h.end()
	h.PutEvent(&api.Event{Kind: api.EventFailed, Code: api.ErrFailed, Text: text})
	h.Publish()
}
