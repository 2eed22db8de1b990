package rendezvous

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// room is a group of members of one app. Its owner is one of them, the oldest when an owner leaves.
//
//	open (members) <-> empty (EmptyTime, the code still works) -> closed
type room struct {
	armed
	id      uint64
	app     string
	code    string
	epoch   uint32
	max     uint8
	flags   uint32 // wire.RoomPublic and so on
	data    []byte
	version uint32    // of data, from 1
	members []*member // oldest first
	owner   *member
	knocks  []*member // who asks to be let in, longest first
	bans    bans
	listed  *listKey  // its place among its app's public rooms; nil: in no list
	emptyAt time.Time // since when nobody is in it
	closed  bool
	pending bool // its code is not its own yet
	recovery
	tickets
}

// firstEpoch counts the nodes that have owned a room; a node alone is always the first.
const firstEpoch = 1

func (r *room) due() (at time.Time) {
	switch {
	case r.closed:
		return at
	case r.recovering():
		at = r.until
	case len(r.members) == 0:
		at = r.emptyAt.Add(EmptyTime)
	}
	return deadline.Earlier(at, r.ticketsDue())
}

func (r *room) fire(s *Server, now time.Time) {
	switch {
	case r.recovering() && !now.Before(r.until):
		s.recovered(now, r)
	case !r.recovering() && len(r.members) == 0 && !now.Before(r.emptyAt.Add(EmptyTime)):
		s.closeRoom(r)
		return
	}
	if deadline.Due(now, r.ticketsDue()) {
		s.tellTickets(now, r)
	}
	s.alarms.set(r)
}

func (s *Server) closeRoom(r *room) {
	r.closed = true
	s.relist(r)
	delete(s.rooms, r.id)
	delete(s.codes, r.code)
	if s.cfg.Cluster != nil && !r.pending {
		s.cfg.Cluster.Closed(r.code)
	}
	s.event(Event{Kind: EventRoomClosed, Room: r.id})
}

// refuse answers a Create or Join with a reason.
func (s *Server) refuse(m *member, request uint32, code api.Code, text string) {
	s.stats.Refused++
	s.event(Event{Kind: EventRefused, Member: m.ref.Member, Code: code, Text: text})
	s.send(m, wire.Signal{Type: wire.SigRefused, Request: request, Code: int32(code), Text: text})
}

// repeated answers a request again that was answered on the link before, or refuses a second room.
func (s *Server) repeated(m *member, request uint32) bool {
	switch {
	case m.room == nil:
		return false
	case m.request == request:
		s.tellRoom(m)
	default:
		s.refuse(m, request, api.ErrAlready, "already in a room")
	}
	return true
}

func (s *Server) create(m *member, sig *wire.Signal) {
	if s.repeated(m, sig.Request) {
		return
	}
	size := sig.Max
	if size == 0 {
		size = api.DefaultMembers
	}
	switch {
	case !m.may(wire.PermCreate):
		s.refuse(m, sig.Request, api.ErrUnauthorized, "the access token does not permit making rooms")
		return
	case size < 2 || size > api.MaxRoomMembers:
		s.refuse(m, sig.Request, api.ErrValue, "a room has 2 to 64 members")
		return
	case len(sig.Data) > api.MaxRoomData:
		s.refuse(m, sig.Request, api.ErrTooLarge, "metadata is larger than 4096 bytes")
		return
	case sig.Flags&^(wire.RoomSettable|wire.RoomPassword|wire.RoomPrivate) != 0:
		s.refuse(m, sig.Request, api.ErrValue, "the server does not know one of the room's options")
		return
	}
	// One empty room per member at most: else making and leaving rooms would fill the memory.
	if old := m.created; old != nil && !old.closed && len(old.members) == 0 {
		s.closeRoom(old)
	}
	if len(s.rooms) >= s.cfg.MaxRooms {
		s.refuse(m, sig.Request, api.ErrServerFull, "the server can hold no more rooms")
		return
	}
	r := &room{app: m.ref.App, epoch: firstEpoch, max: size, flags: sig.Flags, data: slices.Clone(sig.Data), version: 1}
	r.id, r.code = s.freeID(), s.freeCode()
	if !m.ref.Grant.Opens(r.code) {
		s.refuse(m, sig.Request, api.ErrUnauthorized, "the access token is for other rooms")
		return
	}
	s.rooms[r.id], s.codes[r.code] = r, r
	m.created = r
	s.event(Event{Kind: EventRoomCreated, Room: r.id, Member: m.ref.Member})
	r.pending = s.cfg.Cluster != nil
	s.enter(m, r, sig.Request)
	s.reserve(r)
}

// freeID draws a room's id: random, so that a restarted server's rooms are not taken for the old ones.
func (s *Server) freeID() uint64 {
	for {
		var b [8]byte
		s.random(b[:])
		id := binary.BigEndian.Uint64(b[:])
		if id != 0 && s.rooms[id] == nil {
			return id
		}
	}
}

func (s *Server) freeCode() string {
	for {
		var b [8]byte
		s.random(b[:])
		if code := mintCode(s.cfg.Region, b); s.codes[code] == nil {
			return code
		}
	}
}

