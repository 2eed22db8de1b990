package link

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// AcceptorConfig is what a server node needs to accept links. Nodes of one cluster share all of it.
type AcceptorConfig struct {
	Rand      io.Reader
	Static    secure.PrivateKey
	Cookies   *secure.CookieJar
	Ticket    secure.TicketKey
	STUNPorts []uint16
	Alternate netip.Addr              // second address for NAT discovery, invalid: none
	Resets    *secure.ResetKey        // this node's own; nil: no stateless resets
	NewConnID func() uint32           // unique among the node's sessions and not zero
	Nodes     func() []netip.AddrPort // others of the cluster, for when this one dies; nil: there are none
	// Admit is asked before any public-key work for an address that has proved itself; token: by an address token
	// rather than a cookie made for this handshake; resume: of a link by its ticket. With api.ErrUnavailable it says how many
	// seconds the client is to wait. Nil admits everybody.
	Admit func(now time.Time, from netip.AddrPort, token, resume bool) (code api.Code, wait uint32)
	// Authorize decides about an authentic applicant and may set User and Member. Nil: everybody, under the user id
	// they wish or "anon-" and the hash of their key, with a random member id.
	Authorize func(now time.Time, a *Applicant) api.Code
}

// Applicant is a client whose message 1 is authentic.
type Applicant struct {
	From    netip.AddrPort   // as the world sees it
	Key     secure.PublicKey // its static key: proven now, or when the ticket's first link was made
	App     string
	User    string // wished; of a resumed link the one that it had
	Token   []byte // access token; none with a resumed link
	Member  uint64 // zero for a new link: the acceptor or Authorize chooses one
	Resumed bool
	Rejoin  bool        // says Rejoin next: it is in a room
	Serial  uint32      // how many sessions the member had before
	Grant   wire.Grant  // of a resumed link what it had; Authorize sets a new one's
	Wish    api.Privacy // what the client asks for itself
}

// Acceptor is the stateless front of a server: until an address has proved itself it keeps nothing about it, does no
// public-key work and never answers with more bytes than came.
type Acceptor struct {
	cfg    AcceptorConfig
	seen   replays
	shared shared
	own    *secure.StaticKey
	reply  []byte // borrowed by the caller of Handle
	counts AcceptCounts
}

// AcceptCounts counts what became of handshake datagrams.
type AcceptCounts struct {
	Malformed uint64
	Retries   uint64 // cookies handed out
	Repeated  uint64 // copies and replays of a Hello that was answered before
	Refused   uint64 // for any reason, of which these are the acceptor's own:
	Version   uint64 //   another version of the protocol; INITs, too, which are answered with ours
	Ticket    uint64 //   a resume ticket that is none, or has expired
	Key       uint64 //   made for another server's key, or forged
	Content   uint64 //   opened, but what is inside is not allowed
	Links     uint64 // new
	Resumed   uint64
}

// NewAcceptor makes an acceptor.
func NewAcceptor(cfg AcceptorConfig) *Acceptor {
	return &Acceptor{cfg: cfg, own: secure.NewStaticKey(cfg.Static), reply: make([]byte, 0, wire.BaseDatagram)}
}

// shared is what all sessions of a server have together.
type shared struct {
	drops  Drops
	spares spares
}

// Drops counts what arrived for any session, living or not, and was ignored.
func (a *Acceptor) Drops() Drops { return a.shared.drops }

// Counts are the counters now.
func (a *Acceptor) Counts() AcceptCounts { return a.counts }

// Handle answers a datagram of family 11. reply, if any, goes back to from and is valid until the next call. A new
// session is returned once; its client may still be a replay of an old one: see ServerSession.Confirmed.
func (a *Acceptor) Handle(now time.Time, from netip.AddrPort, b []byte) (reply []byte, s *ServerSession) {
	return a.handle(now, Origin{Addr: from, Seen: from}, b)
}

// HandleStream is Handle for a datagram that came over TCP, which has proved the address: no cookie is asked for.
func (a *Acceptor) HandleStream(now time.Time, from Origin, b []byte) (reply []byte, s *ServerSession) {
	from.stream = true
	return a.handle(now, from, b)
}

// Origin is where a client's datagrams come from.
type Origin struct {
	Addr   netip.AddrPort // where answers go; a stream's name has the form of an address
	Seen   netip.AddrPort // the address that the client has to the world
	stream bool
}

func (a *Acceptor) handle(now time.Time, from Origin, b []byte) (reply []byte, s *ServerSession) {
	if m, ok := wire.ParseInit(b); ok {
		if m.Version != wire.Version {
			a.counts.Version++
		}
		return a.retry(now, from.Addr, m.Random), nil // its version is ours: the client sees when that does not fit
	}
	m, ok := wire.ParseHello(b)
	if !ok {
		a.counts.Malformed++
		return nil, nil
	}
	if m.Version != wire.Version {
		a.counts.Version++
		return a.refuse(&m, api.ErrServerVersion, 0), nil
	}
	return a.hello(now, from, b, &m)
}

func (a *Acceptor) retry(now time.Time, from netip.AddrPort, random [wire.RandomSize]byte) []byte {
	a.counts.Retries++
	m := wire.Retry{Version: wire.Version, Random: random, Cookie: a.cfg.Cookies.Retry(now, from, random)}
	a.reply = wire.AppendRetry(a.reply[:0], &m)
	return a.reply
}

// refuse says why, and with api.ErrUnavailable how many seconds to wait.
func (a *Acceptor) refuse(m *wire.Hello, code api.Code, wait uint32) []byte {
	a.counts.Refused++
	a.reply = wire.AppendRefuse(a.reply[:0], &wire.Refuse{Version: wire.Version, Random: m.Random, Code: int32(code), Wait: wait})
	return a.reply
}

