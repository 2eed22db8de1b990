package nat

import (
	"math"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	bracketFirst = 16 // sockets of the first try; doubled by each further one
	bracketTries = 4
	bracketTime  = 1500 * time.Millisecond
	bracketGap   = 500 * time.Microsecond // between openers
	bracketMost  = 250                    // ports between the samples: what two passes may probe

	birthdayRounds  = 3
	birthdayLeast   = 16  // sockets below which it is not worth it
	birthdaySockets = 512 // most
	birthdayShare   = 4   // at most one of so many ports of a block: others need some too
	// birthdayHits is N·M/R, the expected number of hits: 1 − e^−4.2 = 98.5 % to have one.
	birthdayHits = 4.2
	hitGrace     = 500 * time.Millisecond // a socket that was hit stays open so long at the next try
	socketChunk  = 32                     // sockets asked for at a time: opening 512 at once takes 40 ms
)

// opening is the hard side's part in bracket and birthday: many sockets that each open a way from the peer's one port.
//
//	bracket    sample, N openers, sample ──▶ CTL Opened with the ports between ──▶ 1.5 s ──▶ twice as many sockets
//	birthday   CTL Opened with the whole range, N openers ──▶ CTL Ended from the prober ──▶ next round, same sockets
type opening struct {
	method   method
	n        int // sockets that open
	asked    int // sockets asked for
	ids      []api.SocketID
	sent     int // ids[:sent] have sent their packet in this round
	ttl      uint8
	pace     pacer
	first    sample
	last     sample
	told     bool
	attempt  uint8
	round    int
	endAt    time.Time // of this try or round
	finished bool      // the prober is through with the round
}

func (o *opening) take(id api.SocketID) bool {
	if len(o.ids) >= o.asked {
		return false
	}
	o.ids = append(o.ids, id)
	return true
}

// startBracket opens sockets between two samples.
func (a *Agent) startBracket(now time.Time) {
	h := &a.hunt
	a.closeHunted()
	n := bracketFirst << h.tries
	h.tries++
	h.open = &opening{method: methodBracket, n: n, attempt: uint8(h.tries), ttl: a.openerTTL(h.tries - 1),
		endAt: now.Add(max(bracketTime, 6*a.cfg.RelayDelay)), pace: pacer{now}}
	h.open.asked = a.pool.want(n + 2)
}

// startBirthday begins to open sockets, and tells the other side at once when to probe.
func (a *Agent) startBirthday(now time.Time) {
	h := &a.hunt
	a.closeHunted()
	size := h.plan.high - h.plan.low + 1
	n := min(birthdaySockets, int(math.Ceil(math.Sqrt(birthdayHits*float64(size)))), size/birthdayShare)
	n = max(n, birthdayLeast)
	h.open = &opening{method: methodBirthday, n: n, attempt: 1, ttl: a.openerTTL(0), pace: pacer{now}}
	a.moreSockets()
	a.announce(now, n*8/10)
}

// announce tells the prober which ports, and to begin when ahead more openers are out.
func (a *Agent) announce(now time.Time, ahead int) {
	h := &a.hunt
	o := h.open
	lead := time.Duration(ahead)*a.gap() - a.cfg.RelayDelay
	probes := time.Duration(a.probes(h.plan.high-h.plan.low+1, o.n)) * a.gap()
	o.endAt = now.Add(max(lead, 0) + 2*probes + 2*a.cfg.RelayDelay + time.Second) // the prober may be half as fast
	o.finished = false
	a.tell(now, wire.Control{Kind: wire.ControlOpened, Flags: wire.ControlRandom, Attempt: o.attempt, Low: uint16(h.plan.low), High: uint16(h.plan.high),
		Step: 1, Count: uint16(o.n), LeadMillis: uint16(max(lead, 0).Milliseconds())})
}

// probes is M: how many probes a birthday of n sockets among so many ports needs.
func (a *Agent) probes(size, n int) int {
	return min(int(math.Ceil(birthdayHits*float64(size)/float64(max(n, 1)))), limits[methodBirthday], size)
}

// gap is the time between two packets at the present rate.
func (a *Agent) gap() time.Duration { return time.Second / time.Duration(a.hunt.rate) }

