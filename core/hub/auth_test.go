package hub

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

var studio = token.Signer{Kid: "studio", Alg: token.EdDSA, Secret: bytes.Repeat([]byte{1}, 32)}

// withTokens makes a server that knows the studio's key.
func withTokens(t testing.TB, change func(*Config)) *cable {
	return newCable(t, func(c *Config) {
		c.OpenAuth, c.Tokens = false, &token.Keys{}
		if err := c.Tokens.Parse("studio=EdDSA:" + base64.RawURLEncoding.EncodeToString(studio.Public())); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(c)
		}
	})
}

func access(user string, life time.Duration) token.Access {
	return token.Access{App: "app", User: user, Expires: epoch.Add(life).Unix(), Perms: wire.PermAll}
}

func mint(t testing.TB, a token.Access) []byte {
	t.Helper()
	text, err := studio.Mint(&a)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

// bearer is a client with an access token.
func (w *cable) bearer(addr string, a token.Access) *client {
	c := w.client(addr)
	c.Client = link.NewClient(link.ClientConfig{Rand: seed(byte(100 + len(w.clients))), Static: c.static, ServerKey: w.static.Public(),
		Servers: []netip.AddrPort{serverAddr}, Info: wire.ClientInfo{App: "app", Token: mint(w.t, a)}})
	return c
}

// forged makes a token that the studio's key has signed, with members of its header and its claims that it would never write.
func forged(header, claim string) func(*wire.ClientInfo) {
	return func(i *wire.ClientInfo) {
		head := map[string]any{"alg": "EdDSA", "kid": "studio"}
		body := map[string]any{"app": "app", "sub": "user-2", "exp": epoch.Unix() + 60}
		json.Unmarshal([]byte("{"+header+"}"), &head)
		json.Unmarshal([]byte("{"+claim+"}"), &body)
		part := func(m map[string]any) string {
			text, _ := json.Marshal(m)
			return base64.RawURLEncoding.EncodeToString(text)
		}
		signed := part(head) + "." + part(body)
		signature := ed25519.Sign(ed25519.NewKeyFromSeed(studio.Secret), []byte(signed))
		i.Token = []byte(signed + "." + base64.RawURLEncoding.EncodeToString(signature))
	}
}

// The user id is the token's, and a refusal reaches client, log and metrics with its reason and without an address.
func TestTokensDecideWhoComesIn(t *testing.T) {
	w := withTokens(t, nil)
	c := w.bearer("192.0.2.1:4000", access("user-1", time.Hour))
	if up := c.connect(); up.Info.User != "user-1" {
		t.Errorf("user %q", up.Info.User)
	}
	// Those of renewals have tests of their own; what is larger than a handshake may be is too_large nowhere but there.
	tried := map[token.Reason]bool{token.TooLarge: true, token.Changed: true, token.TooOften: true, token.NotWanted: true}
	for n, bad := range []struct {
		claims func(*token.Access)
		info   func(*wire.ClientInfo) // after the token was made
		want   token.Reason
		code   api.Code
	}{
		{nil, func(i *wire.ClientInfo) { i.Token = nil }, token.Missing, api.ErrUnauthorized},
		{nil, func(i *wire.ClientInfo) { i.Token = []byte("nonsense") }, token.Malformed, api.ErrUnauthorized},
		{nil, func(i *wire.ClientInfo) { i.Token[len(i.Token)-9] ^= 1 }, token.Signature, api.ErrUnauthorized},
		{func(a *token.Access) { a.Expires = epoch.Unix() - 12 }, nil, token.Expired, api.ErrTokenExpired},
		{func(a *token.Access) { a.Expires += 25 * 3600 }, nil, token.TooLong, api.ErrUnauthorized},
		{func(a *token.Access) { a.App = "other" }, nil, token.App, api.ErrUnauthorized},
		{nil, func(i *wire.ClientInfo) { i.User = "somebody" }, token.User, api.ErrUnauthorized},
		{func(a *token.Access) { a.Confirm = make([]byte, 32) }, nil, token.Confirm, api.ErrUnauthorized},
		{nil, forged(`"jku":"https://evil.example/keys"`, ""), token.Header, api.ErrUnauthorized},
		{nil, forged(`"typ":"musubi-id"`, ""), token.Type, api.ErrUnauthorized},
		{nil, forged(`"alg":"none"`, ""), token.Algorithm, api.ErrUnauthorized},
		{nil, forged(`"kid":"nobody"`, ""), token.UnknownKey, api.ErrUnauthorized},
		{func(a *token.Access) { a.Expires = 0 }, nil, token.NoExpiry, api.ErrUnauthorized},
		{func(a *token.Access) { a.Begins = epoch.Unix() + 100 }, nil, token.NotYet, api.ErrUnauthorized},
		{nil, forged("", `"relay":-1`), token.Claim, api.ErrUnauthorized},
	} {
		tried[bad.want] = true
		a := access("user-2", time.Hour)
		if bad.claims != nil {
			bad.claims(&a)
		}
		info := wire.ClientInfo{App: "app", Token: mint(t, a)}
		if bad.info != nil {
			bad.info(&info)
		}
		c := w.client(fmt.Sprintf("198.51.100.%d:5000", n+1))
		c.Client = link.NewClient(link.ClientConfig{Rand: seed(9), Static: c.static, ServerKey: w.static.Public(), Servers: []netip.AddrPort{serverAddr}, Info: info})
		c.Connect(w.now)
		e := c.event(link.Down)
		if e.Code != bad.code || !e.Final || !strings.Contains(e.Text, bad.want.String()) {
			t.Errorf("%s: client got %d %q", bad.want.Name(), e.Code, e.Text)
		}
		if w.hub.Stats().Dropped("token_"+bad.want.Name()) != 1 {
			t.Errorf("%s is not counted", bad.want.Name())
		}
		logged := ""
		for ev, ok := w.hub.NextEvent(); ok; ev, ok = w.hub.NextEvent() {
			if ev.Kind == EventRefused {
				logged = ev.Text
			}
		}
		if !strings.Contains(logged, bad.want.String()) || strings.Contains(logged, c.addr.Addr().String()) {
			t.Errorf("%s: log %q", bad.want.Name(), logged)
		}
	}
	for r := token.OK + 1; r < token.Reasons; r++ {
		if !tried[r] {
			t.Errorf("nobody was refused for %s", r.Name())
		}
	}
	w.wantStats(1, 1, 0)
}

// A token with cnf is of use to one key only.
func TestTokenIsBoundToTheClientsKey(t *testing.T) {
	w := withTokens(t, nil)
	c := w.bearer("192.0.2.1:4000", access("user-1", time.Hour))
	a := access("user-1", time.Hour)
	key := c.static.Public()
	a.Confirm = key[:]
	if err := c.SetToken(w.now, mint(t, a)); err != nil {
		t.Fatal(err)
	}
	c.connect()
	thief := w.bearer("192.0.2.2:4000", access("user-1", time.Hour))
	thief.SetToken(w.now, mint(t, a))
	thief.Connect(w.now)
	if e := thief.event(link.Down); e.Code != api.ErrUnauthorized {
		t.Errorf("%+v", e)
	}
}

func TestFourSessionsForAUser(t *testing.T) {
	w := withTokens(t, nil)
	var first *client
	for n := range userSessions {
		c := w.bearer(fmt.Sprintf("192.0.2.%d:4000", n+1), access("user-1", time.Hour))
		c.connect()
		if first == nil {
			first = c
		}
	}
	fifth := w.bearer("192.0.2.99:4000", access("user-1", time.Hour))
	fifth.Connect(w.now)
	if e := fifth.event(link.Down); e.Code != api.ErrTooManySessions {
		t.Fatalf("%+v", e)
	}
	w.bearer("192.0.2.98:4000", access("user-2", time.Hour)).connect() // somebody else comes in
	first.Close(w.now)
	w.run(time.Second)
	fifth.connect()
	if len(w.hub.perUser) != 2 {
		t.Errorf("%d users counted", len(w.hub.perUser))
	}
}

// Carrier-grade NAT: with tokens an address may have more sessions than under auth = open.
func TestMoreSessionsPerAddressWithTokens(t *testing.T) {
	w := withTokens(t, nil)
	for n := range openSessions + 6 {
		w.bearer(fmt.Sprintf("192.0.2.1:%d", 4000+n), access(fmt.Sprint("user-", n), time.Hour)).connect()
		w.run(200 * time.Millisecond) // handshakes have a limit of their own
	}
	w.wantStats(openSessions+6, openSessions+6, 0)
}

// The client is warned a minute before its token ends, and the link ends with it; no ticket brings it back.
func TestTokenEndsTheLink(t *testing.T) {
	w := withTokens(t, nil)
	c := w.bearer("192.0.2.1:4000", access("user-1", 3*time.Minute))
	c.connect()
	w.run(epoch.Add(2*time.Minute - time.Second).Sub(w.now))
	if len(c.events) != 0 {
		t.Fatalf("early: %+v", c.events)
	}
	if s := c.signal(wire.SigTokenEnding); s.Request < 58 || s.Request > 60 {
		t.Errorf("%d s left", s.Request)
	}
	w.run(epoch.Add(3*time.Minute + time.Second).Sub(w.now))
	if e := c.event(link.Down); e.Code != api.ErrTokenExpired || !e.Final {
		t.Errorf("%+v", e)
	}
	c.Connect(w.now)
	if e := c.event(link.Down); e.Code != api.ErrTokenExpired || !strings.Contains(e.Text, "the token has expired") {
		t.Errorf("%+v", e)
	}
	w.run(time.Second)
	w.wantStats(0, 1, 0)
}

// A new token on the living link: what it grants counts at once and survives a resumed link; a bad one changes nothing.
func TestTokenIsRenewedOnALivingLink(t *testing.T) {
	w := withTokens(t, nil)
	a := access("user-1", 3*time.Minute)
	a.Perms = wire.PermJoin
	c := w.bearer("192.0.2.1:4000", a)
	c.connect()
	c.Rooms().Create(0, nil)
	if s := c.signal(wire.SigRefused); api.Code(s.Code) != api.ErrUnauthorized {
		t.Errorf("a room without the right to make one: %+v", s)
	}
	for _, bad := range []struct {
		token []byte
		want  token.Reason
		code  api.Code
	}{
		{mint(t, access("user-2", time.Hour)), token.Changed, api.ErrUnauthorized},
		{mint(t, access("user-1", -time.Second)), token.Expired, api.ErrTokenExpired},
		{[]byte("x"), token.Malformed, api.ErrUnauthorized},
	} {
		c.SetToken(w.now, bad.token)
		if s := c.signal(wire.SigTokenSet); api.Code(s.Code) != bad.code || s.Text != bad.want.String() {
			t.Errorf("%s: %+v", bad.want.Name(), s)
		}
	}
	w.run(20 * time.Second)
	c.SetToken(w.now, mint(t, access("user-1", time.Hour)))
	if s := c.signal(wire.SigTokenSet); s.Code != 0 || s.Request < 3500 {
		t.Fatalf("%+v", s)
	}
	w.run(5 * time.Minute) // past the first token's end
	c.NetworkChanged(w.now)
	c.event(link.Down)
	if e := c.event(link.Up); !e.Resumed {
		t.Fatalf("%+v", e)
	}
	c.events = nil
	c.Rooms().Create(0, nil)
	for {
		if s := c.event(link.Signal).Signal; s.Type == wire.SigJoined {
			break
		} else if s.Type == wire.SigRefused {
			t.Fatalf("the resumed link has forgotten what the token permits: %+v", s)
		}
	}
	w.run(2 * time.Hour)
	if n := w.hub.Stats().Links; n != 0 {
		t.Errorf("%d links live beyond their tokens", n)
	}
}

func TestRenewalsAreLimited(t *testing.T) {
	w := withTokens(t, nil)
	c := w.bearer("192.0.2.1:4000", access("user-1", time.Hour))
	c.connect()
	for range 6 {
		c.SetToken(w.now, mint(t, access("user-1", time.Hour)))
		c.signal(wire.SigTokenSet)
	}
	if w.hub.Stats().Dropped("token_too_often") < 1 {
		t.Error("signatures are checked without a limit")
	}
	open := newCable(t, nil)
	o := open.client("192.0.2.1:4000")
	o.connect()
	o.SetToken(open.now, []byte("x"))
	if s := o.signal(wire.SigTokenSet); s.Text != token.NotWanted.String() {
		t.Errorf("%+v", s)
	}
}

// A ticket of when the server was open does not get past keys that it has by now.
func TestOldTicketsDontPassNewKeys(t *testing.T) {
	w := newCable(t, nil)
	c := w.client("192.0.2.1:4000")
	c.connect()
	w.run(time.Second)
	w.start(func(cfg *Config) {
		cfg.OpenAuth, cfg.Tokens = false, &token.Keys{}
		cfg.Tokens.Parse("studio=EdDSA:" + base64.RawURLEncoding.EncodeToString(studio.Public()))
	})
	c.NetworkChanged(w.now)
	c.event(link.Down)
	if e := c.event(link.Down); e.Code != api.ErrUnauthorized || !e.Final {
		t.Errorf("%+v", e)
	}
}

// A relay quota is the token's, and neither a resumed link nor another introduction changes it.
func TestRelayQuotaSurvivesResumption(t *testing.T) {
	w := withTokens(t, nil)
	slow := access("user-1", time.Hour)
	slow.Relay = 128
	a, b := w.bearer("192.0.2.1:4000", slow), w.bearer("198.51.100.2:5000", access("user-2", time.Hour))
	a.connect()
	b.connect()
	a.Rooms().Create(0, nil)
	code := a.signal(wire.SigJoined).Text
	b.Rooms().Join(code)
	b.signal(wire.SigJoined)
	a.signal(wire.SigMemberJoined)
	in := introduce(t, w, a, b)
	want := wire.RelayRate{BitsPerSecond: 128_000, PacketsPerSecond: 38}
	if in.toCaller.Rate != want || in.toCallee.Rate.BitsPerSecond != defaultBits {
		t.Errorf("rates %+v %+v", in.toCaller.Rate, in.toCallee.Rate)
	}
	a.NetworkChanged(w.now)
	a.event(link.Down)
	a.event(link.Up)
	a.events, b.events = nil, nil
	w.run(time.Minute)
	if got := introduce(t, w, a, b).toCaller.Rate; got != want {
		t.Errorf("after resuming: %+v", got)
	}
	ticket, _, ok := w.hub.openTicket(w.now, in.toCaller.Ticket)
	if !ok || w.hub.legRate(ticket.Rate) != want {
		t.Errorf("bound again by its ticket: %+v", ticket)
	}
}
