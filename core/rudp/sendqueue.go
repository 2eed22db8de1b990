package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// lane is a queue of messages not yet sent whole, first in first out. Reliable and unreliable messages have their own,
// so that neither credit nor a bulk transfer holds game state up. Priorities will be more lanes.
type lane struct{ head, tail *message }

func (l *lane) push(m *message) {
	m.inLane = true
	if l.tail == nil {
		l.head = m
	} else {
		l.tail.laneNext = m
	}
	l.tail = m
}

// pop takes the head out; the caller tidies it.
func (l *lane) pop() *message {
	m := l.head
	if l.head = m.laneNext; l.head == nil {
		l.tail = nil
	}
	m.laneNext, m.inLane = nil, false
	return m
}

const (
	laneReliable = iota
	laneUnreliable
	laneCount
)

// staleAfter is how long an unreliable message may wait to be sent. State older than that is worth nothing.
const staleAfter = time.Second

// cost is what a message takes of the send budget: tiny ones need far more memory than their payload.
func cost(size int) int { return size + api.MessageCost }

// outChannel is the sending side of one channel in one mode.
type outChannel struct {
	next       uint64   // sequence of the next message
	head, tail *message // reliable: accepted and not yet passed, by sequence
}

// sendQueue is everything between Send and the packets.
type sendQueue struct {
	lanes       [laneCount]lane
	resendHead  *message
	resendTail  *message
	turn        int                         // the lane that goes first in the next packet
	channels    [api.ModeCount][]outChannel // by channel as far as used
	outstanding int                         // reliable messages between each channel's oldest unacknowledged and newest sent, all channels
	unordered   int                         // reliable unordered messages accepted and not acknowledged
	messages    int                         // accepted and not done
	bytes       int                         // their cost, of the send budget
	released    int                         // budget that came free since TakeReleased
	blocked     int                         // cost of the message that got WOULD_BLOCK last; 0: none
}

// channel gives a channel's state; the pointer holds until the next call.
func (q *sendQueue) channel(mode api.Mode, channel uint8) *outChannel {
	all := &q.channels[mode]
	for len(*all) <= int(channel) {
		*all = append(*all, outChannel{})
	}
	return &(*all)[channel]
}

// Send accepts one message, copying data. id is returned in EventDelivered when a reliable message has arrived whole;
// 0 asks for no receipt. Errors are *api.Error and leave no effect; after ErrWouldBlock an EventWritable follows.
func (c *Conn) Send(now time.Time, mode api.Mode, channel uint8, id uint64, data []byte) error {
	c.tick(now)
	q := &c.queue
	limit := c.cfg.maxReliable()
	if !mode.Reliable() {
		limit = c.cfg.maxUnreliable()
	}
	switch {
	case mode >= api.ModeCount:
		return errMode
	case c.state != stateOpen:
		return errClosed
	case len(data) > limit:
		return errTooLarge
	case q.bytes+cost(len(data)) > c.cfg.SendBudget && q.bytes > 0:
		q.blocked = cost(len(data))
		return errWouldBlock
	}
	m := c.newMessage(mode, channel, id, data)
	q.messages++
	q.bytes += cost(len(data))
	if !mode.Reliable() { // numbered when first sent: what is dropped unsent leaves no gap
		q.lanes[laneUnreliable].push(m)
		return nil
	}
	ch := q.channel(mode, channel)
	m.sequence = ch.next
	ch.next++
	if mode == api.ReliableUnordered {
		q.unordered++
	}
	m.inChan = true
	if ch.tail == nil {
		ch.head = m
	} else {
		ch.tail.chanNext = m
	}
	ch.tail = m
	q.lanes[laneReliable].push(m)
	return nil
}

// TakeReleased is how many bytes of the send budget came free since the last call.
func (c *Conn) TakeReleased() int {
	n := c.queue.released
	c.queue.released = 0
	return n
}

// Queued is how much of the send budget is in use: by what is neither acknowledged, sent unreliably nor dropped.
func (c *Conn) Queued() int { return c.queue.bytes }

