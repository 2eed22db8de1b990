package link

import (
	"bytes"
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// renewal is a new access token on a living link. It is what the next handshake brings, from SetToken on; the present link
// has it when the server has said so. A link that was resumed meanwhile is told again.
//
//	settled --SetToken--> owed --sent--> asked --TokenSet--> settled
//	                       ^--- resumed ---'  \--refused--> settled, with the token of before
//
// Of several SetTokens under way the last one's answer counts; they come in order.
type renewal struct {
	owed   bool
	asked  int    // answers to come
	before []byte // the token that was good until now
}

// up takes note of a new session: one that was not resumed has been made with the token itself.
func (r *renewal) up(resumed bool) {
	if !resumed {
		*r = renewal{}
		return
	}
	r.owed, r.asked = r.owed || r.asked > 0, 0
}

func tokenTooLarge(n int) string {
	return fmt.Sprintf("the access token has %d bytes: at most %d fit the handshake; leave out claims that the server does not need", n, wire.MaxToken)
}

// SetToken gives a new access token: for the next link, and at once for one that is up. An Up link answers with a Signal
// event, TokenSet. An error has no effect.
func (c *Client) SetToken(now time.Time, token []byte) error {
	now = c.tick(now)
	if len(token) > wire.MaxToken {
		return api.NewError(api.ErrTooLarge, tokenTooLarge(len(token)))
	}
	r := &c.renewal
	if !r.owed && r.asked == 0 {
		r.before = c.cfg.Info.Token
	}
	c.cfg.Info.Token = bytes.Clone(token)
	r.owed = c.state != idle && c.state != closing && c.atHome()
	c.Flush(now)
	return nil
}

// atHome reports whether the server is the one that the token is for. A host in the local network is another player: with
// the token it could pose as this one.
func (c *Client) atHome() bool { return c.cfg.ServerKey == c.home }

// sendToken sends the token that is owed, if there is room.
func (c *Client) sendToken(now time.Time) {
	if c.renewal.owed && c.state == up && c.pipe.send(now, &wire.Signal{Type: wire.SigSetToken, Data: c.cfg.Info.Token}) == nil {
		c.renewal.owed = false
		c.renewal.asked++
	}
}

// handleRenewal passes on what the server says of tokens. Its refusals are reasons of core/token; the game gets fewer codes.
func (c *Client) handleRenewal(s *wire.Signal) {
	told := wire.Signal{Type: s.Type, Code: s.Code, Text: s.Text, Request: s.Request}
	if s.Type == wire.SigTokenSet {
		r := &c.renewal
		if r.asked == 0 {
			c.pipe.drops.Signal++
			return
		}
		if reason, ok := token.ReasonOf(api.Code(s.Code)); ok {
			told.Code = int32(reason.ForGame())
		}
		if r.asked--; r.asked == 0 && !r.owed {
			if s.Code != 0 {
				c.cfg.Info.Token = r.before
			}
			*r = renewal{}
		}
	}
	c.event(ClientEvent{Kind: Signal, Signal: told})
}
