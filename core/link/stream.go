package link

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// streamAfter is how long UDP has a start. Two copies of ours are unanswered by then; an answer from the far side of the world
	// takes less.
	streamAfter = 400 * time.Millisecond
	// streamPatience: a server that has answered over UDP and then no more gets so long from when the stream was open.
	streamPatience = 1500 * time.Millisecond
	// After a stream that failed the next one is opened so much later, then twice as late.
	streamAgain, streamAgainMost = time.Second, 30 * time.Second
	// streamReserve is how long a stream stays open beside UDP that has come back, until the server has followed and what was
	// sent in the stream has arrived.
	streamReserve = 5 * time.Second
	// A link that waits so long for an acknowledgement gets a stream beside it, into which it falls if nothing comes.
	streamDoubt = time.Second

	// UDP is tried again after so long, then twice as long; one datagram each time. A link that falls back to the stream
	// soon after goes on where it was, so that a network that lets little through does not swing.
	udpAgain, udpAgainMost = time.Second, time.Minute
)

// carrier is how a client's datagrams travel: UDP, or where nothing comes back, a stream (datagrams over TCP) to the same server.
//
//	        400 ms without an answer              open, and still none
//	UDP ─────────────────────────────▶ (asked) ──────────────────────▶ stream: handshake over it, without a cookie
//	 ▲                                                                   │ 1, 2, 4 … 60 s: CHALLENGE over UDP
//	 └── the server's CHALLENGE comes over UDP: the session moves there ─┘ broken: UDP, and another stream
type carrier struct {
	on       bool      // datagrams go through the stream
	wanted   bool      // the owner is to have one open
	open     bool      // it has
	askAt    time.Time // then one is wanted; zero: not now
	giveUpAt time.Time // of UDP that answered and then was silent
	wait     time.Duration
	why      string    // the last one failed
	endAt    time.Time // the reserve is closed
	eager    bool      // the last link needed one: it is asked for at once

	udpAt   time.Time // the next CHALLENGE over UDP; zero: none, while on
	udpWait time.Duration
	udpDue  bool
}

// Stream reports whether a stream to the server is wanted now, and to which.
func (c *Client) Stream() (server netip.AddrPort, wanted bool) { return c.remote, c.carrier.wanted }

// OnStream reports whether AppendTransmit's datagrams go through the stream.
func (c *Client) OnStream() bool { return c.carrier.on }

// StreamOpened tells that the stream to the present server is open.
func (c *Client) StreamOpened(now time.Time) {
	now = c.tick(now)
	s := &c.carrier
	if !s.wanted {
		return
	}
	s.open = true
	switch {
	case c.state == trying && c.try.rebuilds == 0:
		c.toStream(now)
	case c.state == trying:
		s.giveUpAt = now.Add(streamPatience)
	case c.state == up && c.inDoubt(now):
		c.down(now, api.ErrLost, "the server at "+c.remote.String()+" is silent over UDP")
		c.toStream(now)
	}
}

// inDoubt reports whether UDP may have been blocked under a link that was up.
func (c *Client) inDoubt(now time.Time) bool { return deadline.Due(now, c.doubtAt()) }

// doubtAt is when the link's silence calls for a stream; zero: not as it looks.
func (c *Client) doubtAt() time.Time {
	if c.state != up || c.carrier.on || c.pipe.asked.IsZero() {
		return time.Time{}
	}
	if at := c.pipe.asked.Add(streamDoubt); at.After(c.carrier.askAt) { // the last one failed
		return at
	}
	return c.carrier.askAt
}

// StreamFailed tells that the stream could not be opened, or broke.
func (c *Client) StreamFailed(now time.Time, text string) {
	now = c.tick(now)
	s := &c.carrier
	was := s.on
	s.leave()
	if s.why = text; c.state != up {
		s.wait = min(max(2*s.wait, streamAgain), streamAgainMost)
	}
	switch {
	case was && c.state == up:
		c.lose(now, api.ErrLost, "the connection to the server broke: "+text, 0)
	case was && c.state == closing:
		c.reset()
	case was:
		c.startTry(now)
	case c.state == trying && s.eager && len(c.servers()) > 1: // UDP gets nowhere from here: this server had its turn
		s.wait = 0
		c.nextServer(now)
	case c.state == trying:
		s.askAt = now.Add(s.wait)
	case c.state == up:
		s.askAt = now.Add(streamAgain)
	}
	c.advance(now)
}

