package link

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/rudp"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ServerSession is the server's end of one link. Its owner routes packets to it by ConnID.
//
//	greeted --first packet that opens--> confirmed --BYE, CLOSE, 50 s of silence--> closed --3 PTO--> done
//	greeted --10 s--> closed, without a word
type ServerSession struct {
	Member  uint64
	User    string
	App     string
	Key     secure.PublicKey
	Resumed bool   // Member had a link before
	Rejoin  bool   // and says Rejoin before anything else
	Serial  uint32 // how many sessions the member had before: of two at different nodes the higher is the living one
	Grant   wire.Grant
	Wish    api.Privacy // what the client asks for itself

	cfg       *AcceptorConfig
	pipe      *pipe
	secret    [32]byte  // behind the tickets of this session
	greeting  *greeting // what answers a repeated Hello; nil once confirmed
	proven    bool      // the address and port returned a cookie of their own
	born      time.Time
	clock     time.Time
	confirmed bool
	remote    netip.AddrPort
	seen      netip.AddrPort
	stream    bool   // remote is a stream's name
	highest   uint64 // largest packet number on path
	move      move
	ticketAt  time.Time // the next ticket
	closed    bool
	code      api.Code
	text      string
	warned    bool // of the end of Grant
}

func newServerSession(now time.Time, cfg *AcceptorConfig, who Applicant, keys *secure.Session, secret [32]byte, g *greeting, from Origin, proven bool, shared *shared) *ServerSession {
	s := &ServerSession{
		Member: who.Member, User: who.User, App: who.App, Key: who.Key, Resumed: who.Resumed, Rejoin: who.Rejoin,
		Grant: who.Grant, Serial: who.Serial, Wish: who.Wish,
		cfg: cfg, pipe: newPipe(now, keys, 0, &shared.drops, &shared.spares), secret: secret, greeting: g, proven: proven, born: now, clock: now,
		remote: from.Addr, seen: from.Seen, stream: from.stream,
	}
	s.sendTicket(now)
	return s
}

// ConnID is what the client writes into packets for this session.
func (s *ServerSession) ConnID() uint32 { return s.pipe.keys.LocalConnID() }

// Remote is the client's proven address, or the name of its stream.
func (s *ServerSession) Remote() netip.AddrPort { return s.remote }

// Seen is the client's address as the world sees it; stream: UDP from there may be blocked, and its port is TCP's.
func (s *ServerSession) Seen() (addr netip.AddrPort, stream bool) { return s.seen, s.stream }

// RTT is the smoothed round trip to the client.
func (s *ServerSession) RTT() time.Duration { return s.pipe.rtt() }

// Confirmed reports whether the client has shown that it holds the keys: until then this may be a replay, and must
// not take the place of the member's other session.
func (s *ServerSession) Confirmed() bool { return s.confirmed }

// Closed reports the session's end and why. Packets may still have to go out: see Done.
func (s *ServerSession) Closed() (api.Code, string, bool) { return s.code, s.text, s.closed }

// Done reports whether the session may be forgotten.
func (s *ServerSession) Done() bool {
	return s.closed && (!s.confirmed || s.pipe.conn != nil && s.pipe.conn.Drained())
}

// HandleDatagram takes a session packet. b is scribbled over.
func (s *ServerSession) HandleDatagram(now time.Time, from netip.AddrPort, b []byte) {
	now = s.tick(now)
	size := len(b)
	number, probe, probed, ok := s.pipe.open(now, b)
	if !ok {
		if s.pipe.conn == nil {
			s.pipe.settle(now)
		}
		return
	}
	if !s.confirmed {
		s.confirmed, s.greeting.welcome, s.greeting = true, nil, nil
	}
	if probed {
		s.handleProbe(now, from, &probe, size)
		return
	}
	if newest := number >= s.highest; newest || sameAddr(from, s.move.to) {
		s.highest = max(s.highest, number)
		s.heardFrom(now, from, size)
	}
}

// HandleTimeout acts on deadlines that have come.
func (s *ServerSession) HandleTimeout(now time.Time) {
	now = s.tick(now)
	if !s.confirmed {
		if !s.closed && deadline.Due(now, s.born.Add(confirmTime)) {
			s.end(api.ErrTimeout, "the client did not take up the session")
		}
		return
	}
	s.pipe.handleTimeout(now)
	s.grantTimeout(now)
	if !s.closed && deadline.Due(now, s.ticketAt) {
		s.sendTicket(now)
	}
}

