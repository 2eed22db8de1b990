package rudp

import "time"

// Early repair: the content of a packet that later ones overtook is sent again before the packet counts as lost, because
// to wait for three packets or 9/8 RTT takes a game's flow another round trip. Congestion control is not told; a
// packet that was only late costs some bytes. As in RACK (RFC 8985) the patience follows the reordering measured.
const (
	earlyMost     = 32 // packets in flight; more are not a game's flow
	reorderMargin = time.Millisecond
)

// reordering measures how long packets that were overtaken stay away.
type reordering struct{ late time.Duration }

// window is how long an overtaken packet is waited for.
func (o *reordering) window(rtt *rtt) time.Duration {
	if o.late == 0 {
		return 0 // until reordering is seen there is none; RFC 8985, 6.2
	}
	return min(o.late+reorderMargin, rtt.smoothed/2)
}

// arrived takes a packet that came after all, so long after the first sign that it was overtaken.
func (o *reordering) arrived(late time.Duration) { o.late = max(o.late, late) }

// calm lets the measure decline: it halves within some 180 acknowledgements.
func (o *reordering) calm() {
	if o.late -= o.late / 256; o.late < granularity/4 {
		o.late = 0
	}
}

// repairEarly queues what overtaken packets of a path carried, as far as they were waited for.
func (c *Conn) repairEarly(p *path) {
	p.earlyAt = 0
	if !p.anyAcked || p.flying > earlyMost {
		return
	}
	patience := p.reorder.window(&p.rtt)
	for i := p.sent.search(p.lossFrom); ; i++ {
		if i = p.sent.live(i); i >= p.sent.len() {
			return
		}
		s := p.sent.at(i)
		if s.number > p.largestAcked {
			return
		}
		if s.state != inFlight {
			continue
		}
		if s.overtaken == 0 {
			s.overtaken = c.now
		}
		if s.early || s.pieces == nil {
			continue
		}
		if at := s.overtaken.add(patience); at > c.now {
			p.earlyAt = earliest(p.earlyAt, at)
			continue
		}
		s.early = true
		for q := s.pieces; q != nil; q = q.next {
			c.resend(q)
		}
	}
}
