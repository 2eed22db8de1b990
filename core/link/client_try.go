package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// attempt is one server's round: INIT until a cookie is there, then Hello until the answer is.
type attempt struct {
	server   netip.AddrPort
	random   [wire.RandomSize]byte
	connID   uint32
	resume   bool
	hs       *secure.LinkHandshake // nil while INIT is asked
	packet   []byte                // what is sent, verbatim each time; nil: it has not begun
	send     bool                  // due now
	copies   int                   // of packet
	sentAt   time.Time             // the first copy
	nextSend time.Time
	interval time.Duration
	ends     time.Time
	rebuilds int          // Hellos made for a new cookie
	rebuilt  time.Time    // the last one
	cookie   *wire.Cookie // came while another server was at its Hello: used at nextSend
}

// maxRebuilds bounds the public-key work that answers to one handshake can make us do.
const maxRebuilds = 4

// startTry begins a round with the present server, and has the others tried beside it.
func (c *Client) startTry(now time.Time) {
	all := c.servers()
	if server := all[c.server%len(all)]; server != c.remote {
		c.carrier.leave()
		c.remote = server
	}
	c.state, c.pipe, c.retryAt, c.moving = trying, nil, time.Time{}, moving{}
	c.carrier.begin(now)
	c.try = c.newAttempt(now, c.remote)
	c.tryOthers(now, all)
	if c.carrier.on { // TCP has proved our address
		c.hello(now, &c.try, wire.Cookie{})
		return
	}
	c.begin(now, &c.try)
}

func (c *Client) newAttempt(now time.Time, server netip.AddrPort) attempt {
	a := attempt{server: server, ends: now.Add(round), resume: c.ticket.ticket != nil && now.Before(c.ticket.expires)}
	c.random(a.random[:])
	var id [4]byte
	for a.connID == 0 || c.Owns(a.connID) {
		c.random(id[:])
		a.connID = binary.BigEndian.Uint32(id[:])
	}
	return a
}

// begin asks for a link: by ticket if there is a good one, at once with a Hello if there is an address token, which costs one
// round trip more only where the address changed.
func (c *Client) begin(now time.Time, a *attempt) {
	if !c.tokenEnd.IsZero() && now.Before(c.tokenEnd) {
		c.hello(now, a, c.token)
		return
	}
	a.put(now, wire.AppendInit(nil, &wire.Init{Version: wire.Version, Random: a.random}))
}

func (a *attempt) put(now time.Time, packet []byte) {
	a.packet, a.send, a.copies, a.sentAt = packet, true, 0, now
	a.interval, a.nextSend = firstRetry, now.Add(firstRetry)
}

// hello makes HS1 or RS1 around a cookie. The cookie is part of the Noise prologue, so each is a handshake of its own.
func (c *Client) hello(now time.Time, a *attempt, cookie wire.Cookie) {
	m := wire.Hello{Resume: a.resume, Version: wire.Version, ConnID: a.connID, Random: a.random, Cookie: cookie}
	start, info := secure.NewLinkInitiator, c.cfg.Info
	if !c.atHome() {
		info.Token = nil
	}
	if m.Resume {
		start, m.Ticket = secure.NewResumeInitiator, c.ticket.ticket
		info.App, info.User, info.Token = "", "", nil // the ticket says it all, and both would not fit one datagram
		if c.rooms.Rejoins() {
			info.Flags |= wire.FlagRejoin
		}
	}
	hs, noise, err := start(secure.LinkConfig{
		Rand: c.cfg.Rand, Static: c.cfg.Static, Server: c.cfg.ServerKey, Secret: c.ticket.secret,
		Prologue: wire.AppendHelloPrologue(nil, &m),
	}, m.ConnID, &info)
	if err != nil { // the pinned key is no key at all
		c.fail(now, api.ErrServerKey, "the key in the server's address is not a valid key")
		return
	}
	m.Noise = noise
	a.hs, a.cookie = hs, nil
	a.put(now, wire.AppendHello(nil, &m))
}

