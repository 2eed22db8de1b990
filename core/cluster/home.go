package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// client is one of ours whose room is, or may be, at another node.
type client struct {
	ref     rendezvous.LinkRef
	state   clientState
	owner   uint32 // attached: the node; looking: where it was last, if anywhere
	code    string
	room    uint64 // zero: not known yet, it joins by code
	asked   []byte // the signal with which it asks: Join or Rejoin
	rejoin  bool
	epoch   uint32 // that it knows; a new owner's is higher
	ticket  []byte // the room's, as it came by; with it the client's room can be built anew
	data    *farData
	profile []byte
	queue   [][]byte // signals that wait while it is looking
	lost    bool     // its link; grace runs
	since   time.Time
	waits   bool // in Node.again
}

type clientState uint8

const (
	looking  clientState = iota + 1 // for its room's owner
	attached                        // Attach was sent
)

// maxQueue is how many signals a client may have to say before its room is found.
const maxQueue = 64

// Search is what a client of ours looks for.
type Search struct {
	Ref     rendezvous.LinkRef
	Code    string
	Room    uint64 // Rejoin: its ticket's
	Signal  []byte // Join or Rejoin
	Profile []byte // a Profile signal, or empty
	Rejoin  bool
	Epoch   uint32 // Rejoin: its ticket's
}

// Seek looks for the room that a client of ours asks for and that is not here. What comes of it is told by Tell (the owner's
// answer), NotFound, Unavailable, RoomHere, or Restore.
func (n *Node) Seek(now time.Time, s Search) {
	now = n.clock(now)
	if old := n.clients[s.Ref.Member]; old != nil && old.state == attached {
		n.put(now, old.owner, &message{typ: msgGone, ref: old.ref})
	}
	c := &client{ref: s.Ref, state: looking, code: s.Code, asked: slices.Clone(s.Signal), rejoin: s.Rejoin, epoch: s.Epoch,
		profile: slices.Clone(s.Profile), since: now}
	c.room = s.Room
	n.remember(c)
	n.look(now, c)
}

// farData is the metadata of a room elsewhere, which the clients of ours in it share.
type farData struct {
	room    uint64
	users   int
	version uint32
	data    []byte
}

// remember adds a client, in the place of what was known of it.
func (n *Node) remember(c *client) {
	n.forget(c.ref.Member)
	n.clients[c.ref.Member] = c
}

func (n *Node) forget(member uint64) {
	if c := n.clients[member]; c != nil {
		n.setRoom(c, 0)
		delete(n.clients, member)
	}
}

// setRoom says which room's metadata a client shares; zero: none.
func (n *Node) setRoom(c *client, room uint64) {
	if d := c.data; d != nil && d.room != room {
		c.data = nil
		if d.users--; d.users == 0 {
			delete(n.data, d.room)
		}
	}
	if room != 0 && c.data == nil {
		d := n.data[room]
		if d == nil {
			d = &farData{room: room}
			n.data[room] = d
		}
		d.users++
		c.data, c.room = d, room
	}
}

// Far reports whether a client's room signals go to another node, now or as soon as that is found.
func (n *Node) Far(member uint64) bool { return n.clients[member] != nil }

// look asks the directory for the client's room.
func (n *Node) look(now time.Time, c *client) {
	n.query(now, BusOut{Kind: Lookup, Key: c.code}, func(now time.Time, a Answer) {
		if n.clients[c.ref.Member] != c || c.state != looking {
			return
		}
		e, ok := ParseEntry(a.Value)
		switch {
		case a.Result == Missing && !c.rejoin:
			n.end(c, NotFound)
		case a.Result == Missing && n.grown(now):
			n.takeOver(now, c, 0, c.epoch+1)
		case a.Result != Found || !ok:
			n.later(now, c)
		case e.Owner == n.id && n.rooms[c.code] != nil: // taken over for another client meanwhile
			n.event(Event{Kind: RoomHere, Ref: c.ref, Signal: c.asked})
			n.here(c)
		case e.Owner == n.id && n.taking[c.code] > 0:
			n.later(now, c)
		case e.Owner == n.id && !c.rejoin:
			n.end(c, NotFound) // it ended
		case e.Owner == n.id: // so did this one, or nobody told us that we have it: its members may have it anew
			n.takeOver(now, c, a.Rev, max(e.Epoch, c.epoch)+1)
		case n.roster.byID[e.Owner] != nil:
			n.attach(now, c, e.Owner)
		case c.rejoin && !n.gone(now, e.Owner):
			n.later(now, c)
		case c.rejoin:
			n.takeOver(now, c, a.Rev, max(e.Epoch, c.epoch)+1)
		default:
			n.end(c, Unavailable)
		}
	})
}

