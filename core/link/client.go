package link

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ClientConfig is what a client's link needs.
type ClientConfig struct {
	Rand      io.Reader
	Static    secure.PrivateKey
	ServerKey secure.PublicKey // pinned in the server's address
	Servers   []netip.AddrPort // tried side by side, the first one with a start
	Info      wire.ClientInfo  // Flags are set from AES
	AES       bool             // this device has AES instructions
	Streams   bool             // the owner can open streams, for networks without UDP
}

// Client is the client's end of a link.
//
//	idle --Connect--> trying --HS2--> up --silence, new address, CLOSE--> trying (resume) --RS2--> up
//	                    |  ^-- waiting (between rounds, after the first link or where a server says so)
//	                    +-- no server answers, or refused for good: Down{Final} --> idle
//	up --Move--> up, and trying another node beside it --RS2--> up there, the old link has its last words (leaving)
//	any --Close--> closing (only from up) --> idle
type Client struct {
	cfg    ClientConfig
	home   secure.PublicKey // the server that Info.Token is for: nobody else sees it
	rooms  *rendezvous.Client
	state  clientState
	clock  time.Time
	events []ClientEvent
	held   *wire.Signal // taken from rooms, while RUDP has no room for it

	server   int              // index in servers(), modulo: the one tried or used
	nodes    []netip.AddrPort // of the same cluster, as the server told: tried as well
	tried    int              // servers that had their round since the last wait
	try      attempt          // while trying: the one whose round it is
	sides    []attempt        // the others, over UDP; while up those that the server sends us to
	moving   moving           // while up: away from this server
	first    bool             // no link was up since Connect: failing is final
	retryAt  time.Time        // when waiting ends
	backOff  time.Duration
	sent     int       // handshake datagrams since Connect or since the link was lost
	begun    time.Time // when that was; tried for so long
	why      api.Code  // why a server refused since the last wait; OK: none did
	whyText  string
	askAfter time.Duration // and how long it wants to be left alone
	pipe     *pipe         // while up or closing
	answers  []wire.Probe  // path challenges to answer, bounded
	remote   netip.AddrPort
	ticket   resumption
	token    wire.Cookie               // address token
	tokenEnd time.Time                 // zero: no token
	resetTag [wire.ResetTokenSize]byte // what a Reset of the present session holds; zero: there is none
	carrier  carrier
	renewal  renewal
}

// resumption is what it takes to come back: the ticket, and the secret of the session that gave it out.
type resumption struct {
	ticket  []byte
	secret  [32]byte
	expires time.Time
	next    [32]byte // the present session's secret, for the tickets to come
}

type clientState uint8

const (
	idle clientState = iota
	trying
	waiting
	up
	closing
)

// ClientEventKind tells what a ClientEvent is.
type ClientEventKind uint8

const (
	Up     ClientEventKind = iota + 1 // Info, Resumed; without a Down before it: at another node now
	Down                              // Code, Text, Final: not Final means that the client is coming back by itself
	Signal                            // Signal, as rendezvous.Client passed it up
	Moved                             // from the stream to UDP
)

// ClientEvent is something that happened on the link.
type ClientEvent struct {
	Kind    ClientEventKind
	Info    wire.ServerInfo
	Resumed bool
	Code    api.Code
	Text    string
	Final   bool
	Signal  wire.Signal
}

// NewClient makes a client that is not connected.
func NewClient(cfg ClientConfig) *Client {
	cfg.Info.Flags &^= wire.FlagAES // the other flags are the privacy asked for
	if cfg.AES {
		cfg.Info.Flags |= wire.FlagAES
	}
	c := &Client{cfg: cfg, home: cfg.ServerKey, rooms: rendezvous.NewClient()}
	c.rooms.SetJitter(c.jitter)
	return c
}

// SetServers replaces the servers' addresses, for Connect and for coming back. A link under way keeps its old ones
// when there are no new ones. A client that is coming back begins with the first address that it did not have: the
// server moved.
func (c *Client) SetServers(now time.Time, addrs []netip.AddrPort) {
	now = c.tick(now)
	if len(addrs) == 0 && c.state != idle {
		return
	}
	old := c.cfg.Servers
	fresh := slices.IndexFunc(addrs, func(a netip.AddrPort) bool { return !slices.Contains(old, a) })
	c.cfg.Servers = addrs
	if c.server = max(slices.Index(c.servers(), c.remote), 0); c.state != trying && c.state != waiting || fresh < 0 {
		return
	}
	c.server, c.tried, c.backOff = fresh, 0, 0
	c.startTry(now)
}

