package hub

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// clusterEvents does what other nodes, or the directory, ask for, and reports whether there was anything.
func (h *Hub) clusterEvents(now time.Time) (any bool) {
	if h.alone() {
		return false
	}
	for q, ok := h.rooms.NextQuestion(); ok; q, ok = h.rooms.NextQuestion() {
		h.cluster.Ask(now, q.ID, cluster.AppendQuestion(nil, &q))
	}
	for e, ok := h.cluster.NextEvent(); ok; e, ok = h.cluster.NextEvent() {
		any = true
		h.clusterEvent(now, &e)
	}
	return any
}

func (h *Hub) clusterEvent(now time.Time, e *cluster.Event) {
	h.rooms.SetFenced(h.cluster.Fenced(now))
	switch e.Kind {
	case cluster.GuestUp:
		h.guestUp(now, e)
	case cluster.GuestSays:
		h.says(now, &e.Ref, e.Signal)
	case cluster.GuestMoved:
		h.rooms.LinkMoved(e.Ref)
	case cluster.GuestLost:
		h.rooms.LinkLost(now, e.Ref)
	case cluster.GuestGone:
		h.rooms.LinkGone(now, e.Ref)
	case cluster.Tell:
		if sig, ok := wire.ParseSignal(e.Signal); ok {
			h.tellHere(now, e.Ref.Link, &sig)
		}
	case cluster.NotFound, cluster.Unavailable, cluster.RoomHere, cluster.Restore:
		h.sought(now, e)
	case cluster.Reserved, cluster.Taken:
		if h.rooms.Reserved(now, e.Room, e.OK, e.Kind == cluster.Taken) {
			h.cluster.Closed(e.Code)
		}
	case cluster.RoomTaken, cluster.HandoverCame, cluster.HandoverDone:
		h.roomMoved(now, e)
	case cluster.Asked:
		if q, ok := cluster.ParseQuestion(e.Body); ok {
			a := h.rooms.Answer(now, &q)
			h.cluster.Answer(now, e.Node, e.ID, cluster.AppendAnswer(nil, &a))
		}
	case cluster.Answered:
		if a, ok := cluster.ParseAnswer(e.Body); ok {
			h.rooms.HandleAnswer(now, e.ID, &a)
		}
	case cluster.HalfCame:
		h.halfCame(now, e)
	case cluster.Cut:
		h.event(Event{Kind: EventCluster, Text: "no contact with the other nodes for 15 s: clients are told to use another one"})
		h.moveAll(now)
	case cluster.NodeUp:
		h.event(Event{Kind: EventCluster, Text: fmt.Sprintf("node %s (%08x) is up, at %s", e.Code, e.Node, h.cluster.AddrOf(e.Node))})
	case cluster.NodeDown:
		h.event(Event{Kind: EventCluster, Text: fmt.Sprintf("node %s (%08x) is gone", e.Code, e.Node)})
	}
}

// guestUp lets another node's client in.
func (h *Hub) guestUp(now time.Time, e *cluster.Event) {
	switch {
	case h.rooms.Outlived(e.Ref):
		h.cluster.Outlived(now, e.Ref)
		return
	case !e.Resumed:
		h.rooms.LinkUp(now, e.Ref, false)
	case e.Quiet:
		h.rooms.LinkBack(now, e.Ref)
	default:
		h.rooms.LinkUp(now, e.Ref, true)
	}
	h.says(now, &e.Ref, e.Profile)
	h.says(now, &e.Ref, e.Signal)
}

// says takes a signal that came by another node, or that waited here for its room.
func (h *Hub) says(now time.Time, ref *rendezvous.LinkRef, b []byte) {
	if len(b) == 0 {
		return
	}
	sig, ok := wire.ParseSignal(b)
	if !ok {
		h.drop(dropSignal)
		return
	}
	h.rooms.HandleSignal(now, *ref, &sig)
	if sig.Type == wire.SigLeave && ref.Node != 0 { // its home has forgotten us already
		h.cluster.Left(ref.Member)
		h.rooms.LinkGone(now, *ref)
	}
}

// sought is what became of a search for a client of ours.
func (h *Hub) sought(now time.Time, e *cluster.Event) {
	sig, ok := wire.ParseSignal(e.Signal)
	if !ok {
		return
	}
	switch e.Kind {
	case cluster.NotFound:
		h.rooms.NotFound(now, e.Ref, &sig)
	case cluster.Unavailable:
		h.rooms.Unavailable(now, e.Ref, &sig)
	case cluster.RoomHere:
		h.rooms.HandleSignal(now, e.Ref, &sig)
	case cluster.Restore:
		if !h.rooms.Restore(now, sig.Ticket, e.Epoch, sig.Version, sig.Data) {
			h.cluster.Closed(e.Code)
		}
		h.event(Event{Kind: EventCluster, Room: e.Room, Text: fmt.Sprintf("room %x taken over, epoch %d", e.Room, e.Epoch)})
		h.rooms.HandleSignal(now, e.Ref, &sig)
	}
}

// roomMoved is about a room that changes its owner between two living nodes.
func (h *Hub) roomMoved(now time.Time, e *cluster.Event) {
	switch {
	case e.Kind == cluster.HandoverCame:
		r := wire.NewReader(e.Body)
		ticket, version, data := r.Bytes16(), r.U32(), r.Bytes16()
		if r.Err() || !h.rooms.Restore(now, ticket, e.Epoch, version, data) {
			h.cluster.Closed(e.Code)
			return
		}
		h.event(Event{Kind: EventCluster, Room: e.Room, Text: fmt.Sprintf("room %x handed over to us, epoch %d", e.Room, e.Epoch)})
	case e.Kind == cluster.RoomTaken:
		h.event(Event{Kind: EventCluster, Room: e.Room, Text: fmt.Sprintf("room %x has another owner, epoch %d ends", e.Room, e.Epoch)})
		h.dropRoom(now, e.Room)
	case e.OK:
		h.dropRoom(now, e.Room)
		h.handed(now, e.Room)
	default:
		h.handed(now, e.Room)
	}
}

// dropRoom lets a room go that another node has now; its members follow, ours by us, others by their homes.
func (h *Hub) dropRoom(now time.Time, room uint64) {
	for _, d := range h.rooms.Drop(now, room) {
		switch {
		case d.Ref.Node != 0:
			h.cluster.Detach(now, d.Ref.Member, true)
		case d.Rejoin != nil:
			asCluster{h}.Seek(d.Ref, d.Rejoin, d.Ticket.Code, &d.Ticket, d.Profile)
		}
	}
}
