package rendezvous

import (
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// What a client does so that a room outlives the node that holds it (docs/CLUSTER.md, "Tickets"): it keeps the room's ticket, and
// on a resumed link says Rejoin with it before anything else of the room.
//
//	LinkUp --Rejoin--> rejoining --Joined--> inside, as before: only what changed is told
//	                       | ^-- Left or Refused (UNAVAILABLE): again after its wait
//	                       +-- Left, Refused, or rejoinPatience is over: outside
//
// While it is recovering, a room's new owner names only who came back so far: nobody who is missing has left.
const (
	// joinPatience is how long a Join is said again by itself where the server asks to wait: until the owner node of the room
	// is known to be dead (10 s) and a member has made the room anew.
	joinPatience = 30 * time.Second
	// rejoinPatience exceeds GraceTime, after which whoever holds the room has decided.
	rejoinPatience = GraceTime + 15*time.Second
	// Bounds of the wait that a server may ask for.
	leastWait, mostWait = 100 * time.Millisecond, 30 * time.Second
)

// SetJitter gives the client a source of random parts of a time, so that a room's members don't ask again in one instant.
func (c *Client) SetJitter(jitter func(most time.Duration) time.Duration) { c.jitter = jitter }

// Rejoins reports whether a link that is resumed now begins with a Rejoin.
func (c *Client) Rejoins() bool { return c.state == inside && len(c.ticket) > 0 }

// Rejoining reports whether the room has not been confirmed since the last LinkUp.
func (c *Client) Rejoining() bool { return c.rejoin != 0 }

// beginRejoin asks for the room on a new link.
func (c *Client) beginRejoin() {
	c.last++
	c.rejoin = c.last
	c.sayRejoin()
}

func (c *Client) sayRejoin() {
	c.send(wire.Signal{Type: wire.SigRejoin, Request: c.rejoin, Ticket: c.ticket, Version: c.room.Version, Data: c.room.Data})
}

// mayPass reports whether a signal may be sent before the room is confirmed: the node can't pass on what is of a room that it
// has not found yet. What is held back here is said again with rejoined, or answers a question that will be repeated.
func (c *Client) mayPass(t wire.SignalType) bool {
	switch t {
	case wire.SigRejoin, wire.SigLeave, wire.SigProfile, wire.SigPresence, wire.SigBye:
		return true
	}
	return c.rejoin == 0 || !ofRoom(t)
}

// rejoined says again what waited for the room. newOwner: another node introduces from now on, and knows of nothing that was
// under way: whoever called calls again, whoever was called is called again.
func (c *Client) rejoined(newOwner bool) {
	waited := c.rejoin != 0
	c.rejoin, c.again, c.until = 0, time.Time{}, time.Time{}
	if newOwner {
		c.voidIntros()
	}
	if newOwner || waited {
		c.repeatAsked(true)
		c.repeatCalls()
	}
}

func (c *Client) voidIntros() {
	for _, in := range slices.Clone(c.intros) {
		switch in.state {
		case called, introduced:
			*c.introWith(in.member) = intro{member: in.member, state: called, said: wire.SigConnect, flags: in.flags, body: in.body, refusal: in.refusal}
		case refused:
			c.dropIntro(in.member)
		case requested, accepted, placed:
			c.dropIntro(in.member)
			c.event(voided(&in))
		case done:
			if in.said == wire.SigAnswer { // it may never have got there
				c.event(voided(&in))
			}
		}
	}
}

// voided tells that an introduction went with the node that made it.
func voided(in *intro) wire.Signal {
	return wire.Signal{Type: wire.SigRejected, Member: in.member, Intro: in.id, Code: int32(api.ErrUnavailable), Text: "the introduction was lost with its server"}
}

// handleLeft takes the room's end, or the news that it can't be had now.
func (c *Client) handleLeft(now time.Time, s *wire.Signal) bool {
	if c.state != inside {
		return false
	}
	if c.Rejoins() && api.Code(s.Code) == api.ErrUnavailable && c.wait(now, s.Wait, rejoinPatience) {
		if c.rejoin == 0 { // the node that we are linked to has lost sight of it
			c.last++
			c.rejoin = c.last
		}
		return true
	}
	c.leftRoom(api.Code(s.Code), s.Text)
	return true
}

// unavailable puts a refused Join off; false: the game must hear of it. A Create is never put off: a game would rather know.
func (c *Client) unavailable(now time.Time, s *wire.Signal) bool {
	return api.Code(s.Code) == api.ErrUnavailable && c.ask.Type == wire.SigJoin && c.wait(now, s.Wait, joinPatience)
}

// wait schedules the next asking; false: there was enough of it.
func (c *Client) wait(now time.Time, millis uint32, patience time.Duration) bool {
	if c.until.IsZero() {
		c.until = now.Add(patience)
	}
	d := max(min(time.Duration(millis)*time.Millisecond, mostWait), leastWait)
	if c.jitter != nil {
		d += c.jitter(d / 2)
	}
	c.again = now.Add(d)
	return c.again.Before(c.until)
}

// HandleTimeout asks again for what a server could not give.
func (c *Client) HandleTimeout(now time.Time) {
	if !deadline.Due(now, c.again) {
		return
	}
	switch c.again = (time.Time{}); {
	case c.state == asking:
		c.send(c.ask)
	case c.rejoin != 0:
		c.sayRejoin()
	}
}

// NextTimeout is when HandleTimeout has something to do; zero: never.
func (c *Client) NextTimeout() time.Time { return c.again }
