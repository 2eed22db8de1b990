// Package endpoint is one client: its link to the server, its room, all its peers, behind one set of verbs. It
// demultiplexes datagrams, keeps one event queue and one deadline. It opens no socket and reads no clock; node runs it on
// real sockets, sim in a virtual internet.
//
// After any input or command: drain AppendTransmit and NextSocketOp, drain NextEvent and NextRelease, read NextTimeout.
package endpoint

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Config is what a client is made from.
type Config struct {
	Rand          io.Reader          // every random byte of the client comes from here
	Static        *secure.PrivateKey // the client's identity; nil: a fresh one
	App           string             // the game's id; peers of another app never meet
	User          string             // wished user id, at most api.MaxUserID bytes
	Token         []byte             // access token, empty under open auth
	Certificate   []byte             // identity certificate to show to other players, empty: none
	AppKey        *[32]byte          // the app's Ed25519 key, under which others' certificates must be good; nil: none is asked for
	Privacy       api.Privacy        // what this client asks for; server, room and players can make it stricter
	Servers       []netip.AddrPort
	ServerKey     [32]byte
	AES           bool          // this CPU has AES instructions
	ManualAccept  bool          // PEER_REQUEST events wait for PeerAccept or PeerReject
	ManualConnect bool          // entering a room does not connect to those already there
	SendBudget    int           // bytes per peer, 0: api.DefaultSendBytes
	IdleTimeout   time.Duration // silence that ends a peer's connection, 0: 10 s
	Punch         api.Aggressiveness
	PQ            api.PQ
	RatchetEvery  time.Duration // between renewals of a peer's keys, 0: 5 min
	RekeyPackets  uint64        // that one key seals, 0: 2^20
	PunchRate     int           // packets per second while predicting ports, 0: by Punch
	NoInvites     bool          // refuses invitations
	Streams       bool          // the edge can open streams, for networks that block UDP
}

// Transmit says where a datagram goes.
type Transmit = peer.Transmit

// SocketOp asks the edge to open or close a UDP socket or a stream. Answer an open with SocketOpened or SocketFailed.
type SocketOp struct {
	ID   api.SocketID
	Open bool
	// Stream, if valid, is the server to which a stream is wanted in the place of a socket (see streams.go). SocketFailed is also how
	// its end is told.
	Stream netip.AddrPort
}

// Endpoint is one client. One goroutine owns it.
type Endpoint struct {
	cfg    Config
	static secure.PrivateKey
	clock  time.Time // latest now; time inside never goes backwards

	link   *link.Client
	linkUp bool
	info   wire.ServerInfo
	server netip.AddrPort
	wanted bool // Connect was called and Disconnect was not
	told   bool // since Connect the game was told that the link is up

	main     netip.AddrPort // bound address of the main socket
	mapped   uint16         // public port that the router forwards to it, 0: none
	lan      []netip.Addr   // interface addresses
	profiler *nat.Profiler
	profile  api.NATInfo
	probing  []api.SocketID // the profiler's fresh sockets
	lastID   api.SocketID
	ops      []SocketOp
	opsTaken int // ops[:opsTaken] were handed out
	owners   map[api.SocketID]socketOwner
	refused  time.Time // when it was last logged that the system refuses sockets
	stream   stream
	moving   bool // the link is on UDP again, and the server has not said yet that it follows with the relay legs

	slots   table
	room    roomState
	pass    passState
	events  []api.Event
	taken   int  // events[:taken] were handed out
	flooded bool // more wait than maxEvents: see shed
	closing bool
	drops   Drops
}

// Drops counts datagrams that went nowhere, by reason.
type Drops struct {
	STUN, Relay, Session, Handshake uint64
}

