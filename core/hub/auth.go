package hub

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// How many sessions there may be at a time (docs/SECURITY.md, "Limits").
const (
	openSessions  = 64   // for each address under auth = open
	tokenSessions = 4096 // with tokens: a carrier's NAT, or a tournament
	userSessions  = 4    // for each user: a player's devices, and a session of before a crash or two
)

// renewLimit bounds the signatures that a living link can make us check.
var renewLimit = limit{5 * time.Second, 4}

// user is whose sessions are counted together.
type user struct{ app, id string }

// authorize decides about a client that has proven its key.
func (h *Hub) authorize(now time.Time, a *link.Applicant) api.Code {
	code, why := h.identify(now, a)
	if code == api.OK {
		if code = h.roomFor(a); code != api.OK {
			why = code.String()
		}
	}
	if code != api.OK {
		h.event(Event{Kind: EventRefused, Code: code, Text: "link refused: " + why + ", from " + wire.Network(a.From.Addr())})
	}
	return code
}

// identify finds out who the applicant is and what it may do: by its token, or by what its resume ticket says of one.
func (h *Hub) identify(now time.Time, a *link.Applicant) (code api.Code, why string) {
	reason := token.OK
	switch {
	case h.cfg.Tokens == nil && !h.cfg.OpenAuth:
		return api.ErrUnauthorized, "this server has neither keys for access tokens nor auth = open"
	case a.Resumed && h.cfg.Tokens != nil && a.Grant.Expires == 0:
		reason = token.Missing // a ticket of when this server was open
	case a.Resumed && a.Grant.Expires != 0 && uint64(now.Unix()) >= a.Grant.Expires:
		reason = token.Expired
	case a.Resumed:
	case h.cfg.Tokens == nil:
		a.User = "" // a name of one's own choice needs a token that grants it
	default:
		var access token.Access
		if access, reason = h.verify(now, a.Token, a.App, a.Key); reason == token.OK && a.User != "" && a.User != access.User {
			reason = token.User
		}
		a.User, a.Grant = access.User, access.Grant()
		why = detail(now, &access)
	}
	if reason == token.OK {
		return api.OK, ""
	}
	h.refusals[reason]++
	return reason.Code(), reason.String() + why
}

// verify is a token's check against the client that brings it.
func (h *Hub) verify(now time.Time, b []byte, app string, key [32]byte) (token.Access, token.Reason) {
	access, reason := h.cfg.Tokens.Verify(now, b)
	switch {
	case reason != token.OK:
	case access.App != app:
		reason = token.App
	case access.Confirm != nil && [32]byte(access.Confirm) != key:
		reason = token.Confirm
	}
	return access, reason
}

// detail is what the log says of a token beside the reason: whose key, and how long ago it ended. Both are known only when
// the signature was good.
func detail(now time.Time, a *token.Access) string {
	switch {
	case a.Key == "":
		return ""
	case a.Expires != 0 && a.Expires <= now.Unix():
		return fmt.Sprintf(" (key %s, %v ago)", a.Key, time.Duration(now.Unix()-a.Expires)*time.Second)
	}
	return fmt.Sprintf(" (key %s)", a.Key)
}

// roomFor keeps to the limits on sessions. A session that takes the place of another one counts already.
func (h *Hub) roomFor(a *link.Applicant) api.Code {
	most := openSessions
	if h.cfg.Tokens != nil {
		most = tokenSessions
	}
	var old *session
	if m := h.members[a.Member]; a.Resumed && m != nil {
		old = m.session
	}
	at := subnet(a.From.Addr())
	switch {
	case h.cfg.LabLimits:
	case h.perAddr[at] >= most && (old == nil || old.counted != at):
		h.drop(dropAddressFull)
		return api.ErrServerFull
	case a.User != "" && old == nil && h.perUser[user{a.App, a.User}] >= userSessions:
		h.drop(dropUserFull)
		return api.ErrTooManySessions
	}
	return api.OK
}

// renew takes a new token for a living link. A bad one leaves the link as it is.
func (h *Hub) renew(now time.Time, s *session, b []byte) {
	access, reason := token.Access{}, token.NotWanted
	switch {
	case !h.cfg.LabLimits && !s.renewals.take(now, renewLimit): // not even a line in the log: a client could fill the disk
		reason = token.TooOften
	case h.cfg.Tokens == nil:
	default:
		if access, reason = h.verify(now, b, s.link.App, s.link.Key); reason == token.OK && access.User != s.link.User {
			reason = token.Changed
		}
	}
	answer := wire.Signal{Type: wire.SigTokenSet, Code: int32(reason.Code())}
	if reason == token.OK {
		answer.Request = uint32(access.Expires - now.Unix())
		s.link.Renew(now, access.Grant())
		h.rooms.LinkRenewed(s.ref())
		if !h.alone() { // its room may be another node's, which must know how private it is now
			h.cluster.LinkMoved(now, s.ref())
		}
	} else {
		h.refusals[reason]++
		answer.Text = reason.String()
		if reason != token.TooOften {
			h.event(Event{Kind: EventRefused, Member: s.link.Member, Code: reason.Code(),
				Text: "token of " + s.link.User + " not renewed: " + reason.String() + detail(now, &access)})
		}
	}
	s.link.Send(now, &answer)
}

// legRate is what a grant's, or a relay ticket's, class means: steps of wire.RelayUnit, with packets in proportion.
func (h *Hub) legRate(class uint8) wire.RelayRate {
	if class == 0 {
		return h.cfg.RelayRate
	}
	bits := uint32(class) * wire.RelayUnit * 1000
	return wire.RelayRate{BitsPerSecond: bits, PacketsPerSecond: max(uint32(uint64(bits)*defaultPackets/defaultBits), leastPackets)}
}

// leastPackets lets the smallest class still carry a game's 20 small packets a second.
const leastPackets = 30
