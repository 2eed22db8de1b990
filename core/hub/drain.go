package hub

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A drain empties a node of a cluster without anybody noticing (docs/CLUSTER.md, "Drain"):
//
//	rooms to other nodes, some at a time --> Move to all links --> links gone, or moveMost over --> relay legs at rest, or relayMost over
const (
	handedAtOnce = 256                    // rooms under way to other nodes
	movesAtOnce  = 500                    // links that are told within movesEvery
	movesEvery   = 100 * time.Millisecond // so 100,000 links are told within 20 s
	moveMost     = 30 * time.Second       // in which clients go, at random
	movePerLink  = time.Second / 500      // and in less, if there are few
	moveAfter    = 15 * time.Second       // more for who is late
	// relayMost: who is not told, because neither player is linked here, stays until the end and then has its backup; one that was away
	// itself is bound again 21 s after its last PING.
	relayMost = 30 * time.Second
	// A session is in use if a player of it was heard in each of so many seconds. A warm backup is not: it has a PING each 20 s.
	relayLook  = time.Second
	relayLooks = 4
	drainWait  = 5 // seconds until a client may ask a draining node again; others it asks at once
)

// drain is how far that is; zero: not draining.
type drain struct {
	on       bool
	rooms    []uint64 // to be handed over
	flying   int
	told     int           // links in order that were told to move
	within   time.Duration // that they may take
	tellAt   time.Time
	moveBy   time.Time // zero: rooms are still under way
	relayBy  time.Time // zero: links are
	lookAt   time.Time
	looks    int
	inUse    []uint32 // sessions that were in use at all looks so far
	finished bool
}

// Drain empties the node. It returns false when there is no other node to take anything: then Shutdown is all that can be done.
func (h *Hub) Drain(now time.Time) bool {
	now = h.clock(now)
	if h.alone() || !h.cluster.Connected() || h.cluster.Successor() == 0 {
		return false
	}
	if h.drain.on {
		return true
	}
	h.drain = drain{on: true, rooms: h.rooms.Rooms()}
	h.cluster.Drain(now)
	h.event(Event{Kind: EventClosing, Code: api.ErrServerClosing, Text: "draining: rooms and links go to other nodes"})
	h.handSome(now)
	h.run(now)
	return true
}

// Drained reports whether a drain is complete: nobody needs this node any more, or what was left of it had its time.
func (h *Hub) Drained() bool { return h.drain.finished }

// Draining reports that a drain has begun: nothing new should come here.
func (h *Hub) Draining() bool { return h.drain.on || h.closing }

// handSome keeps some rooms under way, until there are none left; then the links move.
func (h *Hub) handSome(now time.Time) {
	d := &h.drain
	for d.flying < handedAtOnce && len(d.rooms) > 0 {
		id := d.rooms[0]
		d.rooms = d.rooms[1:]
		code, _ := h.rooms.Epoch(id)
		ticket, version, data := h.rooms.State(now, id)
		if code == "" || ticket == nil {
			continue
		}
		b := binary.BigEndian.AppendUint32(wire.AppendBytes16(nil, ticket), version)
		d.flying++
		h.cluster.HandOver(now, h.cluster.Successor(), code, wire.AppendBytes16(b, data))
	}
	if d.flying == 0 && len(d.rooms) == 0 && d.moveBy.IsZero() {
		h.moveAll(now)
		d.moveBy = now.Add(d.within + moveAfter)
	}
}

// handed counts a room that has arrived, or that nobody took: its members find it an owner by their tickets.
func (h *Hub) handed(now time.Time, room uint64) {
	if h.drain.on && h.drain.flying > 0 {
		h.drain.flying--
		h.handSome(now)
	}
}

// moveAll begins to tell all clients to make a link to another node.
func (h *Hub) moveAll(now time.Time) {
	d := &h.drain
	d.within = min(moveMost, time.Duration(len(h.order))*movePerLink)
	d.told, d.tellAt = 0, now
}

func (h *Hub) moveSome(now time.Time) {
	d := &h.drain
	move := wire.Signal{Type: wire.SigMove, Request: uint32(d.within.Milliseconds()), Addrs: h.cluster.Others(wire.MaxMoveAddrs)}
	for n := 0; n < movesAtOnce && d.told < len(h.order); d.told++ {
		if s := h.order[d.told]; s.current && !s.ended {
			s.link.Send(now, &move)
			h.touch(s)
			n++
		}
	}
	if d.tellAt = now.Add(movesEvery); d.told >= len(h.order) {
		d.tellAt = time.Time{}
	}
}

func (h *Hub) drainTimeout(now time.Time) {
	d := &h.drain
	if deadline.Due(now, d.tellAt) {
		h.moveSome(now)
	}
	if !d.on || d.finished || d.moveBy.IsZero() {
		return
	}
	if d.relayBy.IsZero() && (len(h.order) == 0 || !now.Before(d.moveBy)) {
		d.relayBy, d.lookAt = now.Add(relayMost), now.Add(relayLook)
	}
	if deadline.Due(now, d.lookAt) {
		d.lookAt = now.Add(relayLook)
		d.finished = h.relay.Stats().Bound == 0 || !now.Before(d.relayBy) || h.relayAtRest(now)
	}
}

// relayAtRest looks who uses the relay, and reports whether that is nobody.
func (h *Hub) relayAtRest(now time.Time) bool {
	d := &h.drain
	lively := h.relay.Lively(now.Add(-relayLook), nil)
	if d.looks == 0 {
		d.inUse = lively
	} else {
		d.inUse = slices.DeleteFunc(d.inUse, func(i uint32) bool { _, ok := slices.BinarySearch(lively, i); return !ok })
	}
	if d.looks++; d.looks < relayLooks {
		return false
	}
	d.looks = 0
	return len(d.inUse) == 0
}

func (h *Hub) drainNext() (at time.Time) {
	d := &h.drain
	at = d.tellAt
	if !d.on || d.finished {
		return at
	}
	switch {
	case d.moveBy.IsZero(): // rooms' answers carry it on
	case d.relayBy.IsZero():
		at = deadline.Earlier(at, d.moveBy)
		if len(h.order) == 0 {
			at = deadline.Earlier(at, h.now)
		}
	default:
		at = deadline.Earlier(at, d.lookAt)
	}
	return at
}
