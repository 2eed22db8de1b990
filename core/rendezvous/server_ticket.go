package rendezvous

import (
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// roomTicketLife is longer than a room stays as it is: with each change its members get new tickets.
	roomTicketLife = 72 * time.Hour
	// ticketEvery is how often a room's members are given new tickets at most.
	ticketEvery = time.Second
)

// tickets is when a room's members were given theirs.
type tickets struct {
	told  time.Time // all of them
	stale bool
}

func (t *tickets) ticketsDue() time.Time {
	if !t.stale {
		return time.Time{}
	}
	return t.told.Add(ticketEvery)
}

// tellRoom tells a member the state of its room, with the ticket by which it can come back. Nothing before the room's code is sure.
func (s *Server) tellRoom(m *member) {
	if m.room.pending {
		return
	}
	s.send(m, m.room.joined(m))
	s.tellTicket(m)
}

func (s *Server) tellTicket(m *member) {
	if s.cfg.SealTicket == nil || !m.up {
		return
	}
	r := m.room
	t := r.ticket(s.now, m)
	s.send(m, wire.Signal{Type: wire.SigRoomTicket, Room: r.id, Ticket: s.cfg.SealTicket(&t)})
	if r.told.IsZero() {
		r.told = s.now
	}
}

// changed tells that the room's tickets say something that is not so any more.
func (s *Server) changed(r *room) {
	if s.cfg.SealTicket != nil && !r.stale && !r.told.IsZero() {
		r.stale = true
		s.alarms.set(r)
	}
}

func (s *Server) tellTickets(now time.Time, r *room) {
	r.told, r.stale = now, false
	for _, m := range r.members {
		s.tellTicket(m)
	}
}

// ticket is a member's, or the server's own for the room's next owner.
func (r *room) ticket(now time.Time, m *member) wire.RoomTicket {
	t := wire.RoomTicket{Room: r.id, App: r.app, Code: r.code, Epoch: r.epoch, Max: r.max, Flags: r.flags, Owner: r.ownerID,
		Members: uint8(len(r.members)), Version: r.version, Digest: DataDigest(r.data), Expiry: uint64(now.Add(roomTicketLife).Unix())}
	if m != nil {
		t.Member = m.ref.Member
	}
	if r.recovering() {
		t.Members = max(t.Members, uint8(r.expected))
	}
	if r.owner != nil {
		t.Owner = r.owner.ref.Member
	}
	for _, b := range r.bans[max(0, len(r.bans)-wire.MaxTicketBans):] {
		if b.digest == ([8]byte{}) {
			b.digest = banDigest(&LinkRef{User: b.user, Key: b.key})
		}
		t.Bans = append(t.Bans, b.digest)
	}
	return t
}
