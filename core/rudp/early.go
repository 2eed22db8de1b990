package rudp

import (
	"math"
	"time"
)

// Early repair: the content of a packet that later ones overtook, or whose ACK is late, is sent again before the packet
// counts as lost, because to wait for three packets or 9/8 RTT takes a game's flow another round trip. Congestion control
// is not told; a packet that was only late costs some bytes. When it does count as lost and is still not acknowledged, its
// content leaves once more: a resend that is lost too would cost yet another round trip (at 5 % and 100 ms, p99 of a flow
// without redundancy 308 ms; with one resend 449). As in RACK (RFC 8985) the patience follows the reordering measured.
const (
	earlyMost     = 64 // packets in flight; more are not a game's flow
	earlyUnheard  = 8  // packets repaired since the last ACK
	reorderMargin = time.Millisecond
	lateMargin    = 3 * time.Millisecond // timers of both ends, on a path without jitter
)

// reordering measures packets that were overtaken and came after all.
type reordering struct {
	late time.Duration // how long after the first sign of it
	slow time.Duration // how much older than lateAfter says
}

// window is how long an overtaken packet is waited for.
func (o *reordering) window(rtt *rtt) time.Duration {
	if o.late == 0 {
		return 0 // until reordering is seen there is none; RFC 8985, 6.2
	}
	return min(o.late+reorderMargin, rtt.smoothed/2)
}

// arrived takes an overtaken packet that came after all.
func (p *path) arrived(s *sentPacket, now moment) {
	o := &p.reorder
	o.late = max(o.late, now.since(s.overtaken))
	o.slow = max(o.slow, o.slow+now.since(s.at)-p.lateAfter()+reorderMargin)
}

// calm lets the measures decline: they halve within some 180 acknowledgements.
func (o *reordering) calm() {
	for _, d := range []*time.Duration{&o.late, &o.slow} {
		if *d -= *d / 256; *d < granularity/4 {
			*d = 0
		}
	}
}

// lateAfter is how old a packet may get before its ACK is late. At low rates that is sooner than the next packet shows it.
func (p *path) lateAfter() time.Duration {
	return p.rtt.smoothed + max(4*p.rtt.variance, lateMargin) + p.ackDelay() + p.reorder.slow
}

// responsive reports whether the peer still answers: if not, the probes of a timeout, which come ever more rarely, are all
// that is sent again.
func (p *path) responsive() bool {
	return p.anyAcked && p.ptoCount == 0 && p.earlyCount < earlyUnheard && p.flying <= earlyMost
}

// repairEarly queues what overtaken and late packets of a path carried, as far as they were waited for.
func (c *Conn) repairEarly(p *path) {
	p.earlyAt = 0
	if !p.responsive() {
		return
	}
	patience, age := p.reorder.window(&p.rtt), p.lateAfter()
	leisure := !c.hasData() // a transfer's own queue makes its ACKs late
	for i := p.sent.search(p.lossFrom); ; i++ {
		if i = p.sent.live(i); i >= p.sent.len() {
			return
		}
		s := p.sent.at(i)
		if s.state != inFlight {
			continue
		}
		if s.number < p.largestAcked && s.overtaken == 0 {
			s.overtaken = c.now
		}
		if s.early || s.pieces == nil {
			continue
		}
		at := moment(math.MaxInt64)
		if s.block == 0 && leisure { // no REPAIR stands in for it
			at = s.at.add(age)
		}
		if s.overtaken != 0 {
			at = min(at, s.overtaken.add(patience))
		}
		if at == math.MaxInt64 {
			continue
		}
		if at > c.now {
			p.earlyAt = earliest(p.earlyAt, at)
			continue
		}
		s.early = true
		p.earlyCount++
		for q := s.pieces; q != nil; q = q.next {
			c.resend(q)
		}
	}
}
