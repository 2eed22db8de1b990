package rudp

import "github.com/musubi-p2p/musubi/core/wire"

// farAhead is how many unreliable messages may leave after the newest that is known to have arrived before the low 16 bits
// of their numbers no longer say enough: half of 2^16, less what reordering takes.
const farAhead = 1<<15 - 1<<11

// numbering lets a sender know when its receiver may have lost count: after a row of losses that is longer than half the
// numbers there are, new messages would look older than what was delivered, and be dropped until the numbers come round.
type numbering struct {
	given uint32 // unreliable messages numbered, all channels
	known uint32 // of these, when the newest packet with one left that was acknowledged
}

func (n *numbering) far() bool { return n.given-n.known > farAhead }

// acked takes the acknowledgement of a packet; given is what it was when that left, 0 without unreliable messages.
func (n *numbering) acked(given uint32) {
	if given != 0 && int32(given-n.known) > 0 {
		n.known = given
	}
}

// writeNumbered is writeMessage with a NUMBER frame in front where one is needed.
func (c *Conn) writeNumbered(w *writer, m *message, from, to uint32) (n uint32) {
	if m.mode.Reliable() || !c.queue.numbers.far() || w.full {
		return c.writeMessage(w, m, from, to)
	}
	if w.room() < wire.NumberSize {
		w.refused = true
		return 0
	}
	before, most := len(w.b), w.most
	w.b = wire.AppendNumber(w.b, wire.Number{Mode: uint8(m.mode), Channel: m.channel, Number: m.sequence})
	w.most -= len(w.b) - before // what fits no packet with this in front is cut
	if n = c.writeMessage(w, m, from, to); n == 0 {
		w.b = w.b[:before]
	}
	w.most = most
	return n
}

// handleNumber keeps the frame for the message behind it.
func (c *Conn) handleNumber(f wire.Number) { c.inbox.number, c.inbox.numbered = f, true }

// numberOf makes the whole number of an unreliable message: the one that was told, or the nearest to the newest delivered.
func (c *Conn) numberOf(ch *lossyChannel, m *wire.Message) uint64 {
	if f := &c.inbox.number; c.inbox.numbered && f.Mode == m.Mode && f.Channel == m.Channel && uint16(f.Number) == uint16(m.Sequence) {
		c.inbox.numbered = false
		return f.Number + firstRound
	}
	return ch.number(m.Sequence)
}

// firstRound is added to all numbers, so that those overtaken by the first that arrives don't fall below zero.
const firstRound = 1 << 16
