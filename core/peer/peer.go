// Package peer is one connection between two players: keys (secure), transport (rudp), connectivity checks (nat), the
// relay leg (relay), and the choice of the path that data travels on. It opens no socket and reads no clock.
//
// The life of a connection:
//
//	         NewCallee                       Finish (KK message 2)
//	callee: ───────────▶ handshaking ───────────────────────────────▶ connected ──▶ closing ──▶ closed
//	                                         NewCaller
//	caller: ────────────────────────────────────────────────────────▶ connected ──▶ ...
//
// Keys exist before any path does: data starts on the relay, and every probe is sealed. The route:
//
//	relay ──validated──▶ direct + duplicates on the relay ──2·RTT──▶ direct
//	  ▲                                                               │
//	  └──────────────── suspect: requeue everything ◀─────────────────┘
package peer

import (
	"cmp"
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/rudp"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// earlyLimit is how many datagrams are kept that arrive before the keys (SECURITY: early data ≤ 8 datagrams).
	earlyLimit = 8
	// closeLinger is how long what was accepted may still be delivered after Close (TRANSPORT, Close).
	closeLinger = 2 * time.Second
	// handshakeTimeout ends a callee whose introduction was never answered; the server's introduction lives as long.
	handshakeTimeout = 30 * time.Second
)

// Config is what both ends of an introduction know.
type Config struct {
	Rand        io.Reader
	Static      secure.PrivateKey
	ConnID      uint32 // what the other side writes into packets for us
	App         string
	AES         bool             // this CPU has AES instructions
	LAN         []netip.AddrPort // private addresses to tell the other side, empty where they must stay private
	Global6     []netip.AddrPort // this device's IPv6 addresses, to tell the other side
	MappedPort  uint16           // that our router forwards to the main socket, 0: none
	LocalNAT    wire.Profile
	LocalAddrs  []netip.Addr  // addresses our sockets send from
	LinkRTT     time.Duration // round trip to the server, 0 unknown
	SendBudget  int           // bytes; what is received and not polled may take as much, at least api.DefaultSendBytes
	IdleTimeout time.Duration // 0: rudp's default
	Punch       api.Aggressiveness
	PunchRate   int            // packets per second of port prediction, 0: by Punch
	STUN        netip.AddrPort // a STUN port of the server that the main socket does not use
	STUNToken   [16]byte
	PQ          api.PQ
	// RatchetEvery is the time between Diffie-Hellman ratchets, RekeyPackets how many packets a key lasts; 0: 5 min, 2^20.
	RatchetEvery time.Duration
	RekeyPackets uint64
	RelayOnly    bool // privacy: no address is told, nothing is probed, what comes directly is dropped
	// Certificate is shown to the other side. Verify judges the one that it shows for its key; nil: none is asked for.
	Certificate []byte
	Verify      func(now time.Time, key secure.PublicKey, certificate []byte) error
}

// Peer is one connection. Its owner calls it from one goroutine.
type Peer struct {
	cfg    Config
	caller bool
	intro  wire.IntroID
	key    secure.PublicKey // the other side's, as the server told it
	remote []netip.AddrPort // the other side's addresses, attested by the server

	handshake *secure.PeerHandshake // callee, until message 2
	expires   time.Time             // handshake given up
	early     [][]byte              // session packets that came before the keys

	session  *secure.Session
	conn     *rudp.Conn
	agent    *nat.Agent
	moved    bool // see TakeMoved
	rekeying rekeying
	legs     [2]leg // by path: the relay's and the backup's
	paths    paths
	stats    counters

	returned int // absences of the other side that have ended

	wish     Wish
	closed   bool    // the EventPeerClosed was queued
	refused  bool    // see Refused
	unwanted *ending // see Unwanted
	pending  []api.Event
}

// NewCaller takes the introduction that came back for our connect: the callee's handshake message, its addresses and
// our relay leg. The answer goes to the server at once; the connection can carry data when it returns.
func NewCaller(now time.Time, cfg Config, sig *wire.Signal, server netip.AddrPort) (p *Peer, answer []byte, err error) {
	p = &Peer{cfg: cfg, caller: true, intro: sig.Intro, key: sig.Key}
	p.hide(sig.Flags&wire.IntroRelayOnly != 0)
	answer, session, info, err := secure.AnswerPeer(p.secureConfig(sig, true), sig.Noise)
	if err == nil {
		err = p.verify(now, &info) // before anything of ours leaves
	}
	if err != nil {
		return nil, nil, err
	}
	p.reach(now, sig, server)
	p.start(now, session, info)
	return p, answer, nil
}

