package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// pairState is how far a pair has come:
//
//	waiting --answer--> checking --3 of 4--> valid --Suspect, consent lost--> suspect
//	                     ^  |                                                 |  ^
//	                     |  \-- no success (only if it was valid before) -----|--/
//	                     \----------------- answer ---------------------------/
type pairState uint8

const (
	pairWaiting  pairState = iota // never answered
	pairChecking                  // answers; validation runs
	pairValid
	pairSuspect // was valid; answers nothing now
)

// pair is one of our sockets and one address of the peer.
type pair struct {
	socket    api.SocketID
	addr      netip.AddrPort
	route     api.Route
	reflexive bool // learnt from a probe, not told by AddRemote
	attested  bool // told by the server

	state    pairState
	ponged   bool      // EventPong was reported in this punch
	wasValid bool      // ever
	large    bool      // checking: a full-size challenge of this run was answered
	fails    int       // validation runs that failed since the pair was valid last, or since the punch began
	next     time.Time // when step is due; zero: never
	began    time.Time // waiting: zero of the schedule
	round    int       // waiting, suspect: steps taken; checking: challenges of this run
	opening  bool      // waiting: sends openers

	mourned  bool          // was reported dead since it was valid last
	deadAt   time.Time     // suspect or again checking: when it counts as dead
	awaiting time.Time     // valid: when the oldest unanswered consent challenge was sent
	rtt      time.Duration // the latest
	smooth   time.Duration

	betterSince time.Time // valid, not selected: its round trip is the shorter one; zero: it is not

	checks [16]check // the latest challenges, at checks[n % 16]
	sent   int       // challenges ever sent
	from   int       // first challenge that counts for validation
}

// check is one challenge and what became of it.
type check struct {
	nonce    uint64
	sentAt   time.Time
	full     bool
	answered bool
}

// rank orders routes: LAN is better than anything through a router; the families are equal.
func (p *pair) rank() int {
	if p.route == api.RouteLAN {
		return 2
	}
	return 1
}

// challenge notes a new challenge in the pair and returns its frames.
func (a *Agent) challenge(now time.Time, p *pair, full bool) wire.Probe {
	c := check{nonce: a.random.uint64(), sentAt: now, full: full}
	p.checks[p.sent%len(p.checks)] = c
	p.sent++
	w := wire.Probe{Challenge: true, ChallengeNonce: c.nonce, Size: answerSize(p.addr)}
	if full {
		w.Size = wire.MaxFrames
	}
	return w
}

// answerSize is the frame bytes of a probe that both answers a challenge and asks back, the largest answer there is. Every
// challenge is padded to it, so that an address that has proven nothing never gets more bytes than it sent.
func answerSize(a netip.AddrPort) int {
	size := wire.ProbeResponseSize4
	if a.Addr().Is6() && !a.Addr().Is4In6() {
		size = wire.ProbeResponseSize6
	}
	return size + wire.ProbeChallengeSize
}

// probe sends a challenge of its own packet.
func (a *Agent) probe(now time.Time, p *pair, full bool, ttl uint8) {
	a.post(Probe{Socket: p.socket, To: p.addr, TTL: ttl, Probe: a.challenge(now, p, full)})
}

// answer finds the challenge that nonce answers and marks it. ok is false if none waits for that answer.
func (p *pair) answer(nonce uint64) (index int, ok bool) {
	for i := max(0, p.sent-len(p.checks)); i < p.sent; i++ {
		if c := &p.checks[i%len(p.checks)]; c.nonce == nonce && !c.answered && !c.sentAt.IsZero() {
			c.answered = true
			return i, true
		}
	}
	return 0, false
}

// forget makes all earlier challenges worthless: their answers neither match nor count.
func (p *pair) forget() {
	p.checks = [16]check{}
	p.from = p.sent
}

// proven reports whether among any 4 challenges in a row 3 were answered, one of them full-size.
func (p *pair) proven() bool {
	for first := max(p.from, p.sent-len(p.checks)); first < p.sent; first++ {
		answered, full := 0, false
		for i := first; i < min(first+4, p.sent); i++ {
			if c := p.checks[i%len(p.checks)]; c.answered {
				answered++
				full = full || c.full
			}
		}
		if answered >= 3 && full {
			return true
		}
	}
	return false
}

// step does what is due for a pair and sets p.next.
func (a *Agent) step(now time.Time, p *pair) {
	switch p.state {
	case pairWaiting:
		a.stepPlain(now, p)
	case pairChecking:
		a.stepCheck(now, p)
	case pairValid:
		a.stepConsent(now, p)
	case pairSuspect:
		a.stepSuspect(now, p)
	}
}

// check begins a validation run after an answer: a full-size and a small challenge at once, so that at no loss the pair
// is valid one round trip later. The small one is saved if an answer just carried a challenge.
func (a *Agent) check(now time.Time, p *pair) {
	p.state, p.round, p.large = pairChecking, 0, false
	carried := p.sent > p.from && p.checks[(p.sent-1)%len(p.checks)].sentAt.Equal(now)
	a.probe(now, p, true, 0)
	if !carried {
		a.probe(now, p, false, 0)
	}
	p.next = now.Add(checkPace(p.rtt))
}

// stepCheck sends the next challenge of a run, every second one full-size. After a run that failed the pair waits for
// the next punch, or, if it was valid before, goes back to being suspect.
func (a *Agent) stepCheck(now time.Time, p *pair) {
	if p.round++; p.round > maxChecks || p.round > smallChecks && !p.large {
		p.fails++
		p.forget()
		p.state, p.next = pairWaiting, time.Time{}
		if p.wasValid {
			p.state, p.round = pairSuspect, suspectSlow+4*p.fails
			p.next = now.Add(suspectGap(p.round))
		}
		return
	}
	a.probe(now, p, p.round%2 == 1, 0)
	p.next = now.Add(checkPace(p.rtt))
	if p.round > quickChecks { // loss is heavy, or large packets do not pass: no hurry
		p.next = now.Add(slowCheck)
	}
}

// pong takes the answer to the pair's challenge with that index.
func (a *Agent) pong(now time.Time, p *pair, index int) {
	c := p.checks[index%len(p.checks)]
	p.measure(now.Sub(c.sentAt))
	p.large = p.large || c.full
	p.awaiting = time.Time{}
	a.held(now)
	if !p.ponged {
		p.ponged = true
		a.emit(Event{Kind: EventPong, Socket: p.socket, Addr: p.addr, Route: p.route, RTT: p.rtt})
	}
	switch p.state {
	case pairWaiting, pairSuspect:
		a.check(now, p)
	case pairValid:
		p.next = now.Add(a.consentGap(now, p))
		a.compare(now, p)
		return
	}
	if p.proven() {
		a.validated(now, p)
	}
}

// validated makes the pair usable and ends the search for others that are not better.
func (a *Agent) validated(now time.Time, p *pair) {
	better := true
	for _, q := range a.pairs {
		if q != p && q.state == pairValid && q.rank() >= p.rank() {
			better = false
		}
		if q.state == pairWaiting && q.rank() <= p.rank() {
			q.next = time.Time{}
		}
	}
	p.state, p.wasValid, p.round, p.fails = pairValid, true, 0, 0
	p.deadAt, p.awaiting, p.mourned = time.Time{}, time.Time{}, false
	p.next = now.Add(a.consentGap(now, p))
	if better {
		a.emit(Event{Kind: EventValidated, Socket: p.socket, Addr: p.addr, Route: p.route, RTT: p.rtt})
	}
}
