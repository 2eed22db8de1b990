package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
)

// Watching pairs that were valid once.
const (
	consentUsed  = time.Second      // between challenges on the selected pair while it carries data
	consentQuiet = 5 * time.Second  // while it does not: keepalives of 2.5 s are no data
	consentIdle  = 15 * time.Second // on others; keeps their NAT mappings (RFC 4787: at least 2 min, routers: 30 s)
	consentRetry = time.Second      // after an unanswered one
	deadAfter    = 5 * time.Second
	suspectSlow  = 4 // the step of the suspect schedule at which checks come 1 s apart
)

// suspectGap is the time from the n-th challenge of a suspect pair to the next: 100, 200, 400 ms, then 1 s for ten
// seconds, then backing off to 15 s.
func suspectGap(n int) time.Duration {
	switch {
	case n < 3:
		return 100 * time.Millisecond << n
	case n < 14:
		return time.Second
	case n < 17:
		return 2 * time.Second << (n - 14)
	}
	return 15 * time.Second
}

// Select tells which pair carries data now: its consent is renewed every second. A pair that is unknown means none.
func (a *Agent) Select(now time.Time, socket api.SocketID, addr netip.AddrPort) {
	now = a.tick(now)
	old := a.selected
	a.selected = a.find(socket, unmap(addr))
	if p := a.selected; p != nil && p != old && p.state == pairValid {
		p.next = deadline.Earlier(p.next, now.Add(consentUsed))
	}
	a.run(now)
}

// Used tells that a packet left on the selected pair. Two within a second make it one that carries data.
func (a *Agent) Used(now time.Time) {
	now = a.tick(now)
	if now.Sub(a.usedAt) < consentUsed {
		if p := a.selected; now.Sub(a.busyAt) >= consentUsed && p != nil && p.state == pairValid && p.awaiting.IsZero() {
			p.next = deadline.Earlier(p.next, now.Add(consentUsed))
		}
		a.busyAt = now
	}
	a.usedAt = now
}

// Deselect tells that no pair carries data now.
func (a *Agent) Deselect(now time.Time) {
	a.tick(now)
	a.selected = nil
}

// Suspect tells that a pair stopped carrying acknowledgements. It and every other valid pair must prove themselves anew,
// with fresh nonces: an answer to anything sent before proves nothing about now.
func (a *Agent) Suspect(now time.Time, socket api.SocketID, addr netip.AddrPort) {
	now = a.tick(now)
	if p := a.find(socket, unmap(addr)); p != nil && p.wasValid && p.state != pairSuspect {
		a.suspect(now, p)
	}
	a.suspectAll(now) // also if that pair's checks are under way: one that was valid meanwhile is told of again only by this
	a.run(now)
}

func (a *Agent) suspectAll(now time.Time) {
	for _, p := range a.pairs {
		if p.state == pairValid {
			a.suspect(now, p)
		}
	}
}

func (a *Agent) suspect(now time.Time, p *pair) {
	if p.deadAt.IsZero() {
		p.deadAt = now.Add(deadAfter)
	}
	p.forget()
	p.state, p.round, p.next = pairSuspect, 0, maxTime(now, a.quietUntil)
}

// stepSuspect sends the next challenge of a suspect pair.
func (a *Agent) stepSuspect(now time.Time, p *pair) {
	a.probe(now, p, false, 0)
	p.next = now.Add(suspectGap(p.round))
	p.round++
}

// consentGap is the time from one consent challenge to the next.
func (a *Agent) consentGap(now time.Time, p *pair) time.Duration {
	switch {
	case p != a.selected:
		return consentIdle
	case now.Sub(a.busyAt) < 2*consentUsed:
		return consentUsed
	}
	return consentQuiet
}

// stepConsent renews a valid pair's consent. After 5 s without an answer the pair is dead; if it was in use, the others
// must show at once whether they can replace it.
func (a *Agent) stepConsent(now time.Time, p *pair) {
	if !p.awaiting.IsZero() && now.Sub(p.awaiting) >= deadAfter {
		a.suspect(now, p)
		p.deadAt = now // it had its time
		if p == a.selected {
			a.suspectAll(now)
		}
		return
	}
	a.probe(now, p, false, 0)
	if p.awaiting.IsZero() {
		p.awaiting = now
	}
	p.next = now.Add(consentRetry)
}

// mourn reports a pair that stayed silent for too long. Checking goes on.
func (a *Agent) mourn(now time.Time, p *pair) {
	if !p.deadAt.IsZero() && !now.Before(p.deadAt) {
		p.deadAt, p.mourned = time.Time{}, true
		a.emit(Event{Kind: EventDead, Socket: p.socket, Addr: p.addr, Route: p.route, RTT: p.rtt})
	}
}