// later asks again after a while, if the client has time: who joins has none.
func (n *Node) later(now time.Time, c *client) {
	switch {
	case !c.rejoin:
		n.end(c, Unavailable)
	case now.Sub(c.since) >= rendezvous.GraceTime:
		n.end(c, NotFound)
	case !c.waits:
		c.waits = true
		n.again.put(now.Add(seekAgain), c)
	}
}

// takeOver makes this node the owner of a client's room, whose owner is dead.
func (n *Node) takeOver(now time.Time, c *client, rev uint64, epoch uint32) {
	if n.drained {
		n.later(now, c)
		return
	}
	n.taking[c.code]++
	n.take(now, c.code, Entry{n.id, epoch, c.room}, rev, func(now time.Time, r Result) {
		defer n.taken(c.code)
		switch {
		case r == Done:
			n.stats.TakenOver++
			n.event(Event{Kind: Restore, Ref: c.ref, Signal: c.asked, Room: c.room, Code: c.code, Epoch: epoch})
			if n.clients[c.ref.Member] == c {
				n.here(c)
			}
		case n.clients[c.ref.Member] != c || c.state != looking:
		case r == Conflict: // somebody was faster
			n.look(now, c)
		default:
			n.later(now, c)
		}
	})
}

// here makes a client's room signals go to our own rooms, those that waited first.
func (n *Node) here(c *client) {
	n.forget(c.ref.Member)
	for _, sig := range c.queue {
		n.event(Event{Kind: GuestSays, Ref: c.ref, Signal: sig})
	}
}

// end gives a search up.
func (n *Node) end(c *client, kind EventKind) {
	n.forget(c.ref.Member)
	n.event(Event{Kind: kind, Ref: c.ref, Signal: c.asked})
}

// attach says to the owner who asks.
func (n *Node) attach(now time.Time, c *client, owner uint32) {
	m := message{typ: msgAttach, ref: c.ref, profile: c.profile, signal: c.asked}
	if c.rejoin {
		m.flags = attachResumed
	}
	c.state, c.owner = attached, owner
	n.put(now, owner, &m)
	for _, sig := range c.queue {
		n.put(now, owner, &message{typ: msgUp, ref: c.ref, signal: sig})
	}
	c.queue = nil
}

// Up passes a signal of a client on to its room's owner.
func (n *Node) Up(now time.Time, ref rendezvous.LinkRef, sig *wire.Signal) {
	now = n.clock(now)
	c := n.clients[ref.Member]
	if c == nil {
		return
	}
	c.ref = ref
	b := wire.AppendSignal(nil, sig)
	if sig.Type == wire.SigProfile {
		c.profile = b
	}
	switch {
	case c.state == looking && sig.Type == wire.SigLeave:
		n.forget(ref.Member)
	case c.state == looking:
		if len(c.queue) < maxQueue {
			c.queue = append(c.queue, b)
		}
	case sig.Type == wire.SigLeave: // what it says next is not for that room any more
		n.put(now, c.owner, &message{typ: msgUp, ref: ref, signal: b})
		n.forget(ref.Member)
	default:
		n.put(now, c.owner, &message{typ: msgUp, ref: ref, signal: b})
	}
}

// LinkUp tells of a new link of a client whose room is elsewhere. rejoin: it says Rejoin next.
func (n *Node) LinkUp(now time.Time, ref rendezvous.LinkRef, rejoin bool) {
	now = n.clock(now)
	c := n.clients[ref.Member]
	if c == nil {
		return
	}
	c.ref, c.lost = ref, false
	if c.state == attached {
		m := message{typ: msgAttach, ref: ref, flags: attachResumed, profile: c.profile}
		if !rejoin {
			m.flags |= attachTell
		}
		n.put(now, c.owner, &m)
	}
}

