package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Times and limits of prediction, docs/NAT.md phase 3.
const (
	huntLimit    = 9500 * time.Millisecond // gives up in ≤ 10 s
	doubtWait    = 400 * time.Millisecond  // known addresses have so long if a profile leaves a doubt
	doubtShort   = 200 * time.Millisecond  // or this where only an address-dependent NAT can have failed by then
	freshAt      = 1200 * time.Millisecond // a fresh socket on each side, if no prediction is called for
	huntHold     = 2 * time.Second         // a pair that answers has so long to be validated
	askAgain     = time.Second             // an unanswered request for the grant
	askMost      = 8                       // then somebody else is always first, or the server is gone
	birthdayMost = 2                       // per peer and network
)

// limits are the packets of one side, docs/NAT.md; a birthday's are for one of its rounds.
var limits = [...]int{methodNone: 60, methodBracket: 500, methodCrossing: 1000, methodBirthday: 1200, methodCover: coverPasses * coverMost}

// shotsMost is how many guesses are remembered: a birthday's, or two passes of a covering.
const shotsMost = 3600

// hunt is the search for a port that nobody told: at most one of its parts works on each side. The opener's CTL starts the
// prober's, through the relay; nothing here works before both hold keys and the relay carries.
//
//	idle ──startAt──▶ asks for the grant ──granted──▶ open │ cross ──▶ hit: hold ──validated──▶ over
//	     (prober)                 CTL Opened ──▶ seek      └── tries used up, limit, no answers ──▶ over, with a reason
//	     ──1.2 s, nothing to predict──▶ fresh
type hunt struct {
	plan    plan
	on      bool
	startAt time.Time // zero: nothing to begin by itself
	freshAt time.Time
	endAt   time.Time
	hold    time.Time // somebody answers: nothing is sent until then

	granted time.Time // the server's lock is ours until then
	askAt   time.Time // when to ask for it; zero: not asking
	asks    int

	open  *opening
	seek  *probing
	cross *crossing
	cover *covering
	fresh *freshTry
	guard guard

	rate    int // packets per second
	tries   int
	refused int // sockets
	shots   []shot
	sent    int    // packets of this punch's prediction
	why     string // what it ended with

	birthdays int // on this network, with this peer
	tellers   [wire.ControlEnded + 1]teller
}

// shot is a real probe at a guessed port; its answer must come from there.
type shot struct {
	nonce  uint64
	at     time.Time
	socket api.SocketID
	port   uint16
}

// choose is what the two profiles call for.
func (a *Agent) choose() plan {
	p := planFor(a.cfg.Local, a.cfg.Remote, a.cfg.Caller)
	if cover := planCover(a.cfg.Local, a.cfg.Remote, a.cfg.Caller); p.method == methodNone && a.cfg.Punch == api.PunchMax && cover.method != methodNone {
		p = cover
	}
	if p.step = a.cfg.Local.Step; p.method == methodNone {
		p.step = 0
	}
	return p
}

// planHunt prepares the prediction of a punch that begins now; real probes begin after lead.
func (a *Agent) planHunt(now time.Time, lead time.Duration) {
	h := &a.hunt
	h.stop()
	h.rate, h.guard, h.asks, h.askAt, h.refused, h.tries = a.rate(), guard{}, 0, time.Time{}, 0, 0
	h.why, h.sent, h.shots, h.hold = "", 0, h.shots[:0], time.Time{}
	h.plan = a.choose()
	h.startAt, h.freshAt, h.endAt = time.Time{}, time.Time{}, now.Add(huntLimit)
	switch {
	case !a.attested().IsValid():
		h.plan = plan{}
	case h.plan.method == methodNone:
		if !a.blocked() && (a.cfg.Local.Strict() || a.cfg.Remote.Strict()) {
			h.on, h.freshAt = !a.hopeless(), now.Add(lead+freshAt)
		}
		if h.granted.After(now) { // the server thought otherwise
			h.granted = time.Time{}
			a.emit(Event{Kind: EventGrantOver})
		}
		return
	case a.cfg.Punch == api.PunchOff:
		h.why = "port prediction is switched off"
	case (h.plan.method == methodBirthday || h.plan.method == methodCover) && h.birthdays >= birthdayMost:
		h.why = "port prediction has been tried twice on this network"
	default:
		h.on = true
		h.startAt = now
		if h.plan.doubt {
			h.startAt = now.Add(lead + a.doubtTime())
		}
		return
	}
	h.plan.method = methodNone
}

// doubtTime is how long known addresses come first. Where one side's filter looks at ports, an address-restricted NAT
// would have been through by the second probe.
func (a *Agent) doubtTime() time.Duration {
	if a.cfg.Local.Strict() != a.cfg.Remote.Strict() {
		return doubtShort
	}
	return doubtWait
}

// hopeless: both are symmetric, or one has no UDP, and there is nothing to be guessed or tried.
func (a *Agent) hopeless() bool {
	here, there := side(a.cfg.Local), side(a.cfg.Remote)
	return here == blocked || there == blocked || here == symmetric && there == symmetric
}

