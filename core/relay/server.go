package relay

import (
	"container/heap"
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Lifetimes (docs/SECURITY.md, "Relay").
const (
	IdleTime    = 60 * time.Second // a session with a leg that says nothing
	UnboundTime = 30 * time.Second // a session with one leg bound only, since that leg was bound
)

// ServerConfig is what a Server needs from its owner, who holds the keys.
type ServerConfig struct {
	Rand io.Reader // handles
	// Base is where instants begin, and Table who keeps what changes with every packet. Without a table the machine keeps that
	// itself, and time begins with its first call.
	Base  time.Time
	Table Table
	// Open opens a sealed ticket that is good at now, and derives its leg's key.
	Open func(now time.Time, ticket []byte) (t wire.RelayTicket, key [32]byte, ok bool)
	// Cookie and CheckCookie prove an address; nonce is the client's.
	Cookie      func(now time.Time, addr netip.AddrPort, nonce [16]byte) wire.Cookie
	CheckCookie func(now time.Time, addr netip.AddrPort, nonce [16]byte, c wire.Cookie) bool
	// Rate says what a ticket's rate class means. Zeros: no limit.
	Rate        func(class uint8) wire.RelayRate
	MaxSessions int // 0: DefaultSessions; at most MostSessions
}

// MostSessions is as many as handles can name.
const MostSessions = mostLegs / 2

// DefaultSessions is how many pairs a relay takes if nobody says otherwise.
const DefaultSessions = 1 << 16

// Drop is why a datagram went no further.
type Drop uint8

const (
	DropFormat  Drop = iota // not a relay datagram, or one only a client takes
	DropHandle              // no such leg
	DropSource              // not from the address the leg is bound to
	DropRate                // over the leg's allowance
	DropUnbound             // the other leg is not bound, and enough is kept for it
	DropTicket              // ticket forged or expired
	DropMAC                 // ticket without its key
	DropCookie              // address not proven, or too long ago
	DropCounter             // an old BIND2
	DropFull                // no place for another session
	DropQueue               // the owner does not take what is to be sent
	DropEgress              // over what the node may send for all legs together
	DropCount
)

func (d Drop) String() string {
	return [...]string{"relay_format", "relay_handle", "relay_source", "relay_rate", "relay_unbound", "relay_ticket",
		"relay_mac", "relay_cookie", "relay_counter", "relay_full", "relay_queue", "relay_egress"}[min(d, DropCount-1)]
}

// Stats are counters, except Sessions and Bound, which are what lives now.
type Stats struct {
	Sessions int
	Bound    int // legs
	Packets  uint64
	Bytes    uint64 // forwarded, headers included
	Drops    [DropCount]uint64
}

// Server owns the legs of one node's relay.
type Server struct {
	cfg      ServerConfig
	base     time.Time // instants inside are ns since it: no pointer per leg, and no wall clock jumps
	now      int64     // never goes back
	sessions []session
	legs     []leg
	free     []uint32
	byID     map[[16]byte]uint32
	handles  Handles
	table    Table
	pairs    map[[16]byte]uint32 // the session of two clients
	retired  []retiring
	waiting  map[uint32]*kept  // by index of the leg that is not bound
	bridges  map[uint32]uint32 // legs that lead to another node, with the handles by which that knows them
	expiry   expiryHeap        // one entry per session, possibly early
	out      []datagram
	outHead  int
	stats    Stats
}

type datagram struct {
	to netip.AddrPort
	b  []byte
}

// NewServer makes a relay without legs.
func NewServer(cfg ServerConfig) *Server {
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = DefaultSessions
	}
	cfg.MaxSessions = min(cfg.MaxSessions, MostSessions)
	if cfg.Table == nil {
		cfg.Table = &plain{handles: NewHandles(cfg.Rand)}
	}
	return &Server{cfg: cfg, base: cfg.Base, table: cfg.Table, handles: cfg.Table.Handles(),
		byID: map[[16]byte]uint32{}, pairs: map[[16]byte]uint32{}, waiting: map[uint32]*kept{}, bridges: map[uint32]uint32{}}
}

// Stats are the counters now, the table's among them.
func (s *Server) Stats() Stats {
	t, c := s.stats, s.table.Counts()
	t.Sessions = len(s.byID)
	t.Packets, t.Bytes = t.Packets+c.Packets, t.Bytes+c.Bytes
	for d, n := range c.Drops {
		t.Drops[d] += n
	}
	return t
}

func (s *Server) drop(d Drop) { s.stats.Drops[d]++ }

func (s *Server) clock(now time.Time) int64 {
	if s.base.IsZero() {
		s.base = now
	}
	s.now = max(s.now, int64(now.Sub(s.base)))
	return s.now
}

