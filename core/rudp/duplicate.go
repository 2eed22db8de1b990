package rudp

import "github.com/musubi-p2p/musubi/core/seq"

// maxDuplicates bounds the pieces that wait to be copied to one path. A copy that falls behind is worth nothing, and
// its original is looked after anyway.
const maxDuplicates = 256

// dupQueue holds the pieces of the route's packets that a duplicating path still has to send.
type dupQueue struct{ ring seq.Ring[*piece] }

// copyPiece queues units [from, to) of m on every duplicating path. It is called for each piece put into a packet.
func (c *Conn) copyPiece(m *message, from, to uint32) {
	for _, p := range c.paths {
		if p == nil || !p.open || !p.duplicate || p == c.path(c.route) {
			continue
		}
		p.dup.ring.Push(c.newPiece(m, from, to))
		p.dup.drop(c, maxDuplicates)
	}
}

// drop lets the oldest pieces go until at most keep are left.
func (d *dupQueue) drop(c *Conn, keep int) {
	for d.ring.Len() > keep {
		c.freePiece(d.ring.Pop())
	}
}

// head gives the next piece that is still worth sending. A reliable message that was acknowledged is not; an
// unreliable one is done as soon as the route sent it, and its copy counts all the same.
func (d *dupQueue) head(c *Conn) *piece {
	for d.ring.Len() > 0 {
		p := *d.ring.At(0)
		if !p.msg.done || !p.msg.mode.Reliable() {
			return p
		}
		c.freePiece(d.ring.Pop())
	}
	return nil
}
