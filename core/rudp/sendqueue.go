package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// outChannel is the sending side of one channel in one mode.
type outChannel struct {
	next       uint64   // sequence of the next message
	head, tail *message // reliable: numbered and not yet passed, by sequence
	waiting    int32    // messages in a lane
	level      uint8    // the band of those, in modes that keep order
}

// sendQueue is everything between Send and the packets.
type sendQueue struct {
	bands       [api.PriorityCount]band     // by level: the most urgent first
	channels    [api.ModeCount][]outChannel // by channel as far as used
	awaiting    list                        // unreliable messages sent whole that owe a receipt, by deadline
	numbers     numbering
	outstanding int // reliable messages between each channel's oldest unacknowledged and newest sent, all channels
	unordered   int // reliable unordered messages accepted and not acknowledged
	messages    int // accepted and not done
	bytes       int // their cost, of the send budget, and that of receipts not taken
	released    int // budget that came free since TakeReleased
	blocked     int // cost of the message that got WOULD_BLOCK last; 0: none
}

// channel gives a channel's state; the pointer holds until the next call.
func (q *sendQueue) channel(mode api.Mode, channel uint8) *outChannel {
	all := &q.channels[mode]
	for len(*all) <= int(channel) {
		*all = append(*all, outChannel{})
	}
	return &(*all)[channel]
}

// Send is SendMessage with normal priority and the usual deadline.
func (c *Conn) Send(now time.Time, mode api.Mode, channel uint8, id uint64, data []byte) error {
	return c.SendMessage(now, api.Outgoing{Mode: mode, Channel: channel, ID: id}, data)
}

// SendMessage accepts one message, copying data. A receipt (how.ID not 0) comes as one EventDelivered. Errors are
// *api.Error and leave no effect; after ErrWouldBlock an EventWritable follows.
func (c *Conn) SendMessage(now time.Time, how api.Outgoing, data []byte) error {
	c.tick(now)
	q := &c.queue
	limit := c.cfg.maxReliable()
	if !how.Mode.Reliable() {
		limit = c.cfg.maxUnreliable()
	}
	switch {
	case how.Mode >= api.ModeCount || how.Priority >= api.PriorityCount || how.Mode.Reliable() && how.Deadline != 0:
		return errOutgoing
	case c.state != stateOpen:
		return errClosed
	case len(data) > limit:
		return errTooLarge
	case q.bytes+api.Cost(len(data)) > c.cfg.SendBudget && q.bytes > 0:
		q.blocked = api.Cost(len(data))
		return errWouldBlock
	}
	m := c.newMessage(&how, data)
	q.messages++
	q.bytes += api.Cost(len(data))
	c.enqueue(m, &how)
	return nil
}

// enqueue puts a message into its lane. Ordered ones are numbered now, all others when first sent: what is dropped
// unsent leaves no gap, and a message of low priority no hole that the others of its channel would have to remember.
func (c *Conn) enqueue(m *message, how *api.Outgoing) {
	q := &c.queue
	ch := q.channel(m.mode, m.channel)
	m.level = uint8(how.Priority.Level())
	if m.mode == api.ReliableOrdered || m.mode == api.UnreliableSequenced {
		// Whatever its own priority, a message leaves behind those of its channel that still wait. Otherwise an urgent one
		// would arrive early only to be held back, with the credit that the one it waits for needs.
		if ch.waiting > 0 {
			m.level = ch.level
		}
		ch.level = m.level
	}
	ch.waiting++
	b := &q.bands[m.level]
	b.unsent += int(m.span())
	if !m.mode.Reliable() {
		m.deadline = c.now.add(patience(how.Deadline))
		b.unreliable.push(m)
		return
	}
	if m.mode == api.ReliableOrdered {
		ch.append(m)
	} else {
		q.unordered++
	}
	b.reliable.push(m)
}

// patience is how long an unreliable message may wait to be sent.
func patience(millis uint16) time.Duration {
	if millis == 0 {
		millis = api.DefaultDeadline
	}
	return time.Duration(millis) * time.Millisecond
}

// append gives a reliable message its number and takes it into the channel's window.
func (ch *outChannel) append(m *message) {
	m.sequence = ch.next
	ch.next++
	m.inChan = true
	if ch.tail == nil {
		ch.head = m
	} else {
		ch.tail.chanNext = m
	}
	ch.tail = m
}

// TakeReleased is how many bytes of the send budget came free since the last call.
func (c *Conn) TakeReleased() int {
	n := c.queue.released
	c.queue.released = 0
	return n
}

// Queued is how much of the send budget is in use: by what is neither acknowledged, sent unreliably nor dropped, and by
// receipts that were not taken.
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

// finish ends a message: its budget comes free, except what its receipt takes until that is taken.
func (c *Conn) finish(m *message) {
	if m.done = true; m.crypto {
		return
	}
	c.queue.messages--
	bytes := api.Cost(int(m.size))
	if m.id != 0 {
		bytes -= api.MessageCost
	}
	c.free(bytes)
}

// free gives budget back and tells whoever waits for it.
func (c *Conn) free(bytes int) {
	q := &c.queue
	q.bytes -= bytes
	q.released += bytes
	if q.blocked > 0 && (q.bytes == 0 || q.bytes+q.blocked <= c.cfg.SendBudget && q.bytes <= c.cfg.SendBudget/4*3) {
		q.blocked = 0
		if c.state == stateOpen {
			c.events.Push(queuedEvent{Event: Event{Kind: EventWritable}})
		}
	}
}

// resend queues the units of a piece again, except those acknowledged since. It reports whether there are any.
func (c *Conn) resend(p *piece) bool {
	m := p.msg
	if m.done || !m.mode.Reliable() {
		return false
	}
	s := c.partsOf(m)
	s.lost.Add(uint64(p.from), uint64(p.to))
	for i := s.acked.Above(uint64(p.from)); i < s.acked.Len() && s.acked.At(i).Low < uint64(p.to); i++ {
		s.lost.Remove(s.acked.At(i).Low, s.acked.At(i).High)
	}
	if s.lost.Len() == 0 {
		return false
	}
	if !m.inResend {
		m.inResend = true
		c.bandOf(m).resend.push(m)
	}
	return true
}

// passChannel moves the channel's window past acknowledged messages at its start.
func (c *Conn) passChannel(m *message) {
	ch := c.channelOf(m)
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