func (c *Client) tryTimeout(now time.Time) {
	a := &c.try
	if c.sidesDue(now); c.state != trying {
		return
	}
	if deadline.Due(now, a.ends) {
		if s := &c.carrier; s.wanted && !s.open {
			a.ends = now.Add(streamAgain) // the owner's dial has an end
			return
		}
		c.nextServer(now)
		return
	}
	c.sendDue(now, a)
}

// sendDue does what an attempt has to do at nextSend.
func (c *Client) sendDue(now time.Time, a *attempt) {
	switch {
	case !deadline.Due(now, a.nextSend):
	case a.packet == nil:
		c.begin(now, a)
	case a.cookie != nil:
		c.hello(now, a, *a.cookie)
	default:
		a.send = true
		a.interval = min(a.interval*3/2, mostRetry)
		a.nextSend = now.Add(a.interval)
	}
}

func (c *Client) handleHandshake(now time.Time, a *attempt, b []byte) {
	if m, ok := wire.ParseRetry(b); ok && m.Random == a.random {
		c.handleRetry(now, a, &m)
	} else if m, ok := wire.ParseRefuse(b); ok && m.Random == a.random {
		c.handleRefuse(now, a, &m)
	} else if m, ok := wire.ParseWelcome(b); ok && m.ConnID == a.connID && m.Resumed == a.resume && a.hs != nil {
		c.handleWelcome(now, a, m.Noise)
	}
}

func (c *Client) handleRetry(now time.Time, a *attempt, m *wire.Retry) {
	if m.Version != wire.Version {
		c.refused(now, a, &wire.Refuse{Code: int32(api.ErrServerVersion), Version: m.Version})
		return
	}
	// Every copy of ours may bring a cookie. Following each would throw away a handshake whose answer is under way.
	if a.rebuilds > 0 && now.Sub(a.rebuilt) < longRetry || a.rebuilds >= maxRebuilds {
		return
	}
	a.rebuilds++
	a.rebuilt = now
	if until := c.ahead(now, a); !until.IsZero() {
		a.cookie, a.nextSend, a.send = &m.Cookie, until, false
		return
	}
	c.hello(now, a, m.Cookie)
}

// handleRefuse acts on a refusal. Nothing proves it: it ends this try and nothing else.
func (c *Client) handleRefuse(now time.Time, a *attempt, m *wire.Refuse) {
	switch code := api.Code(m.Code); {
	case c.state == up:
		c.dropSide(a)
	case !a.resume, code == api.ErrRateLimited, code == api.ErrServerFull, code == api.ErrServerClosing, code == api.ErrUnavailable:
		c.refused(now, a, m)
	case a != &c.try:
		c.dropSide(a) // the ticket is no good there; whether it is where we were will show
	default:
		// The ticket is no good there (expired, another master secret): a new link, with the round's time anew.
		c.ticket = resumption{}
		c.startTry(now)
	}
}

// refused notes why this server does not want us and tries the next one.
func (c *Client) refused(now time.Time, a *attempt, m *wire.Refuse) {
	code := api.Code(m.Code)
	if a == &c.try && c.carrier.on && code == api.ErrServerKey { // port 443 may be another's, who knows nothing of ours
		c.StreamFailed(now, "another server answers there")
		return
	}
	c.why = code
	switch code {
	case api.ErrServerVersion:
		c.whyText = fmt.Sprintf("the server at %s speaks version %d of the protocol, this client version %d: update the older one", a.server, m.Version, wire.Version)
	case api.ErrServerKey:
		c.whyText = fmt.Sprintf("the server at %s has another key than the one in its address", a.server)
	default:
		if reason, ok := token.ReasonOf(code); ok {
			c.why, c.whyText = reason.ForGame(), fmt.Sprintf("the server at %s refused the access token: %s", a.server, reason)
			break
		}
		c.whyText = fmt.Sprintf("the server at %s refused: %s", a.server, code)
	}
	if code == api.ErrUnavailable {
		c.askAfter = min(time.Duration(m.Wait)*time.Second, mostAskAfter)
	}
	switch {
	case code == api.ErrRateLimited: // worth the rest of the round: many players may share this address
		a.send, a.interval = false, longRetry
		a.nextSend = now.Add(longRetry + c.jitter(longRetry))
	case a != &c.try:
		c.dropSide(a)
	default:
		c.nextServer(now)
	}
}

