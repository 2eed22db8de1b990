package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Resting is what must not be forgotten of an idle connection: a server has a hundred thousand links of which a few talk
// at a time, and a Conn with its path takes twenty times as much.
//
//	Conn --- Rest: nothing queued, in flight, owed or lent ---> Resting (the Conn is free for another one)
//	Conn <-- Wake: a packet came, something is to be said, NextTimeout has come ---
//
// What restarts with Wake: counters, meters and the congestion window, which after such a silence says nothing. The estimate
// of the round trip, the loss rate, all numbers and all credit go on. A packet of the peer's that was missing counts as lost.
type Resting struct {
	epoch               time.Time
	now, wanted         moment
	heard, asked        moment
	rtt                 rtt
	lastNumber          uint64
	largestAcked        uint64
	received            seq.Range // the newest run of the peer's packets
	sending, expected   uint64    // the next messages' numbers
	limit, used         uint64    // credit, as in credit
	advertised, arrived uint64
	peerTurn            uint64
	returned            int32
	share, steady       uint32 // loss
	maxFrames           int32
	path                wire.PathID
	back                wire.PathID
	flags               restFlags
}

type restFlags uint8

const (
	restInterrupted restFlags = 1 << iota
	restLossy
	restUsed
	restAnyAcked
	restBackSet
)

// Rest puts the connection away if it is idle: open, with one path, nothing but ordered messages on channel 0 in its life, all of
// them acknowledged, delivered and consumed, all events taken. Then c is empty and waits for a Wake.
func (c *Conn) Rest(now time.Time) (r Resting, ok bool) {
	c.tick(now)
	p := c.path(c.route)
	if p == nil || !c.unused(p) {
		return r, false
	}
	a, k := &c.acks[c.route], &c.credit
	r = Resting{
		epoch: c.epoch, now: c.now, heard: c.live.heard, asked: c.live.asked,
		rtt: p.rtt, lastNumber: p.lastNumber, largestAcked: p.largestAcked, maxFrames: int32(p.maxFrames), path: c.route, back: a.back,
		limit: k.limit, used: k.used, advertised: k.advertised, arrived: k.received,
		peerTurn: c.suspended.peerTurn, returned: int32(c.live.returned), share: p.loss.share, steady: p.loss.steady,
	}
	r.set(restInterrupted, c.live.interrupted)
	r.set(restLossy, p.loss.lossy)
	r.set(restUsed, p.used)
	r.set(restAnyAcked, p.anyAcked)
	r.set(restBackSet, a.backSet)
	if n := a.numbers.Len(); n > 0 {
		r.received = a.numbers.At(n - 1)
	}
	if out := c.queue.channels[api.ReliableOrdered]; len(out) > 0 {
		r.sending = out[0].next
	}
	if in := c.inbox.reliable[api.ReliableOrdered]; len(in) > 0 {
		r.expected = in[0].next
	}
	c.trimAt = 0    // what it would look at is gone
	c.NextTimeout() // sets wanted, which the owner goes by
	r.wanted = c.wanted
	c.hollow(p)
	return r, true
}

func (r *Resting) set(f restFlags, on bool) {
	if on {
		r.flags |= f
	}
}

func (r *Resting) is(f restFlags) bool { return r.flags&f != 0 }

// unused reports whether nothing would be lost by Rest.
func (c *Conn) unused(p *path) bool {
	q, in, k, s := &c.queue, &c.inbox, &c.credit, &c.suspended
	switch {
	case c.state != stateOpen, c.events.Len() > 0, c.lent != nil, c.closing.lingerUntil != 0:
	case q.messages > 0, q.bytes > 0, q.blocked > 0, q.awaiting.head != nil, q.outstanding > 0:
	case in.ahead > 0, in.assembling > 0, in.partial.Len() > 0, len(in.held.list) > 0, len(in.lossy[0])+len(in.lossy[1]) > 0:
	case k.due, k.delivered != k.received, k.consumed != k.delivered:
	case s.turn > 0, c.away():
	case p.flying > 0, p.ping, p.closeDue, p.duplicate, p.probes > 0, p.mtu.limit > 0, p.cong.pace.bound > 0:
	case p.repair != nil && (p.repair.due || p.repair.at != 0):
	default:
		return c.oneChannel() && c.onePath()
	}
	return false
}

// oneChannel reports whether ordered messages on channel 0 are all that the connection ever carried.
func (c *Conn) oneChannel() bool {
	for mode := range c.queue.channels {
		if n := len(c.queue.channels[mode]); n > 1 || n == 1 && api.Mode(mode) != api.ReliableOrdered {
			return false
		}
	}
	return len(c.inbox.reliable[api.ReliableOrdered]) <= 1 && len(c.inbox.reliable[api.ReliableUnordered]) == 0
}

