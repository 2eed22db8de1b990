package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// guest is a client of another node that is, or wants to be, in a room of ours.
type guest struct {
	ref   rendezvous.LinkRef
	waits bool // it came while we were taking rooms over, perhaps that which it comes for
}

// heldEvent is an event of a guest that waits.
type heldEvent struct {
	g *guest
	e Event
}

// tell passes on what a guest does. The directory may have told its home sooner than us that a room is ours: a guest that comes
// while we wait for such an answer waits for it too.
func (n *Node) tell(g *guest, e Event) {
	if g.waits {
		n.held = append(n.held, heldEvent{g, e})
	} else {
		n.event(e)
	}
}

// taken ends an attempt to take a room over, after its event; with the last one the guests that waited come in.
func (n *Node) taken(code string) {
	if n.taking[code]--; n.taking[code] == 0 {
		delete(n.taking, code)
	}
	if len(n.taking) > 0 {
		return
	}
	for _, h := range n.held {
		h.g.waits = false
		n.event(h.e)
	}
	n.held = nil
}

func (n *Node) handleAttach(now time.Time, m *message) {
	if g := n.guests[m.ref.Member]; g != nil && g.ref.Serial > m.ref.Serial {
		n.turnAway(now, &m.ref)
		return
	}
	n.supersede(now, m.ref.Member, m.ref.Node)
	g := &guest{m.ref, len(n.taking) > 0}
	n.guests[m.ref.Member] = g
	n.tell(g, Event{Kind: GuestUp, Ref: m.ref, Resumed: m.flags&attachResumed != 0, Quiet: m.flags&attachTell == 0,
		Profile: slices.Clone(m.profile), Signal: slices.Clone(m.signal)})
}

// turnAway tells a home that the link by which it wants a client attached is an old one: a node that stood still for a while
// still has it.
func (n *Node) turnAway(now time.Time, ref *rendezvous.LinkRef) {
	n.put(now, ref.Node, &message{typ: msgDetach, ref: *ref})
}

// Outlived is turnAway for a client that has come here itself since.
func (n *Node) Outlived(now time.Time, ref rendezvous.LinkRef) {
	delete(n.guests, ref.Member)
	n.turnAway(n.clock(now), &ref)
}

// supersede tells the node that a member was attached from that it is here from elsewhere now.
func (n *Node) supersede(now time.Time, member uint64, by uint32) {
	if g := n.guests[member]; g != nil && g.ref.Node != by {
		n.put(now, g.ref.Node, &message{typ: msgDetach, ref: g.ref})
	}
}

// Came tells that a member has a link of our own: if it was attached from another node, it is no longer.
func (n *Node) Came(now time.Time, member uint64) {
	n.supersede(n.clock(now), member, n.id)
	delete(n.guests, member)
}

// Left forgets a guest that left its room by its own word.
func (n *Node) Left(member uint64) { delete(n.guests, member) }

// handleGuest takes what a guest's home says of it.
func (n *Node) handleGuest(now time.Time, m *message) {
	g := n.guests[m.ref.Member]
	if g == nil || g.ref.Node != m.ref.Node || g.ref.Link != m.ref.Link {
		n.stats.Unmatched++ // it was detached meanwhile
		return
	}
	switch m.typ {
	case msgUp, msgMoved:
		g.ref.Addr, g.ref.Stream, g.ref.RTT, g.ref.Privacy = m.ref.Addr, m.ref.Stream, m.ref.RTT, m.ref.Privacy
		kind := GuestMoved
		if m.typ == msgUp {
			kind = GuestSays
		}
		n.tell(g, Event{Kind: kind, Ref: g.ref, Signal: slices.Clone(m.signal)})
	case msgLost:
		n.loseGuest(g) // it is attached anew when it comes back
	case msgGone:
		delete(n.guests, g.ref.Member)
		n.tell(g, Event{Kind: GuestGone, Ref: g.ref})
	}
}

func (n *Node) loseGuest(g *guest) {
	delete(n.guests, g.ref.Member)
	n.tell(g, Event{Kind: GuestLost, Ref: g.ref})
}

// loseGuests takes all clients of a node for lost.
func (n *Node) loseGuests(now time.Time, id uint32) {
	var theirs []*guest
	for _, g := range n.guests {
		if g.ref.Node == id {
			theirs = append(theirs, g)
		}
	}
	slices.SortFunc(theirs, func(a, b *guest) int { return cmp.Compare(a.ref.Member, b.ref.Member) })
	for _, g := range theirs {
		n.loseGuest(g)
	}
}

// Down sends a signal of our rooms to a guest.
func (n *Node) Down(now time.Time, to rendezvous.To, sig *wire.Signal) {
	ref := rendezvous.LinkRef{Member: to.Member, Link: to.Link}
	n.put(n.clock(now), to.Node, &message{typ: msgDown, ref: ref, signal: wire.AppendSignal(nil, sig)})
}

// Detach tells a guest's home that the guest is in no room of ours any more. seek: its room is, or will be, elsewhere.
func (n *Node) Detach(now time.Time, member uint64, seek bool) {
	g := n.guests[member]
	if g == nil {
		return
	}
	m := message{typ: msgDetach, ref: g.ref}
	if seek {
		m.flags = detachSeek
	}
	delete(n.guests, member)
	n.put(n.clock(now), g.ref.Node, &m)
}