// nextServer ends the present server's round. When all had theirs, it waits for another one, or ends the link.
func (c *Client) nextServer(now time.Time) {
	failed := c.carrier.failed()
	c.carrier.leave()
	c.server++
	c.tried++
	if c.tried < len(c.servers()) {
		c.startTry(now)
		return
	}
	c.sides = nil
	code, text, wait := c.why, c.whyText, c.askAfter
	if code == api.OK {
		code = api.ErrServerUnreachable
		text = fmt.Sprintf("no answer from %s (tried %d times in %s)%s", c.names(), c.sent, now.Sub(c.begun).Round(time.Second), failed)
	}
	c.why, c.tried, c.askAfter = api.OK, 0, 0
	switch since := now.Sub(c.begun); {
	case final(code), c.first && code != api.ErrUnavailable, c.first && since >= firstPatience, !c.first && since >= giveUp:
		c.fail(now, code, text)
		return
	}
	c.backOff = min(max(2*c.backOff, time.Second), backOffMost)
	c.state, c.retryAt = waiting, now.Add(max(c.backOff/2, wait)+c.jitter(max(c.backOff/2, wait)))
}

// final reports whether waiting can't help against a refusal.
func final(code api.Code) bool {
	switch code {
	case api.ErrServerUnreachable, api.ErrUnavailable, api.ErrRateLimited, api.ErrServerFull, api.ErrServerClosing, api.ErrTimeout, api.ErrLost:
		return false
	}
	return true
}

// names lists the servers for a sentence.
func (c *Client) names() string {
	list := make([]string, len(c.cfg.Servers))
	for i, a := range c.cfg.Servers {
		list[i] = a.String()
	}
	return strings.Join(list, ", ")
}

// fail ends the link for good.
func (c *Client) fail(now time.Time, code api.Code, text string) {
	c.reset()
	c.rooms.Forget()
	c.event(ClientEvent{Kind: Down, Code: code, Text: text, Final: true})
}

func (c *Client) handleWelcome(now time.Time, a *attempt, msg2 []byte) {
	keys, info, secret, err := a.hs.Finish(msg2)
	if err != nil {
		return // forged or damaged; the true one may still come
	}
	var rtt time.Duration
	if a.copies == 1 {
		rtt = now.Sub(a.sentAt) // with several copies nobody knows which one was answered
	}
	resumed, side := a.resume, a != &c.try
	if c.state == up {
		c.leave(now)
	}
	if side {
		c.carrier.leave()
		c.remote = a.server
	}
	c.pipe = newPipe(now, keys, rtt, new(Drops), nil)
	c.state, c.first, c.backOff, c.sent, c.why = up, false, 0, 0, api.OK
	c.carrier.settle(now)
	c.tried, c.askAfter = 0, 0
	c.answers = c.answers[:0]
	c.try, c.sides = attempt{}, nil
	if len(info.Nodes) > 0 {
		c.nodes = info.Nodes
	}
	c.server = max(slices.Index(c.servers(), c.remote), 0)
	// The old ticket stays good until the first one of this session replaces it.
	c.ticket.next = secret
	c.setToken(now, info.AddressToken)
	c.resetTag = info.ResetToken
	c.pipe.conn.Ping(now, path) // proves to the server that we are no replay, and measures the path
	c.renewal.up(resumed)
	c.event(ClientEvent{Kind: Up, Info: info, Resumed: resumed})
	c.rooms.LinkUp(info, resumed)
}

func (c *Client) setToken(now time.Time, token wire.Cookie) {
	if token != (wire.Cookie{}) {
		c.token, c.tokenEnd = token, now.Add(tokenLife)
	}
}
