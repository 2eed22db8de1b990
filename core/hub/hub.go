// Package hub is the server without its sockets: links, rooms, introductions, relay legs and STUN, told of datagrams and
// time. It is endpoint's twin.
//
//	datagram --first two bits--> 00 STUN       answered on every socket, stateless
//	                             01 relay      forwarded, or a leg bound     (socket 0 only, as all below)
//	                             10 session    by connection id to its link, whose signals go to the rooms
//	                             11 handshake  link.Acceptor, stateless until the address is proven
//
// Each session is looked at when a datagram, a signal or its deadline touches it, and at no other time.
package hub

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Config is what a hub needs. Nodes of one cluster share Master and Static.
type Config struct {
	Rand      io.Reader
	Master    [32]byte // all secrets of tickets and cookies are derived from it
	Static    secure.PrivateKey
	Public    netip.AddrPort // our address as clients see it; invalid: not known, STUN answers then don't state it
	STUNPorts []uint16       // by socket, the main one first
	// Alternate is a second address of this machine, for NAT discovery. It serves the first two STUNPorts, on the two sockets
	// behind those of the main address. Invalid: there is none.
	Alternate netip.Addr
	Region    byte // first letter of join codes; 0: E
	// Tokens are the keys of the backends that say who may use this server. nil with OpenAuth: anybody may, under a name that
	// the server makes; nil without: nobody.
	Tokens    *token.Keys
	OpenAuth  bool
	Privacy   api.Privacy // of every pair at least
	LabLimits bool        // no limits against abuse; never where strangers reach the server
	// RelayRate is granted to each relay leg. Zeros: 1 Mbit/s and 300 packets/s, with LabLimits none.
	RelayRate wire.RelayRate
	Cluster   *ClusterConfig // nil: this node is alone
	// LinkTable is told of every link's connection id while the link lives; nil: nobody wants to know.
	LinkTable LinkTable
	// Legs keeps what changes with every packet of a relay leg, where others than the hub forward too; time in it begins with New's
	// now. nil: the hub forwards alone.
	Legs relay.Table
	// MaxSessions is how many links there may be whose clients have spoken; others are told to come later. Resumed ones are taken up to
	// twice as many. 0: 200,000, and with OpenAuth 2,000 unless LabLimits.
	MaxSessions int
	Handshakes  int // new links a second that are taken on, 0: DefaultHandshakes; a resumed one counts a third
	// Node is this node's name among those with the same Master, the same after a restart. Resets are bound to it.
	Node     string
	MaxRooms int // 0: 100,000
}

const (
	defaultBits, defaultPackets = 1_000_000, 300
	defaultMaxSessions          = 200_000
	// DefaultOpenSessions is what an open server takes: enough for any prototype, and little enough that strangers who find it can't
	// make a public relay of it.
	DefaultOpenSessions = 2_000
)

// Hub is one server node. Not safe for two goroutines at once.
type Hub struct {
	cfg      Config
	begun    time.Time // New's now
	now      time.Time
	acceptor *link.Acceptor
	cluster  ClusterNode // nil: alone
	rooms    *rendezvous.Server
	relay    *relay.Server
	stun     stun.Server
	tickets  secure.TicketKey // relay tickets
	legKey   [32]byte

	sessions map[uint32]*session // by our connection id
	order    []*session          // the same, in an order that is the same in every run
	timers   []*session          // heap by session.at
	touched  []*session          // to be settled
	ready    []*session          // may have something to send, from readyAt on
	readyAt  int
	members  map[uint64]*member
	lost     []lostMember // oldest first
	perAddr  map[netip.Addr]int
	perUser  map[user]int
	refusals [token.Reasons]uint64 // of tokens
	streams  map[uint32]*stream
	spoken   int          // sessions that are current
	free     []freeStream // may carry no link
	useless  []uint32     // streams that the owner should close

	handshakes, returning, bareSTUN, ourSTUN, resets, halves gate
	nodeSTUN, nodeResets                                     bucket
	capacity                                                 capacity
	resetKey                                                 *secure.ResetKey

	out     outbox
	events  []Event
	closing bool
	closeBy time.Time
	drain   drain
	drops   [dropCount]uint64
}

