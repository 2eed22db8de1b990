package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	coverMost   = 1792                   // sockets of one side: 7/8 of the commonest carrier's block
	coverCounts = 24                     // sockets of a side that counts: its ports are known
	coverLeast  = 0.1                    // chance below which nobody's ports are used up for it
	coverOver   = 2                      // attempt in the word that a side has sent all
	coverPasses = 3                      // openers, and two passes of real probes: a lost one is sent again
	coverAgain  = 250 * time.Millisecond // between the passes of a side that has few sockets
	coverWait   = 2 * time.Second        // for the word that the other side's openers are out
)

// covering is for two hard sides that filter by port, one of them in a small block: only with MUSUBI_PUNCH_MAX on both
// sides, because a side with a block uses up 7/8 of it.
//
// All sockets of a side go to one and the same port of the other. A NAT must give flows to one destination different ports,
// so that n sockets take n ports of the block, each once, where flows to many destinations would take some twice and leave
// others. The two sides meet if each has a flow from the port that the other aims at: with n of r ports on both,
// (n/r)² = 77 %, where guessing at random with as many packets comes to 1 − e^−0.77 = 54 %.
//
//	A: n sockets ──▶ port q of B, which is in the middle of B's block     n of A's r ports are taken, p among them?
//	B: n sockets ──▶ port p of A, which is in the middle of A's block     n of B's r ports are taken, q among them?
//
// A side that counts needs no luck: it opens 24 sockets to q between two samples, and tells the ports between as p.
//
//	offer (Sampled, Cover) ──▶ ◀── offer ── openers ──▶ Sampled, Cover, Known ◀──▶ real probes, twice ──▶ Ended ◀──▶ over
type covering struct {
	n       int // sockets that go to the other side's port
	counts  bool
	ids     []api.SocketID // counting: the first and the last one sample
	asked   int
	first   sample
	last    sample
	meet    uint16 // our port that the other side aims at; 0: not known yet
	target  netip.AddrPort
	pass    int
	sent    int // of ids in this pass
	pace    pacer
	over    bool      // the other side has sent all it will
	theirs  bool      // the other side's openers are out
	realAt  time.Time // when real probes begin without that word
	nextAt  time.Time // the next pass of real probes
	refusal bool      // the system gave fewer sockets, which n and asked know
}

// all is how many sockets send in the first pass: a side that counts has two more, which sample.
func (c *covering) all() int {
	if c.counts {
		return c.n + 2
	}
	return c.n
}

// planCover decides by two profiles whether a covering is worth it.
func planCover(local, remote wire.Profile, caller bool) plan {
	l, r := newSide(local, false), newSide(remote, false)
	if !l.hard || !r.hard || l.coverage()*r.coverage() < coverLeast {
		return plan{}
	}
	return plan{method: methodCover, opener: caller, low: l.low, high: l.high}
}

// block is the size of the block that a side's ports come from: its range is the block, and what a few ports leave open on
// both sides of it, which is less than another block (rangeOf).
func (s *sideOf) block() int {
	size := 1
	for size*2 <= s.high-s.low+1 {
		size *= 2
	}
	return size
}

// covers is how many sockets such a side opens.
func (s *sideOf) covers() int {
	if s.counts {
		return coverCounts
	}
	return min(coverMost, s.block()-s.block()/8)
}

// coverage is the chance that a port of our choice is among those that a side takes.
func (s *sideOf) coverage() float64 {
	if s.counts {
		return 1
	}
	return float64(s.covers()) / float64(s.block())
}

func (c *covering) take(id api.SocketID) bool {
	if len(c.ids) >= c.asked {
		return false
	}
	c.ids = append(c.ids, id)
	return true
}

// startCover begins our side, and offers it.
func (a *Agent) startCover(now time.Time) {
	h := &a.hunt
	a.closeHunted()
	h.birthdays++
	side := newSide(a.cfg.Local, false)
	side.counts = side.counts && h.plan.step != 0 // a profile that came since the plan was made is of no use
	c := &covering{n: side.covers(), counts: side.counts, pace: pacer{now}}
	if !c.counts {
		c.meet = uint16((side.low + side.high) / 2) // in the block, wherever in the range the block is
	}
	h.cover = c
	a.tell(now, wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover, Attempt: 1, Low: c.meet, High: c.meet, Count: uint16(c.n)})
}

// peerCovers takes the other side's offer, or its word that its openers are out. A side that was not asked for so much by its
// own player says no.
func (a *Agent) peerCovers(now time.Time, w *wire.Control) {
	h := &a.hunt
	switch {
	case w.High < w.Low || !h.on || h.plan.method != methodCover:
		if a.cfg.Punch != api.PunchMax {
			a.tell(now, wire.Control{Kind: wire.ControlEnded, Attempt: 1})
		}
		return
	case h.cover == nil:
		h.askAt = time.Time{} // the other side has the grant, which is for the pair
		a.startCover(now)
	}
	c := h.cover
	if w.Low != 0 && !c.target.IsValid() {
		c.target = netip.AddrPortFrom(a.attested().Addr(), w.Low+(w.High-w.Low)/2)
		c.pace = pacer{now}
		a.moreCover()
	}
	c.theirs = c.theirs || w.Flags&wire.ControlKnown != 0
}

