package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// receiptPTOs is how long after its last fragment left an unreliable message counts as unknown, in PTO of its path;
// TRANSPORT. By then an acknowledgement has come, or the packet was lost, or the path does not work.
// On the shortest paths that is less than a process may be away from its processor.
const (
	receiptPTOs  = 3
	receiptLeast = 100 * time.Millisecond
)

// A receipt is asked for by a message's id and given once:
//
//	reliable:    waiting --- all of it acknowledged ---> OK
//	unreliable:  waiting --- deadline before the first fragment left ---> ErrExpired
//	             waiting --- sent whole ---> awaiting --- all of it acknowledged ---> OK
//	                                            +-------- 3 PTO ---> ErrUnknown
//
// A connection that ends gives none: EventClosed counts what is undelivered.

// pieceAcked takes the acknowledgement of a piece.
func (c *Conn) pieceAcked(p *piece) {
	m := p.msg
	if m.done {
		return
	}
	whole := p.from == 0 && p.to == m.span()
	if !whole {
		s := c.partsOf(m)
		s.acked.Add(uint64(p.from), uint64(p.to))
		s.lost.Remove(uint64(p.from), uint64(p.to))
		whole = s.acked.Covers(0, uint64(m.span()))
	}
	if !whole {
		return
	}
	if m.mode == api.ReliableUnordered {
		c.queue.unordered--
	}
	if m.mode.Reliable() {
		m.done = true
		c.passChannel(m)
	}
	c.conclude(m, api.OK)
	c.popConcluded()
}

// conclude ends a message, with its receipt if it was asked for.
func (c *Conn) conclude(m *message, code api.Code) {
	c.finish(m)
	if m.id != 0 {
		c.events.Push(queuedEvent{Event: Event{Kind: EventDelivered, ID: m.id, Code: code}})
	}
	c.tidy(m)
}

// await starts the wait for the acknowledgements of an unreliable message that has just been sent whole on p.
func (c *Conn) await(m *message, p *path) {
	m.deadline = c.now.add(max(receiptPTOs*p.rtt.pto(), receiptLeast))
	if last := c.queue.awaiting.tail; last != nil {
		m.deadline = max(m.deadline, last.deadline) // the list is ordered, and a path's PTO changes slowly
	}
	m.awaiting = true
	c.queue.awaiting.push(m)
}

// popConcluded takes finished messages off the start of the list.
func (c *Conn) popConcluded() {
	for l := &c.queue.awaiting; l.head != nil && l.head.done; {
		m := l.pop()
		m.awaiting = false
		c.tidy(m)
	}
}

// forgetReceipts reports as unknown what was waited for long enough.
func (c *Conn) forgetReceipts() {
	for l := &c.queue.awaiting; l.head != nil && (l.head.done || l.head.deadline <= c.now); {
		m := l.pop()
		if m.awaiting = false; m.done {
			c.tidy(m)
			continue
		}
		c.conclude(m, api.ErrUnknown)
	}
}

// receiptAt is when forgetReceipts has something to do next.
func (c *Conn) receiptAt() moment {
	if m := c.queue.awaiting.head; m != nil {
		return m.deadline
	}
	return 0
}