// New makes a client. It does nothing until Connect.
func New(now time.Time, cfg Config) (*Endpoint, error) {
	if len(cfg.User) > api.MaxUserID {
		return nil, api.NewError(api.ErrTooLarge, "user id is longer than 64 bytes")
	}
	if cfg.SendBudget == 0 {
		cfg.SendBudget = api.DefaultSendBytes
	}
	if cfg.Static == nil {
		static, err := secure.GenerateKey(cfg.Rand)
		if err != nil {
			return nil, err
		}
		cfg.Static = &static
	}
	static := *cfg.Static
	e := &Endpoint{cfg: cfg, static: static, clock: now}
	e.slots.init()
	e.owners = map[api.SocketID]socketOwner{}
	flags := uint32(0)
	if cfg.AES {
		flags = wire.FlagAES
	}
	info := wire.ClientInfo{Flags: flags, App: cfg.App, User: cfg.User, Token: cfg.Token}
	info.SetPrivacy(cfg.Privacy)
	e.link = link.NewClient(link.ClientConfig{
		Rand: cfg.Rand, Static: static, ServerKey: cfg.ServerKey, Servers: cfg.Servers, AES: cfg.AES, Streams: cfg.Streams,
		Info: info,
	})
	if cfg.NoInvites {
		e.link.Rooms().SetPresence(wire.PresenceNoInvite)
	}
	return e, nil
}

// SetServer makes another server, with its own key, the one to Connect to. ErrAlready while a link is wanted.
func (e *Endpoint) SetServer(addrs []netip.AddrPort, key [32]byte) error {
	if e.wanted {
		return api.NewError(api.ErrAlready, "connected to a server already; disconnect first")
	}
	e.cfg.Servers, e.cfg.ServerKey = addrs, key
	e.link.SetServer(addrs, key)
	return nil
}

// SetServers tells the addresses that the server's names have by now. A link that is down, or coming back, tries those
// that are new first; a link that is up stays where it is.
func (e *Endpoint) SetServers(now time.Time, addrs []netip.AddrPort) {
	now = e.tick(now)
	if len(addrs) > 0 {
		e.cfg.Servers = addrs
		e.link.SetServers(now, addrs)
		e.drainLink(now)
	}
}

// Searching reports whether a link is wanted and down: its server may have moved to where its names say.
func (e *Endpoint) Searching() bool { return e.wanted && !e.linkUp }

// PublicKey is the client's identity.
func (e *Endpoint) PublicKey() [32]byte { return e.static.Public() }

// SetLocal tells the main socket's bound address and the addresses of this device's interfaces.
func (e *Endpoint) SetLocal(now time.Time, main netip.AddrPort, addrs []netip.Addr) {
	e.tick(now)
	e.main = main
	e.lan = append(e.lan[:0], addrs...)
}

// tick clamps time and returns it.
func (e *Endpoint) tick(now time.Time) time.Time {
	if now.Before(e.clock) {
		now = e.clock
	}
	e.clock = now
	return now
}

// maxEvents bounds what waits while the game does not poll. Messages are not among it: they wait in their connections.
const maxEvents = 4096

// push queues an event. Beyond the limit logs are dropped, and anything else ends the link: see shed.
func (e *Endpoint) push(ev api.Event) {
	waiting := e.events[e.taken:]
	switch last := len(waiting) - 1; {
	case last >= 0 && ev.Kind == api.EventRoomData && waiting[last].Kind == api.EventRoomData && waiting[last].Code == ev.Code:
		waiting[last] = ev // only the newest is of interest, and the room's owner may set it all day
		return
	case len(waiting) >= maxEvents && ev.Kind == api.EventLog:
		return
	case len(waiting) >= maxEvents:
		e.flooded = true
	case len(waiting) == 0:
		e.flooded = false
	}
	if e.taken > maxEvents { // handed out long ago
		e.events, e.taken = append(e.events[:0], waiting...), 0
	}
	e.events = append(e.events, ev)
}

// log levels of EventLog.
const (
	logInfo = 1
	logWarn = 2
)

func (e *Endpoint) log(level api.Code, text string) {
	e.push(api.Event{Kind: api.EventLog, Code: level, Text: text})
}

// random draws a number that is not zero.
func (e *Endpoint) random32() uint32 {
	var b [4]byte
	for {
		if _, err := io.ReadFull(e.cfg.Rand, b[:]); err != nil {
			panic("endpoint: randomness source failed: " + err.Error())
		}
		if v := binary.BigEndian.Uint32(b[:]); v != 0 {
			return v
		}
	}
}

