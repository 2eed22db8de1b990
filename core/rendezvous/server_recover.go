package rendezvous

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A room whose owner died is built anew from what its members know: their tickets, and the metadata, which a ticket proves
// by its digest.
//
//	Rejoin of one member --> recovering: who comes back is told who came back so far, nobody is told that anybody left
//	   as many are back as tickets say, or GraceTime --> open: all are told who is there

// recovery is a room's, while its members come back.
type recovery struct {
	until     time.Time // zero: not recovering
	expected  int       // members, as the newest ticket says
	strangers int       // others that have come since
	newest    uint64    // its expiry
	known     uint32    // highest version of the metadata that a ticket named
	ownerID   uint64    // the member that owns the room; it may not be back yet
}

func (r *recovery) recovering() bool { return !r.until.IsZero() }

// keepsPlaces reports whether the places of members who may come back are all there is.
func (r *room) keepsPlaces() bool {
	return r.recovering() && (max(r.expected, len(r.members)) >= int(r.max) || r.flags&wire.RoomAsk != 0 && r.owner == nil)
}

// LinkBack tells of a resumed link whose client is in a room, as it says, and rejoins that first: until then it is told nothing.
func (s *Server) LinkBack(now time.Time, ref LinkRef) {
	s.clock(now)
	if m := s.members[ref.Member]; m != nil {
		s.back(m, ref)
		return
	}
	m := &member{ref: ref, up: true}
	s.members[ref.Member] = m
	s.addUser(m)
}

// rejoin takes a member back into the room that its ticket names.
func (s *Server) rejoin(now time.Time, m *member, sig *wire.Signal) {
	t, ok := s.openTicket(now, m, sig)
	if m.room != nil && ok && m.room.id != t.Room {
		s.leave(now, m, api.OK) // of a time before the room that it is in by its own word
	}
	r := s.rooms[t.Room]
	switch {
	case m.room != nil:
		m.request = sig.Request
		s.tellAll(m)
	case m.parting != nil:
		s.send(m, *m.parting)
	case !ok || r != nil && !r.recovering():
		s.tellGone(m)
	case r != nil:
		s.comeBack(now, m, r, &t, sig)
	case s.seek(m, sig, t.Code, &t):
	case m.ref.Node != 0 || s.codes[t.Code] != nil || len(s.rooms) >= s.cfg.MaxRooms:
		s.tellGone(m)
	default:
		s.restore(now, t, t.Epoch+1)
		s.comeBack(now, m, s.rooms[t.Room], &t, sig)
	}
}

// openTicket opens a Rejoin's ticket. It is good for its member only.
func (s *Server) openTicket(now time.Time, m *member, sig *wire.Signal) (t wire.RoomTicket, ok bool) {
	if s.cfg.OpenTicket == nil {
		return t, false
	}
	t, ok = s.cfg.OpenTicket(now, sig.Ticket)
	ok = ok && t.Member == m.ref.Member && t.App == m.ref.App
	if !ok {
		t = wire.RoomTicket{}
	}
	return t, ok
}

// Restore makes this node the owner of a room, in an epoch: without members, which come back by themselves. The ticket is
// one of a member's, or of the owner before.
func (s *Server) Restore(now time.Time, ticket []byte, epoch uint32, version uint32, data []byte) bool {
	now = s.clock(now)
	if s.cfg.OpenTicket == nil {
		return false
	}
	t, ok := s.cfg.OpenTicket(now, ticket)
	if !ok || s.rooms[t.Room] != nil || s.codes[t.Code] != nil {
		return false
	}
	s.restore(now, t, epoch)
	s.adopt(s.rooms[t.Room], &t, version, data)
	return true
}

func (s *Server) restore(now time.Time, t wire.RoomTicket, epoch uint32) {
	r := &room{id: t.Room, app: t.App, code: t.Code, epoch: epoch, max: t.Max, flags: t.Flags, emptyAt: now}
	r.recovery = recovery{until: now.Add(GraceTime), expected: int(t.Members), ownerID: t.Owner}
	s.rooms[r.id], s.codes[r.code] = r, r
	s.event(Event{Kind: EventRoomRestored, Room: r.id})
	s.alarms.set(r)
}

// adopt takes what a ticket knows better than we do.
func (s *Server) adopt(r *room, t *wire.RoomTicket, version uint32, data []byte) {
	if t.Expiry > r.newest {
		r.newest, r.expected = t.Expiry, int(t.Members)
		r.flags, r.max, r.ownerID = t.Flags, t.Max, t.Owner
	} else if t.Expiry == r.newest { // of the same second: whoever came in it is not one of those that the other ticket counted
		r.expected = max(r.expected, int(t.Members))
	}
	r.known = max(r.known, t.Version)
	if version == t.Version && version > r.version && len(data) <= api.MaxRoomData && DataDigest(data) == t.Digest {
		first := r.version == 0
		r.version, r.data = version, slices.Clone(data)
		s.relist(r)
		if !first {
			for _, m := range r.members {
				s.send(m, wire.Signal{Type: wire.SigRoomData, Epoch: r.epoch, Data: r.data, Version: r.version})
			}
		}
	}
	for _, d := range t.Bans {
		if len(r.bans) < maxBans && !slices.ContainsFunc(r.bans, func(x ban) bool { return x.digest == d }) {
			r.bans = append(r.bans, ban{digest: d})
		}
	}
}