// SetServer makes another server the one to Connect to, one with another key; only while no link is wanted. What the old
// one gave for coming back is forgotten if the key is another.
func (c *Client) SetServer(addrs []netip.AddrPort, key secure.PublicKey) {
	switch c.state {
	case idle:
	case closing: // the goodbye was sent; its repetitions don't matter
		c.pipe, c.state = nil, idle
	default:
		return
	}
	if key != c.cfg.ServerKey {
		c.ticket, c.token, c.tokenEnd = resumption{}, wire.Cookie{}, time.Time{}
	}
	c.cfg.Servers, c.cfg.ServerKey, c.server, c.nodes = addrs, key, 0, nil
	c.carrier = carrier{}
}

// Rooms is the machine for rooms and introductions. Call Flush after a command to it.
func (c *Client) Rooms() *rendezvous.Client { return c.rooms }

// Up reports whether signals travel now.
func (c *Client) Up() bool { return c.state == up }

// Remote is the server's address in use, or the one tried.
func (c *Client) Remote() netip.AddrPort { return c.remote }

// RTT is the smoothed round trip to the server, zero while not known.
func (c *Client) RTT() time.Duration {
	if c.pipe == nil {
		return 0
	}
	return c.pipe.rtt()
}

// Owns reports whether packets with this connection id are for the link.
func (c *Client) Owns(id uint32) bool {
	for i := range c.sides {
		if c.sides[i].connID == id {
			return id != 0
		}
	}
	switch c.state {
	case trying:
		return c.try.connID == id && id != 0
	case up, closing:
		return c.pipe.keys.LocalConnID() == id || c.moving.from != nil && c.moving.from.keys.LocalConnID() == id
	}
	return false
}

// Done reports whether nothing is left to say: a Close was delivered, or there was nothing to close.
func (c *Client) Done() bool { return c.state == idle }

// Connect opens the link. It does nothing when one is open or opening.
func (c *Client) Connect(now time.Time) {
	now = c.tick(now)
	if c.state == closing {
		c.reset() // the old link's last words are given up for the new one
	}
	if c.state != idle {
		return
	}
	switch {
	case len(c.cfg.Servers) == 0:
		c.event(ClientEvent{Kind: Down, Code: api.ErrAddress, Text: "no server address to connect to", Final: true})
		return
	case len(c.cfg.Info.App) > maxName || len(c.cfg.Info.User) > maxName:
		c.event(ClientEvent{Kind: Down, Code: api.ErrTooLarge, Text: "the app name and the user id have at most 64 bytes", Final: true})
		return
	case len(c.cfg.Info.Token) > wire.MaxToken:
		c.event(ClientEvent{Kind: Down, Code: api.ErrTooLarge, Text: tokenTooLarge(len(c.cfg.Info.Token)), Final: true})
		return
	}
	c.first, c.begun = true, now // the rest is as reset left it
	c.startTry(now)
}

// Close says goodbye and ends the link. No event follows.
func (c *Client) Close(now time.Time) {
	now = c.tick(now)
	c.rooms.Forget()
	if c.state != up {
		if c.state != closing {
			c.reset()
		}
		return
	}
	c.pipe.send(now, &wire.Signal{Type: wire.SigBye}) // if it can't be queued, the CLOSE says the same a little later
	c.pipe.conn.Close(now, api.ErrRemoteClosed, "the client left", closeLinger)
	c.state, c.sides, c.moving = closing, nil, moving{}
	c.advance(now)
}

// Check asks the server whether the link still works, and shows it our address as it is now.
func (c *Client) Check(now time.Time) {
	now = c.tick(now)
	if c.state == up {
		c.pipe.conn.Ping(now, path)
	}
}

// NetworkChanged says that the device's addresses changed: the client comes back from the new one at once.
func (c *Client) NetworkChanged(now time.Time) {
	now = c.tick(now)
	switch c.state {
	case up:
		c.carrier = carrier{}
		c.lose(now, api.ErrLost, "the network changed", 0)
	case trying, waiting:
		c.carrier = carrier{} // nothing that was learnt holds in another network
		c.backOff = 0
		c.startTry(now)
	}
}

// Suspend tells the server that this client may be silent for d: the session, and the room with it, is kept as long.
func (c *Client) Suspend(now time.Time, d time.Duration) {
	now = c.tick(now)
	if c.state == up {
		c.pipe.conn.Suspend(now, d)
	}
}

// Resume ends a Suspend. The server's answer shows that the session still lives; without one the client comes back by its
// ticket as from any silence.
func (c *Client) Resume(now time.Time) {
	now = c.tick(now)
	switch c.state {
	case up:
		c.pipe.conn.Suspend(now, 0)
	case trying, waiting:
		c.backOff = 0
		c.startTry(now)
	}
}

