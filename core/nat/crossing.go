package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	crossFirst  = 24 // sockets of the first round; doubled by each further one
	crossRounds = 4
	crossTime   = 1200 * time.Millisecond
	crossGap    = 250 * time.Microsecond // between packets of one pass
	crossLead   = 15 * time.Millisecond  // from openers to real probes
	crossRepeat = 120 * time.Millisecond // between passes of real probes
	crossPasses = 3                      // openers, and two passes of real probes
)

// crossing is for two NATs that count. Each side samples its next port and tells it; then both open n sockets, all towards
// one port of the other: the one that three quarters of its new sockets will have passed. The socket of ours that gets the
// port which the other side aims at, and its one that gets the port which we aim at, meet.
//
//	ours    base ──┬──┬──┬──┬──▶ base + ¾n·step   is where all of theirs go to
//	theirs  base ──┬──┬──┬──┬──▶ base + ¾n·step   is where all of ours go to
//
// Flows of other hosts push the ports on a little; n leaves a quarter for them.
type crossing struct {
	attempt uint8
	n       int
	ids     []api.SocketID // the first one samples
	asked   int
	sample  sample
	told    bool
	toldAt  time.Time
	theirs  *wire.Control // their sample of this attempt
	target  netip.AddrPort
	pass    int
	sent    int // of ids[1:] in this pass
	pace    pacer
	realAt  time.Time // when real probes begin
	endAt   time.Time
}

func (x *crossing) take(id api.SocketID) bool {
	if len(x.ids) >= x.asked {
		return false
	}
	x.ids = append(x.ids, id)
	return true
}

// startCrossing begins an attempt on this side.
func (a *Agent) startCrossing(now time.Time, attempt uint8) {
	h := &a.hunt
	a.closeHunted()
	n := crossFirst << (attempt - 1)
	h.cross = &crossing{attempt: attempt, n: n, endAt: now.Add(max(crossTime, 6*a.cfg.RelayDelay))}
	h.cross.asked = a.pool.want(n + 1)
}

// peerSampled takes the other side's sample; the attempt with the higher number is the one that both make.
func (a *Agent) peerSampled(now time.Time, c *wire.Control) {
	h := &a.hunt
	if c.Flags&wire.ControlCover != 0 {
		a.peerCovers(now, c)
		return
	}
	if c.Attempt == 0 || c.Attempt > crossRounds || c.Low == 0 || c.Step == 0 || c.Count == 0 || h.plan.method != methodCrossing || !h.on {
		return
	}
	if h.cross == nil || h.cross.attempt < c.Attempt {
		h.askAt = time.Time{} // the other side has the grant, which is for the pair
		a.startCrossing(now, c.Attempt)
	}
	x := h.cross
	if x.attempt != c.Attempt {
		return
	}
	known := x.theirs != nil && x.theirs.Flags&wire.ControlKnown != 0
	kept := *c
	if x.theirs = &kept; c.Flags&wire.ControlKnown != 0 && !known && x.target.IsValid() {
		x.realAt = now // it has opened, or does so now
	}
	if x.told && c.Flags&wire.ControlKnown == 0 {
		a.tellSample(now, x)
	}
}

func (a *Agent) tellSample(now time.Time, x *crossing) {
	flags := uint8(0)
	if x.theirs != nil {
		flags = wire.ControlKnown
	}
	x.told, x.toldAt = true, now
	a.tell(now, wire.Control{Kind: wire.ControlSampled, Attempt: x.attempt, Flags: flags, Low: x.sample.port, Step: a.hunt.plan.step, Count: uint16(x.n)})
}

func (a *Agent) runCrossing(now time.Time) {
	h := &a.hunt
	x := h.cross
	if x == nil {
		return
	}
	if x.sample.sends == 0 && len(x.ids) > 0 {
		a.startSample(now, &x.sample, x.ids[0])
	}
	a.runSample(now, &x.sample)
	if x.sample.port != 0 && !x.told {
		a.tellSample(now, x)
	}
	if x.sample.port != 0 && x.theirs != nil && !x.target.IsValid() {
		c := x.theirs
		x.target = netip.AddrPortFrom(a.attested().Addr(), stepPort(c.Low, int(c.Step), int(c.Count)*3/4))
		x.pace = pacer{now}
		x.realAt = maxTime(now.Add(crossLead), x.toldAt.Add(a.cfg.RelayDelay+crossLead/2))
		if c.Flags&wire.ControlKnown != 0 {
			x.realAt = now.Add(crossLead)
		}
	}
	if x.target.IsValid() {
		a.shootCrossing(now, x)
	}
	switch {
	case now.Before(x.endAt):
	case x.sample.port == 0:
		a.endHunt(now, "the server does not answer any more: no port can be predicted")
	case x.attempt >= crossRounds || h.sent+2*crossPasses*x.n > limits[methodCrossing]:
		a.endHunt(now, a.exhausted(""))
	default:
		a.startCrossing(now, x.attempt+1)
	}
}

// shootCrossing sends the passes: openers, then real probes when the other side has opened.
func (a *Agent) shootCrossing(now time.Time, x *crossing) {
	for x.pass < crossPasses {
		if x.pass > 0 && x.sent == 0 && now.Before(x.realAt.Add(time.Duration(x.pass-1)*crossRepeat)) {
			return
		}
		for 1+x.sent < len(x.ids) {
			if !x.pace.due(now, crossGap) {
				return
			}
			if id := x.ids[1+x.sent]; x.pass == 0 {
				a.opener(id, x.target, a.openerTTL(0))
			} else {
				a.shoot(now, id, x.target)
			}
			x.sent++
		}
		if a.pool.pending+a.pool.wanted > 0 {
			return
		}
		x.pass, x.sent = x.pass+1, 0
	}
}

func (x *crossing) timeout(a *Agent) time.Time {
	if x == nil {
		return time.Time{}
	}
	at := deadline.Earlier(x.endAt, x.sample.next)
	if !x.target.IsValid() || x.pass >= crossPasses || 1+x.sent >= len(x.ids) && x.sent > 0 {
		return at
	}
	next := x.pace.next
	if x.pass > 0 && x.sent == 0 {
		next = maxTime(next, x.realAt.Add(time.Duration(x.pass-1)*crossRepeat))
	}
	return deadline.Earlier(at, next)
}

// stepPort is the port n steps on. NATs that count go round among the upper ports.
func stepPort(base uint16, step, n int) uint16 {
	const span = highestPort - lowestPort + 1
	p := int(base) + step*n
	for p > highestPort {
		p -= span
	}
	for p < lowestPort {
		p += span
	}
	return uint16(p)
}