// Prebind gives a leg to a client whose address its link has proven. It leaves a leg alone that is bound already. ok is
// false when the relay is full.
func (s *Server) Prebind(now time.Time, id [16]byte, n uint8, client KeyHash, addr netip.AddrPort, rate wire.RelayRate) (handle uint32, ok bool) {
	i, ok := s.leg(s.clock(now), id, n)
	if !ok || !addr.IsValid() {
		return 0, false
	}
	if _, bridge := s.bridges[i]; bridge || !s.legs[i].bound {
		delete(s.bridges, i)
		s.legs[i].rate = rate
		s.bind(i, client, addr)
	}
	return s.legs[i].handle, true
}

// Move moves a leg from one address to another that its client's link has proven. A leg that is elsewhere by now, or
// gone, stays as it is; ok is false when it is gone.
func (s *Server) Move(handle uint32, from, to netip.AddrPort) (ok bool) {
	i, ok := s.find(handle)
	if ok && to.IsValid() && s.legs[i].at(from) {
		s.move(i, to)
	}
	return ok
}

// Holds reports whether a leg with this handle lives.
func (s *Server) Holds(handle uint32) bool { _, ok := s.find(handle); return ok }

// leg finds a leg of a session, making the session if need be.
func (s *Server) leg(now int64, id [16]byte, n uint8) (uint32, bool) {
	i, ok := s.byID[id]
	if !ok {
		if len(s.byID) >= s.cfg.MaxSessions {
			s.drop(DropFull)
			return 0, false
		}
		if last := len(s.free) - 1; last >= 0 {
			i, s.free = s.free[last], s.free[:last]
		} else {
			i = uint32(len(s.sessions))
			s.sessions = append(s.sessions, session{})
			s.legs = append(s.legs, leg{}, leg{})
		}
		s.begin(i, id, now)
		heap.Push(&s.expiry, expiry{now + int64(UnboundTime), i, s.sessions[i].age})
	}
	return 2*i + uint32(n&1), true
}

// begin makes the two legs of a session. No leg has handle 0.
func (s *Server) begin(i uint32, id [16]byte, now int64) {
	one, two, age := uint32(0), uint32(0), s.sessions[i].age
	for ; one == 0 || two == 0; age++ {
		one, two = s.handles.of(2*i, age%ages), s.handles.of(2*i+1, age%ages)
	}
	s.sessions[i] = session{id: id, live: true, age: age, bound: now}
	s.byID[id] = i
	for k, handle := range []uint32{one, two} {
		place := 2*i + uint32(k)
		s.legs[place] = leg{handle: handle}
		s.table.Set(place, Leg{Handle: handle})
	}
}

// move binds a leg to an address that is proven now.
func (s *Server) move(i uint32, to netip.AddrPort) {
	l := &s.legs[i]
	l.ip, l.port, l.bound = to.Addr().As16(), to.Port(), true
	s.table.Set(i, Leg{Handle: l.handle, Name: s.bridges[i], Addr: l.addr(), Rate: l.rate})
	s.table.Touch(i, s.now)
}

// bind gives leg i to an address that is proven, and lets go what was kept for it.
func (s *Server) bind(i uint32, client KeyHash, addr netip.AddrPort) {
	if !s.legs[i].bound {
		s.stats.Bound++
	}
	s.move(i, addr)
	s.sessions[i/2].clients[i&1] = client
	s.succeed(i / 2)
	k := s.waiting[i]
	if k == nil {
		return
	}
	delete(s.waiting, i)
	for n := range k.n {
		if s.now-k.at[n] <= int64(keptTime) {
			s.stats.Packets++
			s.stats.Bytes += uint64(len(k.data[n]))
			binary.BigEndian.PutUint32(k.data[n][1:], s.name(i))
			s.send(addr, k.data[n])
		}
	}
}

// maxOut bounds the answers waiting for an owner that does not take them; it is meant to after every call.
const maxOut = 1024

func (s *Server) send(to netip.AddrPort, b []byte) {
	if len(s.out) >= maxOut {
		s.drop(DropQueue)
		return
	}
	s.out = append(s.out, datagram{to, b})
}

// AppendTransmit appends the next datagram to send. Forwarded ones are not among them: Forward gives those back itself.
func (s *Server) AppendTransmit(dst []byte) (out []byte, to netip.AddrPort, ok bool) {
	if s.outHead == len(s.out) {
		s.out, s.outHead = s.out[:0], 0
		return dst, to, false
	}
	d := &s.out[s.outHead]
	s.outHead++
	out, to = append(dst, d.b...), d.to
	d.b = nil
	return out, to, true
}