// NextTimeout is when HandleTimeout has something to do at the earliest; zero: never.
func (s *ServerSession) NextTimeout() time.Time {
	if !s.confirmed {
		if s.closed {
			return time.Time{}
		}
		return s.born.Add(confirmTime)
	}
	at := s.pipe.nextTimeout()
	if !s.closed {
		at = deadline.Earlier(deadline.Earlier(at, s.ticketAt), s.move.next)
		at = deadline.Earlier(at, s.grantDeadline())
	}
	return at
}

// AppendTransmit appends one datagram to dst and says where it goes, until !ok.
func (s *ServerSession) AppendTransmit(now time.Time, dst []byte) (out []byte, to netip.AddrPort, ok bool) {
	now = s.tick(now)
	if !s.confirmed && (!s.proven || s.closed) {
		return dst, to, false // an address token proves the address but not the port: nothing beyond the answer
	}
	if out, ok = s.appendChallenge(now, dst); ok {
		return out, s.move.to, true
	}
	if out, ok = s.pipe.append(now, dst); !ok && s.confirmed {
		s.pipe.settle(now)
	}
	return out, s.remote, ok
}

// HasNews reports whether NextSignal has something, maybe only the session's end.
func (s *ServerSession) HasNews() bool { return s.pipe.conn != nil && s.pipe.conn.HasEvents() }

// NextSignal takes the next signal from the client. What it points to is valid until the next call.
func (s *ServerSession) NextSignal() (wire.Signal, bool) {
	for {
		sig, closed, done := s.pipe.receive(s.clock)
		switch {
		case done:
			return wire.Signal{}, false
		case closed != nil:
			s.ended(closed)
		default:
			s.pipe.rest.spoke = s.clock
			return sig, true
		}
	}
}

func (s *ServerSession) ended(ev *rudp.Event) { s.end(ev.Code, ev.Text) }

func (s *ServerSession) end(code api.Code, text string) {
	if !s.closed {
		s.closed, s.code, s.text = true, code, text
	}
}

// Send queues a signal to the client. A client that lets signals pile up is closed; a signal over wire.MaxSignal is
// refused with an error and no effect.
func (s *ServerSession) Send(now time.Time, sig *wire.Signal) error {
	now = s.tick(now)
	if sig.Type != wire.SigTicket { // tickets are no conversation
		s.pipe.rest.spoke = now
	}
	err := s.pipe.send(now, sig)
	if wouldBlock(err) {
		s.Close(now, api.ErrLost, "the client does not acknowledge signals")
	}
	return err
}

// Close tells the client and ends the session. The code is what the client reports.
func (s *ServerSession) Close(now time.Time, code api.Code, text string) {
	now = s.tick(now)
	s.pipe.awake(now).Close(now, code, text, closeLinger)
	s.end(code, text)
}

// sendTicket gives the client a new ticket and address token.
func (s *ServerSession) sendTicket(now time.Time) {
	// By the connection id, which is random: links that came in one minute after a restart don't go on in step.
	s.ticketAt = now.Add(ticketRefresh + time.Duration(uint64(s.ConnID())*uint64(ticketSpread)>>32))
	life := s.ticketLife(now)
	ticket, err := s.cfg.Ticket.SealResume(s.cfg.Rand, nil, &secure.ResumeTicket{
		Client: s.Key, Member: s.Member, User: s.User, App: s.App, Secret: s.secret, Expiry: uint64(now.Add(life).Unix()), Grant: s.Grant, Serial: s.Serial,
	})
	if err != nil {
		panic("link: randomness: " + err.Error())
	}
	s.Send(now, &wire.Signal{
		Type: wire.SigTicket, Request: uint32(life / time.Second), Data: ticket, Cookie: s.cfg.Cookies.Address(now, s.seen.Addr()),
	})
}

func (s *ServerSession) tick(now time.Time) time.Time {
	if now.After(s.clock) {
		s.clock = now
	}
	return s.clock
}

func (s *ServerSession) randomNonce() uint64 {
	var b [8]byte
	if _, err := io.ReadFull(s.cfg.Rand, b[:]); err != nil {
		panic("link: randomness: " + err.Error())
	}
	return binary.BigEndian.Uint64(b[:])
}
