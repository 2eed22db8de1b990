package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	maxPartial   = 64              // unreliable messages under reassembly at a time
	partialAfter = 2 * time.Second // a message whose fragments take longer is given up
)

// lossyChannel is the receiving side of one channel in one unreliable mode.
type lossyChannel struct {
	seen seq.Recent // numbers delivered or given up
}

func (c *Conn) lossyChannel(mode, channel uint8) *lossyChannel {
	all := &c.inbox.lossy[mode-uint8(api.Unreliable)]
	for len(*all) <= int(channel) {
		*all = append(*all, nil)
	}
	if (*all)[channel] == nil {
		(*all)[channel] = new(lossyChannel)
	}
	return (*all)[channel]
}

// number makes the full number of a 16-bit id: the nearest to the newest delivered. The first sets the start, one
// round up so that earlier ones, overtaken by it, don't fall below zero.
func (ch *lossyChannel) number(id uint64) uint64 {
	if largest, any := ch.seen.Largest(); any {
		return seq.Expand16(largest, uint16(id))
	}
	return firstRound + id
}

// wanted reports whether a message of this number may still be delivered.
func (ch *lossyChannel) wanted(mode api.Mode, number uint64) bool {
	if largest, any := ch.seen.Largest(); mode == api.UnreliableSequenced && any && number <= largest {
		return false
	}
	return ch.seen.Fresh(number)
}

// handleUnreliable takes a message frame of an unreliable mode.
func (c *Conn) handleUnreliable(m *wire.Message) {
	ch := c.lossyChannel(m.Mode, m.Channel)
	number := c.numberOf(ch, m)
	if !ch.wanted(api.Mode(m.Mode), number) {
		c.stats.LateUnreliable++
		return
	}
	ordered := api.Mode(m.Mode) == api.UnreliableSequenced
	if !m.Fragment && ordered {
		c.sequenced(m.Channel, number, c.copyPayload(m), m.Size)
		return
	}
	if !m.Fragment {
		ch.seen.Accept(number)
		c.deliver(api.Mode(m.Mode), m.Channel, c.copyPayload(m), m.Size)
		return
	}
	c.dropPartials(0)
	a := c.findPartial(m, number)
	if a == nil {
		c.dropPartials(int(m.Size))
		a = c.newAssembly(m)
		a.number = number
		c.inbox.partial.Push(a)
		c.inbox.partialBytes += int(m.Size)
	}
	if a.size != m.Size {
		return
	}
	a.add(m)
	if a.complete || a.runs.Len() > maxHoles {
		// The entry stays in the queue, empty, until it is the oldest: taking it out of the middle is not worth it.
		c.inbox.partialBytes -= int(a.size)
		switch buf := a.take(); {
		case a.complete && ordered:
			c.sequenced(m.Channel, number, buf, a.size)
		case a.complete:
			ch.seen.Accept(number)
			c.deliver(api.Mode(m.Mode), m.Channel, buf, a.size)
		default:
			ch.seen.Accept(number)
			c.pool.putBuffer(buf)
		}
		c.dropPartials(0)
	}
}

func (c *Conn) findPartial(m *wire.Message, number uint64) *assembly {
	q := &c.inbox.partial
	for i := q.Len() - 1; i >= 0; i-- {
		if a := *q.At(i); a.buf != nil && a.number == number && a.mode == m.Mode && a.channel == m.Channel {
			return a
		}
	}
	return nil
}

// dropPartials frees the oldest entries: done ones, those that take too long, and as many as the next message of size
// bytes (0: none comes) needs to stay within the bounds.
func (c *Conn) dropPartials(size int) {
	q := &c.inbox.partial
	for q.Len() > 0 {
		a := *q.At(0)
		late := c.now.since(a.started) >= partialAfter
		crowded := size > 0 && (q.Len() >= maxPartial || c.inbox.partialBytes+size > c.cfg.unreliableAssembly())
		if a.buf != nil && !late && !crowded {
			return
		}
		if a.buf != nil {
			c.stats.Evicted++
			c.inbox.partialBytes -= int(a.size)
			c.lossyChannel(a.mode, a.channel).seen.Accept(a.number)
		}
		c.freeAssembly(q.Pop())
	}
}