// LinkMoved, LinkLost and LinkGone tell what became of a client's link.
func (n *Node) LinkMoved(now time.Time, ref rendezvous.LinkRef) {
	if c := n.clients[ref.Member]; c != nil && c.ref.Link == ref.Link {
		c.ref = ref
		n.toOwner(n.clock(now), c, msgMoved)
	}
}

func (n *Node) LinkLost(now time.Time, ref rendezvous.LinkRef) {
	now = n.clock(now)
	c := n.clients[ref.Member]
	if c == nil || c.ref.Link != ref.Link {
		return
	}
	if n.toOwner(now, c, msgLost); c.state == attached {
		c.lost = true
		return
	}
	n.forget(ref.Member)
}

func (n *Node) LinkGone(now time.Time, ref rendezvous.LinkRef) {
	if c := n.clients[ref.Member]; c != nil && c.ref.Link == ref.Link {
		n.toOwner(n.clock(now), c, msgGone)
		n.forget(ref.Member)
	}
}

func (n *Node) toOwner(now time.Time, c *client, typ messageType) {
	if c.state == attached {
		n.put(now, c.owner, &message{typ: typ, ref: c.ref})
	}
}

// Forget drops a client whose grace is over.
func (n *Node) Forget(member uint64) {
	if c := n.clients[member]; c != nil && c.lost {
		n.forget(member)
	}
}

// handleDown passes a signal of the room's owner on to its client, and keeps what is needed to find the room a new owner.
func (n *Node) handleDown(now time.Time, from uint32, m *message) {
	c := n.attachedTo(from, m)
	if c == nil || len(m.signal) == 0 {
		n.stats.Unmatched++
		return
	}
	switch wire.SignalType(m.signal[0]) {
	case wire.SigJoined, wire.SigRoomData, wire.SigRoomTicket:
		if s, ok := wire.ParseSignal(m.signal); ok {
			n.learn(c, &s)
		}
	}
	n.event(Event{Kind: Tell, Ref: c.ref, Signal: m.signal})
}

func (n *Node) attachedTo(owner uint32, m *message) *client {
	c := n.clients[m.ref.Member]
	if c == nil || c.state != attached || c.owner != owner || c.ref.Link != m.ref.Link {
		return nil
	}
	return c
}

func (n *Node) learn(c *client, s *wire.Signal) {
	switch s.Type {
	case wire.SigJoined:
		c.epoch = s.Epoch
		n.setRoom(c, s.Room)
		c.data.version, c.data.data = s.Version, append(c.data.data[:0], s.Data...)
	case wire.SigRoomData:
		if c.data != nil {
			c.data.version, c.data.data = s.Version, append(c.data.data[:0], s.Data...)
		}
	case wire.SigRoomTicket:
		c.ticket = slices.Clone(s.Ticket)
	}
}

// handleDetach ends an attachment, or looks for the room's next owner.
func (n *Node) handleDetach(now time.Time, from uint32, m *message) {
	switch c := n.attachedTo(from, m); {
	case c == nil:
	case m.flags&detachSeek != 0:
		n.seekAgain(now, c)
	default:
		n.forget(c.ref.Member)
	}
}

// seekAgain looks for the next owner of a client's room.
func (n *Node) seekAgain(now time.Time, c *client) {
	if c.lost { // it comes back with its ticket, wherever that is
		n.forget(c.ref.Member)
		return
	}
	if c.ticket != nil && c.data != nil {
		c.rejoin = true
		c.asked = wire.AppendSignal(nil, &wire.Signal{Type: wire.SigRejoin, Ticket: c.ticket, Version: c.data.version, Data: c.data.data})
	}
	c.state, c.since = looking, now
	n.look(now, c)
}

// loseOwner looks for new owners of all rooms that a node had.
func (n *Node) loseOwner(now time.Time, id uint32) {
	var theirs []*client
	for _, c := range n.clients {
		if c.state == attached && c.owner == id {
			theirs = append(theirs, c)
		}
	}
	slices.SortFunc(theirs, func(a, b *client) int { return cmp.Compare(a.ref.Member, b.ref.Member) })
	for _, c := range theirs {
		n.seekAgain(now, c)
	}
}