// onePath reports whether the route is the only path there ever was, and nothing is owed to the peer's.
func (c *Conn) onePath() bool {
	for id := range c.paths {
		a := &c.acks[id]
		if a.due || a.deadline != 0 || a.repair != nil && a.repair.toTell > 0 {
			return false
		}
		if wire.PathID(id) != c.route && (c.paths[id] != nil || a.any) {
			return false
		}
	}
	return true
}

// hollow makes an empty connection of c, with its memory: that of the path, of its list of packets, of the channels and of the pools.
func (c *Conn) hollow(p *path) {
	for i := range p.sent.len() { // ghosts: nothing is left that their late ACKs could spare
		c.release(p.sent.at(i))
	}
	for p.sent.len() > 0 {
		p.sent.ring.Pop()
	}
	numbers := c.acks[c.route].numbers
	numbers.Clear()
	id := c.route
	*p = path{sent: p.sent}
	out, in := c.ordered()
	*c = Conn{pool: c.pool, events: c.events, ackScratch: c.ackScratch, state: stateEnded, route: id}
	c.paths[id], c.acks[id].numbers = p, numbers
	c.keep(out, in)
}

// ordered is the memory of the channels of ordered messages, for keep after everything else was cleared.
func (c *Conn) ordered() ([]outChannel, []inChannel) {
	return c.queue.channels[api.ReliableOrdered][:0], c.inbox.reliable[api.ReliableOrdered][:0]
}

func (c *Conn) keep(out []outChannel, in []inChannel) {
	c.queue.channels[api.ReliableOrdered], c.inbox.reliable[api.ReliableOrdered] = out, in
}

// Wake makes of c, which is new(Conn) or was left by Rest, the connection that r was. cfg must be that connection's.
func (c *Conn) Wake(now time.Time, cfg Config, r *Resting) {
	var p *path
	var numbers seq.Ranges
	if c.route < wire.PathID(dataPaths) && c.paths[c.route] != nil {
		p, numbers = c.paths[c.route], c.acks[c.route].numbers
	} else {
		p = new(path)
	}
	out, in := c.ordered()
	*c = Conn{pool: c.pool, events: c.events, ackScratch: c.ackScratch, cfg: cfg.withDefaults(), epoch: r.epoch, now: r.now, wanted: r.wanted, route: r.path}
	c.keep(out, in)
	c.live = liveness{heard: r.heard, asked: r.asked, interrupted: r.is(restInterrupted), returned: int(r.returned)}
	c.suspended.peerTurn = r.peerTurn
	c.credit = credit{limit: r.limit, used: r.used, advertised: r.advertised, received: r.arrived, delivered: r.arrived, consumed: r.arrived}
	c.meters.init()
	c.tick(now)

	c.paths[r.path] = p
	*p = path{sent: p.sent, open: true, opened: c.now, maxFrames: int(r.maxFrames), rtt: r.rtt, used: r.is(restUsed), lastNumber: r.lastNumber,
		largestAcked: r.largestAcked, anyAcked: r.is(restAnyAcked), loss: lossRate{share: r.share, steady: r.steady, lossy: r.is(restLossy)}}
	if p.used {
		p.lossFrom = p.lastNumber + 1
	}
	p.cong.init(c.now, p.rtt.smoothed)

	a := &c.acks[r.path]
	a.numbers, a.back, a.backSet = numbers, r.back, r.is(restBackSet)
	if r.received.High > 0 {
		a.numbers.Add(r.received.Low, r.received.High)
		a.any, a.largest, a.largestAt = true, r.received.High-1, r.heard
	}
	if r.sending > 0 {
		c.queue.channel(api.ReliableOrdered, 0).next = r.sending
	}
	if r.expected > 0 {
		in := c.inChannel(uint8(api.ReliableOrdered), 0)
		in.next, in.high = r.expected, r.expected
	}
}

// NextTimeout is when the connection must be woken at the latest, for HandleTimeout.
func (r *Resting) NextTimeout() time.Time { return r.epoch.Add(time.Duration(r.wanted)) }

// RTT is the smoothed round trip.
func (r *Resting) RTT() time.Duration { return r.rtt.smoothed }

// AckNow has every acknowledgement that waits for company leave with the next packets: the owner knows that none will come.
func (c *Conn) AckNow() {
	for i := range c.acks {
		if a := &c.acks[i]; a.deadline != 0 {
			a.deadline, a.due = 0, true
		}
	}
}

// HasEvents reports whether NextEvent has something.
func (c *Conn) HasEvents() bool { return c.events.Len() > 0 }

// RTT is PathStats' SRTT, Unheard its UnackedSinceHeard, for whoever wants no more.
func (c *Conn) RTT(id wire.PathID) time.Duration { return c.paths[id].rtt.smoothed }

func (c *Conn) Unheard(id wire.PathID) int { return c.paths[id].unheard }