// Undelivered is how many reliable messages are accepted and not known to have arrived in their turn: an ordered one that
// was acknowledged but follows one that was not may still wait for it at the peer.
func (c *Conn) Undelivered() int {
	if c.state >= stateClosing {
		return c.closing.undelivered
	}
	n := c.queue.unordered
	for i := range c.queue.channels[api.ReliableOrdered] {
		if ch := &c.queue.channels[api.ReliableOrdered][i]; ch.head != nil {
			n += int(ch.next - ch.head.sequence)
		}
	}
	return n
}

// Idle reports whether nothing waits to be sent or acknowledged.
func (c *Conn) Idle() bool { return c.queue.messages == 0 }

// finish ends a message: its budget comes free.
func (c *Conn) finish(m *message) {
	q := &c.queue
	m.done = true
	q.messages--
	q.bytes -= cost(int(m.size))
	q.released += cost(int(m.size))
	if q.blocked > 0 && (q.bytes == 0 || q.bytes+q.blocked <= c.cfg.SendBudget && q.bytes <= c.cfg.SendBudget/4*3) {
		q.blocked = 0
		if c.state == stateOpen {
			c.events.Push(queuedEvent{Event: Event{Kind: EventWritable}})
		}
	}
}

// resend queues the units of a piece again, except those acknowledged since.
func (c *Conn) resend(p *piece) {
	m := p.msg
	if m.done {
		return
	}
	m.lost.Add(uint64(p.from), uint64(p.to))
	for i := m.acked.Above(uint64(p.from)); i < m.acked.Len() && m.acked.At(i).Low < uint64(p.to); i++ {
		m.lost.Remove(m.acked.At(i).Low, m.acked.At(i).High)
	}
	if m.inResend || m.lost.Len() == 0 {
		return
	}
	q := &c.queue
	m.inResend = true
	if q.resendTail == nil {
		q.resendHead = m
	} else {
		q.resendTail.resendNext = m
	}
	q.resendTail = m
}

// popResend takes the head of the resend list out.
func (c *Conn) popResend() {
	q := &c.queue
	m := q.resendHead
	if q.resendHead = m.resendNext; q.resendHead == nil {
		q.resendTail = nil
	}
	m.resendNext, m.inResend = nil, false
	c.tidy(m)
}

// pieceAcked takes the acknowledgement of a piece.
func (c *Conn) pieceAcked(p *piece) {
	m := p.msg
	if m.done {
		return
	}
	whole := p.from == 0 && p.to == m.span()
	if !whole {
		m.acked.Add(uint64(p.from), uint64(p.to))
		m.lost.Remove(uint64(p.from), uint64(p.to))
		whole = m.acked.Covers(0, uint64(m.span()))
	}
	if !whole {
		return
	}
	if m.mode == api.ReliableUnordered {
		c.queue.unordered--
	}
	c.finish(m)
	if m.id != 0 {
		c.events.Push(queuedEvent{Event: Event{Kind: EventDelivered, ID: m.id}})
	}
	c.passChannel(m)
	c.tidy(m)
}

// passChannel moves the channel's window past acknowledged messages at its start.
func (c *Conn) passChannel(m *message) {
	ch := c.queue.channel(m.mode, m.channel)
	for ch.head != nil && ch.head.done {
		passed := ch.head
		if ch.head = passed.chanNext; ch.head == nil {
			ch.tail = nil
		}
		passed.chanNext, passed.inChan = nil, false
		c.queue.outstanding--
		if passed != m {
			c.tidy(passed)
		}
	}
}

// dropStale lets go of unreliable messages that waited too long to be sent.
func (c *Conn) dropStale() {
	for l := &c.queue.lanes[laneUnreliable]; l.head != nil && l.head.sent == 0 && c.now.since(l.head.queued) >= staleAfter; {
		m := l.pop()
		c.finish(m)
		c.tidy(m)
	}
}

// staleAt is when dropStale has something to do next.
func (c *Conn) staleAt() moment {
	if m := c.queue.lanes[laneUnreliable].head; m != nil && m.sent == 0 {
		return m.queued.add(staleAfter)
	}
	return 0
}
