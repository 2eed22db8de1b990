package rendezvous

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// punchLife is how long a pair has its external addresses for port prediction; clients give up before it ends.
	punchLife = 10 * time.Second
	// punchEntries bounds the locked addresses; with more, who asks waits.
	punchEntries = 1 << 16
)

// campaigns is the lock on external addresses: port prediction fills a NAT's table and moves its counters, so that two
// campaigns behind one address would spoil each other (docs/NAT.md, phase 3).
type campaigns struct {
	locks map[netip.Addr]campaign
	swept time.Time // when a full table was last looked through
}

type campaign struct {
	pair  pair
	until time.Time
}

// take locks both addresses for a pair, or says how long to wait. A pair that holds them has them anew.
func (c *campaigns) take(now time.Time, p pair, addrs [2]netip.Addr) (wait time.Duration) {
	for _, a := range addrs {
		if l, ok := c.locks[a]; ok && l.pair != p {
			wait = max(wait, l.until.Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	if len(c.locks) >= punchEntries && now.Sub(c.swept) >= time.Second {
		c.swept = now
		for a, l := range c.locks {
			if !now.Before(l.until) {
				delete(c.locks, a)
			}
		}
	}
	if len(c.locks) >= punchEntries {
		return punchLife
	}
	if c.locks == nil {
		c.locks = map[netip.Addr]campaign{}
	}
	for _, a := range addrs {
		c.locks[a] = campaign{p, now.Add(punchLife)}
	}
	return 0
}

// give returns what a pair holds of the addresses.
func (c *campaigns) give(p pair, addrs [2]netip.Addr) {
	for _, a := range addrs {
		if c.locks[a].pair == p {
			delete(c.locks, a)
		}
	}
}

// addresses are what a campaign of the two concerns.
func addresses(a, b *member) [2]netip.Addr {
	return [2]netip.Addr{guardKey(a.ref.Addr.Addr()), guardKey(b.ref.Addr.Addr())}
}

// punch takes a client's word about the lock. Both are told of a grant: the other side may be the one that waits for it.
func (s *Server) punch(now time.Time, m *member, sig *wire.Signal) {
	other := s.members[sig.Member]
	if m.room == nil || other == nil || other == m || other.room != m.room || s.privacy(m.room, m, other) == api.PrivacyRelayOnly {
		s.stats.Stale++
		return
	}
	p, addrs := pairOf(m, other), addresses(m, other)
	if sig.Flags&wire.PunchWanted == 0 {
		s.campaigns.give(p, addrs)
		return
	}
	if wait := s.campaigns.take(now, p, addrs); wait > 0 {
		s.send(m, wire.Signal{Type: wire.SigPunchGrant, Member: sig.Member, Request: uint32(min(wait, time.Second).Milliseconds())})
		return
	}
	granted := wire.Signal{Type: wire.SigPunchGrant, Flags: wire.PunchGranted, Request: uint32(punchLife.Milliseconds())}
	granted.Member = other.ref.Member
	s.send(m, granted)
	granted.Member = m.ref.Member
	s.send(other, granted)
}

// punchFlags locks both addresses with the introduction itself, if the profiles call for prediction and nobody else has
// them: it saves the round trip of asking.
func (s *Server) punchFlags(now time.Time, in *introduction) uint32 {
	a, b := in.caller, in.callee
	called := a.profile.Hard() && (b.profile.Hard() || b.profile.Strict()) || b.profile.Hard() && a.profile.Strict()
	if !called || s.campaigns.take(now, pairOf(a, b), addresses(a, b)) > 0 {
		return 0
	}
	return wire.IntroPunchGranted
}

// profiled keeps a client's profile, and tells it to those that have been introduced to it.
func (s *Server) profiled(m *member, p wire.Profile) {
	if m.profile == p {
		return
	}
	m.profile = p
	s.tellParty(m)
}

// tellParty tells what is new of a member to those that it was introduced to, as long as both are in the room: a player whose
// network changed must be found again. Nobody gets an address before the callee accepted.
func (s *Server) tellParty(m *member) {
	if m.room == nil {
		return
	}
	for _, other := range m.room.members {
		if _, ok := s.acquainted[pairOf(m, other)]; ok && s.privacy(m.room, m, other) != api.PrivacyRelayOnly {
			s.send(other, wire.Signal{Type: wire.SigCandidates, Member: m.ref.Member, Party: m.party()})
		}
	}
}
