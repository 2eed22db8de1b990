package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// HandleProbe takes the frames of an authenticated PathProbe packet and where it came from.
//
// A challenge is answered at once to its observed source, and if that pair has never answered us, the same packet carries
// our own challenge (a triggered check): both sides then have an answer within 1.5 round trips. A response counts only
// from the very socket and address that the challenge went through, as in RFC 8445, 7.2.5.2.1.
func (a *Agent) HandleProbe(now time.Time, socket api.SocketID, from netip.AddrPort, w *wire.Probe) {
	now = a.tick(now)
	if !a.started {
		a.drops.Early++
		return
	}
	from = unmap(from)
	a.probing(now) // whoever seals has keys
	p := a.find(socket, from)
	if w.Challenge {
		p = a.respond(now, p, socket, from, w.ChallengeNonce)
	}
	if w.HasControl {
		a.HandleControl(now, &w.Control)
	}
	if w.Response {
		index, ok := 0, false
		if p != nil {
			index, ok = p.answer(w.RespNonce)
		}
		if !ok {
			p, index, ok = a.hit(now, p, socket, from, w.RespNonce)
		}
		if ok {
			a.pong(now, p, index)
		} else {
			a.drops.UnknownNonce++
		}
	}
	a.run(now)
}

// respond answers a challenge, and returns the pair of its source, which may be new.
func (a *Agent) respond(now time.Time, p *pair, socket api.SocketID, from netip.AddrPort, nonce uint64) *pair {
	if !usable(from, a.cfg.LocalAddrs) {
		a.drops.Candidates++
		return p
	}
	if !a.answers.take(now, answerRate) {
		a.drops.RateLimited++
		return p
	}
	if p == nil && a.settling(now) {
		return nil // one is enough: both sides shall settle on the same
	}
	if p == nil {
		p = a.reflexive(now, socket, from)
	}
	w := wire.Probe{}
	if p != nil && a.wanted(p) {
		w = a.challenge(now, p, false)
		if p.state == pairWaiting && !p.next.IsZero() && !p.next.After(now) { // it was due anyway
			p.round++
			a.scheduleRound(now, p)
		}
	}
	w.Response, w.RespNonce, w.Observed = true, nonce, from
	a.post(Probe{Socket: socket, To: from, Probe: w})
	return p
}

// wanted reports whether a pair that does not answer yet is worth a challenge beside an answer. One whose validation
// failed is not: it would only fail again, at the speed of the peer's own attempts.
func (a *Agent) wanted(p *pair) bool {
	switch p.state {
	case pairSuspect:
		return p.fails == 0
	case pairWaiting:
		return p.fails == 0 && !a.haveValid(p.rank())
	}
	return false
}

// haveValid reports whether a valid pair of at least that rank exists.
func (a *Agent) haveValid(rank int) bool {
	for _, p := range a.pairs {
		if p.state == pairValid && p.rank() >= rank {
			return true
		}
	}
	return false
}

// reflexiveTime is how long a learnt address may take to answer before it makes room for another.
const reflexiveTime = 500 * time.Millisecond

// reflexive makes a pair for an address that only the peer's own packet revealed: a symmetric NAT gives each of its
// flows another port. When there are too many, the oldest that had time to answer and did not makes room; nil if there is
// none.
func (a *Agent) reflexive(now time.Time, socket api.SocketID, from netip.AddrPort) *pair {
	if a.count(true) >= maxReflexive {
		for i, p := range a.pairs {
			if p.reflexive && p.state == pairWaiting && now.Sub(p.began) >= reflexiveTime {
				a.pairs = append(a.pairs[:i], a.pairs[i+1:]...)
				break
			}
		}
		if a.count(true) >= maxReflexive {
			return nil
		}
	}
	p := &pair{socket: socket, addr: from, reflexive: true, route: a.routeOfSource(from.Addr())}
	a.pairs = append(a.pairs, p)
	if !a.haveValid(p.rank()) {
		p.began, p.round = now, 1 // the answer carries the challenge of round 0
		a.scheduleRound(now, p)
	}
	return p
}

// routeOfSource classifies a learnt address: like the candidate with the same IP address, else by its range.
func (a *Agent) routeOfSource(ip netip.Addr) api.Route {
	for _, p := range a.pairs {
		if !p.reflexive && p.addr.Addr() == ip {
			return p.route
		}
	}
	return routeOf(ip, ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsLoopback())
}
