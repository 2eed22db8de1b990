package cluster

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// handTime is how long the next owner of a room may take; after that the room's clients find it one by their tickets.
const handTime = 3 * time.Second

// hand is a room under way to its next owner.
type hand struct {
	h  *held
	to uint32
}

// Successor is the node that rooms are handed over to: not draining, of our region if there is one, least loaded. Zero: none.
func (n *Node) Successor() uint32 {
	if a := n.Others(1); len(a) > 0 {
		for _, x := range n.roster.order {
			if x.Addr == a[0] {
				return x.ID
			}
		}
	}
	return 0
}

// HandOver gives a room to another node; body is what that needs to build it. HandoverDone follows.
//
//	+-----------+----------+---------+------------+-----------+
//	| epoch(32) | room(64) | rev(64) | code: len8 | body ...  |
//	+-----------+----------+---------+------------+-----------+
func (n *Node) HandOver(now time.Time, to uint32, code string, body []byte) {
	now = n.clock(now)
	h := n.rooms[code]
	if h == nil || h.busy || !n.pair(to).alive || !n.up {
		room := uint64(0)
		if h != nil {
			room = h.entry.Room
		}
		n.event(Event{Kind: HandoverDone, Room: room, Code: code})
		return
	}
	h.busy = true
	be := binary.BigEndian
	b := be.AppendUint64(be.AppendUint64(be.AppendUint32(nil, h.entry.Epoch), h.entry.Room), h.rev)
	b = append(wire.AppendBytes8(b, []byte(code)), body...)
	n.hands[h.entry.Room] = &hand{h, to}
	n.handed.put(now.Add(handTime), h.entry.Room)
	n.put(now, to, &message{typ: msgHandover, body: b})
}

func (n *Node) handleHandover(now time.Time, from uint32, m *message) {
	if m.typ == msgHanded {
		if x := n.hands[m.room]; x != nil && x.to == from {
			n.handOver(now, m.room, m.flags&handedTaken != 0)
		}
		return
	}
	r := wire.NewReader(m.body)
	epoch, room, rev, code := r.U32(), r.U64(), r.U64(), string(r.Bytes8())
	body := slices.Clone(r.Rest())
	if r.Err() || room == 0 || n.drained {
		n.put(now, from, &message{typ: msgHanded, room: room})
		return
	}
	n.taking[code]++
	n.take(now, code, Entry{n.id, epoch + 1, room}, rev, func(now time.Time, res Result) {
		defer n.taken(code)
		answer := message{typ: msgHanded, room: room}
		if res == Done {
			n.event(Event{Kind: HandoverCame, Room: room, Code: code, Epoch: epoch + 1, Body: body, Node: from})
			answer.flags = handedTaken
		}
		n.put(now, from, &answer)
	})
}

// handOver ends a handover, done or not.
func (n *Node) handOver(now time.Time, room uint64, done bool) {
	x := n.hands[room]
	if x == nil {
		return
	}
	delete(n.hands, room)
	x.h.busy = false
	switch {
	case n.rooms[x.h.code] != x.h:
	case done:
		delete(n.rooms, x.h.code)
	default: // it may have been taken without a word: then we learn it now, and not at the key's next renewal
		n.renewKey(x.h)
	}
	n.event(Event{Kind: HandoverDone, Room: room, Code: x.h.code, OK: done})
}
