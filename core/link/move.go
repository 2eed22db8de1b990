package link

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// move is a client's new address under proof: a NAT gave it another port, or somebody replays its packets from
// elsewhere. It gets no more bytes than it sent, and one challenge at a time, until it answers one.
type move struct {
	to       netip.AddrPort // invalid: none
	nonce    uint64
	in, out  int // bytes from and to the new address
	tries    int
	next     time.Time // the next challenge
	interval time.Duration
	asked    bool // by a client on a stream, over UDP: the first challenge is of full size, others follow what comes from there
}

const (
	maxChallenges = 6
	// challengeSize is a challenge's whole packet: header, type, nonce, tag.
	challengeSize = wire.SessionHeader + 1 + 8 + wire.TagSize
)

// heardFrom takes note of the source of an authentic packet that is the newest so far.
func (s *ServerSession) heardFrom(now time.Time, from netip.AddrPort, size int) {
	switch {
	case sameAddr(from, s.remote) && s.move.asked:
	case sameAddr(from, s.remote):
		s.move = move{} // the old address lives
	case sameAddr(from, s.move.to):
		if s.move.in += size; s.move.asked { // our challenge came, and the answer to it did not
			s.move.next = now
		}
	default:
		s.move = move{to: from, nonce: s.randomNonce(), in: size, next: now, interval: firstRetry}
	}
}

func (s *ServerSession) handleProbe(now time.Time, from netip.AddrPort, probe *wire.Probe, size int) {
	if probe.Challenge && s.stream && !sameAddr(from, s.remote) && size >= wire.BaseDatagram {
		s.move = move{to: from, nonce: s.randomNonce(), in: size, next: now, interval: firstRetry, asked: true}
		return
	}
	if !probe.Response || !s.move.to.IsValid() || probe.RespNonce != s.move.nonce || !sameAddr(from, s.move.to) {
		s.pipe.drops.Probe++
		return
	}
	s.remote, s.seen, s.stream, s.move = from, from, false, move{}
	s.proven = true
	// Another path to another NAT: nothing learned about the old one holds, and what went there is lost.
	conn := s.pipe.awake(now)
	conn.OpenPath(now, path, wire.MaxFrames, 0)
	conn.Requeue(now, path)
	s.Send(now, &wire.Signal{Type: wire.SigObserved, Addr: from})
	s.sendTicket(now) // its address token is for the new address
}

// appendChallenge appends the challenge to a new address, if one is due and paid for.
func (s *ServerSession) appendChallenge(now time.Time, dst []byte) ([]byte, bool) {
	m := &s.move
	if !m.to.IsValid() || !deadline.Due(now, m.next) {
		return dst, false
	}
	if m.tries == maxChallenges {
		m.next = time.Time{} // it stays remembered, so that the same address can't start anew
		return dst, false
	}
	probe := wire.Probe{Challenge: true, ChallengeNonce: m.nonce}
	if m.asked {
		m.next = time.Time{}
		if m.tries == 0 { // and paid for: see handleProbe
			m.tries, m.out = 1, wire.BaseDatagram
			probe.Size = wire.MaxFrames
			return s.pipe.appendProbe(dst, &probe), true
		}
	}
	if m.in < m.out+challengeSize {
		if !m.asked {
			m.next = now.Add(m.interval) // wait for more from there
		}
		return dst, false
	}
	m.tries++
	m.out += challengeSize
	if m.asked {
		return s.pipe.appendProbe(dst, &probe), true
	}
	m.next = now.Add(m.interval)
	m.interval *= 2
	return s.pipe.appendProbe(dst, &probe), true
}
