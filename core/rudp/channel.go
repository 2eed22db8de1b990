package rudp

import (
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// inbox is everything between the packets and the events.
type inbox struct {
	reliable [2][]inChannel     // by mode, then channel as far as used
	lossy    [2][]*lossyChannel // by mode - Unreliable, then channel
	ahead    int                // numbers from each reliable channel's next to its newest, all channels
	slots    int                // room for them in the channels' windows

	assembling int         // bytes of incomplete reliable messages, at full size
	number     wire.Number // of the message that comes next in this packet
	numbered   bool        // there is one

	partial         seq.Ring[*assembly]
	partialBytes    int // bytes of incomplete unreliable messages, at full size
	unreliableReady int // bytes of unreliable messages that the owner has not taken
	held            holding
}

// inChannel is the receiving side of one channel in one reliable mode. Its window holds the messages next <= n < high:
//
//	nil       not seen, or (ordered, n == next) about to be delivered
//	arrived   unordered: delivered already
//	other     incomplete, or (ordered) complete and waiting for its turn
type inChannel struct {
	next, high uint64
	window     []*assembly // indexed by number modulo its length, a power of two
}

// arrived stands for a message that was delivered out of order.
var arrived = &assembly{}

func (ch *inChannel) slot(n uint64) **assembly { return &ch.window[n&uint64(len(ch.window)-1)] }

// inChannel gives a channel's state; the pointer holds until the next call.
func (c *Conn) inChannel(mode, channel uint8) *inChannel {
	all := &c.inbox.reliable[mode]
	for len(*all) <= int(channel) {
		*all = append(*all, inChannel{})
	}
	return &(*all)[channel]
}

// handleReliable takes a message frame of a reliable mode: whole or a fragment, new or seen before.
func (c *Conn) handleReliable(m *wire.Message) error {
	ch := c.inChannel(m.Mode, m.Channel)
	if m.Sequence < ch.next {
		c.stats.RepeatedMessage++
		return nil
	}
	if m.Sequence >= ch.high {
		grow := m.Sequence - ch.high
		if grow >= maxOutstanding || c.inbox.ahead+int(grow)+1 > maxOutstanding {
			return errWindow
		}
		c.inbox.ahead += int(grow) + 1
		ch.high = m.Sequence + 1
	}
	inOrder := m.Sequence == ch.next && (ch.window == nil || *ch.slot(ch.next) == nil)
	if inOrder && !m.Fragment { // nearly every message: no need to remember anything
		if !c.credit.arrived(uint64(m.Size)) {
			return errCredit
		}
		c.deliver(api.Mode(m.Mode), m.Channel, c.copyPayload(m), m.Size)
		c.pass(ch)
		c.advance(ch, m)
		return nil
	}
	c.fitWindow(ch)
	return c.store(ch, m)
}

func (c *Conn) copyPayload(m *wire.Message) *buffer {
	buf := c.pool.buffer(int(m.Size))
	copy(buf.b, m.Payload)
	return buf
}

// store puts a frame into its channel's window and delivers what became deliverable.
func (c *Conn) store(ch *inChannel, m *wire.Message) error {
	slot := ch.slot(m.Sequence)
	a := *slot
	if a == nil {
		// An honest sender's incomplete messages are covered by its credit, except the last one of each lane. The sum
		// of the sizes is what must be held back here, because memory is taken for a whole message at once.
		if c.inbox.assembling+int(m.Size) > c.cfg.RecvBudget+4*c.cfg.maxReliable() {
			return errCredit
		}
		a = c.newAssembly(m)
		c.inbox.assembling += int(m.Size)
		*slot = a
	}
	if a == arrived || a.complete {
		c.stats.RepeatedMessage++
		return nil
	}
	if a.size != m.Size {
		return errSize
	}
	fresh := a.add(m)
	if !c.credit.arrived(uint64(fresh)) {
		return errCredit
	}
	if a.runs.Len() > maxHoles {
		return errWindow
	}
	if !a.complete {
		return nil
	}
	c.inbox.assembling -= int(a.size)
	if api.Mode(m.Mode) == api.ReliableUnordered {
		c.deliver(api.Mode(m.Mode), m.Channel, a.take(), a.size)
		c.freeAssembly(a)
		*slot = arrived
	}
	c.advance(ch, m)
	return nil
}

// advance moves the channel past complete messages at its start, delivering those that waited for their turn.
func (c *Conn) advance(ch *inChannel, m *wire.Message) {
	for ch.next < ch.high && ch.window != nil {
		slot := ch.slot(ch.next)
		a := *slot
		if a == nil || a != arrived && !a.complete {
			return
		}
		*slot = nil
		if a != arrived {
			c.deliver(api.Mode(m.Mode), m.Channel, a.take(), a.size)
			c.freeAssembly(a)
		}
		c.pass(ch)
	}
	// Windows are kept for the next reordering as long as all together are not larger than the largest could be.
	if ch.next == ch.high && c.inbox.slots > 2*maxOutstanding {
		c.inbox.slots -= len(ch.window)
		ch.window = nil
	}
}

func (c *Conn) pass(ch *inChannel) {
	ch.next++
	c.inbox.ahead--
}

// fitWindow makes room for every number from next to high.
func (c *Conn) fitWindow(ch *inChannel) {
	need := ch.high - ch.next
	if need <= uint64(len(ch.window)) {
		return
	}
	size := max(8, 2*len(ch.window))
	for uint64(size) < need {
		size *= 2
	}
	old := inChannel{window: ch.window}
	ch.window = make([]*assembly, size)
	for n := ch.next; len(old.window) > 0 && n < ch.next+uint64(len(old.window)); n++ {
		*ch.slot(n) = *old.slot(n)
	}
	c.inbox.slots += size - len(old.window)
}
