package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A faster route overtakes the slower one. Ordered messages wait for each other anyway; of sequenced ones those that are
// overtaken would be dropped as old, a loss that nobody's network caused. So the first packets on the new route tell what
// is still under way on the old one (SWITCH), and the receiver holds their sequenced messages until that has come:
//
//	relay   ── 7 ── 8 ── 9 ─────────────────────────▶ 7  8  9
//	direct              └── SWITCH relay 9, message 10 ──▶ held ┘▶ 10
const (
	maxSwitchWait = 100 * time.Millisecond
	minSwitchSlip = 5 * time.Millisecond // of the estimate of what the old path takes longer, and of the timers
	maxHeld       = 64                   // messages
	maxHeldBytes  = 256 << 10            // of them
	heldWindow    = 64                   // packets before the last one of the old path that are waited for
)

// leaving is the sender's side of a switch.
type leaving struct {
	old   wire.PathID
	last  uint64
	wait  time.Duration
	until moment // SWITCH is sent until then: what leaves later overtakes nothing
}

// leave notes that the route goes from one path to another; SWITCH is needed if the new one is faster.
func (c *Conn) leave(from, to wire.PathID) {
	c.leaving = leaving{}
	old, p := c.path(from), c.path(to)
	if old == nil || p == nil || from == to || !old.used || old.ptoCount > 0 || p.rtt.smoothed >= old.rtt.smoothed {
		return
	}
	wait := (old.rtt.smoothed-p.rtt.smoothed)/2 + max(2*old.rtt.variance, minSwitchSlip)
	wait = min(wait, maxSwitchWait)
	c.leaving = leaving{old: from, last: old.lastNumber, wait: wait, until: c.now.add(maxSwitchWait)}
}

// writeSwitch puts a SWITCH in front of the packet's first sequenced message, if the message still fits behind it.
func (c *Conn) writeSwitch(w *writer, m *message) {
	l := &c.leaving
	if w.switched || l.until <= c.now || m.mode != api.UnreliableSequenced || w.path != c.path(c.route) {
		return
	}
	size, room := wire.MessageOverhead+int(m.span()-m.sent), w.room()-wire.SwitchSize
	if size > room && (size <= w.most || room < wire.MessageOverhead+minFragment) {
		return // a message is not cut, nor kept for another packet, to make room for this
	}
	w.switched = true
	w.b = wire.AppendSwitch(w.b, wire.Switch{Path: l.old, Last: l.last, WaitMillis: uint8(l.wait / time.Millisecond)})
}

// holding is the receiver's side of a switch.
type holding struct {
	now  wire.Switch // of the packet under way; WaitMillis 0: it has none
	last wire.Switch // the switch that the rest is about

	over  bool   // nothing is held for it any more
	until moment // it is over then
	list  []heldMessage
	bytes int
}

// heldMessage is a whole sequenced message with its buffer.
type heldMessage struct {
	channel uint8
	number  uint64
	size    uint32
	buf     *buffer
}

// handleSwitch takes the frame. A wait longer than the sender may ask for is cut.
func (c *Conn) handleSwitch(f wire.Switch) {
	h := &c.inbox.held
	h.now = f
	if f.WaitMillis == 0 || f.Path == h.last.Path && f.Last <= h.last.Last {
		return // of the same switch, or of an earlier one whose packet was late
	}
	c.releaseHeld()
	wait := min(time.Duration(f.WaitMillis)*time.Millisecond, maxSwitchWait)
	h.last, h.until = f, c.now.add(wait)
	h.over = c.arrived(f)
}

// arrived reports whether everything that was under way on a path has come, as far back as it matters.
func (c *Conn) arrived(f wire.Switch) bool {
	if int(f.Path) >= dataPaths {
		return true
	}
	n := &c.acks[f.Path].numbers
	i := n.Above(f.Last)
	if i == n.Len() {
		return false // not even the last
	}
	low := n.At(i).Low
	return i == 0 || low <= f.Last && low+heldWindow <= f.Last
}

// sequenced delivers a whole sequenced message, or holds it.
func (c *Conn) sequenced(channel uint8, number uint64, buf *buffer, size uint32) {
	h := &c.inbox.held
	if h.now.WaitMillis > 0 && h.now.Path == h.last.Path && h.now.Last == h.last.Last && !h.over {
		if len(h.list) < maxHeld && h.bytes+int(size) <= maxHeldBytes {
			h.list = append(h.list, heldMessage{channel, number, size, buf})
			h.bytes += int(size)
			return
		}
		c.endHold()
	}
	for i := range h.list {
		if h.list[i].channel == channel && h.list[i].number <= number {
			c.endHold() // the same over the old path, or what was sent long after the switch
			break
		}
	}
	c.deliverSequenced(channel, number, buf, size)
}

func (c *Conn) deliverSequenced(channel uint8, number uint64, buf *buffer, size uint32) {
	ch := c.lossyChannel(uint8(api.UnreliableSequenced), channel)
	if !ch.wanted(api.UnreliableSequenced, number) {
		c.stats.LateUnreliable++
		c.pool.putBuffer(buf)
		return
	}
	ch.seen.Accept(number)
	c.deliver(api.UnreliableSequenced, channel, buf, size)
}

// endHold lets go of everything, and holds nothing more for this switch.
func (c *Conn) endHold() {
	c.inbox.held.over = true
	c.releaseHeld()
}

// releaseHeld delivers what is held, in the order of numbers: on the new path, too, packets overtake each other.
func (c *Conn) releaseHeld() {
	h := &c.inbox.held
	for i := range h.list {
		for k := i; k > 0 && h.list[k].number < h.list[k-1].number; k-- {
			h.list[k], h.list[k-1] = h.list[k-1], h.list[k]
		}
	}
	for i, m := range h.list {
		h.list[i].buf = nil
		c.deliverSequenced(m.channel, m.number, m.buf, m.size)
	}
	h.list, h.bytes = h.list[:0], 0
}

// checkHeld ends the waiting when all has come, or time is over.
func (c *Conn) checkHeld() {
	if h := &c.inbox.held; !h.over && h.last.WaitMillis > 0 && (h.until <= c.now || c.arrived(h.last)) {
		c.endHold()
	}
}

// heldAt is when held messages are let go at the latest; zero: none are held.
func (c *Conn) heldAt() moment {
	if len(c.inbox.held.list) == 0 {
		return 0
	}
	return c.inbox.held.until
}