// moreCover keeps a chunk of sockets ahead of the openers.
func (a *Agent) moreCover() {
	c := a.hunt.cover
	if more := min(socketChunk, c.all()-c.asked); more > 0 && a.hunt.refused == 0 && c.asked-c.sent < socketChunk/2 && c.pass == 0 {
		c.asked += a.pool.want(more)
	}
}

func (a *Agent) runCover(now time.Time) {
	h := &a.hunt
	c := h.cover
	if c == nil || !c.target.IsValid() {
		return
	}
	if c.refused(h, &a.pool); c.n < birthdayLeast {
		a.endHunt(now, "the system refuses more sockets: too few to predict a port")
		return
	}
	if c.pass == 0 {
		a.openCover(now, c)
		return
	}
	if !c.theirs && now.Before(c.realAt) || now.Before(c.nextAt) {
		return
	}
	if c.pass >= coverPasses {
		if c.over { // else huntLimit: the other side may be slower, and needs our sockets to answer
			a.endHunt(now, a.exhausted(""))
		}
		return
	}
	for first, last := c.span(); c.sent < last-first; c.sent++ {
		if !c.pace.due(now, a.gap()) {
			return
		}
		a.shoot(now, c.ids[first+c.sent], c.target)
	}
	c.pass, c.sent = c.pass+1, 0
	c.nextAt = now.Add(coverAgain)
	if c.pass == coverPasses {
		c.nextAt = now.Add(probeLinger + 3*a.cfg.RelayDelay)
		a.tell(now, wire.Control{Kind: wire.ControlEnded, Attempt: coverOver})
	}
}

// span is which of the sockets go to the target.
func (c *covering) span() (first, last int) {
	if c.counts {
		return 1, max(1, len(c.ids)-1)
	}
	return 0, len(c.ids)
}

// refused makes do with the sockets that the system gave.
func (c *covering) refused(h *hunt, p *pool) {
	if h.refused > 0 && !c.refusal && p.pending+p.wanted == 0 {
		c.refusal = true
		c.asked = len(c.ids)
		if c.n = len(c.ids); c.counts {
			c.n -= 2
		}
	}
}

// openCover sends the first packet from every socket: an opener that dies on its way, or, if the other side's openers are out,
// a real probe. Then it says so.
func (a *Agent) openCover(now time.Time, c *covering) {
	gap := a.gap()
	if c.counts {
		gap = max(bracketGap, gap/2)
	}
	for c.sent < len(c.ids) && c.pace.due(now, gap) {
		switch id := c.ids[c.sent]; {
		case c.counts && c.sent == 0:
			a.startSample(now, &c.first, id)
		case c.counts && c.sent == c.all()-1:
			a.startSample(now, &c.last, id)
		case c.theirs:
			a.shoot(now, id, c.target)
		default:
			a.opener(id, c.target, a.openerTTL(0))
		}
		c.sent++
	}
	a.moreCover()
	a.runSample(now, &c.first)
	a.runSample(now, &c.last)
	if c.sent < c.all() || c.counts && (c.first.port == 0 || c.last.port == 0) {
		return // huntLimit ends it if no sample comes
	}
	low, high := c.meet, c.meet
	if c.counts {
		low, high = a.between(c)
	}
	c.pass, c.sent, c.realAt = 1, 0, now.Add(coverWait)
	a.tell(now, wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover | wire.ControlKnown, Attempt: 2, Low: low, High: high, Count: uint16(c.n)})
}

// between names the ports between the samples of a side that counts, in a range of which the middle is one of them.
func (a *Agent) between(c *covering) (low, high uint16) {
	step := int(a.hunt.plan.step)
	low, high = stepPort(c.first.port, step, 1), stepPort(c.last.port, step, -1)
	if step < 0 {
		low, high = high, low
	}
	if high < low || int(high-low) > 4*bracketMost { // the counter went round, or away: about the middle of ours
		port := stepPort(c.first.port, step, c.n/2)
		return port, port
	}
	return low, high - uint16(2*(int(high-low)/2%abs(step)))
}

func (c *covering) timeout(a *Agent) (at time.Time) {
	switch {
	case c == nil || !c.target.IsValid():
		return at
	case c.pass == 0:
		if c.sent < len(c.ids) {
			at = c.pace.next
		}
		return deadline.Earlier(deadline.Earlier(at, c.first.next), c.last.next)
	case c.pass >= coverPasses && !c.over:
		return at // their word wakes us, or huntLimit
	case !c.theirs:
		at = c.realAt
	default:
		at = a.now
	}
	return maxTime(maxTime(at, c.nextAt), c.pace.next)
}