// reset forgets the link and everything that came from it, but no event.
func (c *Client) reset() {
	*c = Client{cfg: c.cfg, home: c.home, rooms: c.rooms, clock: c.clock, events: c.events}
}

// HandleDatagram takes a datagram of family 10 with our connection id, or of family 11, that came over UDP. b is scribbled over.
func (c *Client) HandleDatagram(now time.Time, from netip.AddrPort, b []byte) {
	c.handle(c.tick(now), from, b, false)
}

// HandleStream takes one that came through the stream.
func (c *Client) HandleStream(now time.Time, b []byte) { c.handle(c.tick(now), c.remote, b, true) }

func (c *Client) handle(now time.Time, from netip.AddrPort, b []byte, stream bool) {
	switch wire.FamilyOf(b) {
	case wire.FamilySession:
		c.handlePacket(now, from, b, stream)
	case wire.FamilyHandshake:
		if a := c.attemptAt(from, stream); a != nil {
			c.handleHandshake(now, a, b)
		}
		if (c.state == up || c.state == closing) && stream == c.carrier.on && sameAddr(from, c.remote) {
			c.handleReset(now, b)
		}
	}
	c.advance(now)
}

// HandleTimeout acts on deadlines that have come.
func (c *Client) HandleTimeout(now time.Time) {
	now = c.tick(now)
	c.streamTimeout(now)
	switch c.state {
	case trying:
		c.tryTimeout(now)
	case waiting:
		if deadline.Due(now, c.retryAt) {
			c.startTry(now)
		}
	case up, closing:
		c.pipe.conn.HandleTimeout(now)
		c.moveTimeout(now)
		c.rooms.HandleTimeout(now)
		if c.state == up && deadline.Due(now, c.silentAt()) {
			c.lose(now, api.ErrLost, "the server at "+c.remote.String()+" is silent", c.jitter(firstRetry))
		}
	}
	c.advance(now)
}

// NextTimeout is when HandleTimeout has something to do at the earliest; zero: never.
func (c *Client) NextTimeout() time.Time {
	return deadline.Earlier(c.stateTimeout(), c.carrierTimeout())
}

func (c *Client) stateTimeout() time.Time {
	switch c.state {
	case trying:
		return deadline.Earlier(deadline.Earlier(c.try.nextSend, c.try.ends), c.sidesTimeout())
	case waiting:
		return c.retryAt
	case up:
		return deadline.Earlier(deadline.Earlier(c.silentAt(), c.pipe.conn.NextTimeout()), deadline.Earlier(c.movingTimeout(), c.rooms.NextTimeout()))
	case closing:
		return c.pipe.conn.NextTimeout()
	}
	return time.Time{}
}

// AppendTransmit appends one datagram to dst and says where it goes, until !ok.
func (c *Client) AppendTransmit(now time.Time, dst []byte) (out []byte, to netip.AddrPort, ok bool) {
	now = c.tick(now)
	if out, to, ok = c.appendAttempt(dst); ok {
		return out, to, true
	}
	switch c.state {
	case up, closing:
		if out, to, ok = c.moving.append(now, dst); ok {
			return out, to, true
		}
		if n := len(c.answers); n > 0 {
			probe := c.answers[n-1]
			c.answers = c.answers[:n-1]
			return c.pipe.appendProbe(dst, &probe), c.remote, true
		}
		out, ok = c.pipe.append(now, dst)
		return out, c.remote, ok
	}
	return dst, to, false
}

// NextEvent takes the next event.
func (c *Client) NextEvent() (ClientEvent, bool) {
	if len(c.events) == 0 {
		return ClientEvent{}, false
	}
	ev := c.events[0]
	c.events[0] = ClientEvent{}
	c.events = c.events[1:]
	return ev, true
}

func (c *Client) event(ev ClientEvent) { c.events = append(c.events, ev) }

// tick keeps time from going backwards.
func (c *Client) tick(now time.Time) time.Time {
	if now.After(c.clock) {
		c.clock = now
	}
	return c.clock
}

// jitter is a random part of most, so that a thousand clients of one server don't come back in the same instant.
func (c *Client) jitter(most time.Duration) time.Duration {
	var b [2]byte
	c.random(b[:])
	return most * time.Duration(uint16(b[0])<<8|uint16(b[1])) / (1 << 16)
}

// random fills b. Without randomness nothing can be done safely.
func (c *Client) random(b []byte) {
	if _, err := io.ReadFull(c.cfg.Rand, b); err != nil {
		panic("link: randomness: " + err.Error())
	}
}
