package relay

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// HandleDatagram takes what is not forwarded: BIND and BIND2. Before a valid BIND2 nothing is kept and no answer is
// larger than its question.
func (s *Server) HandleDatagram(now time.Time, from netip.AddrPort, b []byte) {
	s.clock(now)
	switch {
	case len(b) == 0 || !from.IsValid():
		s.drop(DropFormat)
	case b[0] == wire.TypeBind:
		s.handleBind(now, from, b)
	case b[0] == wire.TypeBind2:
		s.handleBind2(now, from, b)
	default:
		s.drop(DropFormat)
	}
}

// admit opens a ticket and checks that the sender has its key: whoever merely saw a ticket can't use it.
func (s *Server) admit(now time.Time, ticket, covered []byte, mac *[wire.RelayMACSize]byte) (t wire.RelayTicket, key [32]byte, ok bool) {
	t, key, ok = s.cfg.Open(now, ticket)
	if !ok {
		s.drop(DropTicket)
		return t, key, false
	}
	if !genuine(&key, covered, mac) {
		s.drop(DropMAC)
		return t, key, false
	}
	return t, key, true
}

func (s *Server) handleBind(now time.Time, from netip.AddrPort, b []byte) {
	m, covered, ok := wire.ParseBind(b)
	if !ok {
		s.drop(DropFormat)
		return
	}
	if _, _, ok := s.admit(now, m.Ticket, covered, &m.MAC); !ok {
		return
	}
	answer := wire.BindChallenge{Nonce: m.Nonce, Cookie: s.cfg.Cookie(now, from, m.Nonce)}
	out := wire.AppendBindChallenge(nil, &answer)
	if len(out) > len(b) { // only with a ticket far shorter than any that is minted
		s.drop(DropFormat)
		return
	}
	s.send(from, out)
}

func (s *Server) handleBind2(now time.Time, from netip.AddrPort, b []byte) {
	m, covered, ok := wire.ParseBind2(b)
	if !ok {
		s.drop(DropFormat)
		return
	}
	t, key, ok := s.admit(now, m.Ticket, covered, &m.MAC)
	if !ok {
		return
	}
	if !s.cfg.CheckCookie(now, from, m.Nonce, m.Cookie) {
		s.drop(DropCookie)
		return
	}
	if m.Counter == 0 {
		s.drop(DropCounter)
		return
	}
	i, ok := s.leg(s.now, t.Session, t.Leg)
	if !ok {
		return
	}
	l := &s.legs[i]
	switch {
	case m.Counter > l.counter:
		// The newest word of the client about where it is. Its allowance is the leg's and does not start anew.
		l.counter, l.rate = m.Counter, s.cfg.Rate(t.Rate)
		delete(s.bridges, i)
		s.sessions[i/2].bound = s.now // a player who waits for a sleeping one keeps the session by binding again
		s.bind(i, t.KeyHash, from)
	case m.Counter == l.counter && l.at(from):
		// BOUND was lost, or somebody replays: the same answer to the same place, and nothing changes.
	default:
		s.drop(DropCounter)
		return
	}
	out := wire.AppendBound(nil, &wire.Bound{Nonce: m.Nonce, Handle: l.handle, Rate: l.rate})
	mac := seal(&key, out)
	s.send(from, append(out, mac[:]...))
}
