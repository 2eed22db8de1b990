package rendezvous

import (
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ServerConfig is what a Server needs from its owner.
type ServerConfig struct {
	Rand   io.Reader // ids, codes and introduction secrets
	Region byte      // first letter of join codes, A..Z; 0: E
	// Grant mints one leg of a relay session for an introduction; the session's id is the introduction's.
	Grant    func(now time.Time, intro wire.IntroID, leg uint8, to LinkRef) wire.RelayGrant
	MaxRooms int         // 0: 100,000
	NoLimits bool        // lab: no rate limits
	Privacy  api.Privacy // of every pair at least
	// SealTicket and OpenTicket make room tickets; nil: there are none.
	SealTicket func(t *wire.RoomTicket) []byte
	OpenTicket func(now time.Time, b []byte) (wire.RoomTicket, bool)
	// Cluster is what the node is part of; nil: it is alone.
	Cluster Cluster
}

// LinkRef names a client's link and what the link attests of it.
type LinkRef struct {
	Node    uint32 // that it goes to; 0: this one
	Link    uint32 // the session's connection id; a resumed link has another
	Member  uint64
	App     string
	User    string
	Key     [32]byte
	Addr    netip.AddrPort // proven by the link
	Stream  bool           // over TCP: Addr tells where the client is, but no peer can send there
	Serial  uint32         // how many links the member had before: of two at different nodes the higher is the living one
	Grant   wire.Grant     // of its access token
	Privacy api.Privacy    // what token and client ask for
	RTT     time.Duration
}

// To is where a signal goes.
type To struct {
	Node, Link uint32
	Member     uint64
}

// Server owns rooms, members and introductions. Links are told to it; signals of members whose link is lost are left
// out, because a resumed link is told the whole state again.
type Server struct {
	cfg     ServerConfig
	now     time.Time // never goes back
	members map[uint64]*member
	rooms   map[uint64]*room // by id
	codes   map[string]*room
	intros  map[wire.IntroID]*introduction
	pairs   map[pair]*introduction
	users   map[userKey]*member
	lists   map[string]*list // public rooms by app
	scatter scatter
	fenced  bool
	// acquainted are pairs of members of one room that were told each other's addresses.
	acquainted map[pair]outcome
	outcomes   Outcomes
	alarms     alarms
	guard      codeGuard
	campaigns  campaigns
	out        fifo[outgoing]
	events     fifo[Event]
	stats      ServerStats
}

// ServerStats are counters, except Rooms, Members and Introductions, which are what lives now.
type ServerStats struct {
	Rooms, Members, Introductions int
	Introduced                    uint64 // introductions accepted
	Refused                       uint64 // creates, joins and connects refused
	RateLimited                   uint64
	Stale                         uint64 // signals of an old link, or that fit no state
}

// EventKind tells what an Event is.
type EventKind uint8

const (
	EventRoomCreated EventKind = iota + 1
	EventRoomClosed
	EventIntroduced
	EventRefused
	EventRoomRestored // built anew from a member's ticket
	EventRelayed      // a pair that stays relayed: Text names the classes of their NATs
)

// Event is something for logs and metrics. It holds no join code and no address.
type Event struct {
	Kind   EventKind
	Room   uint64
	Member uint64
	Other  uint64 // EventIntroduced: the callee
	Code   api.Code
	Text   string
}

// maxEvents bounds the queue when nobody reads it.
const maxEvents = 1024

type outgoing struct {
	to To
	s  wire.Signal
}

// member is a client that has, or lately had, a link.
type member struct {
	armed
	ref     LinkRef
	up      bool
	moved   bool      // its address is another one, of which its peers were not told
	lostAt  time.Time // while !up
	room    *room
	request uint32       // that brought it into room, or that knocks
	parting *wire.Signal // why it was put out of its last room, told again when its link is resumed; nil: it was not
	knocks  *room        // the room that it asks to be let into
	knock   []byte       // what it shows the owner
	knockAt time.Time    // since when
	created *room        // the last room it made
	profile wire.Profile
	pace    pace
	results results

	noInvite bool    // it refuses invitations
	invited  pace    // of invitations to it
	sameUser *member // another client of its user, in Server.users
}

// NewServer makes a server without rooms.
func NewServer(cfg ServerConfig) *Server {
	if cfg.MaxRooms == 0 {
		cfg.MaxRooms = defaultMaxRooms
	}
	if cfg.Region == 0 {
		cfg.Region = 'E'
	}
	return &Server{
		cfg: cfg, members: map[uint64]*member{}, rooms: map[uint64]*room{}, codes: map[string]*room{},
		intros: map[wire.IntroID]*introduction{}, pairs: map[pair]*introduction{}, acquainted: map[pair]outcome{},
		users: map[userKey]*member{}, lists: map[string]*list{}, scatter: scatter{waiting: map[uint64]*gathering{}},
	}
}

// Stats are the counters now.
func (s *Server) Stats() ServerStats {
	t := s.stats
	t.Rooms, t.Members, t.Introductions = len(s.rooms), len(s.members), len(s.intros)
	return t
}

// LinkUp tells of a new link. A member that is known gets its room's state again and what it may have missed of its
// introductions; a resumed one that is not known is told that its room is gone.
func (s *Server) LinkUp(now time.Time, ref LinkRef, resumed bool) {
	s.clock(now)
	m := s.members[ref.Member]
	if m == nil {
		m = &member{ref: ref, up: true}
		s.members[ref.Member] = m
		s.addUser(m)
		if resumed {
			s.send(m, wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrRoomClosed), Text: "the server no longer knows the room"})
		}
		return
	}
	// A member that is known: its link was lost and is resumed, or is replaced before its loss was noticed.
	s.back(m, ref)
	switch {
	case m.room != nil:
	case m.parting != nil:
		s.send(m, *m.parting)
		return
	case resumed:
		s.send(m, wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrRoomClosed), Text: "the server no longer knows the room"})
		fallthrough
	default:
		return
	}
	s.tellAll(m)
}

