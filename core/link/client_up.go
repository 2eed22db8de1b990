package link

import (
	"bytes"
	"crypto/subtle"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rudp"
	"github.com/musubi-p2p/musubi/core/wire"
)

// maxAnswers bounds the path challenges waiting to be answered; the server has one pending at a time.
const maxAnswers = 4

func (c *Client) handlePacket(now time.Time, from netip.AddrPort, b []byte, stream bool) {
	if c.pipe == nil || c.moving.handle(now, b) {
		return
	}
	_, probe, probed, ok := c.pipe.open(now, b)
	if ok && c.state == up && !sameAddr(from, c.remote) {
		// The server sends from another address. Where it was it may not be heard any more: its own packets would hide
		// that for as long as they come.
		c.pipe.conn.Ping(now, path)
	}
	if ok && probed && probe.Challenge && c.state == up && c.carrier.on && !stream {
		c.toUDP(now)
	}
	if ok && probed && probe.Challenge && len(c.answers) < maxAnswers {
		c.answers = append(c.answers, wire.Probe{Response: true, RespNonce: probe.ChallengeNonce, Observed: from})
	}
}

// handleReset takes the server's word that it knows nothing of the session: it was restarted, or gave us up. To wait for
// silence would take seconds.
func (c *Client) handleReset(now time.Time, b []byte) {
	m, ok := wire.ParseReset(b)
	if !ok || c.resetTag == [wire.ResetTokenSize]byte{} || m.ConnID != c.pipe.keys.RemoteConnID() ||
		subtle.ConstantTimeCompare(m.Token[:], c.resetTag[:]) != 1 {
		return
	}
	if c.state == closing {
		c.reset()
		return
	}
	c.lose(now, api.ErrLost, "the server at "+c.remote.String()+" no longer knows this link", 0)
}

// silentAt is when waiting for an acknowledgement has lasted too long.
func (c *Client) silentAt() time.Time {
	if c.pipe.asked.IsZero() {
		return time.Time{}
	}
	return c.pipe.asked.Add(silence)
}

// advance drains what the connection received, then sends what rooms want to say.
func (c *Client) advance(now time.Time) {
	for c.state == up || c.state == closing {
		s, closed, done := c.pipe.receive(now)
		if done {
			break
		}
		switch {
		case c.state == closing: // nothing is of interest any more
		case closed != nil:
			c.handleClosed(now, closed)
		default:
			c.handleSignal(now, &s)
		}
	}
	if c.state == closing && c.pipe.conn.Drained() {
		c.reset()
	}
	c.Flush(now)
}

func (c *Client) handleSignal(now time.Time, s *wire.Signal) {
	switch s.Type {
	case wire.SigTicket:
	case wire.SigMove:
		c.handleMove(now, s)
		return
	case wire.SigTokenSet, wire.SigTokenEnding:
		c.handleRenewal(s)
		return
	default:
		c.rooms.HandleSignal(now, s)
		return
	}
	life := min(time.Duration(s.Request)*time.Second, ticketLife)
	if len(s.Data) == 0 || len(s.Data) > wire.MaxResumeTicket {
		c.pipe.drops.Signal++
		return
	}
	c.ticket.ticket, c.ticket.secret, c.ticket.expires = bytes.Clone(s.Data), c.ticket.next, now.Add(life)
	c.setToken(now, s.Cookie)
}

// handleClosed acts on the end of the session: by the server, or by silence.
func (c *Client) handleClosed(now time.Time, ev *rudp.Event) {
	switch {
	case final(ev.Code):
		c.fail(now, ev.Code, ev.Text)
	default:
		wait := c.jitter(firstRetry)
		if ev.Code == api.ErrServerClosing {
			wait = time.Second + c.jitter(time.Second) // it may be restarting
		}
		c.lose(now, ev.Code, ev.Text, wait)
	}
}

// lose drops the session and comes back after wait, by ticket if there is one.
func (c *Client) lose(now time.Time, code api.Code, text string, wait time.Duration) {
	c.down(now, code, text)
	c.carrier.leave()
	if wait == 0 {
		c.startTry(now)
		return
	}
	c.state, c.retryAt = waiting, now.Add(wait)
}

// down drops the session.
func (c *Client) down(now time.Time, code api.Code, text string) {
	c.pipe, c.held = nil, nil // what was not acknowledged, rooms will say again
	c.sides, c.moving = nil, moving{}
	c.begun, c.sent, c.backOff, c.why, c.askAfter = now, 0, 0, api.OK, 0
	c.rooms.LinkDown()
	c.event(ClientEvent{Kind: Down, Code: code, Text: text})
}

// Flush sends what rooms want to say and passes up what they report. Call it after a command to Rooms; the other calls
// into the client do it themselves.
func (c *Client) Flush(now time.Time) {
	now = c.tick(now)
	c.sendToken(now)
	for c.state == up {
		if c.held == nil {
			s, ok := c.rooms.NextSignal()
			if !ok {
				break
			}
			c.held = &s
		}
		if err := c.pipe.send(now, c.held); wouldBlock(err) {
			break // kept until acknowledgements make room
		}
		c.held = nil // sent; or too large, which rooms does not make, or closing
	}
	for {
		s, ok := c.rooms.NextEvent()
		if !ok {
			return
		}
		c.event(ClientEvent{Kind: Signal, Signal: s})
	}
}

func wouldBlock(err error) bool {
	e, ok := err.(*api.Error)
	return ok && e.Code == api.ErrWouldBlock
}
