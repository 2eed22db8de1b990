package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// noPath stands for "no path" where a wire.PathID is expected.
const noPath = wire.PathCount

// path is the sending side of one of our paths.
type path struct {
	open      bool
	used      bool // lastNumber holds a packet's number
	duplicate bool // data sent on the route is sent here too
	maxFrames int

	rtt     rtt
	cong    congestion
	sent    sentList
	dup     dupQueue
	mtu     mtuSearch
	loss    lossRate
	reorder reordering
	repair  *repairSender // nil while redundancy was not needed

	opened       moment // RTT samples of packets older than this are another path's
	lastNumber   uint64
	largestAcked uint64
	anyAcked     bool
	lossFrom     uint64 // loss detection is through with lower numbers
	lossAt       moment // when the next packet counts as lost by time
	earlyAt      moment // when an overtaken or unanswered packet has been waited for
	earlyCount   int    // packets repaired early since the last ACK
	flying       int    // packets in flight
	ptoBase      moment // last packet with data sent, or last probe timeout
	ptoWants     demand // of that packet
	ptoCount     int
	probes       int    // packets that may leave past the window after a probe timeout
	silent       moment // when the oldest packet was sent that probe timeouts gave up; zero: none since the last ACK
	paceUntil    moment

	ping      bool // a PING is wanted
	closeDue  bool // a CLOSE is wanted
	ackOnly   int  // packets since the last one that elicited an ACK
	unheard   int
	lastAck   moment
	sentCount uint64
	lostCount uint64
	ackCount  uint64
}

// PathStats is a snapshot of one of our paths for whoever chooses among them.
type PathStats struct {
	SRTT, MinRTT, Var, LatestRTT time.Duration // MinRTT 0: no sample yet
	InFlight                     int           // bytes
	Window                       int           // bytes that congestion control allows in flight
	PacingRate                   int64         // bytes a second, at most
	DeliveryRate                 int64         // bytes a second that arrived when the window was last used up
	Competing                    bool          // against flows that fill the buffer, so that QueueDelay is theirs
	QueueDelay                   time.Duration // least queueing delay of the last round trip
	Oldest                       time.Time     // when the oldest unanswered ack-eliciting packet was sent; zero: none
	UnackedSinceHeard            int           // ack-eliciting packets sent since the last newly acknowledging ACK
	LastAck                      time.Time     // zero: never
	Sent, Lost, Acked            uint64        // ack-eliciting packets
	LossRate                     float64       // share of our packets lost lately, 0 to 1
	Redundant                    bool          // small reliable messages are protected by REPAIR frames
	MaxFrames                    int           // frame bytes that a packet may have by now
}

// path gives an open path, nil for any other id.
func (c *Conn) path(id wire.PathID) *path {
	if int(id) >= dataPaths || c.paths[id] == nil || !c.paths[id].open {
		return nil
	}
	return c.paths[id]
}

// OpenPath makes id usable; maxFrames is how many bytes of frames its packets hold, rttHint a first estimate or 0.
// Opening an open path again is a rebinding: RTT and congestion start over, what is in flight is queued for the route.
func (c *Conn) OpenPath(now time.Time, id wire.PathID, maxFrames int, rttHint time.Duration) {
	c.tick(now)
	if int(id) >= dataPaths || c.state == stateEnded {
		return
	}
	if c.paths[id] == nil {
		c.paths[id] = new(path)
	}
	p := c.paths[id]
	if p.open {
		c.giveUpAll(p)
	}
	p.open, p.opened, p.maxFrames = true, c.now, max(maxFrames, minFrameRoom)
	p.rtt.init(rttHint)
	p.loss.init()
	p.mtu = mtuSearch{}
	p.reorder = reordering{}
	p.repair = nil
	p.cong.init(c.now, p.rtt.smoothed)
	p.unheard, p.lastAck, p.paceUntil = 0, 0, 0
	p.calm()
	c.closing.say(c.now, p)
}

// SetRate tells what an open path's way grants (a relay's leg): it is paced at nine tenths of that, ACKs included. Zeros: no
// limit. A rebinding keeps it.
func (c *Conn) SetRate(now time.Time, id wire.PathID, bytesPerSecond, packetsPerSecond int) {
	c.tick(now)
	if p := c.path(id); p != nil {
		p.cong.pace.grant(bytesPerSecond, packetsPerSecond)
	}
}

// ClosePath ends the use of id. Whatever is in flight there is lost at once and queued for the route.
func (c *Conn) ClosePath(now time.Time, id wire.PathID) {
	c.tick(now)
	p := c.path(id)
	if p == nil {
		return
	}
	c.giveUpAll(p)
	for i := range p.sent.len() {
		c.release(p.sent.at(i))
	}
	p.dup.drop(c, 0)
	// Numbers outlive the path: a later use of the id must not repeat them under the same key.
	*p = path{used: p.used, lastNumber: p.lastNumber, sentCount: p.sentCount, lostCount: p.lostCount, ackCount: p.ackCount}
}