func (a *Agent) rate() int {
	switch {
	case a.cfg.Rate > 0:
		return a.cfg.Rate
	case a.cfg.Punch == api.PunchMax:
		return 1000
	}
	return 500
}

// attested is the peer's address that the server vouches for, the only one at which ports are guessed; its port is where
// the peer's main socket was seen. IPv4 first: there are hardly any NATs of IPv6.
func (a *Agent) attested() (best netip.AddrPort) {
	for _, p := range a.pairs {
		if p.attested && (!best.IsValid() || p.addr.Addr().Is4() && !best.Addr().Is4()) {
			best = p.addr
		}
	}
	return best
}

// stop ends whatever works. Sockets are swept by whoever calls.
func (h *hunt) stop() {
	h.on, h.open, h.seek, h.cross, h.cover, h.fresh = false, nil, nil, nil, nil, nil
	h.startAt, h.freshAt, h.askAt = time.Time{}, time.Time{}, time.Time{}
	for i := range h.tellers {
		h.tellers[i].next = time.Time{}
	}
}

// endHunt stops for good in this punch; why is empty after success.
func (a *Agent) endHunt(now time.Time, why string) {
	h := &a.hunt
	drove := h.open != nil || h.cross != nil || h.cover != nil
	if why != "" && drove {
		a.tell(now, wire.Control{Kind: wire.ControlEnded, Attempt: 0})
	}
	ended, punch := h.tellers[wire.ControlEnded], h.tellers[wire.ControlPunch]
	h.stop()
	h.tellers[wire.ControlEnded] = ended
	if punch.c.Flags&wire.ControlMoved != 0 { // the other side must hear of it also if our way is found already
		h.tellers[wire.ControlPunch] = punch
	}
	if h.why = why; h.granted.After(now) {
		a.emit(Event{Kind: EventGrantOver})
	}
	h.granted = time.Time{}
	a.sweep(0)
}

// runHunt does what is due.
func (a *Agent) runHunt(now time.Time) {
	h := &a.hunt
	a.runTellers(now)
	if !h.on {
		return
	}
	switch {
	case a.haveValid(1):
		a.endHunt(now, "")
		return
	case !now.Before(h.endAt):
		a.endHunt(now, a.exhausted("time ran out"))
		return
	case now.Before(h.hold):
		if a.answering() {
			return
		}
		h.hold = time.Time{}
	}
	if deadline.Due(now, h.startAt) {
		h.startAt = time.Time{}
		a.beginHunt(now)
	}
	if deadline.Due(now, h.askAt) {
		a.ask(now)
	}
	if deadline.Due(now, h.freshAt) {
		h.freshAt = time.Time{}
		a.startFresh(now)
	}
	if h.open != nil || h.seek != nil || h.cross != nil || h.cover != nil {
		a.runGuard(now)
	}
	a.runOpening(now)
	a.runProbing(now)
	a.runCrossing(now)
	a.runCover(now)
	a.runFresh(now)
}

// answering reports whether a pair is being checked.
func (a *Agent) answering() bool {
	for _, p := range a.pairs {
		if p.state == pairChecking {
			return true
		}
	}
	return false
}

// beginHunt starts this side's part. A prober's begins with the opener's word.
func (a *Agent) beginHunt(now time.Time) {
	h := &a.hunt
	switch {
	case !h.plan.opener && h.plan.method != methodCrossing && h.plan.method != methodCover:
		return
	case now.Before(h.granted):
		a.drive(now)
	case h.plan.opener:
		h.askAt = now
	}
}

// ask asks the server for the grant: one campaign per external address at a time.
func (a *Agent) ask(now time.Time) {
	h := &a.hunt
	if h.asks++; h.asks > askMost {
		a.endHunt(now, "the server did not permit port prediction: it is not reachable, or other players behind the same address are using it")
		return
	}
	h.askAt = now.Add(askAgain + a.random.within(askAgain/5))
	a.emit(Event{Kind: EventGrantWanted})
}

// Granted tells the server's answer to EventGrantWanted, or to the other side's: ok, or not before wait has passed. life is
// how long the grant holds.
func (a *Agent) Granted(now time.Time, ok bool, wait, life time.Duration) {
	now = a.tick(now)
	h := &a.hunt
	switch {
	case !ok:
		if !h.askAt.IsZero() {
			h.askAt = now.Add(max(wait, 100*time.Millisecond) + a.random.within(50*time.Millisecond))
		}
	default:
		h.granted = now.Add(life)
		mutual := h.plan.method == methodCrossing || h.plan.method == methodCover
		waiting := !h.askAt.IsZero() || mutual && h.startAt.IsZero() && h.cross == nil && h.cover == nil
		if h.askAt = (time.Time{}); h.on && waiting && h.plan.method != methodNone {
			a.drive(now)
		}
	}
	a.run(now)
}

