package link

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
)

// Several servers are tried side by side: the one whose round it is (try), which may use a stream, and the others (sides), over
// UDP, each a little after the one before. The first link that is complete is taken. Of a first connect that is the nearest
// server, within firstStagger; of a link that is lost it is the server that had it, if it still answers.
const (
	firstStagger  = 50 * time.Millisecond
	resumeStagger = 250 * time.Millisecond
	// helloHead is how long a server that has answered an INIT may take for its Hello before another one gets one too: each
	// costs a server public-key work.
	helloHead = 300 * time.Millisecond
	// maxSides bounds the handshakes under way.
	maxSides = 8
	// firstPatience is how long a first connect goes on where servers say that they take nobody now.
	firstPatience = 30 * time.Second
	// mostAskAfter bounds the wait that a server may ask for; nothing proves that it was the server.
	mostAskAfter = 30 * time.Second
)

// servers are all that may be tried: the configured ones, and those that the server has named. Only those of the family that
// this client's socket speaks are of use.
func (c *Client) servers() []netip.AddrPort {
	all := slices.Clone(c.cfg.Servers)
	for _, a := range c.nodes {
		if a.IsValid() && a.Addr().Is4() == all[0].Addr().Unmap().Is4() && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// tryOthers begins the attempts at the servers whose round it is not. Those under way go on.
func (c *Client) tryOthers(now time.Time, all []netip.AddrPort) {
	c.sides = slices.DeleteFunc(c.sides, func(a attempt) bool { return a.server == c.remote || !slices.Contains(all, a.server) })
	stagger := resumeStagger
	if c.first {
		stagger = firstStagger
	}
	at := now
	for i := range all {
		server := all[(c.server+i)%len(all)]
		if server == c.remote || len(c.sides) >= maxSides {
			continue
		}
		at = at.Add(stagger)
		if k := slices.IndexFunc(c.sides, func(a attempt) bool { return a.server == server }); k >= 0 {
			c.sides[k].ends = now.Add(round)
			continue
		}
		a := c.newAttempt(now, server)
		a.nextSend = at
		c.sides = append(c.sides, a)
	}
}

// ahead is until when another attempt than a is to be left alone with its Hello; zero: none is.
func (c *Client) ahead(now time.Time, a *attempt) (until time.Time) {
	look := func(other *attempt) {
		if at := other.sentAt.Add(helloHead); other != a && other.hs != nil && now.Before(at) && at.After(until) {
			until = at
		}
	}
	if c.state == trying {
		look(&c.try)
	}
	for i := range c.sides {
		look(&c.sides[i])
	}
	return until
}

// attemptAt is the attempt at the server that a datagram came from, nil if there is none.
func (c *Client) attemptAt(from netip.AddrPort, stream bool) *attempt {
	if c.state == trying && sameAddr(from, c.try.server) && stream == c.carrier.on {
		return &c.try
	}
	for i := range c.sides {
		if !stream && sameAddr(from, c.sides[i].server) {
			return &c.sides[i]
		}
	}
	return nil
}

func (c *Client) dropSide(a *attempt) {
	id := a.connID // a lies in what is moved about
	c.sides = slices.DeleteFunc(c.sides, func(s attempt) bool { return s.connID == id })
}

// sidesDue does what is due in the attempts beside.
func (c *Client) sidesDue(now time.Time) {
	c.sides = slices.DeleteFunc(c.sides, func(a attempt) bool { return deadline.Due(now, a.ends) })
	for i := 0; i < len(c.sides); i++ { // a key that is none ends it all
		c.sendDue(now, &c.sides[i])
	}
}

func (c *Client) sidesTimeout() (at time.Time) {
	for i := range c.sides {
		at = deadline.Earlier(at, deadline.Earlier(c.sides[i].nextSend, c.sides[i].ends))
	}
	return at
}

// appendAttempt appends the next handshake datagram that is due.
func (c *Client) appendAttempt(dst []byte) (out []byte, to netip.AddrPort, ok bool) {
	if a := &c.try; c.state == trying && a.send {
		return c.appendCopy(a, dst), a.server, true
	}
	for i := range c.sides {
		if a := &c.sides[i]; a.send {
			return c.appendCopy(a, dst), a.server, true
		}
	}
	return dst, to, false
}

func (c *Client) appendCopy(a *attempt, dst []byte) []byte {
	a.send = false
	a.copies++
	c.sent++
	return append(dst, a.packet...)
}