// moreSockets keeps a chunk of sockets ahead of the openers.
func (a *Agent) moreSockets() {
	o := a.hunt.open
	if more := min(socketChunk, o.n-o.asked); more > 0 && a.hunt.refused == 0 && o.asked-o.sent < socketChunk/2 {
		o.asked += a.pool.want(more)
	}
}

func (a *Agent) runOpening(now time.Time) {
	o := a.hunt.open
	switch {
	case o == nil:
	case o.method == methodBracket:
		a.runBracket(now, o)
	default:
		a.runBirthday(now, o)
	}
}

func (a *Agent) runBracket(now time.Time, o *opening) {
	h := &a.hunt
	for o.sent < len(o.ids) && o.pace.due(now, max(bracketGap, a.gap()/2)) {
		last := o.sent == len(o.ids)-1
		if last && a.pool.pending+a.pool.wanted > 0 {
			break // whether it is the last one is not known yet
		}
		switch id := o.ids[o.sent]; {
		case o.sent == 0:
			a.startSample(now, &o.first, id)
		case last:
			a.startSample(now, &o.last, id)
		default:
			a.opener(id, a.attested(), o.ttl)
		}
		o.sent++
	}
	a.runSample(now, &o.first)
	a.runSample(now, &o.last)
	if !o.told && o.first.port != 0 && o.last.port != 0 {
		o.told = true
		a.tellBracket(now, o)
	}
	switch {
	case now.Before(o.endAt):
	case !o.told && o.first.port == 0 && o.last.port == 0:
		a.endHunt(now, "the server does not answer any more: no port can be predicted")
	case h.tries >= bracketTries || h.sent >= limits[methodBracket]:
		a.endHunt(now, a.exhausted(""))
	default:
		a.startBracket(now)
	}
}

// tellBracket names the ports between the two samples. A counter that wrapped, or ran away, is left to the next try.
func (a *Agent) tellBracket(now time.Time, o *opening) {
	step := int(a.hunt.plan.step)
	low, high := int(o.first.port)+step, int(o.last.port)-step
	if step < 0 {
		low, high = high, low
	}
	if low < 1 || high < low || (high-low)/abs(step) > 4*bracketMost {
		return
	}
	a.tell(now, wire.Control{Kind: wire.ControlOpened, Attempt: o.attempt, Low: uint16(low), High: uint16(high), Step: int8(abs(step)), Count: uint16(o.n)})
}

func (a *Agent) runBirthday(now time.Time, o *opening) {
	h := &a.hunt
	if h.refused > 0 && a.pool.pending+a.pool.wanted == 0 && len(o.ids) < o.n {
		o.n = len(o.ids) // the system gives no more
		o.asked, h.refused = o.n, 0
		if o.n < birthdayLeast {
			a.endHunt(now, "the system refuses more sockets: too few to predict a port")
			return
		}
		a.announce(now, 0)
	}
	for o.sent < len(o.ids) && o.pace.due(now, a.gap()) {
		a.opener(o.ids[o.sent], a.attested(), o.ttl)
		o.sent++
	}
	a.moreSockets()
	if !o.finished && now.Before(o.endAt) {
		return
	}
	if o.round++; o.round >= birthdayRounds {
		a.endHunt(now, a.exhausted(""))
		return
	}
	o.attempt++
	ahead := 0
	if ttl := a.openerTTL(o.round); ttl != o.ttl { // the same sockets, opened further
		o.ttl, o.sent, o.pace, ahead = ttl, 0, pacer{now}, o.n*8/10
	}
	a.announce(now, ahead)
}

// closeHunted gives the sockets of the try before back, unless a pair lives on them.
func (a *Agent) closeHunted() {
	a.hunt.open, a.hunt.cross, a.hunt.cover = nil, nil, nil
	a.sweep(hitGrace)
}

func (o *opening) timeout(a *Agent) (at time.Time) {
	if o == nil {
		return at
	}
	if o.finished {
		return a.now
	}
	if at = o.endAt; o.sent < len(o.ids) && (o.method == methodBirthday || o.sent < len(o.ids)-1 || a.pool.pending+a.pool.wanted == 0) {
		at = deadline.Earlier(at, o.pace.next)
	}
	return deadline.Earlier(deadline.Earlier(at, o.first.next), o.last.next)
}