// HandleTimeout does what is due.
func (e *Endpoint) HandleTimeout(now time.Time) {
	now = e.tick(now)
	e.link.HandleTimeout(now)
	e.drainLink(now)
	if e.profiler != nil {
		e.profiler.HandleTimeout(now)
		e.drainProfiler(now)
	}
	e.slots.refresh()
	for i := range e.slots.used {
		e.slots.handleTimeout(now, e, i)
	}
}

// NextTimeout is when HandleTimeout is wanted next; zero: never. It may be early, never late.
func (e *Endpoint) NextTimeout() time.Time {
	at := e.link.NextTimeout()
	if e.profiler != nil {
		at = deadline.Earlier(at, e.profiler.NextTimeout())
	}
	return deadline.Earlier(at, e.slots.nextTimeout())
}

// AppendTransmit appends one datagram to dst, until nothing is left to send.
func (e *Endpoint) AppendTransmit(now time.Time, dst []byte) (out []byte, tx Transmit, ok bool) {
	now = e.tick(now)
	e.answerCalls()
	if out, to, ok := e.link.AppendAside(now, dst); ok {
		return out, Transmit{To: to}, true
	}
	if out, to, ok := e.link.AppendTransmit(now, dst); ok {
		return out, e.carried(Transmit{To: to}, e.link.OnStream()), true
	}
	if e.profiler != nil {
		if out, ptx, ok := e.profiler.AppendTransmit(now, dst); ok {
			return out, Transmit{Socket: ptx.Socket, To: ptx.To, TTL: ptx.TTL}, true
		}
	}
	if out, tx, ok = e.slots.appendTransmit(now, dst); ok {
		tx = e.carried(tx, e.moving || e.link.OnStream())
	}
	return out, tx, ok
}

// NextSocketOp asks for the next socket to open or close.
func (e *Endpoint) NextSocketOp() (SocketOp, bool) {
	e.answerCalls()
	e.wantStream()
	if len(e.ops) == e.opsTaken {
		e.ops, e.opsTaken = e.ops[:0], 0
		return SocketOp{}, false
	}
	e.opsTaken++
	return e.ops[e.opsTaken-1], true
}

// NextEvent returns the next thing that happened. Its Data is borrowed until the next call into the endpoint.
func (e *Endpoint) NextEvent() (api.Event, bool) {
	if e.taken < len(e.events) {
		ev := e.events[e.taken]
		e.events[e.taken] = api.Event{}
		e.taken++
		e.settled(&ev)
		return ev, true
	}
	e.events, e.taken = e.events[:0], 0
	ev, ok := e.slots.nextEvent()
	if ev.Kind == api.EventRouteChanged || ev.Kind == api.EventPunch {
		e.tellOutcome(&ev)
	}
	e.settled(&ev)
	return ev, ok
}

// settled takes note that the game is about to hear what became of its wish to connect.
func (e *Endpoint) settled(ev *api.Event) {
	if ev.Kind != api.EventPeerConnected && ev.Kind != api.EventPeerClosed {
		return
	}
	if i, ok := e.slots.lookup(ev.Peer); ok {
		e.slots.list[i].awaits = false
	}
}

// NextRelease tells send budget that came free.
func (e *Endpoint) NextRelease() (h api.PeerHandle, bytes int, ok bool) { return e.slots.nextRelease() }

// Close ends everything: peers are told, the server is told. Done reports when all of it was said.
func (e *Endpoint) Close(now time.Time) {
	now = e.tick(now)
	e.closing, e.wanted = true, false
	for i := range e.slots.used {
		if s := &e.slots.list[i]; s.cur != nil {
			s.cur.Close(now, api.ErrRemoteClosed, "the other player left")
			e.slots.touch(i)
		}
	}
	e.link.Close(now)
	e.drainLink(now)
}

// Done reports whether a closed endpoint has nothing left to say.
func (e *Endpoint) Done() bool {
	if !e.closing || !e.link.Done() {
		return false
	}
	for i := range e.slots.used {
		if s := &e.slots.list[i]; s.cur != nil && !s.cur.Done() {
			return false
		}
	}
	return true
}