// back gives a member that is known its new link.
func (s *Server) back(m *member, ref LinkRef) {
	m.moved = m.moved || m.ref.Addr != ref.Addr || m.ref.Stream != ref.Stream
	s.setRef(m, ref)
	m.up, m.lostAt = true, time.Time{}
}

// tellAll tells a member over a new link what the one before may have lost.
func (s *Server) tellAll(m *member) {
	s.tellRoom(m)
	if m.room.owner == m {
		s.repeatKnocks(m.room)
	}
	s.repeatIntros(m)
	if m.moved {
		m.moved = false
		s.tellParty(m)
	}
}

// LinkMoved tells that a link has proved a new address.
func (s *Server) LinkMoved(ref LinkRef) {
	if m := s.members[ref.Member]; m != nil && m.has(&ref) {
		m.ref.Addr, m.ref.Stream = ref.Addr, ref.Stream
		s.tellParty(m)
	}
}

// LinkLost tells that a link fell silent: its member keeps its place for GraceTime. It is ignored when the member has
// another link by now, as is LinkGone.
func (s *Server) LinkLost(now time.Time, ref LinkRef) {
	now = s.clock(now)
	if m := s.members[ref.Member]; m != nil && m.up && m.has(&ref) {
		m.up, m.lostAt = false, now
		s.alarms.set(m)
	}
}

// LinkGone tells that a client ended its link: its member leaves at once.
func (s *Server) LinkGone(now time.Time, ref LinkRef) {
	now = s.clock(now)
	if m := s.members[ref.Member]; m != nil && m.has(&ref) {
		s.forget(now, m, api.OK)
	}
}

// has reports whether a link is the member's present one.
func (m *member) has(ref *LinkRef) bool { return m.ref.Node == ref.Node && m.ref.Link == ref.Link }

// forget takes a member out of its room and out of the server.
func (s *Server) forget(now time.Time, m *member, code api.Code) {
	m.up, m.lostAt = false, time.Time{}
	s.leave(now, m, code)
	s.removeUser(m)
	delete(s.members, m.ref.Member)
}

func (m *member) due() (at time.Time) {
	if m.knocks != nil {
		at = m.knockAt.Add(AskTime)
	}
	if !m.up && !m.lostAt.IsZero() {
		at = deadline.Earlier(at, m.lostAt.Add(GraceTime))
	}
	return at
}

func (m *member) fire(s *Server, now time.Time) {
	if m.knocks != nil && !now.Before(m.knockAt.Add(AskTime)) {
		s.refuseKnock(m, api.ErrTimeout, "the room's owner did not answer in 60 s")
		s.alarms.set(m)
		return
	}
	s.forget(now, m, api.ErrLost)
}