// New makes a hub.
func New(now time.Time, cfg Config) (*Hub, error) {
	if cfg.Region == 0 {
		cfg.Region = 'E'
	}
	switch {
	case cfg.Rand == nil:
		return nil, errors.New("hub: no source of randomness")
	case len(cfg.STUNPorts) == 0:
		return nil, errors.New("hub: no ports")
	case cfg.Alternate.IsValid() && len(cfg.STUNPorts) < 2:
		return nil, errors.New("hub: a second address needs two ports")
	case cfg.Cluster != nil && !cfg.Public.IsValid():
		return nil, errors.New("hub: a node of a cluster must know its public address")
	case cfg.Region < 'A' || cfg.Region > 'Z':
		return nil, errors.New("hub: the region is a letter from A to Z")
	}
	if cfg.RelayRate == (wire.RelayRate{}) && !cfg.LabLimits {
		cfg.RelayRate = wire.RelayRate{BitsPerSecond: defaultBits, PacketsPerSecond: defaultPackets}
	}
	if cfg.Handshakes == 0 {
		cfg.Handshakes = DefaultHandshakes
	}
	if cfg.MaxSessions == 0 {
		if cfg.MaxSessions = defaultMaxSessions; cfg.OpenAuth && cfg.Tokens == nil && !cfg.LabLimits {
			cfg.MaxSessions = DefaultOpenSessions
		}
	}
	h := &Hub{
		cfg: cfg, begun: now, now: now, sessions: map[uint32]*session{}, members: map[uint64]*member{}, perAddr: map[netip.Addr]int{}, perUser: map[user]int{},
		streams:  map[uint32]*stream{},
		resetKey: secure.NewResetKey(secure.Derive(cfg.Master, "stateless resets of "+cfg.Node)),
		tickets:  secure.Derive(cfg.Master, "relay tickets"), legKey: secure.Derive(cfg.Master, "relay legs"),
	}
	if err := h.seedGates(); err != nil {
		return nil, err
	}
	cookies := secure.NewCookieJar(secure.Derive(cfg.Master, "cookies"))
	h.acceptor = link.NewAcceptor(link.AcceptorConfig{
		Rand: cfg.Rand, Static: cfg.Static, Cookies: cookies, Ticket: secure.Derive(cfg.Master, "resume tickets"),
		STUNPorts: cfg.STUNPorts, Alternate: cfg.Alternate, Resets: h.resetKey, NewConnID: h.freeConnID, Admit: h.admit, Authorize: h.authorize, Nodes: h.otherNodes,
	})
	roomKey := secure.TicketKey(secure.Derive(cfg.Master, "room tickets"))
	rooms := rendezvous.ServerConfig{
		Rand: cfg.Rand, Region: cfg.Region, Privacy: cfg.Privacy, Grant: h.grant, MaxRooms: cfg.MaxRooms, NoLimits: cfg.LabLimits,
		SealTicket: func(t *wire.RoomTicket) []byte {
			b, err := roomKey.SealRoom(cfg.Rand, nil, t)
			if err != nil {
				panic("hub: randomness: " + err.Error())
			}
			return b
		},
		OpenTicket: func(now time.Time, b []byte) (wire.RoomTicket, bool) {
			t, err := roomKey.OpenRoom(now, b)
			return t, err == nil
		},
	}
	if mayCluster && cfg.Cluster != nil {
		h.joinCluster(now)
		rooms.Cluster = asCluster{h}
	}
	h.rooms = rendezvous.NewServer(rooms)
	legs := secure.NewCookieJar(secure.Derive(cfg.Master, "relay cookies"))
	h.relay = relay.NewServer(relay.ServerConfig{
		Rand: cfg.Rand, Base: now, Table: cfg.Legs, Open: h.openTicket, Cookie: legs.Retry, CheckCookie: legs.CheckRetry,
		Rate: h.legRate,
	})
	h.stun = stun.Server{Public: cfg.Public.Addr(), Ports: cfg.STUNPorts, Alternate: cfg.Alternate, CheckToken: cookies.CheckSTUNToken}
	return h, nil
}

// HandleDatagram takes what arrived on a socket: its index in Config.STUNPorts, the alternate address's two behind them. b is borrowed and may be scribbled over.
func (h *Hub) HandleDatagram(now time.Time, sock uint8, from netip.AddrPort, b []byte) {
	now = h.clock(now)
	// A dual-stack socket reports IPv4 mapped into IPv6. One form everywhere: addresses are compared, counted and told.
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	family := wire.FamilyOf(b)
	switch {
	case int(sock) >= h.stun.Sockets() || len(b) == 0:
		h.drop(dropFormat)
	case !mayBeSource(from):
		h.drop(dropSource)
	case family == wire.FamilySTUN:
		h.handleSTUN(now, sock, from, b)
	case sock != 0:
		h.drop(dropSocket)
	case family == wire.FamilyRelay:
		h.handleRelay(now, from, b)
	case family == wire.FamilyHandshake:
		reply, s := h.acceptor.Handle(now, from, b)
		h.answerHandshake(from, reply, s)
	default:
		h.handleSession(now, from, b)
	}
	h.run(now)
}

