package rendezvous

import (
	"slices"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// intro is one pair's introduction as this client sees it. said and body are what this client said last: after a resumed link
// nobody can say whether the old one still delivered it. A Connect is said again at once; the server repeats its side of
// the introductions it knows, and a repeated question gets the same answer again.
//
//	caller: called --Introduction--> introduced --Answer--> done
//	callee: requested --Accept--> accepted --Accepted--> placed --Answered--> done
//	either: requested, introduced --Reject--> refused
type intro struct {
	member uint64
	id     wire.IntroID
	state  introState
	said   wire.SignalType
	flags  uint32 // of a Connect; a Reject's code
	body   []byte // of what was said: a Connect's data, an Accept's or Answer's KK message, a Reject's text
	// refusal is what a Connect under way has become that the game took back: whatever comes of it is refused so. nil: it stands.
	refusal *refusalReason
}

type refusalReason struct {
	code int32
	text string
}

// mine is what this client said last. A Signal has room for everything: to keep one for each member would cost ten times as much.
func (in *intro) mine() wire.Signal {
	if in.said == wire.SigConnect {
		return wire.Signal{Type: in.said, Member: in.member, Data: in.body, Flags: in.flags}
	}
	if in.said == wire.SigReject {
		return wire.Signal{Type: in.said, Intro: in.id, Code: int32(in.flags), Text: string(in.body)}
	}
	return wire.Signal{Type: in.said, Intro: in.id, Noise: in.body}
}

type introState uint8

const (
	called introState = iota
	introduced
	requested
	accepted
	placed
	done
	refused
)

func (c *Client) introWith(member uint64) *intro {
	for i := range c.intros {
		if c.intros[i].member == member {
			return &c.intros[i]
		}
	}
	return nil
}

func (c *Client) introByID(id wire.IntroID) *intro {
	for i := range c.intros {
		if in := &c.intros[i]; in.id == id && in.state != called {
			return in
		}
	}
	return nil
}

// setIntro begins the pair's introduction, replacing an earlier one. Members bound their number.
func (c *Client) setIntro(in intro) {
	if old := c.introWith(in.member); old != nil {
		*old = in
		return
	}
	c.intros = append(c.intros, in)
}

func (c *Client) dropIntro(member uint64) {
	c.intros = slices.DeleteFunc(c.intros, func(in intro) bool { return in.member == member })
}

func (c *Client) repeatCalls() {
	for i := range c.intros {
		if in := &c.intros[i]; in.state == called {
			c.send(in.mine())
		}
	}
}

// Connect asks the server, at the game's wish, to introduce this client to a member. data is shown to it with the request.
func (c *Client) Connect(member uint64, data []byte) error {
	return c.connect(member, data, wire.ConnectAsked)
}

// ConnectUnasked is Connect without the game's wish: where privacy wants both players' consent, it is refused.
func (c *Client) ConnectUnasked(member uint64) error { return c.connect(member, nil, 0) }

func (c *Client) connect(member uint64, data []byte, flags uint32) error {
	switch {
	case c.state != inside:
		return api.NewError(api.ErrNotInRoom, "connect: not in a room")
	case member == c.room.Self || c.memberIndex(member) < 0:
		return api.NewError(api.ErrPeer, "connect: that is not another member of the room")
	case len(data) > api.MaxRequestData:
		return api.NewError(api.ErrTooLarge, "connect: payload is larger than 256 bytes")
	}
	in := c.introWith(member)
	if in != nil && in.refusal != nil {
		in.refusal = nil // the call is still under way
		return nil
	}
	if in != nil && in.state != done && in.state != refused {
		return api.NewError(api.ErrAlready, "connect: already connecting to that member")
	}
	call := intro{member: member, state: called, said: wire.SigConnect, flags: flags, body: slices.Clone(data)}
	c.setIntro(call)
	c.send(call.mine())
	return nil
}

// Accept answers a request; noise is KK message 1.
func (c *Client) Accept(id wire.IntroID, noise []byte) error {
	in := c.introByID(id)
	if in == nil || in.state != requested {
		return api.NewError(api.ErrPeer, "accept: no such request is waiting")
	}
	if len(noise) > wire.MaxHandshake {
		return api.NewError(api.ErrTooLarge, "accept: handshake message is larger than 512 bytes")
	}
	in.state = accepted
	in.said, in.body = wire.SigAccept, slices.Clone(noise)
	c.send(in.mine())
	return nil
}

// Reject refuses a request, or tells the other side that an introduction could not be completed.
func (c *Client) Reject(id wire.IntroID, code int32, text string) error {
	in := c.introByID(id)
	if in == nil || in.state == refused {
		return api.NewError(api.ErrPeer, "reject: no such request is waiting")
	}
	in.state, in.said = refused, wire.SigReject
	in.flags, in.body = uint32(code), []byte(text[:min(len(text), api.MaxCloseText)])
	c.send(in.mine())
	return nil
}

// Withdraw ends what is under way with a member and reports whether there was anything: a request or an introduction that waits
// is refused, and what a Connect leads to will be; no event follows. From Accept on, the other side may have its keys at any
// moment: then only the connection itself can be closed, and false is returned. One that is done is forgotten: whatever becomes of
// its server, it is not to be asked for again.
func (c *Client) Withdraw(member uint64, code int32, text string) bool {
	in := c.introWith(member)
	switch {
	case in == nil:
		return false
	case in.state == called && in.refusal == nil:
		in.refusal = &refusalReason{code, text}
		return true
	case in.state == introduced, in.state == requested:
		return c.Reject(in.id, code, text) == nil
	case in.state == done:
		c.dropIntro(member)
	}
	return false
}

// refuseWithdrawn refuses what came of a Connect that was withdrawn; false: it was not.
func (c *Client) refuseWithdrawn(in *intro, id wire.IntroID) bool {
	if in == nil || in.refusal == nil {
		return false
	}
	why := in.refusal
	in.id, in.state, in.refusal = id, requested, nil
	return c.Reject(id, why.code, why.text) == nil
}

// Answer completes an introduction that this client asked for; noise is KK message 2.
func (c *Client) Answer(id wire.IntroID, noise []byte) error {
	in := c.introByID(id)
	if in == nil || in.state != introduced {
		return api.NewError(api.ErrPeer, "answer: no such introduction is waiting")
	}
	if len(noise) > wire.MaxHandshake {
		return api.NewError(api.ErrTooLarge, "answer: handshake message is larger than 512 bytes")
	}
	in.state = done
	in.said, in.body = wire.SigAnswer, slices.Clone(noise)
	c.send(in.mine())
	return nil
}

// handleIntro takes an introduction's signal. The pair must be in this room, under the key the room told.
func (c *Client) handleIntro(s *wire.Signal) bool {
	switch s.Type {
	case wire.SigRequest, wire.SigIntroduction:
		i := c.memberIndex(s.Member)
		if i < 0 || s.Member == c.room.Self || s.Room != c.room.ID || s.Key != c.room.Members[i].Key {
			return false
		}
	}
	switch s.Type {
	case wire.SigRequest:
		if in := c.introByID(s.Intro); in != nil {
			again := in.state == accepted || in.state == refused
			if again {
				c.send(in.mine())
			}
			return again
		}
		if c.refuseWithdrawn(c.introWith(s.Member), s.Intro) {
			return true
		}
		// If we are calling that member ourselves, its request came first at the server, and we are the callee: our
		// Connect has been answered by this.
		c.setIntro(intro{member: s.Member, id: s.Intro, state: requested})
	case wire.SigIntroduction:
		in := c.introWith(s.Member)
		switch {
		case in == nil:
			return false
		case in.state == done && in.id == s.Intro && in.said == wire.SigAnswer:
			c.send(in.mine())
			return true
		case in.state == refused && in.id == s.Intro:
			c.send(in.mine())
			return true
		case in.state != called:
			return false
		}
		if c.refuseWithdrawn(in, s.Intro) {
			return true
		}
		in.id, in.state = s.Intro, introduced
	case wire.SigAccepted:
		in := c.introByID(s.Intro)
		if in == nil || in.state != accepted {
			return false
		}
		in.state = placed
	case wire.SigAnswered:
		in := c.introByID(s.Intro)
		if in == nil || in.state != placed {
			return false
		}
		in.state = done
	case wire.SigRejected:
		return c.handleRejected(s)
	}
	c.event(ownSignal(s))
	return true
}

// handleRejected ends an introduction by its id, or, when the server never made one, by the member that was called.
func (c *Client) handleRejected(s *wire.Signal) bool {
	in := c.introByID(s.Intro)
	if s.Intro == (wire.IntroID{}) || in == nil {
		in = c.introWith(s.Member)
		if in != nil && in.state != called {
			return false
		}
	}
	if in == nil {
		return false
	}
	if in.state == refused { // it is over, as we wanted
		c.dropIntro(in.member)
		return true
	}
	t := ownSignal(s)
	t.Member, t.Intro = in.member, in.id
	withdrawn := in.refusal != nil
	c.dropIntro(in.member)
	if !withdrawn {
		c.event(t)
	}
	return true
}

// ownSignal copies what s borrows.
func ownSignal(s *wire.Signal) wire.Signal {
	t := *s
	t.Data, t.Noise = slices.Clone(s.Data), slices.Clone(s.Noise)
	t.Relay.Ticket, t.Backup.Ticket = slices.Clone(s.Relay.Ticket), slices.Clone(s.Backup.Ticket)
	t.Party.Addrs = slices.Clone(s.Party.Addrs)
	t.Members = slices.Clone(s.Members)
	return t
}
