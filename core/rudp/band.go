package rudp

import "github.com/musubi-p2p/musubi/core/api"

// starveShare: of all bytes sent, each band that has something to send gets at least one part in so many, however much
// more urgent there is.
const starveShare = 16

// assuredLevel is the least urgent level whose messages may use floorRate past a full window: high priority.
const assuredLevel = 1

// list is a queue of messages by laneNext, first in first out.
type list struct{ head, tail *message }

func (l *list) push(m *message) {
	if l.tail == nil {
		l.head = m
	} else {
		l.tail.laneNext = m
	}
	l.tail = m
}

// pop takes the head out.
func (l *list) pop() *message {
	m := l.head
	if l.head = m.laneNext; l.head == nil {
		l.tail = nil
	}
	m.laneNext = nil
	return m
}

// lane is a list of messages not yet sent whole.
type lane struct{ list }

func (l *lane) push(m *message) {
	m.inLane = true
	l.list.push(m)
}

// resendList is a list by resendNext of messages with units that were lost.
type resendList struct{ head, tail *message }

func (l *resendList) push(m *message) {
	if l.tail == nil {
		l.head = m
	} else {
		l.tail.resendNext = m
	}
	l.tail = m
}

// popResend takes the head of a resend list out.
func (c *Conn) popResend(l *resendList) {
	m := l.head
	if l.head = m.resendNext; l.head == nil {
		l.tail = nil
	}
	m.resendNext, m.inResend = nil, false
	c.tidy(m)
}

// popLane takes the head of a lane out; the caller tidies it.
func (c *Conn) popLane(l *lane) *message {
	m := l.pop()
	m.inLane = false
	c.bandOf(m).unsent -= int(m.span() - m.sent)
	c.channelOf(m).waiting--
	return m
}

// band is what waits at one level of urgency. Reliable and unreliable messages have a lane each, so that neither credit
// nor a bulk transfer holds game state up; a message that was sent stays in its band when it has to be sent again.
type band struct {
	resend     resendList
	reliable   lane
	unreliable lane
	unsent     int  // units in the lanes that were never sent
	turn       bool // unreliable messages go first in the next packet
	owed       int  // starveShare times the bytes that other bands' traffic has earned this one
}

func (b *band) empty() bool {
	return b.resend.head == nil && b.reliable.head == nil && b.unreliable.head == nil
}

// hasData reports whether anything waits for the route; credit may still hold it back.
func (c *Conn) hasData() bool {
	for i := range c.queue.bands {
		if !c.hold && !c.queue.bands[i].empty() {
			return true
		}
	}
	return c.crypto != nil && !c.crypto.band.empty()
}

// hasUrgent reports whether something waits that the assured rate is for.
func (c *Conn) hasUrgent() bool {
	for level := range assuredLevel + 1 {
		if !c.hold && !c.queue.bands[level].empty() {
			return true
		}
	}
	return false
}

// writeBands fills the packet with messages: strictly by level, except that bands whose share was withheld for a whole
// packet's worth go first in this one, the least urgent before the others. One that credit holds up leaves it to them.
func (c *Conn) writeBands(w *writer) {
	if c.hold {
		c.writeCrypto(w)
		return
	}
	q := &c.queue
	urgent := c.urgentCrypto()
	if urgent {
		c.writeCrypto(w)
	}
	for level := len(q.bands) - 1; level >= 0; level-- {
		if q.bands[level].owed >= starveShare*w.most && !w.assured {
			c.writeBand(w, &q.bands[level])
		}
	}
	for level := range q.bands {
		if level <= assuredLevel || !w.assured {
			c.writeBand(w, &q.bands[level])
		}
	}
	if !urgent {
		c.writeCrypto(w)
	}
	q.settle(&w.levels, w.most)
}

// settle notes how many bytes of a packet each level got. A band with nothing to send earns nothing.
func (q *sendQueue) settle(sent *[api.PriorityCount]int, maxFrames int) {
	above := sent[0]
	for level := 1; level < len(q.bands); level++ {
		b := &q.bands[level]
		b.owed = max(min(b.owed+above, 2*starveShare*maxFrames)-starveShare*sent[level], 0)
		if b.empty() {
			b.owed = 0
		}
		above += sent[level]
	}
}

// writeBand fills the packet from one band: reliable messages, of these first what was lost, and unreliable ones in turn. On
// a path that loses half of everything resends alone would fill it, and a game's state would come never.
func (c *Conn) writeBand(w *writer, b *band) {
	if b.empty() {
		return
	}
	before := len(w.b)
	if b.turn {
		c.writeUnreliable(w, b)
	}
	c.writeResend(w, b)
	c.writeReliable(w, b)
	if !b.turn {
		c.writeUnreliable(w, b)
	}
	if len(w.b) > before {
		b.turn = !b.turn // a full packet of one lane is followed by one of the other
	}
}

// expire drops the unreliable messages at a lane's head that are late and were not begun. Those behind them are looked at
// when they become the head: none is sent late.
func (c *Conn) expire(l *lane) {
	for m := l.head; m != nil && m.sent == 0 && m.deadline <= c.now; m = l.head {
		c.popLane(l)
		c.stats.Expired++
		c.conclude(m, api.ErrExpired)
	}
}

// expireAll is expire for every band.
func (c *Conn) expireAll() {
	for i := range c.queue.bands {
		c.expire(&c.queue.bands[i].unreliable)
	}
}

// expireAt is when expireAll has something to do next.
func (c *Conn) expireAt() (at moment) {
	for i := range c.queue.bands {
		if m := c.queue.bands[i].unreliable.head; m != nil && m.sent == 0 {
			at = earliest(at, m.deadline)
		}
	}
	return at
}