// NewCallee answers a request that was accepted: message 1 goes back to the server.
func NewCallee(now time.Time, cfg Config, sig *wire.Signal) (p *Peer, message []byte, err error) {
	p = &Peer{cfg: cfg, intro: sig.Intro, key: sig.Key, expires: now.Add(handshakeTimeout)}
	p.hide(sig.Flags&wire.RequestRelayOnly != 0)
	p.handshake, message, err = secure.NewPeerInitiator(p.secureConfig(sig, false))
	if err != nil {
		return nil, nil, err
	}
	return p, message, nil
}

func (p *Peer) secureConfig(sig *wire.Signal, caller bool) secure.PeerConfig {
	own := p.cfg.Static.Public()
	callerKey, calleeKey := own, sig.Key
	if !caller {
		callerKey, calleeKey = sig.Key, own
	}
	return secure.PeerConfig{
		Rand: p.cfg.Rand, Static: p.cfg.Static, Remote: sig.Key, PSK: sig.PSK,
		Prologue: secure.PeerPrologue(p.cfg.App, sig.Room, sig.Epoch, sig.Intro, callerKey, calleeKey, wire.Version),
		Info: wire.PeerInfo{Flags: p.cfg.features(), ConnID: p.cfg.ConnID, LAN: p.cfg.LAN, MappedPort: p.cfg.MappedPort, Global6: p.cfg.Global6,
			Certificate: p.cfg.Certificate},
	}
}

// Accepted gives the callee the caller's addresses and its own relay leg, released by the server after the accept.
func (p *Peer) Accepted(now time.Time, sig *wire.Signal, server netip.AddrPort) {
	if p.agent == nil {
		p.hide(sig.Flags&wire.IntroRelayOnly != 0)
		p.reach(now, sig, server)
	}
}

// Finish takes message 2. After it the callee has keys; datagrams that came early are opened now.
func (p *Peer) Finish(now time.Time, message []byte) error {
	if p.handshake == nil || p.agent == nil || p.closed {
		return api.NewError(api.ErrProtocol, "handshake answer out of turn")
	}
	session, info, err := p.handshake.Finish(message)
	if err != nil {
		return err
	}
	p.handshake = nil
	if p.unwanted != nil {
		p.shut(now, session, p.unwanted.code, p.unwanted.text)
		return nil
	}
	if err := p.verify(now, &info); err != nil {
		p.refuse(now, session, err)
		return nil
	}
	p.start(now, session, info)
	early := p.early
	p.early = nil
	for _, b := range early {
		p.HandleRelayed(now, wire.PathRelay, b)
	}
	return nil
}

// reach prepares the ways to the other side: the relay leg, and checks of its addresses once keys exist.
func (p *Peer) reach(now time.Time, sig *wire.Signal, server netip.AddrPort) {
	party := &sig.Party
	granted := sig.Flags&wire.IntroPunchGranted != 0
	p.granted(now, sig, server)
	p.agent = nat.NewAgent(nat.AgentConfig{
		Rand: p.cfg.Rand, Caller: p.caller, Local: p.cfg.LocalNAT, Remote: party.Profile,
		Main: api.MainSocket, LocalAddrs: p.cfg.LocalAddrs, StartAfter: p.serverTrip(party) + startMargin,
		Punch: p.cfg.Punch, Rate: p.cfg.PunchRate, Server: p.cfg.STUN, Token: p.cfg.STUNToken,
		LinkRTT: p.cfg.LinkRTT, RelayDelay: p.serverTrip(party), Granted: granted,
	})
	if p.cfg.RelayOnly {
		return
	}
	p.remote = party.Addrs
	p.agent.AddRemote(now, p.remote, false)
}

// serverTrip estimates the time from here over the server to the other side, half of each link's round trip. It is what our
// handshake answer takes until the callee has keys, and what a packet takes through the relay.
func (p *Peer) serverTrip(party *wire.Party) time.Duration {
	return (p.cfg.LinkRTT + time.Duration(party.RTTMillis)*time.Millisecond) / 2
}

