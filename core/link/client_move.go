package link

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// moving is a client's way from a node that drains to another one, make before break:
//
//	up --Move, within a random part of its time--> RS1 beside the living link --RS2--> up at the new node
//	   old link: heard no more --rooms are there again, or leaveMost--> Bye (moved), CLOSE --> gone
//
// Without an answer from any node it is tried again, until the old node closes the link.
type moving struct {
	to   []netip.AddrPort // where the server sends us; none: nowhere
	at   time.Time        // when to begin; zero: begun, or no Move came
	from *pipe            // the link that is being left
	peer netip.AddrPort   // its server
	by   time.Time        // when it is left at the latest; zero: it is closing
}

const (
	moveAgain = 3 * time.Second
	// leaveMost is how long the old link waits for the rooms to be there on the new one.
	leaveMost = 10 * time.Second
	// mostMoveTime bounds what a Move may ask for.
	mostMoveTime = 5 * time.Minute
)

// handleMove takes the server's wish that we go elsewhere.
func (c *Client) handleMove(now time.Time, s *wire.Signal) {
	remote := c.remote.Addr().Unmap().Is4()
	to := slices.DeleteFunc(slices.Clone(s.Addrs), func(a netip.AddrPort) bool {
		return !a.IsValid() || a.Addr().Is4() != remote || sameAddr(a, c.remote)
	})
	if len(to) == 0 {
		return // it will close the link, and we come back to wherever somebody answers
	}
	c.nodes = to[:min(len(to), maxSides)]
	c.moving.to = c.nodes
	c.moving.at = now.Add(c.jitter(min(time.Duration(s.Request)*time.Millisecond, mostMoveTime)))
}

// beginMove starts the handshakes with the nodes that were named, the first of them at a random one: they shall share us.
func (c *Client) beginMove(now time.Time) {
	m := &c.moving
	if m.at = now.Add(round + moveAgain + c.jitter(moveAgain)); c.carrier.on {
		// Over TCP there is one connection at a time: break, then make.
		m.at = time.Time{}
		c.server = max(slices.Index(c.servers(), m.to[0]), 0)
		c.lose(now, api.ErrServerClosing, "the server sends its clients elsewhere", 0)
		return
	}
	var b [1]byte
	c.random(b[:])
	c.sides = nil
	for i := range m.to {
		a := c.newAttempt(now, m.to[(i+int(b[0]))%len(m.to)])
		a.nextSend = now.Add(time.Duration(i) * resumeStagger)
		c.sides = append(c.sides, a)
	}
	c.sidesDue(now)
}

// leave puts the link aside for another one that is complete.
func (c *Client) leave(now time.Time) {
	c.moving = moving{from: c.pipe, peer: c.remote, by: now.Add(leaveMost)}
	c.held = nil // what was not acknowledged, rooms will say again
	c.rooms.LinkDown()
}

// moveTimeout does what is due.
func (c *Client) moveTimeout(now time.Time) {
	m := &c.moving
	if c.state == up && deadline.Due(now, m.at) {
		c.beginMove(now)
	}
	if c.state != up {
		return
	}
	c.sidesDue(now)
	if m.from == nil {
		return
	}
	m.from.conn.HandleTimeout(now)
	if !m.by.IsZero() && (!now.Before(m.by) || !c.rooms.Rejoining()) {
		m.by = time.Time{}
		m.from.send(now, &wire.Signal{Type: wire.SigBye, Flags: wire.ByeMoved})
		m.from.conn.Close(now, api.OK, "moved to another node", closeLinger)
	}
	m.drain(now)
}

// handle takes a packet of the old link; false: it is none. What it says is of the past: the new link tells the rooms' state.
func (m *moving) handle(now time.Time, b []byte) bool {
	h, _, ok := wire.ParseSession(b)
	if !ok || m.from == nil || h.ConnID != m.from.keys.LocalConnID() {
		return false
	}
	m.from.open(now, b)
	m.drain(now)
	return true
}

func (m *moving) drain(now time.Time) {
	for {
		_, closed, done := m.from.receive(now)
		if done {
			break
		}
		if closed != nil {
			m.by = time.Time{}
		}
	}
	if m.from.conn.Drained() {
		m.from = nil
	}
}

// append appends the old link's next packet.
func (m *moving) append(now time.Time, dst []byte) (out []byte, to netip.AddrPort, ok bool) {
	if m.from == nil {
		return dst, to, false
	}
	out, ok = m.from.append(now, dst)
	return out, m.peer, ok
}

// movingTimeout is when moveTimeout has something to do.
func (c *Client) movingTimeout() time.Time {
	at := deadline.Earlier(c.moving.at, c.sidesTimeout())
	if m := &c.moving; m.from != nil {
		at = deadline.Earlier(at, deadline.Earlier(m.by, m.from.conn.NextTimeout()))
		if !m.by.IsZero() && !c.rooms.Rejoining() {
			at = deadline.Earlier(at, c.clock)
		}
	}
	return at
}