func (a *Acceptor) hello(now time.Time, from Origin, b []byte, m *wire.Hello) (reply []byte, s *ServerSession) {
	exact := from.stream || a.cfg.Cookies.CheckRetry(now, from.Addr, m.Random, m.Cookie)
	if !exact && !a.cfg.Cookies.CheckAddress(now, from.Addr.Addr(), m.Cookie) {
		return a.retry(now, from.Addr, m.Random), nil
	}
	// What Noise authenticates, so without the padding, which anybody could change.
	prologue := wire.AppendHelloPrologue(make([]byte, 0, wire.BaseDatagram), m)
	sum := blake2s.Sum256(b[:len(prologue)+2+len(m.Noise)])
	key := [16]byte(sum[:16])
	if e := a.seen.find(now, key); e != nil {
		a.counts.Repeated++
		return e.welcome, nil
	}
	if a.cfg.Admit != nil {
		if code, wait := a.cfg.Admit(now, from.Seen, !exact, m.Resume); code != api.OK {
			return a.refuse(m, code, wait), nil
		}
	}
	answer, who, code := a.authenticate(now, from.Seen, m, prologue)
	if code == api.OK {
		code = a.authorize(now, &who)
	}
	if code != api.OK {
		return a.refuse(m, code, 0), nil
	}
	return a.accept(now, m, answer, who, key, from, exact)
}

// authenticate does the public-key work.
func (a *Acceptor) authenticate(now time.Time, from netip.AddrPort, m *wire.Hello, prologue []byte) (*secure.LinkAnswer, Applicant, api.Code) {
	who := Applicant{From: from, Resumed: m.Resume}
	cfg := secure.LinkConfig{Rand: a.cfg.Rand, Own: a.own, Prologue: prologue}
	if m.Resume {
		t, err := a.cfg.Ticket.OpenResume(now, m.Ticket)
		if err != nil {
			a.counts.Ticket++
			return nil, who, api.ErrLost
		}
		cfg.Secret = t.Secret
		answer, err := secure.AnswerResume(cfg, m.Noise)
		if err != nil {
			a.counts.Ticket++
			return nil, who, api.ErrLost
		}
		who.Key, who.App, who.User, who.Member, who.Grant, who.Serial = t.Client, t.App, t.User, t.Member, t.Grant, t.Serial+1
		who.Wish, who.Rejoin = answer.Info.Privacy(), answer.Info.Flags&wire.FlagRejoin != 0
		return answer, who, api.OK
	}
	answer, err := secure.AnswerLink(cfg, m.Noise)
	switch err {
	case nil:
	case secure.ErrAuth:
		a.counts.Key++
		return nil, who, api.ErrServerKey // it expects another key, or is forged
	default:
		a.counts.Content++
		return nil, who, api.ErrProtocol
	}
	who.Key, who.App, who.User, who.Token = answer.Client, answer.Info.App, answer.Info.User, answer.Info.Token
	who.Wish = answer.Info.Privacy()
	return answer, who, api.OK
}

func (a *Acceptor) authorize(now time.Time, who *Applicant) api.Code {
	if len(who.App) > maxName || len(who.User) > maxName {
		a.counts.Content++
		return api.ErrTooLarge
	}
	if a.cfg.Authorize != nil {
		if code := a.cfg.Authorize(now, who); code != api.OK {
			return code
		}
	}
	if who.User == "" {
		who.User = secure.AnonymousUser(who.Key)
	}
	for who.Member == 0 {
		var b [8]byte
		a.random(b[:])
		who.Member = binary.BigEndian.Uint64(b[:])
	}
	return api.OK
}

func (a *Acceptor) accept(now time.Time, m *wire.Hello, answer *secure.LinkAnswer, who Applicant, key [16]byte, from Origin, proven bool) ([]byte, *ServerSession) {
	ip := who.From.Addr()
	// No wire.FlagAES: a link at rest makes its keys anew for each keepalive. ChaCha20-Poly1305 does that and a small packet in 0.2 µs
	// and 64 bytes, AES-256-GCM in 0.57 µs and 1,312.
	info := wire.ServerInfo{
		ConnID: a.cfg.NewConnID(), Observed: who.From, User: who.User, Member: who.Member, AddressToken: a.cfg.Cookies.Address(now, ip),
		STUNToken: a.cfg.Cookies.STUNToken(now, ip), STUNPorts: a.cfg.STUNPorts, Alternate: a.cfg.Alternate,
	}
	if a.cfg.Resets != nil {
		info.ResetToken = a.cfg.Resets.Token(info.ConnID)
	}
	if a.cfg.Nodes != nil {
		info.Nodes = a.cfg.Nodes()
	}
	// No ticket yet: its secret comes out of this very message. The first one follows over the session.
	msg2, keys, secret, err := answer.Reply(m.ConnID, &info)
	if err != nil {
		a.counts.Content++
		return a.refuse(m, api.ErrProtocol, 0), nil // a client key of low order
	}
	a.counts.Links++
	if m.Resume {
		a.counts.Resumed++
	}
	e := a.seen.add(now, key)
	e.welcome = wire.AppendWelcome(nil, &wire.Welcome{Resumed: m.Resume, ConnID: m.ConnID, Noise: msg2})
	return e.welcome, newServerSession(now, &a.cfg, who, keys, secret, e, from, proven, &a.shared)
}

// random fills b. Without randomness nothing can be done safely.
func (a *Acceptor) random(b []byte) {
	if _, err := io.ReadFull(a.cfg.Rand, b); err != nil {
		panic("link: randomness: " + err.Error())
	}
}
