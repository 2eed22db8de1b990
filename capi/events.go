//go:build cgo

package main

import (
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
)

// maxText bounds an event's sentence: far more than a person reads, and it must fit the extra's 16 bits.
const maxText = 1024

const payloadAlign = 16

// showEvery is how many events are written before a game that polls sees them without a Publish, so that it has work while
// the owner goes through a long row. One that waits is woken once, by Publish.
const showEvery = 32

// PutEvent copies an event into the ring. false: there is no room; it comes again after the game has polled. Unreliable
// messages and log lines are not kept waiting: they are dropped, the messages counted and told (QUEUE_FULL).
func (h *host) PutEvent(ev *api.Event) bool {
	part := forState
	if ev.Kind == api.EventMessage || ev.Kind == api.EventLog {
		part = forMessages
	}
	if h.dropped > 0 && part == forMessages && !h.tellDropped(payloadSize(ev, "")) {
		return h.drop(ev)
	}
	return h.place(ev, part) || h.drop(ev)
}

// tellDropped announces the messages that were dropped, once there is room for that and for next bytes more: not for each.
func (h *host) tellDropped(next uint64) bool {
	h.notice = api.Event{Kind: api.EventQueueFull, Count: h.dropped}
	if !h.roomOrStarve(next+2*payloadAlign, forMessages) || !h.place(&h.notice, forMessages) {
		return false
	}
	h.dropped = 0
	return true
}

// drop decides about an event without room: whether it may be forgotten.
func (h *host) drop(ev *api.Event) bool {
	switch {
	case ev.Kind == api.EventLog:
		return true
	case ev.Kind == api.EventMessage && !ev.Mode.Reliable():
		h.dropped++
		return true
	}
	return false
}

// place writes an event if its part of the ring has room.
func (h *host) place(ev *api.Event, p part) bool {
	text := cut(ev.Text, maxText)
	need := payloadSize(ev, text)
	if !h.roomOrStarve(need, p) {
		return false
	}
	h.beforeEvent(ev)
	h.fillEntry(ev, text, need)
	if h.put++; h.put%showEvery == 0 {
		h.s.eventHead.Store(h.put)
	}
	return true
}

func (h *host) fillEntry(ev *api.Event, text string, need uint64) {
	at := h.pad(need)
	e := &h.entries[h.put%entryCount]
	*e = entry{
		kind: uint8(ev.Kind), mode: uint8(ev.Mode), channel: ev.Channel, route: uint8(ev.Route), code: int32(ev.Code),
		peer: uint64(ev.Peer), count: ev.Count, dataSize: uint32(len(ev.Data)), offset: uint32(at),
	}
	p := h.payload[at:]
	if ev.Kind != api.EventMessage {
		*(*extra)(unsafe.Pointer(&p[0])) = extra{
			rttMicros: ev.RTTMicros, textSize: uint16(len(text)), mapping: uint8(ev.NAT.Mapping) | uint8(ev.NAT.Allocation)<<4,
			filtering: uint8(ev.NAT.Filtering) | uint8(ev.NAT.Poisonable)<<4,
		}
		p = p[unsafe.Sizeof(extra{}):]
	}
	n := copy(p, ev.Data)
	p[n] = 0
	if ev.Kind != api.EventMessage {
		n += 1 + copy(p[n+1:], text)
		p[n] = 0
	}
	h.ends[h.put%entryCount] = h.write
}

// payloadSize is what an event takes of the payload ring: zero bytes behind data and text included.
func payloadSize(ev *api.Event, text string) uint64 {
	n := len(ev.Data) + 1
	if ev.Kind != api.EventMessage {
		n += int(unsafe.Sizeof(extra{})) + len(text) + 1
	}
	return uint64(n+payloadAlign-1) &^ (payloadAlign - 1)
}

// Publish shows the entries that were written. Waiters of musubi_wait count themselves before they look at event_head, so
// a waiter that is not seen here has seen the events.
func (h *host) Publish() {
	if h.told == h.put {
		return
	}
	h.told = h.put
	h.s.eventHead.Store(h.put)
	if h.s.waiters.Load() != 0 {
		h.s.signal.Add(1)
		futexWake(&h.s.signal)
	}
}

// roomOrStarve looks for room, and asks the game to wake us when there may be some.
func (h *host) roomOrStarve(need uint64, p part) bool {
	if h.room(need, p) {
		return true
	}
	h.s.starved.Store(1)
	return h.room(need, p) // the game may have released between the look and the mark
}

// part is how much of the event ring an event may use: messages leave some for what must get through while nobody polls.
type part struct{ keepEntries, keepBytes uint64 }

var (
	forState    = part{}
	forMessages = part{stateEntries, stateBytes}
)

func (h *host) room(need uint64, p part) bool {
	released := h.s.eventReleased.Load()
	if h.put-released+p.keepEntries >= entryCount {
		return false
	}
	size := uint64(len(h.payload))
	if released == h.put { // nothing is out: start over at offset 0, where the cache is warm and a large message fits
		h.write = (h.write + size - 1) &^ (size - 1)
		h.start = h.write
	} else if released > h.startEntry {
		h.start = h.ends[(released-1)%entryCount]
	}
	h.startEntry = released
	return h.write-h.start+h.gap(need)+need+p.keepBytes <= size
}

// gap is the padding before a payload that would otherwise cross the ring's end.
func (h *host) gap(need uint64) uint64 {
	size := uint64(len(h.payload))
	if left := size - h.write&(size-1); left < need {
		return left
	}
	return 0
}

// pad takes need bytes in one piece and returns their offset.
func (h *host) pad(need uint64) uint64 {
	h.write += h.gap(need)
	at := h.write & (uint64(len(h.payload)) - 1)
	h.write += need
	return at
}
