package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	packetThreshold = 3               // packets that may overtake one before it counts as lost; RFC 9002, 6.1.1
	ghostAge        = 3 * time.Second // how long a late ACK still counts on a path that was given up
	maxPTO          = time.Second     // probes come at least this often, unless the RTT itself is longer, or Config says so
	probesPerPTO    = 2
	sidePTOs        = 6 // probe timeouts in a row after which a path that is not the route goes quiet
	collapsePTOs    = 3 // probe timeouts in a row that shrink the window to its floor
)

// handleAck takes the peer's ACK frame for one of our paths.
func (c *Conn) handleAck(a *wire.Ack) error {
	if int(a.Path) >= dataPaths {
		return errFrame
	}
	p := c.paths[a.Path]
	largest := a.Ranges[0].High
	if p == nil || !p.used || largest > p.lastNumber {
		return errAckUnsent // acknowledging what was never sent is how a peer would cheat congestion control
	}
	if !p.open {
		return nil
	}
	c.mtuAcked(p, a)
	newly := 0
	for _, r := range a.Ranges {
		for i := p.sent.search(r.Low); ; i++ {
			if i = p.sent.live(i); i >= p.sent.len() || p.sent.at(i).number > r.High {
				break
			}
			s := p.sent.at(i)
			if s.overtaken != 0 {
				p.arrived(s, c.now)
			}
			// No sample from what was given up, or while the peer is away: such an answer says when it woke up.
			if s.number == largest && s.at >= p.opened && s.state == inFlight && !c.away() {
				measured, delay := c.now.since(s.at), time.Duration(a.Delay)*time.Microsecond
				if s.pieces == nil { // the ACK may have waited for company every time, so that no least of them is right
					measured, delay = max(measured-min(delay, stretchedAckDelay), time.Microsecond), 0
				}
				p.rtt.sample(measured, delay, p.ackDelay())
				p.cong.sample(c.now, s.at, measured, delay)
			}
			c.ackReceived(p, s)
			p.sent.settle(i)
			newly++
		}
	}
	if newly == 0 {
		return nil
	}
	p.unheard, p.earlyCount, p.lastAck = 0, 0, c.now
	p.calm()
	if !p.anyAcked || largest > p.largestAcked {
		p.anyAcked, p.largestAcked = true, largest
	}
	p.reorder.calm()
	p.mtu.started(c.now, p.opened)
	c.detectLoss(p)
	c.repairEarly(p)
	p.cong.ackDone(c.now, &p.rtt, p.loss.share)
	c.prune(p)
	return nil
}

// ackReceived takes one newly acknowledged packet, in flight or ghost.
func (c *Conn) ackReceived(p *path, s *sentPacket) {
	p.ackCount++
	p.mtu.largeAcked(s)
	if s.state == inFlight {
		p.flying--
		p.cong.acked(int(s.bytes))
		p.loss.acked(&p.rtt)
		c.meters.arrived.add(c.now, 1)
	} else if s.lost {
		c.meters.lost.add(c.now, -1)
		c.meters.arrived.add(c.now, 1)
		p.loss.spurious()
	}
	c.suspendAcked(s.suspend)
	c.queue.numbers.acked(s.given)
	if s.ackRx >= 0 {
		c.acks[s.ackRx].confirmed(s.acked)
	}
	for q := s.pieces; q != nil; {
		c.pieceAcked(q)
		q = c.freePiece(q)
	}
	s.pieces = nil
}

// detectLoss gives up packets that were overtaken by packetThreshold others or by 9/8 RTT (RFC 9002, 6.1), and are not
// only late as others were.
func (c *Conn) detectLoss(p *path) {
	p.lossAt = 0
	if !p.anyAcked {
		return
	}
	delay, patience := p.rtt.lossDelay(), p.reorder.window(&p.rtt)
	for i := p.sent.search(p.lossFrom); ; i++ {
		if i = p.sent.live(i); i >= p.sent.len() {
			break
		}
		s := p.sent.at(i)
		if s.number > p.largestAcked {
			break
		}
		if s.state == inFlight {
			if s.overtaken == 0 {
				s.overtaken = c.now
			}
			if at := p.lostFrom(s, delay, patience); at > c.now {
				p.lossAt = at
				break
			}
			p.cong.lost(int(s.bytes), s.at, c.now)
			p.lostCount++
			p.loss.lost(&p.rtt)
			c.meters.lost.add(c.now, 1)
			c.largeLost(p, s)
			s.lost = true
			c.giveUp(p, s)
		}
		p.lossFrom = s.number + 1
	}
}

// lostFrom is when an overtaken packet counts as lost: at once, or after delay since it left if few others overtook it.
// Where packets were seen to come late it is waited for, patience from when it was overtaken (RFC 8985, 6.2).
func (p *path) lostFrom(s *sentPacket, delay, patience time.Duration) (at moment) {
	if s.number+packetThreshold > p.largestAcked {
		at = s.at.add(delay)
	}
	if patience > 0 {
		at = max(at, s.overtaken.add(patience))
	}
	return at
}

// giveUp makes a ghost of a packet in flight and queues what it carried again. The caller has settled congestion.
func (c *Conn) giveUp(p *path, s *sentPacket) {
	s.state = ghost
	p.flying--
	for q := s.pieces; q != nil; q = q.next {
		c.resend(q)
	}
	c.suspendLost(s.suspend)
	if s.credit != 0 && s.credit == c.credit.advertised {
		c.credit.due = true
	}
}

// ptoAt is when the path asks again for an acknowledgement; zero while nothing is in flight.
func (c *Conn) ptoAt(p *path) moment {
	if p.flying == 0 || p.ptoCount >= sidePTOs && p != c.path(c.route) || c.away() {
		return 0
	}
	pto := p.rtt.pto() - maxAckDelay
	if p.ptoWants == ackLater {
		pto += stretchedAckDelay
	} else {
		pto += p.ackDelay()
	}
	return p.ptoBase.add(max(pto, min(pto<<min(p.ptoCount, 10), c.cfg.LongestPTO)))
}

// probeTimeout lets a few packets leave past the window, carrying the oldest data that nobody acknowledged. After several
// in a row everything in flight counts as lost: a window full of it would let two packets a second through.
func (c *Conn) probeTimeout(p *path) {
	p.ptoBase = c.now
	p.ptoCount++
	if p.ptoCount == collapsePTOs {
		p.cong.collapse(p.rtt.smoothed)
	}
	if p.ptoCount >= blackHolePTOs && p.oldestIsLarge() {
		c.blackHole(p)
	}
	if p.ptoCount >= collapsePTOs {
		c.giveUpSilent(p)
	}
	p.probes = probesPerPTO
	if c.suspended.turn > 0 {
		c.suspendLost(c.suspended.mark())
	}
	left := probesPerPTO
	i := p.sent.search(p.lossFrom)
	for range 64 { // packets of unreliable data only have nothing to resend; don't look through thousands of them
		if i = p.sent.live(i); i >= p.sent.len() || left == 0 {
			return
		}
		if s := p.sent.at(i); s.state == inFlight {
			again := false
			for q := s.pieces; q != nil; q = q.next {
				again = c.resend(q) || again
			}
			if again {
				left--
			}
		}
		i++
	}
}
