package rendezvous

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Cluster is what a server asks the other nodes for. Each answer comes later, by the method that is named.
type Cluster interface {
	// Reserve claims a new room's code: Reserved.
	Reserve(code string, room uint64, epoch uint32)
	// Seek looks elsewhere for what a member of this node asks for by a Join or Rejoin. t is the Rejoin's ticket. NotFound,
	// Unavailable or Restore, or the room's owner answers the member itself.
	Seek(from LinkRef, sig *wire.Signal, code string, t *wire.RoomTicket, profile wire.Profile)
	// Relays chooses the nodes by which two members' packets go, for leg 0, the caller's, and leg 1; backup may be invalid.
	Relays(caller, callee *LinkRef) (relay, backup [2]netip.AddrPort)
	// Closed gives a room's code back.
	Closed(code string)
}

// WaitUnavailable is how long a client waits before it asks again for what a node can't do at the moment; with its jitter half
// as much again. A newcomer to a room whose node died so comes in at most 0.75 s after the room has a new owner.
const WaitUnavailable = 500 * time.Millisecond

// reserve claims a new room's code in the cluster; alone it is ours at once.
func (s *Server) reserve(r *room) {
	if r.pending {
		s.cfg.Cluster.Reserve(r.code, r.id, r.epoch)
	}
}

// Reserved is what became of a new room's code: it is ours, or taken by another room, or nobody can tell now. gone: the
// room has ended meanwhile, and its code is to be given back.
func (s *Server) Reserved(now time.Time, id uint64, ok, taken bool) (gone bool) {
	now = s.clock(now)
	r := s.rooms[id]
	if r == nil || !r.pending {
		return ok
	}
	if taken {
		delete(s.codes, r.code)
		r.code = s.freeCode()
		s.codes[r.code] = r
		s.reserve(r)
		return false
	}
	if r.pending = false; ok {
		for _, m := range r.members {
			s.tellRoom(m)
		}
		return false
	}
	for _, m := range slices.Clone(r.members) {
		request := m.request
		s.leave(now, m, api.OK)
		s.unavailable(m, request, "no new rooms at the moment: the cluster has no quorum")
	}
	r.pending = true // there is no code to give back
	s.closeRoom(r)
	return false
}

// unavailable refuses what may be possible in a moment.
func (s *Server) unavailable(m *member, request uint32, text string) {
	s.stats.Refused++
	s.event(Event{Kind: EventRefused, Member: m.ref.Member, Code: api.ErrUnavailable, Text: text})
	s.send(m, wire.Signal{Type: wire.SigRefused, Request: request, Code: int32(api.ErrUnavailable), Text: text,
		Wait: uint32(WaitUnavailable.Milliseconds())})
}

// seek looks for a room in other nodes, for a member of this one.
func (s *Server) seek(m *member, sig *wire.Signal, code string, t *wire.RoomTicket) bool {
	if s.cfg.Cluster == nil || m.ref.Node != 0 {
		return false
	}
	s.cfg.Cluster.Seek(m.ref, sig, code, t, m.profile)
	return true
}

// NotFound tells a member that no node has the room that it sought, or not with it in it.
func (s *Server) NotFound(now time.Time, ref LinkRef, sig *wire.Signal) {
	now = s.clock(now)
	m := s.sought(&ref)
	switch {
	case m == nil:
	case sig.Type == wire.SigRejoin:
		s.tellGone(m)
	default:
		s.guard.wrong(now, m.ref.Addr.Addr())
		s.refuse(m, sig.Request, api.ErrBadCode, "no room with that code")
	}
}

// Unavailable tells a member that its Join can't be answered now.
func (s *Server) Unavailable(now time.Time, ref LinkRef, sig *wire.Signal) {
	s.clock(now)
	if m := s.sought(&ref); m != nil {
		s.unavailable(m, sig.Request, "the room's server is down, another takes over in a few seconds: try again then")
	}
}

func (s *Server) sought(ref *LinkRef) *member {
	if m := s.members[ref.Member]; m != nil && m.has(ref) && m.room == nil {
		return m
	}
	return nil
}

func (s *Server) tellGone(m *member) {
	s.send(m, wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrRoomClosed), Text: "the server no longer knows the room"})
}

// Idle reports whether a member is in no room and asks for none: a guest of another node that is has no reason to be here.
func (s *Server) Idle(member uint64) bool {
	m := s.members[member]
	return m == nil || m.room == nil && m.knocks == nil
}

// Outlived reports whether a link is older than the one that its member is known by.
func (s *Server) Outlived(ref LinkRef) bool {
	m := s.members[ref.Member]
	return m != nil && m.ref.Serial > ref.Serial
}

// May takes a signal of a member whose room is elsewhere off its allowance. A refusal is told.
func (s *Server) May(now time.Time, from LinkRef, sig *wire.Signal) bool {
	now = s.clock(now)
	m := s.members[from.Member]
	if m == nil || !m.has(&from) || !m.up {
		s.stats.Stale++
		return false
	}
	s.setRef(m, from)
	if sig.Type == wire.SigProfile {
		m.profile = sig.Profile
	}
	if s.cfg.NoLimits || freeOfCharge(sig.Type) || m.pace.take(now, cost(sig), signalInterval, signalBurst) {
		return true
	}
	s.stats.RateLimited++
	s.refuseAny(m, sig, api.ErrRateLimited, "too many requests: 20 a second are allowed")
	return false
}

// freeOfCharge are the signals that the room's owner may expect; whether it does is its affair.
func freeOfCharge(t wire.SignalType) bool {
	switch t {
	case wire.SigLeave, wire.SigBye, wire.SigAccept, wire.SigAnswer:
		return true
	}
	return false
}

// SetFenced tells that other nodes may soon take our rooms over, or not any more. A fenced server changes no room that has
// members elsewhere: they would hear of another change from the next owner.
func (s *Server) SetFenced(fenced bool) { s.fenced = fenced }

// fences refuses a change of a room with members elsewhere while the server is fenced.
func (s *Server) fences(m *member, sig *wire.Signal) bool {
	if !s.fenced {
		return false
	}
	r := m.room
	switch {
	case sig.Type == wire.SigJoin && r == nil:
		code, _ := NormalCode(sig.Text)
		r = s.codes[code]
	case sig.Type == wire.SigUser || !changes(sig):
		return false
	}
	if r == nil || !slices.ContainsFunc(r.members, func(x *member) bool { return x.ref.Node != 0 }) {
		return false
	}
	s.unavailable(m, sig.Request, "the room can't be changed now: this server has no contact with the others")
	return true
}

// Elsewhere counts the members of our rooms whose home is another node.
func (s *Server) Elsewhere() (n int) {
	for _, m := range s.members {
		if m.ref.Node != 0 && m.room != nil {
			n++
		}
	}
	return n
}

// chooseRelays says in the grants of an introduction which nodes they are for. Ticket and key are good at each.
func (s *Server) chooseRelays(in *introduction) {
	if s.cfg.Cluster == nil {
		return
	}
	relay, backup := s.cfg.Cluster.Relays(&in.caller.ref, &in.callee.ref)
	for leg := range in.grants {
		in.grants[leg].Addr = relay[leg]
		if backup[leg].IsValid() {
			in.backups[leg] = in.grants[leg]
			in.backups[leg].Addr = backup[leg]
			in.flags |= wire.IntroBackup
		}
	}
}