func (s *Server) join(now time.Time, m *member, sig *wire.Signal) {
	if s.repeated(m, sig.Request) {
		return
	}
	addr := m.ref.Addr.Addr()
	if !s.cfg.NoLimits && s.guard.blocked(now, addr) {
		s.stats.RateLimited++
		s.refuse(m, sig.Request, api.ErrRateLimited, "too many wrong room codes from this address, wait a minute or more")
		return
	}
	code, ok := NormalCode(sig.Text)
	if !m.may(wire.PermJoin) || ok && !m.ref.Grant.Opens(code) {
		s.refuse(m, sig.Request, api.ErrUnauthorized, "the access token does not permit entering that room")
		return
	}
	r := s.codes[code]
	if ok && r == nil && s.seek(m, sig, code, nil) {
		return
	}
	// Another app's code is as wrong as any: nothing tells whether it exists.
	if !ok || r == nil || r.app != m.ref.App {
		s.guard.wrong(now, addr)
		s.refuse(m, sig.Request, api.ErrBadCode, "no room with that code")
		return
	}
	if code, text := r.refuses(m, sig); code != api.OK {
		s.refuse(m, sig.Request, code, text)
		return
	}
	if r.keepsPlaces() {
		s.unavailable(m, sig.Request, "the room is moving to another server, its members come first: try again")
		return
	}
	if r.flags&wire.RoomAsk != 0 && r.owner != nil {
		s.knock(now, m, r, sig)
		return
	}
	s.enter(m, r, sig.Request)
}

// refuses tells why somebody who knows the room's code does not come in.
func (r *room) refuses(m *member, sig *wire.Signal) (api.Code, string) {
	switch {
	case r.bans.have(&m.ref):
		return api.ErrBanned, "the room's owner has banned you"
	case r.flags&wire.RoomLocked != 0:
		return api.ErrRoomLocked, "the room is locked"
	case sig.Flags&wire.JoinPassword == 0 && r.flags&wire.RoomPassword != 0:
		return api.ErrBadPassword, "the room has a password: join with it"
	case sig.Flags&wire.JoinPassword != 0 && r.flags&wire.RoomPassword == 0:
		return api.ErrBadPassword, "the room has no password: join without one" // the others have mixed none
	case len(sig.Data) > api.MaxRequestData:
		return api.ErrTooLarge, "payload is larger than 256 bytes"
	case len(r.members) >= int(r.max):
		return api.ErrRoomFull, "the room is full"
	}
	return api.OK, ""
}

// enter adds m to a room with a place for it. Who is there already hears of it first, so that a request from the
// newcomer never names somebody unknown.
func (s *Server) enter(m *member, r *room, request uint32) {
	s.withdraw(m)
	if r.owner == nil && (!r.recovering() || r.ownerID == m.ref.Member) {
		r.owner = m
	}
	self := wire.Member{ID: m.ref.Member, User: m.ref.User, Key: m.ref.Key}
	for _, other := range r.members {
		s.send(other, wire.Signal{Type: wire.SigMemberJoined, Epoch: r.epoch, Members: []wire.Member{self}})
	}
	r.members = append(r.members, m)
	m.room, m.request, m.parting = r, request, nil
	if r.recovering() {
		r.strangers++
	}
	s.relist(r)
	s.tellRoom(m)
	if len(r.members) > 1 {
		s.changed(r) // for the others
	}
}

// joined is the room's whole state for one of its members.
func (r *room) joined(m *member) wire.Signal {
	sig := wire.Signal{Type: wire.SigJoined, Request: m.request, Room: r.id, Epoch: r.epoch, Text: r.code,
		Member: m.ref.Member, Max: r.max, Data: r.data, Flags: r.flags, Version: r.version}
	if r.recovering() {
		sig.Owner, sig.Flags = r.ownerID, r.flags|wire.JoinedRecovering
	} else {
		sig.Owner = r.owner.ref.Member
	}
	for _, other := range r.members {
		sig.Members = append(sig.Members, wire.Member{ID: other.ref.Member, User: other.ref.User, Key: other.ref.Key})
	}
	return sig
}

// leave takes m out of its room, if it is in one or asks to be let into one. code tells the others why.
func (s *Server) leave(now time.Time, m *member, code api.Code) {
	s.withdraw(m)
	r := m.room
	if r == nil {
		return
	}
	s.endIntros(m)
	r.members = slices.DeleteFunc(r.members, func(x *member) bool { return x == m })
	m.room = nil
	for _, other := range r.members {
		delete(s.acquainted, pairOf(m, other))
		s.send(other, wire.Signal{Type: wire.SigMemberLeft, Epoch: r.epoch, Member: m.ref.Member, Code: int32(code)})
	}
	s.changed(r)
	if r.owner == m {
		s.handOver(now, r)
	}
}

// handOver gives the room to its oldest member, or starts the time an empty room is kept.
func (s *Server) handOver(now time.Time, r *room) {
	if len(r.members) == 0 {
		r.owner, r.emptyAt = nil, now
		s.refuseKnocks(r, api.ErrRoomClosed, "everybody left the room")
		s.relist(r)
		s.alarms.set(r)
		return
	}
	s.own(r, r.members[0])
}

// own makes a member the room's owner and tells everybody, and the new one who waits to be let in.
func (s *Server) own(r *room, m *member) {
	r.owner, r.ownerID = m, m.ref.Member
	s.changed(r)
	for _, other := range r.members {
		s.send(other, wire.Signal{Type: wire.SigOwner, Epoch: r.epoch, Owner: m.ref.Member})
	}
	s.repeatKnocks(r)
}