// SetRoute sends new and queued data over id from now on. What is in flight on the old route is left there to be
// acknowledged, unless that path has stopped answering.
func (c *Conn) SetRoute(now time.Time, id wire.PathID) {
	c.tick(now)
	if old := c.path(c.route); old != nil && c.route != id && old.ptoCount > 0 {
		c.giveUpSilent(old)
	}
	if id != c.route {
		c.leave(c.route, id)
	}
	c.route = id
	if p := c.path(id); p != nil {
		p.dup.drop(c, 0) // copies for it were of the old route's packets, which are looked after
	}
}

// Route is the path that data takes.
func (c *Conn) Route() wire.PathID { return c.route }

// Requeue queues everything unacknowledged on id for the route again. The path stays open and late ACKs still count.
func (c *Conn) Requeue(now time.Time, id wire.PathID) {
	c.tick(now)
	if p := c.path(id); p != nil {
		c.giveUpAll(p)
	}
}

// giveUpAll makes ghosts of everything in flight and queues its content again.
func (c *Conn) giveUpAll(p *path) {
	for i := p.sent.search(p.lossFrom); ; i++ {
		if i = p.sent.live(i); i >= p.sent.len() {
			break
		}
		if s := p.sent.at(i); s.state == inFlight {
			c.giveUp(p, s)
		}
	}
	p.cong.inFlight, p.lossAt, p.earlyAt = 0, 0, 0
	if p.used {
		p.lossFrom = p.lastNumber + 1
	}
	p.calm()
}

// giveUpSilent is giveUpAll on a path that answers nothing: it stays known since when.
func (c *Conn) giveUpSilent(p *path) {
	count, since := p.ptoCount, p.oldest()
	c.giveUpAll(p)
	p.ptoCount, p.silent = count, since
}

// calm ends the reaction to silence.
func (p *path) calm() { p.ptoCount, p.probes, p.silent = 0, 0, 0 }

// oldest is when the oldest packet was sent that nothing answered and that was in flight at the last ACK; zero: none.
func (p *path) oldest() moment {
	switch {
	case p.silent != 0:
		return p.silent
	case p.flying > 0:
		// Everything before lossFrom has been given up; the first live packet behind it is the oldest in flight.
		if i := p.sent.live(p.sent.search(p.lossFrom)); i < p.sent.len() {
			return p.sent.at(i).at
		}
	}
	return 0
}

// SetDuplicate switches the copying of data on the route to id, from the next packet on.
func (c *Conn) SetDuplicate(now time.Time, id wire.PathID, on bool) {
	c.tick(now)
	if p := c.path(id); p != nil {
		p.duplicate = on
		if !on {
			p.dup.drop(c, 0)
		}
	}
}

// SetReturn sends ACKs for the peer's path rx on our path tx. Unset, and while tx is not open, they take the relay for
// the relay and the route for the rest.
func (c *Conn) SetReturn(rx, tx wire.PathID) {
	if int(rx) < dataPaths && int(tx) < dataPaths {
		c.acks[rx].back, c.acks[rx].backSet = tx, true
	}
}

// returnPath is where ACKs for the peer's path rx go; noPath when nothing is open.
func (c *Conn) returnPath(rx wire.PathID) wire.PathID {
	if a := &c.acks[rx]; a.backSet && c.path(a.back) != nil {
		return a.back
	}
	if rx == wire.PathRelay && c.path(wire.PathRelay) != nil {
		return wire.PathRelay
	}
	if c.path(c.route) != nil {
		return c.route
	}
	for id := range c.paths {
		if c.path(wire.PathID(id)) != nil {
			return wire.PathID(id)
		}
	}
	return noPath
}

// Ping sends something on id that the peer must acknowledge.
func (c *Conn) Ping(now time.Time, id wire.PathID) {
	c.tick(now)
	if p := c.path(id); p != nil && c.state < stateClosing {
		p.ping = true
	}
}

// PathStats of a path that is not open holds only the counters.
func (c *Conn) PathStats(id wire.PathID) PathStats {
	if int(id) >= dataPaths || c.paths[id] == nil {
		return PathStats{}
	}
	p := c.paths[id]
	s := PathStats{
		SRTT: p.rtt.smoothed, MinRTT: p.rtt.minimum, Var: p.rtt.variance, LatestRTT: p.rtt.latest,
		InFlight: p.cong.inFlight, Window: p.cong.window, UnackedSinceHeard: p.unheard,
		PacingRate: p.cong.pace.rate, DeliveryRate: p.cong.delivered, QueueDelay: p.cong.queue, Competing: p.cong.mode == modeCompete,
		LossRate: float64(p.loss.share) / lossOne, Redundant: p.loss.redundant() && !c.cfg.NoRedundancy, MaxFrames: p.maxFrames,
		LastAck: c.time(p.lastAck), Sent: p.sentCount, Lost: p.lostCount, Acked: p.ackCount,
	}
	if !c.away() { // nothing is waited for meanwhile
		s.Oldest = c.time(p.oldest())
	}
	return s
}
