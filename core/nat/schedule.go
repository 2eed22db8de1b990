package nat

import "time"

// Plain punching, docs/NAT.md phase 2.
const (
	// openerTTL dies behind our outermost NAT and before the peer's: it opens the way back without arriving. Fixed until
	// the profile measures the depth (T4).
	openerTTL     = 2
	openerGap     = 20 * time.Millisecond
	openerCount   = 2
	giveUpAfter   = 3700 * time.Millisecond // last probe at 3.3 s at the latest, and a long round trip
	checkingGrace = 2 * time.Second
	// retryLead: a retry's real probes wait so long, so that both sides' openers are out first if both retry at once.
	retryLead = 50 * time.Millisecond
)

// plainRounds are the times of a pair's probes since its beginning, each ± 10 %.
var plainRounds = [...]time.Duration{
	0, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond,
	700 * time.Millisecond, 1000 * time.Millisecond, 1500 * time.Millisecond, 2000 * time.Millisecond, 2500 * time.Millisecond,
	3000 * time.Millisecond,
}

// Validation.
const (
	quickChecks  = 16 // challenges of a run that come at checkPace
	smallChecks  = 22 // after so many without one full-size answer the path's MTU is too small (20 % loss each way: 1 in 10^5)
	maxChecks    = 48 // a run fails; with that many, loss is beyond use
	slowCheck    = 250 * time.Millisecond
	minCheckPace = 5 * time.Millisecond
	maxCheckPace = 150 * time.Millisecond
)

// checkPace is the time between a run's challenges: half a round trip, so that a lost one costs that much and no more.
func checkPace(rtt time.Duration) time.Duration {
	return min(max(rtt/2, minCheckPace), maxCheckPace)
}

// begin starts a pair's plain schedule: with openers while the peer may have no keys, else with real probes. On one's own
// network there is no NAT to open or to poison.
func (a *Agent) begin(now time.Time, p *pair) {
	switch p.state {
	case pairValid, pairChecking:
		return
	case pairSuspect:
		p.fails, p.round, p.next = 0, 0, maxTime(now, a.quietUntil)
		return
	}
	p.fails = 0
	if !a.haveValid(p.rank()) && !a.pointless(p) {
		p.began, p.round, p.next = now, 0, now
		p.opening = !a.real && p.rank() < 2
	}
}

// stepPlain sends the opener or probe that is due.
func (a *Agent) stepPlain(now time.Time, p *pair) {
	if p.opening {
		a.spend(now, p, openerTTL)
		p.next = now.Add(openerGap)
		if p.round++; p.round >= openerCount {
			p.next = time.Time{} // probing begins the real schedule
		}
		return
	}
	if a.turn(p) {
		a.spend(now, p, 0)
	}
	p.round++
	a.scheduleRound(now, p)
}

// spend sends a plain probe if the punch's budget allows it.
func (a *Agent) spend(now time.Time, p *pair, ttl uint8) {
	if a.spent < maxPlain {
		a.spent++
		a.probe(now, p, false, ttl)
	}
}

// scheduleRound sets p.next for p.round, or for a later one if the machine slept through some. Jitter keeps two sides
// from colliding in step with some periodic loss.
func (a *Agent) scheduleRound(now time.Time, p *pair) {
	for ; p.round < len(plainRounds); p.round++ {
		at := plainRounds[p.round]
		if p.next = p.began.Add(at + a.random.within(at/10)); p.next.After(now) {
			return
		}
	}
	p.next = time.Time{}
}

// turn reports whether p is probed in its present round. Everybody is in the first; in the later ones candidates take
// turns if there are more than the budget pays for.
func (a *Agent) turn(p *pair) bool {
	if p.round == 0 {
		return true
	}
	n, index := 0, 0
	for _, q := range a.pairs {
		if q == p {
			index = n
		}
		n++
	}
	every := 1
	for every < len(plainRounds) && openerCount*n+n+(len(plainRounds)-1)*n/every > maxPlain {
		every++
	}
	return (p.round+index)%every == 0
}