// drive starts what this side drives.
func (a *Agent) drive(now time.Time) {
	h := &a.hunt
	switch h.plan.method {
	case methodBracket:
		a.startBracket(now)
	case methodBirthday:
		h.birthdays++
		a.startBirthday(now)
	case methodCrossing:
		a.startCrossing(now, 1)
	case methodCover:
		a.startCover(now)
	}
}

// openerTTL is the TTL of openers: measured, or one that home routers need. Later rounds reach further in, in case that
// the NAT which matters is a second one, but never as far as the peer's router if early packets harm it.
func (a *Agent) openerTTL(round int) uint8 {
	ttl := a.cfg.Local.OpenerTTL
	if ttl != 0 {
		return ttl
	}
	ttl = openerTTL
	switch harmless := api.Answer(a.cfg.Remote.Poisonable) == api.AnswerNo; {
	case round == 0:
	case harmless && round >= 2:
		return 0
	case harmless:
		return ttl + 2
	case round >= 2:
		return ttl + 1
	}
	return ttl
}

// shoot sends a real probe at a guessed port and remembers it.
func (a *Agent) shoot(now time.Time, socket api.SocketID, to netip.AddrPort) {
	nonce := a.random.uint64()
	if len(a.hunt.shots) < shotsMost {
		a.hunt.shots = append(a.hunt.shots, shot{nonce, now, socket, to.Port()})
	}
	a.hunt.sent++
	a.post(Probe{Socket: socket, To: to, Probe: wire.Probe{Challenge: true, ChallengeNonce: nonce, Size: answerSize(to)}})
}

// opener sends a packet that opens our NAT towards an address and dies behind it.
func (a *Agent) opener(socket api.SocketID, to netip.AddrPort, ttl uint8) {
	a.hunt.sent++
	a.post(Probe{Socket: socket, To: to, TTL: ttl, Probe: wire.Probe{Challenge: true, ChallengeNonce: a.random.uint64()}})
}

// hit finds the shot that a response answers, and makes it count in the pair of its source, which may be new.
func (a *Agent) hit(now time.Time, p *pair, socket api.SocketID, from netip.AddrPort, nonce uint64) (*pair, int, bool) {
	for i := range a.hunt.shots {
		s := &a.hunt.shots[i]
		if s.nonce != nonce || s.socket != socket || s.port != from.Port() || from.Addr() != a.attested().Addr() {
			continue
		}
		s.port = 0 // once
		if p == nil && !a.settling(now) {
			p = a.reflexive(now, socket, from)
		}
		if p == nil {
			return nil, 0, false
		}
		p.checks[p.sent%len(p.checks)] = check{nonce: nonce, sentAt: s.at, answered: true}
		p.sent++
		return p, p.sent - 1, true
	}
	return p, 0, false
}

// settling: ports are guessed, and one that was found is being validated. What else answers is left alone.
func (a *Agent) settling(now time.Time) bool {
	return a.hunt.on && now.Before(a.hunt.hold) && a.answering()
}

// held is told that a pair answers: everything else waits for its validation.
func (a *Agent) held(now time.Time) {
	if a.hunt.on {
		a.hunt.hold = now.Add(huntHold)
	}
}

func (h *hunt) takeSocket(now time.Time, id api.SocketID) bool {
	switch {
	case !h.on:
		return false
	case h.open != nil:
		return h.open.take(id)
	case h.cross != nil:
		return h.cross.take(id)
	case h.cover != nil:
		return h.cover.take(id)
	case h.fresh != nil:
		return h.fresh.take(id)
	}
	return false
}

func (h *hunt) answered(now time.Time, socket api.SocketID, r *stun.Response) bool {
	return h.guard.take(socket, api.MainSocket, r) ||
		h.open != nil && (h.open.first.take(socket, r) || h.open.last.take(socket, r)) ||
		h.cross != nil && h.cross.sample.take(socket, r) ||
		h.cover != nil && (h.cover.first.take(socket, r) || h.cover.last.take(socket, r)) ||
		h.fresh != nil && h.fresh.sample.take(socket, r)
}

// huntTimeout is when runHunt has something to do.
func (a *Agent) huntTimeout() time.Time {
	h := &a.hunt
	at := h.tellersTimeout()
	if !h.on {
		return at
	}
	at = deadline.Earlier(at, h.endAt)
	if a.now.Before(h.hold) {
		if a.answering() {
			return at // its checks wake us
		}
		return a.now
	}
	at = deadline.Earlier(deadline.Earlier(at, h.startAt), deadline.Earlier(h.askAt, h.freshAt))
	if (h.open != nil || h.seek != nil || h.cross != nil || h.cover != nil) && a.cfg.Server.IsValid() {
		at = deadline.Earlier(at, h.guard.next)
	}
	at = deadline.Earlier(at, h.open.timeout(a))
	at = deadline.Earlier(at, h.seek.timeout())
	at = deadline.Earlier(at, h.cross.timeout(a))
	at = deadline.Earlier(at, h.cover.timeout(a))
	return deadline.Earlier(at, h.fresh.timeout())
}