// HandleSignal takes a client's signal. What sig points to is borrowed.
func (s *Server) HandleSignal(now time.Time, from LinkRef, sig *wire.Signal) {
	now = s.clock(now)
	m := s.members[from.Member]
	// Nobody: it said goodbye over this link. Making a member of it again would give it a fresh allowance each time.
	if m == nil || !m.has(&from) || !m.up {
		s.stats.Stale++
		return
	}
	s.setRef(m, from) // address and round trip as they are now, for the introductions to come
	if !s.cfg.NoLimits && !s.expected(m, sig) && !m.pace.take(now, cost(sig), signalInterval, signalBurst) {
		s.stats.RateLimited++
		s.refuseAny(m, sig, api.ErrRateLimited, "too many requests: 20 a second are allowed")
		return
	}
	if s.repeatResult(m, sig) || s.fences(m, sig) {
		return
	}
	switch sig.Type {
	case wire.SigCreate:
		s.create(m, sig)
	case wire.SigJoin:
		s.join(now, m, sig)
	case wire.SigRejoin:
		s.rejoin(now, m, sig)
	case wire.SigLeave:
		s.leave(now, m, api.OK)
	case wire.SigSetData, wire.SigConfigure, wire.SigSetOwner, wire.SigKick, wire.SigAdmit:
		s.change(now, m, sig)
	case wire.SigList:
		s.list(now, m, sig)
	case wire.SigUser:
		s.user(now, m, sig)
	case wire.SigPresence:
		m.noInvite = sig.Flags&wire.PresenceNoInvite != 0
	case wire.SigProfile:
		s.profiled(m, sig.Profile)
	case wire.SigConnect:
		s.connect(now, m, sig)
	case wire.SigAccept:
		s.accept(now, m, sig)
	case wire.SigReject:
		s.reject(m, sig)
	case wire.SigAnswer:
		s.answer(m, sig)
	case wire.SigPunch:
		s.punch(now, m, sig)
	case wire.SigOutcome:
		s.outcome(m, sig)
	case wire.SigBye:
		s.forget(now, m, api.OK)
	default:
		s.stats.Stale++
	}
}

// expected tells signals that cost no allowance: those that only end something, and the next step of an introduction,
// whose Connect has paid for it. Dropping one of them would leave the two ends in different states.
func (s *Server) expected(m *member, sig *wire.Signal) bool {
	switch sig.Type {
	case wire.SigLeave, wire.SigBye:
		return true
	case wire.SigAccept:
		in := s.intros[sig.Intro]
		return in != nil && in.callee == m && in.state == asked
	case wire.SigAnswer:
		in := s.intros[sig.Intro]
		return in != nil && in.caller == m && in.state == agreed
	}
	return false
}

// refuseAny answers a signal that asks for something with a refusal.
func (s *Server) refuseAny(m *member, sig *wire.Signal, code api.Code, text string) {
	switch sig.Type {
	case wire.SigCreate, wire.SigJoin, wire.SigSetData, wire.SigConfigure, wire.SigSetOwner, wire.SigKick, wire.SigAdmit,
		wire.SigList, wire.SigUser:
		s.refuse(m, sig.Request, code, text)
	case wire.SigConnect:
		s.refuseConnect(m, sig.Member, code, text)
	}
}

// HandleTimeout acts on deadlines that have come.
func (s *Server) HandleTimeout(now time.Time) {
	now = s.clock(now)
	for t := s.alarms.take(now); t != nil; t = s.alarms.take(now) {
		t.fire(s, now)
	}
}

// NextTimeout is when HandleTimeout has something to do at the earliest.
func (s *Server) NextTimeout() time.Time { return s.alarms.next() }

// HasSignal reports whether NextSignal has one.
func (s *Server) HasSignal() bool { return s.out.len() > 0 }

// NextSignal takes the next signal to send.
func (s *Server) NextSignal() (To, wire.Signal, bool) {
	o, ok := s.out.take()
	return o.to, o.s, ok
}

// NextEvent takes the next event for logs.
func (s *Server) NextEvent() (Event, bool) { return s.events.take() }

// send queues a signal for a member whose link is up. Slices in it are the server's: they are encoded before the next
// call, and never written to again.
func (s *Server) send(m *member, sig wire.Signal) {
	if m.up {
		s.out.put(outgoing{To{m.ref.Node, m.ref.Link, m.ref.Member}, sig})
	}
}

func (s *Server) event(e Event) {
	if s.events.len() < maxEvents {
		s.events.put(e)
	}
}

// clock keeps time from going backwards.
func (s *Server) clock(now time.Time) time.Time {
	if now.After(s.now) {
		s.now = now
	}
	return s.now
}

// random fills b. A failing source of randomness leaves nothing to be done safely.
func (s *Server) random(b []byte) {
	if _, err := io.ReadFull(s.cfg.Rand, b); err != nil {
		panic("rendezvous: randomness: " + err.Error())
	}
}

// fifoKeeps is how many items' memory an empty queue keeps.
const fifoKeeps = 256

// fifo is a queue whose memory is reused, but for that of a rush.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) put(v T)  { q.items = append(q.items, v) }
func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) take() (v T, ok bool) {
	if q.head == len(q.items) {
		return v, false
	}
	v, q.items[q.head] = q.items[q.head], v
	if q.head++; q.head == len(q.items) {
		if q.items, q.head = q.items[:0], 0; cap(q.items) > fifoKeeps {
			q.items = nil
		}
	}
	return v, true
}
