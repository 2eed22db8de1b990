package rudp

import (
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
)

// message is one message on its way out. Bytes are counted in span units: an empty message is one unit long, so that
// it can be sent, lost and acknowledged like any other.
//
// It lives while anything refers to it: the lane it waits in, the resend list, its channel's list, the list of those
// that wait for a receipt, and the pieces of packets that carried it. Its buffer goes back as soon as no byte of it can be
// needed.
type message struct {
	laneNext   *message // in its lane, or among those that wait for a receipt
	resendNext *message
	chanNext   *message

	buf      *buffer
	id       uint64 // the game's number for the delivery receipt; 0: none wanted
	sequence uint64 // of its channel and mode
	deadline moment // unreliable: dropped unsent from then on; once sent whole, when its receipt says UNKNOWN
	parts    *parts // nil while none is acknowledged or lost by itself
	size     uint32
	sent     uint32 // units sent at least once; the rest waits in the lane
	refs     int32  // pieces that point here

	mode     api.Mode
	crypto   bool // of the connection itself, see cryptoStream; mode is reliable ordered
	channel  uint8
	level    uint8 // of urgency: the band it waits in
	inLane   bool
	inResend bool
	inChan   bool
	awaiting bool // in the list of those that wait for a receipt
	done     bool // acknowledged, sent (unreliable without receipt) or dropped: nothing more to do
}

// parts is what became of pieces of a message while it is neither whole at the peer nor dropped.
type parts struct {
	acked seq.Ranges // units acknowledged
	lost  seq.Ranges // units to be sent again
}

func (m *message) span() uint32 { return max(m.size, 1) }

// tracked reports whether acknowledgements of the message matter.
func (m *message) tracked() bool { return m.mode.Reliable() || m.id != 0 }

// payload is the bytes of units [from, to).
func (m *message) payload(from, to uint32) []byte { return m.buf.b[from:min(to, m.size)] }

// piece says that a packet carries units [from, to) of a message.
type piece struct {
	next     *piece
	msg      *message
	from, to uint32
}

// newMessage takes a message from the pool and copies data into it.
func (c *Conn) newMessage(how *api.Outgoing, data []byte) *message {
	m := c.pool.messages.get()
	*m = message{mode: how.Mode, channel: how.Channel, id: how.ID, size: uint32(len(data))}
	m.buf = c.pool.buffer(len(data))
	copy(m.buf.b, data)
	return m
}

// partsOf gives a message's parts.
func (c *Conn) partsOf(m *message) *parts {
	if m.parts == nil {
		m.parts = c.pool.parts.get()
	}
	return m.parts
}

// tidy gives back what m no longer needs. It is called whenever a reference to m went away.
func (c *Conn) tidy(m *message) {
	if !m.done {
		return
	}
	if m.buf != nil && (m.refs == 0 || m.mode.Reliable()) {
		c.pool.putBuffer(m.buf)
		m.buf = nil
	}
	if m.parts != nil {
		m.parts.acked.Clear()
		m.parts.lost.Clear()
		c.pool.parts.put(m.parts)
		m.parts = nil
	}
	if m.refs == 0 && !m.inLane && !m.inResend && !m.inChan && !m.awaiting {
		c.pool.messages.put(m)
	}
}

// newPiece refers to units [from, to) of m.
func (c *Conn) newPiece(m *message, from, to uint32) *piece {
	p := c.pool.pieces.get()
	*p = piece{msg: m, from: from, to: to}
	m.refs++
	return p
}

// freePiece drops the reference and gives the rest of the list.
func (c *Conn) freePiece(p *piece) (next *piece) {
	m, next := p.msg, p.next
	*p = piece{}
	c.pool.pieces.put(p)
	m.refs--
	c.tidy(m)
	return next
}