// startMargin covers jitter in that estimate: a probe that comes a little late costs that little, one that comes too
// early can poison a router's table (NAT.md, fact 4).
const startMargin = 10 * time.Millisecond

func (p *Peer) start(now time.Time, session *secure.Session, info wire.PeerInfo) {
	if len(p.cfg.LAN) > 0 { // only who is behind our own public address names places in our network
		p.agent.AddRemote(now, info.LAN, true)
	}
	if !p.cfg.RelayOnly { // an agent that was not started sends nothing and answers nothing
		p.agent.AddTold(now, mappedAddrs(p.remote, info.MappedPort))
		p.agent.AddTold(now, global6(info.Global6))
		p.agent.Start(now)
	}
	p.begin(now, session)
	p.beginRekeying(now, &info)
	p.push(api.Event{Kind: api.EventPeerConnected, Route: api.RouteRelay})
}

// begin makes the transport over new keys, and opens what relays there are.
func (p *Peer) begin(now time.Time, session *secure.Session) {
	p.session = session
	p.conn = rudp.New(now, rudp.Config{
		SendBudget: p.cfg.SendBudget, RecvBudget: max(p.cfg.SendBudget, api.DefaultSendBytes), IdleTimeout: p.cfg.IdleTimeout,
		Crypto: session.Renewable(),
	})
	for i := range p.legs {
		if l := &p.legs[i]; l.client != nil && l.client.Bound() {
			p.openRelay(now, l)
		}
	}
}

// global6 leaves out what is no global IPv6 address: other kinds are the server's to attest.
func global6(addrs []netip.AddrPort) (out []netip.AddrPort) {
	for _, a := range addrs {
		if ip := a.Addr(); ip.Is6() && !ip.Is4In6() && ip.IsGlobalUnicast() && !ip.IsPrivate() {
			out = append(out, a)
		}
	}
	return out
}

// mappedAddrs are the attested addresses with the port that the other side's router forwards. Only the port is the other
// side's word: it can't send us to somebody else's address.
func mappedAddrs(attested []netip.AddrPort, port uint16) (out []netip.AddrPort) {
	if port == 0 {
		return nil
	}
	for _, a := range attested {
		if a.Addr().Is4() {
			out = append(out, netip.AddrPortFrom(a.Addr(), port))
		}
	}
	return out
}

// ServerBack tells that the link to the server came up again, perhaps at another address: a relay that went with it knows
// our leg by its ticket alone. An invalid server: another node, and the relays stayed where they were. stun and token are what Config has of these names.
// stream: we reach that server only, which leads to the other side's relay.
func (p *Peer) ServerBack(now time.Time, server netip.AddrPort, stream bool, stun netip.AddrPort, token [16]byte) {
	if !p.Connected() {
		return
	}
	p.agent.SetServer(stun, token)
	for i := range p.legs {
		if c := p.legs[i].client; c != nil {
			if i == 0 && stream {
				c.Through(server)
			}
			c.Follow(now, server)
		}
	}
}

// Intro names the introduction this connection came from.
func (p *Peer) Intro() wire.IntroID { return p.intro }

// ConnID is what arriving session packets for this connection carry.
func (p *Peer) ConnID() uint32 { return p.cfg.ConnID }

// Connected reports whether keys exist and the connection is not closed.
func (p *Peer) Connected() bool { return p.session != nil && !p.closed }

// Heard reports whether anything of the other side has come, so that it has keys.
func (p *Peer) Heard() bool { return p.stats.received > 0 }

// Send queues a message; see rudp.Conn.SendMessage.
func (p *Peer) Send(now time.Time, how api.Outgoing, data []byte) error {
	if !p.Connected() {
		return api.NewError(api.ErrNotConnected, "not connected to that peer")
	}
	err := p.conn.SendMessage(now, how, data)
	if err == nil {
		p.stats.accepted++
	}
	return err
}

// Consumed tells that the game took n bytes of reliable payload.
func (p *Peer) Consumed(now time.Time, n int) {
	if p.conn != nil {
		p.conn.Consumed(now, n)
	}
}

// TakeReleased is how many bytes of send budget came free since the last call.
func (p *Peer) TakeReleased() int {
	if p.conn == nil {
		return 0
	}
	return p.conn.TakeReleased()
}

