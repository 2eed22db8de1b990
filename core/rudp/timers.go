package rudp

import (
	"strconv"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

const (
	trimEvery    = 5 * time.Second // how long unused memory is kept
	quietPackets = 20              // received in that time; fewer are keepalives, beside which everything unused goes
)

// liveness watches whether the peer is heard.
type liveness struct {
	heard       moment // last authenticated packet
	asked       moment // last keepalive
	interrupted bool
	returned    int // absences of the peer that ended
}

func (l *liveness) init(now moment) { l.heard = now }

// heard notes an authenticated packet.
func (c *Conn) heard() {
	c.live.heard = c.now
	if !c.away() { // what a sleeping device still answers does not mean that its game is back
		c.recovered()
	}
	c.wantTrim()
}

func (c *Conn) recovered() {
	if c.live.interrupted {
		c.live.interrupted = false
		c.events.Push(queuedEvent{Event: Event{Kind: EventRecovered}})
	}
}

// wantTrim makes sure that memory in use now is looked at again.
func (c *Conn) wantTrim() {
	if c.trimAt == 0 {
		c.trimAt = c.now.add(trimEvery)
	}
}

func (c *Conn) keepAliveAt() moment { return max(c.quietSince(), c.live.asked).add(c.cfg.KeepAlive) }

// NextTimeout is when HandleTimeout must be called at the latest; zero: not at all.
func (c *Conn) NextTimeout() time.Time {
	if c.state >= stateClosing {
		c.wanted = 0
		return c.time(c.closing.nextTimeout(c.state))
	}
	next := earliest(c.quietSince().add(c.cfg.IdleTimeout), c.keepAliveAt())
	if !c.live.interrupted {
		next = earliest(next, c.quietSince().add(c.cfg.interruptAfter()))
	}
	for id := range c.paths {
		if p := c.paths[id]; p != nil && p.open {
			next = earliest(earliest(next, p.lossAt), earliest(c.ptoAt(p), p.paceUntil))
			next = earliest(earliest(next, p.earlyAt), earliest(p.repair.deadline(), p.mtu.at))
		}
		if a := &c.acks[id]; a.deadline != 0 {
			next = earliest(next, a.deadline)
		}
	}
	next = earliest(earliest(next, c.heldAt()), c.expireAt())
	next = earliest(next, earliest(c.receiptAt(), c.trimAt))
	next = earliest(next, c.suspended.again)
	if c.away() {
		next = earliest(next, c.suspended.peerUntil) // what waits for the peer leaves then
	}
	c.wanted = earliest(next, c.closing.lingerUntil)
	return c.time(c.wanted)
}

// HandleTimeout does what has become due. Calling it early is harmless.
func (c *Conn) HandleTimeout(now time.Time) {
	c.tick(now)
	if c.state >= stateClosing {
		c.closeTimeout()
		return
	}
	if c.checkSilence(); c.state >= stateClosing {
		return
	}
	for i := range c.acks {
		if a := &c.acks[i]; a.deadline != 0 && a.deadline <= c.now {
			a.deadline, a.due = 0, true
		}
	}
	for _, p := range c.paths {
		if p != nil && p.open {
			c.pathTimeout(p)
		}
	}
	c.suspendTimeout()
	c.checkHeld()
	c.expireAll()
	c.forgetReceipts()
	if c.trimAt != 0 && c.trimAt <= c.now {
		c.trim()
	}
	if c.state == stateLingering {
		c.lingerDone()
	}
}

func (c *Conn) pathTimeout(p *path) {
	if p.paceUntil <= c.now {
		p.paceUntil = 0
	}
	if p.lossAt != 0 && p.lossAt <= c.now {
		c.detectLoss(p)
	}
	p.mtu.timeout(c.now, p.maxFrames)
	if p.earlyAt != 0 && p.earlyAt <= c.now {
		c.repairEarly(p)
	}
	if p.repair != nil {
		p.repair.timeout(c.now)
	}
	if at := c.ptoAt(p); at != 0 && at <= c.now {
		c.probeTimeout(p)
	}
	c.prune(p)
}

// checkSilence sends keepalives and reports interruptions; at the end of patience the connection is lost.
func (c *Conn) checkSilence() {
	silence := c.now.since(c.quietSince())
	if silence >= c.cfg.IdleTimeout {
		seconds := strconv.FormatFloat(c.cfg.IdleTimeout.Seconds(), 'f', -1, 64)
		c.startClosing(api.ErrLost, "nothing heard for "+seconds+" s")
		return
	}
	if !c.live.interrupted && silence >= c.cfg.interruptAfter() {
		c.live.interrupted = true
		c.events.Push(queuedEvent{Event: Event{Kind: EventInterrupted}})
	}
	if c.keepAliveAt() <= c.now {
		c.live.asked = c.now
		if p := c.path(c.route); p != nil {
			p.ping = true
		}
	}
}

// trim gives back memory that a burst left behind.
func (c *Conn) trim() {
	c.trimAt = 0
	c.dropPartials(0)
	left := c.pool.trim()
	keep := 1024 // entries; more than a game's traffic needs
	if c.stats.Received-c.trimmed < quietPackets {
		keep = 0
	}
	c.trimmed = c.stats.Received
	if c.events.Len() == 0 && c.events.Cap() > keep {
		c.events.Reset()
	}
	for _, p := range c.paths {
		if p == nil {
			continue
		}
		if l := &p.sent; l.len() == 0 && l.ring.Cap() > keep {
			l.ring.Reset()
		} else if l.len() > 0 {
			left = true
		}
	}
	if c.trimRepair() {
		left = true
	}
	if left || c.inbox.partial.Len() > 0 {
		c.wantTrim()
	}
}