// Deliver takes a relayed packet that Config.Legs has let pass and whose other leg is not bound, or is a stream.
func (h *Hub) Deliver(now time.Time, from netip.AddrPort, b []byte) {
	if to, ok := h.relay.Deliver(h.clock(now), from, b); ok {
		h.send(0, to, b)
	}
}

func (h *Hub) handleRelay(now time.Time, from netip.AddrPort, b []byte) {
	if b[0] != wire.TypeRelayed {
		h.relay.HandleDatagram(now, from, b)
		return
	}
	if to, ok := h.relay.Forward(now, from, b); ok {
		h.send(0, to, b)
	}
}

func (h *Hub) answerHandshake(from netip.AddrPort, reply []byte, s *link.ServerSession) {
	if len(reply) > 0 {
		h.send(0, from, reply)
	}
	if s != nil {
		h.add(s)
	}
}

func (h *Hub) handleSession(now time.Time, from netip.AddrPort, b []byte) {
	head, _, ok := wire.ParseSession(b)
	if !ok {
		h.drop(dropFormat)
		return
	}
	s := h.sessions[head.ConnID]
	if s == nil { // of a link that ended, or of before a restart
		h.drop(dropSession)
		h.reset(now, from, head.ConnID, len(b))
		return
	}
	s.link.HandleDatagram(now, from, b)
	h.touch(s)
}

func (h *Hub) handleSTUN(now time.Time, sock uint8, from netip.AddrPort, b []byte) {
	out, reply, ok := h.stun.Answer(now, int(sock), from, b, h.out.scratch[:0])
	h.out.scratch = out[:0]
	switch {
	case !ok:
		h.drop(dropSTUN)
	case !h.mayAnswer(now, from.Addr(), reply.Trusted):
		h.drop(dropSTUNLimit)
	default:
		h.send(uint8(reply.Socket), from, out)
	}
}

// HandleTimeout acts on deadlines that have come.
func (h *Hub) HandleTimeout(now time.Time) {
	now = h.clock(now)
	if deadline.Due(now, h.rooms.NextTimeout()) {
		h.rooms.HandleTimeout(now)
	}
	if deadline.Due(now, h.relay.NextTimeout()) {
		h.relay.HandleTimeout(now)
	}
	if !h.alone() && deadline.Due(now, h.cluster.NextTimeout()) {
		h.cluster.HandleTimeout(now)
	}
	h.drainTimeout(now)
	h.sessionTimeouts(now)
	h.forgetLost(now)
	h.freeTimeout(now)
	if h.closing && deadline.Due(now, h.closeBy) {
		h.dropAll()
	}
	h.run(now)
}

// NextTimeout is when HandleTimeout may have something to do; zero: never.
func (h *Hub) NextTimeout() time.Time {
	at := deadline.Earlier(h.rooms.NextTimeout(), h.relay.NextTimeout())
	if len(h.timers) > 0 {
		at = deadline.Earlier(at, h.timers[0].at)
	}
	if !h.alone() {
		at = deadline.Earlier(at, deadline.Earlier(h.cluster.NextTimeout(), h.drainNext()))
	}
	if len(h.free) > 0 {
		at = deadline.Earlier(at, h.free[0].since.Add(freeTime))
	}
	if len(h.lost) > 0 {
		at = deadline.Earlier(at, h.lost[0].until)
	}
	if h.closing && len(h.order) > 0 {
		at = deadline.Earlier(at, h.closeBy)
	}
	return at
}

// AppendTransmit appends one datagram to dst and says where it goes, until !ok.
func (h *Hub) AppendTransmit(now time.Time, dst []byte) (out []byte, tx Transmit, ok bool) {
	if out, tx, ok = h.appendTransmit(h.clock(now), dst); ok {
		tx.Stream = streamID(tx.To)
	}
	return out, tx, ok
}

func (h *Hub) appendTransmit(now time.Time, dst []byte) (out []byte, tx Transmit, ok bool) {
	if out, tx, ok = h.out.take(dst); ok {
		return out, tx, true
	}
	if out, tx.To, ok = h.relay.AppendTransmit(dst); ok {
		return out, tx, true
	}
	// One session says all it has before the next one: what a datagram caused is mostly one session's.
	for h.readyAt < len(h.ready) {
		s := h.ready[h.readyAt]
		if !s.gone {
			if out, tx.To, ok = s.link.AppendTransmit(now, dst); ok {
				return out, tx, true
			}
		}
		h.readyAt++
		s.ready = false
		h.schedule(s)
	}
	h.ready, h.readyAt = h.ready[:0], 0
	return dst, Transmit{}, false
}

// clock keeps time from going backwards.
func (h *Hub) clock(now time.Time) time.Time {
	if now.After(h.now) {
		h.now = now
	}
	return h.now
}