// Close ends the connection: what was accepted is still delivered for a while, then the other side is told. A callee without keys
// is Unwanted from then on.
func (p *Peer) Close(now time.Time, code api.Code, text string) {
	if p.conn == nil {
		p.unwanted = &ending{code, text}
		return
	}
	p.conn.Close(now, code, text, closeLinger)
	if p.agent != nil {
		p.agent.Quit()
		p.drainAgent(now)
	}
}

// Abandon ends the connection without a word to the other side, for one that a newer connection replaced.
func (p *Peer) Abandon(code api.Code, text string) { p.fail(code, text) }

// Done reports whether the connection is closed and has nothing left to say.
func (p *Peer) Done() bool {
	return p.closed && (p.conn == nil || p.conn.Drained()) && len(p.pending) == 0
}

// SetProfile tells what is known of this side's NAT by now.
func (p *Peer) SetProfile(now time.Time, own wire.Profile) {
	p.cfg.LocalNAT = own
	if p.agent != nil {
		p.agent.SetLocal(now, own)
		p.drainAgent(now)
	}
}

// Punch tries the direct ways again, now.
func (p *Peer) Punch(now time.Time) {
	if p.Connected() && p.cfg.RelayOnly {
		p.push(api.Event{Kind: api.EventPunch, Code: api.ErrPrivacy, Text: "privacy: this connection stays relayed"})
		return
	}
	if p.Connected() && !p.paths.direct(p.paths.route) {
		p.paths.retryAt = time.Time{}
		p.agent.Retry(now)
		p.drainAgent(now)
	}
}

// NetworkChanged tells that this device's addresses may have changed: the relay leg is bound again from the new one,
// direct paths must prove themselves. known: the server has seen the new address, and its relay sends there.
func (p *Peer) NetworkChanged(now time.Time, known bool) {
	if !p.Connected() {
		return
	}
	for i := range p.legs {
		switch c := p.legs[i].client; {
		case c == nil:
		case !known:
			c.Moved(now)
		case !c.Binding():
			c.Bind(now)
		}
	}
	p.agent.NetworkChanged(now)
	if p.paths.direct(p.paths.route) {
		p.suspect(now, "network changed")
	}
	p.paths.holdUntil, p.paths.proof.rejected = time.Time{}, 0 // the paths that failed were another network's: the next that is valid is good
	p.drainAgent(now)
}

func (p *Peer) fail(code api.Code, text string) {
	if p.closed {
		return
	}
	p.closed = true
	if p.agent != nil {
		p.agent.Quit()
	}
	undelivered := uint64(0)
	if p.conn != nil {
		undelivered = uint64(p.conn.Undelivered())
	}
	p.push(api.Event{Kind: api.EventPeerClosed, Code: code, Text: text, Count: undelivered})
}

// push queues an event. EventPeerClosed is the last one: the other side can still send probes after its CLOSE.
func (p *Peer) push(ev api.Event) {
	if !p.closed || ev.Kind == api.EventPeerClosed {
		p.pending = append(p.pending, ev)
	}
}

// NextEvent returns the next thing that happened. A message's Data is borrowed until the next call into p.
func (p *Peer) NextEvent() (api.Event, bool) {
	if len(p.pending) > 0 {
		ev := p.pending[0]
		p.pending = append(p.pending[:0], p.pending[1:]...)
		return ev, true
	}
	for p.conn != nil && !p.closed {
		ev, ok := p.conn.NextEvent()
		if !ok {
			break
		}
		switch ev.Kind {
		case rudp.EventMessage:
			p.stats.delivered++
			return api.Event{Kind: api.EventMessage, Mode: ev.Mode, Channel: ev.Channel, Data: ev.Data}, true
		case rudp.EventInterrupted:
			return api.Event{Kind: api.EventPeerInterrupted, Text: cmp.Or(ev.Text, "nothing heard from the peer")}, true
		case rudp.EventRecovered:
			return api.Event{Kind: api.EventPeerRecovered}, true
		case rudp.EventDelivered:
			return api.Event{Kind: api.EventDelivered, Count: ev.ID, Code: ev.Code}, true
		case rudp.EventWritable:
			return api.Event{Kind: api.EventWritable}, true
		case rudp.EventClosed:
			p.closed = true
			return api.Event{Kind: api.EventPeerClosed, Code: ev.Code, Text: ev.Text, Count: uint64(ev.Undelivered)}, true
		}
	}
	return api.Event{}, false
}