// toStream begins the handshake anew, over the stream.
func (c *Client) toStream(now time.Time) {
	c.carrier.on = true
	c.startTry(now)
}

// begin is called when a try starts: it may be on the stream, or UDP has its start.
func (s *carrier) begin(now time.Time) {
	s.giveUpAt, s.endAt, s.udpAt, s.udpDue = time.Time{}, time.Time{}, time.Time{}, false
	switch {
	case s.on || s.wanted:
		s.askAt = time.Time{}
	case s.eager:
		s.askAt = now.Add(s.wait)
	default:
		s.askAt = now.Add(max(s.wait, streamAfter))
	}
}

// leave gives the stream up. What was learnt of this network stays.
func (s *carrier) leave() {
	*s = carrier{wait: s.wait, why: s.why, eager: s.eager, udpWait: s.udpWait}
}

// settle is called when the link is up.
func (s *carrier) settle(now time.Time) {
	s.askAt, s.giveUpAt, s.wait, s.why, s.eager = time.Time{}, time.Time{}, 0, "", s.on
	if s.on {
		s.udpWait = max(s.udpWait, udpAgain)
		s.udpAt = now.Add(s.udpWait)
		return
	}
	s.wanted, s.open = false, false
}

// streamTimeout does what is due.
func (c *Client) streamTimeout(now time.Time) {
	s := &c.carrier
	if c.state == trying && deadline.Due(now, s.askAt) {
		s.askAt, s.wanted = time.Time{}, c.cfg.Streams
	}
	if c.state == trying && deadline.Due(now, s.giveUpAt) {
		c.toStream(now)
	}
	if c.inDoubt(now) && !s.wanted && c.cfg.Streams {
		s.wanted, s.endAt = true, now.Add(silence)
	}
	if deadline.Due(now, s.endAt) {
		s.endAt, s.wanted, s.open = time.Time{}, false, false
	}
	if c.state == up && s.on && deadline.Due(now, s.udpAt) {
		s.udpWait = min(2*s.udpWait, udpAgainMost)
		s.udpAt, s.udpDue = now.Add(s.udpWait), true
	}
}

// carrierTimeout is when streamTimeout has something to do.
func (c *Client) carrierTimeout() time.Time {
	s := &c.carrier
	switch c.state {
	case trying:
		return deadline.Earlier(s.askAt, s.giveUpAt)
	case up:
		at := deadline.Earlier(s.udpAt, s.endAt)
		if c.cfg.Streams && !s.wanted {
			at = deadline.Earlier(at, c.doubtAt())
		}
		return at
	}
	return s.endAt
}

// AppendAside appends a datagram that goes over UDP while all others go through the stream: is UDP still blocked? It is of
// full size, since a network that lets only small ones through would be no good.
func (c *Client) AppendAside(now time.Time, dst []byte) (out []byte, to netip.AddrPort, ok bool) {
	c.tick(now)
	s := &c.carrier
	if !s.udpDue || c.state != up || !s.on {
		return dst, to, false
	}
	s.udpDue = false
	var b [8]byte
	c.random(b[:])
	return c.pipe.appendProbe(dst, &wire.Probe{Challenge: true, ChallengeNonce: binary.BigEndian.Uint64(b[:]), Size: wire.MaxFrames}), c.remote, true
}

// toUDP moves the session: the server has challenged our address over UDP, so that both directions work.
func (c *Client) toUDP(now time.Time) {
	s := &c.carrier
	s.on, s.eager, s.udpAt, s.endAt = false, false, time.Time{}, now.Add(streamReserve)
	c.pipe.conn.OpenPath(now, path, wire.MaxFrames, 0)
	c.pipe.conn.Requeue(now, path)
	c.pipe.conn.Ping(now, path) // if our answer gets lost, this makes the server challenge us again
	c.event(ClientEvent{Kind: Moved})
}

// failed ends the sentence about a server that did not answer.
func (s *carrier) failed() string {
	if s.why == "" {
		return ""
	}
	return "; nor over TCP: " + s.why
}
