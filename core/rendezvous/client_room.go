package rendezvous

import (
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func (c *Client) memberIndex(id uint64) int {
	return slices.IndexFunc(c.room.Members, func(m wire.Member) bool { return m.ID == id })
}

// handleJoined takes the answer to Create or Join, or the state of the room again after a resumed link.
func (c *Client) handleJoined(s *wire.Signal) bool {
	next := Room{ID: s.Room, Epoch: s.Epoch, Code: s.Text, Self: s.Member, Owner: s.Owner, Max: s.Max, Flags: s.Flags &^ wire.JoinedRecovering,
		Members: slices.Clone(s.Members), Data: slices.Clone(s.Data), Version: s.Version}
	recovering := s.Flags&wire.JoinedRecovering != 0
	if recovering && c.state == inside {
		next.keep(&c.room)
	}
	if recovering && c.state == asking && len(next.Members) > 0 && !next.has(next.Owner) {
		next.Owner = next.Members[0].ID // a newcomer's room has one until its owner, whom it has never met, is back
	}
	if !next.sound() {
		return false
	}
	switch {
	case c.state == asking && s.Request == c.ask.Request:
		c.state, c.ask, c.room, c.leaveOwed = inside, wire.Signal{}, next, false
		c.again, c.until = time.Time{}, time.Time{}
		c.event(next.signal(s.Request))
		return true
	case c.state == inside && next.ID == c.room.ID && next.Self == c.room.Self && next.Epoch >= c.room.Epoch:
		newOwner := next.Epoch > c.room.Epoch
		c.refreshRoom(next)
		c.rejoined(newOwner)
		return true
	}
	return false
}

// keep adds who is missing in a room that is recovering: they are not gone, nor is its owner.
func (r *Room) keep(known *Room) {
	came := r.Members
	r.Members = slices.Clone(known.Members)
	for _, m := range came {
		if !r.has(m.ID) {
			r.Members = append(r.Members, m)
		}
	}
	if !r.has(r.Owner) {
		r.Owner = known.Owner
	}
}

func (r *Room) has(id uint64) bool {
	return slices.ContainsFunc(r.Members, func(m wire.Member) bool { return m.ID == id })
}

// sound refuses a room that the rest of the client could not work with.
func (r *Room) sound() bool {
	if len(r.Members) == 0 || len(r.Members) > api.MaxRoomMembers || len(r.Data) > api.MaxRoomData {
		return false
	}
	self, owner := false, false
	for i := range r.Members {
		id := r.Members[i].ID
		self, owner = self || id == r.Self, owner || id == r.Owner
		if id == 0 || slices.ContainsFunc(r.Members[:i], func(m wire.Member) bool { return m.ID == id }) {
			return false
		}
	}
	return self && owner
}

func (r *Room) signal(request uint32) wire.Signal {
	return wire.Signal{Type: wire.SigJoined, Request: request, Room: r.ID, Epoch: r.Epoch, Text: r.Code, Member: r.Self,
		Owner: r.Owner, Max: r.Max, Members: slices.Clone(r.Members), Data: slices.Clone(r.Data), Flags: r.Flags, Version: r.Version}
}

// refreshRoom tells the game the difference between the room as it knew it and as it is.
func (c *Client) refreshRoom(next Room) {
	for _, m := range slices.Clone(c.room.Members) {
		if !slices.ContainsFunc(next.Members, func(n wire.Member) bool { return n.ID == m.ID }) {
			c.handleRoom(&wire.Signal{Type: wire.SigMemberLeft, Epoch: next.Epoch, Member: m.ID, Code: int32(api.ErrPeerGone)})
		}
	}
	for _, m := range next.Members {
		if c.memberIndex(m.ID) < 0 {
			c.handleRoom(&wire.Signal{Type: wire.SigMemberJoined, Epoch: next.Epoch, Members: []wire.Member{m}})
		}
	}
	c.dropKnocks() // an owner is told anew who still asks
	if next.Owner != c.room.Owner {
		c.event(wire.Signal{Type: wire.SigOwner, Epoch: next.Epoch, Owner: next.Owner})
	}
	if next.Version != c.room.Version || !slices.Equal(next.Data, c.room.Data) {
		c.event(wire.Signal{Type: wire.SigRoomData, Epoch: next.Epoch, Data: slices.Clone(next.Data), Version: next.Version})
	}
	if next.Flags != c.room.Flags || next.Max != c.room.Max {
		c.event(wire.Signal{Type: wire.SigRoomOptions, Epoch: next.Epoch, Flags: next.Flags, Max: next.Max})
	}
	c.room = next
}

func (c *Client) handleRefused(now time.Time, s *wire.Signal) bool {
	if c.rejoin != 0 && s.Request == c.rejoin {
		return c.handleLeft(now, s)
	}
	if c.state != asking || s.Request != c.ask.Request {
		return c.answered(s)
	}
	if c.unavailable(now, s) {
		return true
	}
	c.forgetRoom()
	c.leaveOwed = false
	c.event(wire.Signal{Type: s.Type, Request: s.Request, Code: s.Code, Text: s.Text})
	return true
}

// handleRoom takes a change of the room this client is in.
func (c *Client) handleRoom(s *wire.Signal) bool {
	switch s.Type {
	case wire.SigMemberJoined:
		m := s.Members[0]
		if m.ID == 0 || c.memberIndex(m.ID) >= 0 || len(c.room.Members) >= api.MaxRoomMembers {
			return false
		}
		c.room.Members = append(c.room.Members, m)
		c.event(wire.Signal{Type: s.Type, Epoch: s.Epoch, Members: []wire.Member{m}})
	case wire.SigMemberLeft:
		i := c.memberIndex(s.Member)
		if i < 0 || s.Member == c.room.Self {
			return false
		}
		c.room.Members = slices.Delete(c.room.Members, i, i+1)
		c.dropIntro(s.Member)
		c.event(wire.Signal{Type: s.Type, Epoch: s.Epoch, Member: s.Member, Code: s.Code})
	case wire.SigOwner:
		if c.memberIndex(s.Owner) < 0 || s.Owner == c.room.Owner {
			return false
		}
		c.room.Owner = s.Owner
		c.event(wire.Signal{Type: s.Type, Epoch: s.Epoch, Owner: s.Owner})
		c.dropKnocks()
	case wire.SigRoomData:
		if len(s.Data) > api.MaxRoomData {
			return false
		}
		if s.Request != 0 && !c.answered(s) {
			return false
		}
		c.room.Data, c.room.Version = slices.Clone(s.Data), s.Version
		c.event(wire.Signal{Type: s.Type, Epoch: s.Epoch, Data: slices.Clone(s.Data), Version: s.Version, Code: s.Code})
	case wire.SigRoomOptions:
		c.room.Flags, c.room.Max = s.Flags, s.Max
		c.event(wire.Signal{Type: s.Type, Epoch: s.Epoch, Flags: s.Flags, Max: s.Max})
	}
	c.room.Epoch = s.Epoch
	return true
}