// comeBack takes one member into a room that recovers.
func (s *Server) comeBack(now time.Time, m *member, r *room, t *wire.RoomTicket, sig *wire.Signal) {
	s.adopt(r, t, sig.Version, sig.Data)
	if r.bans.have(&m.ref) || len(r.members) >= api.MaxRoomMembers {
		s.tellGone(m)
		return
	}
	s.enter(m, r, sig.Request)
	if r.recovering() {
		r.strangers-- // it came back
	}
	if len(r.members)-r.strangers >= r.expected {
		s.recovered(now, r)
	}
}

// recovered ends the time in which members come back: who is not here has left.
func (s *Server) recovered(now time.Time, r *room) {
	owner := r.ownerID
	r.until = time.Time{}
	if r.version < r.known { // nobody brought the metadata of that version
		r.version = r.known + 1
	}
	if len(r.members) == 0 {
		r.emptyAt = now
		s.alarms.set(r)
		return
	}
	if r.owner == nil {
		r.owner = r.members[0]
	}
	r.ownerID = r.owner.ref.Member
	for _, m := range r.members {
		s.tellRoom(m)
		if r.ownerID != owner {
			s.send(m, wire.Signal{Type: wire.SigOwner, Epoch: r.epoch, Owner: r.ownerID})
		}
	}
	s.repeatKnocks(r)
	s.changed(r)
}

// Departed is a member of a room that went to another node.
type Departed struct {
	Ref LinkRef
	// Rejoin is what it says there; nil: it has no link now, and comes back by itself.
	Rejoin  *wire.Signal
	Ticket  wire.RoomTicket
	Profile wire.Profile
}

// Drop forgets a room that has another owner by now, without a word to its members: they are told by that.
func (s *Server) Drop(now time.Time, id uint64) (gone []Departed) {
	now = s.clock(now)
	r := s.rooms[id]
	if r == nil {
		return nil
	}
	s.refuseKnocks(r, api.ErrUnavailable, "the room is moving to another server: try again")
	for _, m := range r.members {
		d := Departed{Ref: m.ref, Profile: m.profile}
		if m.up && s.cfg.SealTicket != nil {
			d.Ticket = r.ticket(now, m)
			d.Rejoin = &wire.Signal{Type: wire.SigRejoin, Ticket: s.cfg.SealTicket(&d.Ticket), Version: r.version, Data: r.data}
		}
		gone = append(gone, d)
	}
	for _, m := range slices.Clone(r.members) {
		s.dropIntros(m)
		for _, other := range r.members {
			delete(s.acquainted, pairOf(m, other))
		}
	}
	for _, m := range r.members {
		if m.room = nil; !m.up || m.ref.Node != 0 {
			s.forget(now, m, api.OK)
		}
	}
	r.members, r.owner, r.pending = nil, nil, true // its code is the other's
	s.closeRoom(r)
	return gone
}

// dropIntros forgets what is under way for a member: in the room's next epoch both ends begin anew.
func (s *Server) dropIntros(m *member) {
	for _, other := range m.room.members {
		if in := s.pairs[pairOf(m, other)]; in != nil {
			s.endIntro(in)
		}
	}
}

// Rooms are the rooms of this node, in an order that is the same in every run.
func (s *Server) Rooms() (ids []uint64) {
	for id := range s.rooms {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, cmp.Compare[uint64])
	return ids
}

// Epoch is a room's, 0 if it is not here.
func (s *Server) Epoch(id uint64) (code string, epoch uint32) {
	if r := s.rooms[id]; r != nil {
		return r.code, r.epoch
	}
	return "", 0
}

// State is what the next owner of a room needs: a ticket of the server's own, version and data.
func (s *Server) State(now time.Time, id uint64) (ticket []byte, version uint32, data []byte) {
	r := s.rooms[id]
	if r == nil || s.cfg.SealTicket == nil {
		return nil, 0, nil
	}
	t := r.ticket(s.clock(now), nil)
	return s.cfg.SealTicket(&t), r.version, r.data
}

// DataDigest is what a room's ticket says of its metadata.
func DataDigest(data []byte) (d [8]byte) {
	sum := blake2s.Sum256(data)
	copy(d[:], sum[:])
	return d
}

// banDigest names a banned user in a ticket: by its id if there is one, else by its key.
func banDigest(ref *LinkRef) [8]byte {
	if ref.User != "" {
		return DataDigest([]byte("user " + ref.User))
	}
	return DataDigest(append([]byte("key "), ref.Key[:]...))
}
