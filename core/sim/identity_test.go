package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/token"
)

// game is what a game's backend does: it names players and signs for their keys.
type game struct {
	t      *testing.T
	signer token.Signer
}

func (g *game) token(user string, until time.Time) []byte {
	text, err := g.signer.Mint(&token.Access{App: "sim", User: user, Expires: until.Unix(), Perms: 7})
	if err != nil {
		g.t.Fatal(err)
	}
	return []byte(text)
}

func (g *game) certificate(user string, key [32]byte, until time.Time) []byte {
	text, err := g.signer.MintIdentity(&token.Identity{App: "sim", User: user, Key: key, Expires: until.Unix()})
	if err != nil {
		g.t.Fatal(err)
	}
	return []byte(text)
}

// key makes a static key that the test knows. (Of the first byte X25519 ignores three bits.)
func key(n byte) *secure.PrivateKey { return &secure.PrivateKey{8, n, 2, 3} }

// interception is a server that lies. It holds the key that players have pinned, so that they can't tell it from an honest one. It
// keeps Alice and Bob apart and gives each a false friend, played by itself under the other's name and with the other's
// certificate, of which it hands on every message.
type interception struct {
	alice, bob, falseBob, falseAlice *Player
	overheard                        int
}

func intercept(t *testing.T, seed uint64, certified bool) (*World, *interception) {
	backend := &game{t, token.Signer{Kid: "game", Alg: token.EdDSA, Secret: make([]byte, 32)}}
	liar := &game{t, token.Signer{Kid: "liar", Alg: token.EdDSA, Secret: append(make([]byte, 31), 1)}}
	w := NewWorld(seed, Weather{Delay: oneWay})
	until := w.Now().Add(time.Hour)
	pinned := *key(200)
	open := func(h *hub.Config) {
		h.Static, h.OpenAuth, h.Tokens = pinned, false, &token.Keys{}
		for _, s := range []*token.Signer{&backend.signer, &liar.signer} {
			if err := h.Tokens.Parse(s.ForServer()); err != nil {
				t.Fatal(err)
			}
		}
	}
	app := [32]byte(backend.signer.Public())
	player := func(user string, own *secure.PrivateKey, issuer *game, certificate []byte) func(*endpoint.Config) {
		return func(c *endpoint.Config) {
			c.Static, c.Token, c.ServerKey = own, issuer.token(user, until), pinned.Public()
			if c.Certificate = certificate; certified && issuer == backend {
				c.AppKey = &app
			}
		}
	}
	aliceCert := backend.certificate("alice", key(1).Public(), until)
	bobCert := backend.certificate("bob", key(2).Public(), until)
	x := &interception{}
	w.AddServer(wanS, open) // the room that Alice sees
	x.alice = w.AddSite("PR", wanA).AddPlayer("alice", 64, player("alice", key(1), backend, aliceCert))
	x.falseBob = w.AddSite("PUB", "198.51.100.91").AddPlayer("false bob", 64, player("bob", key(3), liar, bobCert))
	w.AddServer("198.51.100.90", open) // the room that Bob sees
	x.bob = w.AddSite("PR", wanB).AddPlayer("bob", 64, player("bob", key(2), backend, bobCert))
	x.falseAlice = w.AddSite("PUB", "198.51.100.92").AddPlayer("false alice", 64, player("alice", key(4), liar, aliceCert))
	x.handOn(x.falseBob, x.falseAlice)
	x.handOn(x.falseAlice, x.falseBob)
	return w, x
}

// handOn gives every message that one false friend gets to the other to send.
func (x *interception) handOn(from, to *Player) {
	note := from.OnEvent
	from.OnEvent = func(now time.Time, ev *api.Event) {
		if ev.Kind == api.EventMessage {
			x.overheard++
			data := append([]byte(nil), ev.Data...)
			to.w.After(0, func(time.Time) {
				to.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Send(now, to.Peer, api.Outgoing{}, data) })
			})
		}
		note(now, ev)
	}
}

// A server that swaps keys reads everything where players have no certificates, and neither of them notices.
func TestLyingServerIsNotDetectedWithoutCertificates(t *testing.T) {
	w, x := intercept(t, 21, false)
	if !w.Meet(x.alice, x.falseBob, 10*time.Second) || !w.Meet(x.falseAlice, x.bob, 10*time.Second) {
		t.Fatal("the lie did not work: this test shows nothing")
	}
	x.alice.Stream(20, 20*time.Millisecond, false)
	w.Run(5 * time.Second)
	if x.bob.Received != 20 || x.overheard < 20 || len(x.alice.Refused)+len(x.bob.Refused) > 0 {
		t.Errorf("bob received %d, overheard %d, noticed: %v %v", x.bob.Received, x.overheard, x.alice.Refused, x.bob.Refused)
	}
}

// With certificates each of them refuses the false friend, as the caller and as the callee, before a message or a probe leaves.
func TestLyingServerIsDetectedWithCertificates(t *testing.T) {
	w, x := intercept(t, 22, true)
	w.Meet(x.alice, x.falseBob, 5*time.Second) // the false friend calls
	w.Meet(x.falseAlice, x.bob, 5*time.Second) // Bob calls
	for _, p := range []*Player{x.alice, x.bob} {
		if !p.Connected.IsZero() || len(p.Refused) == 0 || p.Refused[0].Kind != api.EventPeerClosed || p.Refused[0].Code != api.ErrIdentity {
			t.Errorf("%s: connected %v, told %v", p.Name, p.Connected, p.Refused)
		}
	}
	for _, p := range []*Player{x.falseAlice, x.falseBob} {
		if len(p.Refused) == 0 || p.Refused[0].Code != api.ErrRejected {
			t.Errorf("%s was told %v", p.Name, p.Refused)
		}
	}
	if x.overheard != 0 || w.Carried(x.alice.Site().WAN(), x.falseBob.Site().WAN()) != 0 {
		t.Errorf("overheard %d", x.overheard)
	}
}

// Honest players with certificates connect and go direct; one without is refused by those who ask for it, and says why.
func TestHonestPlayersWithCertificates(t *testing.T) {
	backend := &game{t, token.Signer{Kid: "game", Alg: token.EdDSA, Secret: make([]byte, 32)}}
	app := [32]byte(backend.signer.Public())
	for name, c := range map[string]struct {
		user, named string
		late        bool
		none        bool
		ok          bool
	}{
		"good":            {user: "bob", named: "bob", ok: true},
		"of another user": {user: "bob", named: "mallory"},
		"expired":         {user: "bob", named: "bob", late: true},
		"none":            {user: "bob", none: true},
	} {
		w := NewWorld(23, Weather{Delay: oneWay})
		until := w.Now().Add(time.Hour)
		w.AddServer(wanS, func(h *hub.Config) {
			h.OpenAuth, h.Tokens = false, &token.Keys{}
			if err := h.Tokens.Parse(backend.signer.ForServer()); err != nil {
				t.Fatal(err)
			}
		})
		player := func(user, named string, own *secure.PrivateKey) func(*endpoint.Config) {
			return func(e *endpoint.Config) {
				e.Static, e.AppKey, e.Token = own, &app, backend.token(user, until)
				e.Certificate = backend.certificate(named, own.Public(), until)
			}
		}
		host := w.AddSite("PR", wanA).AddPlayer("alice", 64, player("alice", "alice", key(1)))
		guest := w.AddSite("PR", wanB).AddPlayer("bob", 64, func(e *endpoint.Config) {
			player(c.user, c.named, key(2))(e)
			switch {
			case c.none:
				e.Certificate = nil
			case c.late:
				e.Certificate = backend.certificate(c.named, key(2).Public(), w.Now())
			}
		})
		met := w.Meet(host, guest, 5*time.Second)
		switch {
		case met != c.ok:
			t.Errorf("%s: met %v; %v %v", name, met, host.Refused, guest.Refused)
		case c.ok:
			if !w.RunUntil(5*time.Second, func() bool { return host.Route.Direct() && guest.Route.Direct() }) {
				t.Errorf("%s: routes %v %v", name, host.Route, guest.Route)
			}
		case len(host.Refused) == 0 || host.Refused[0].Code != api.ErrIdentity:
			t.Errorf("%s: the host was told %v", name, host.Refused)
		}
	}
}

// A certificate that every other player would refuse is refused when the game sets it.
func TestOwnCertificateIsChecked(t *testing.T) {
	backend := &game{t, token.Signer{Kid: "game", Alg: token.EdDSA, Secret: make([]byte, 32)}}
	app := [32]byte(backend.signer.Public())
	w := NewWorld(24, Weather{Delay: oneWay})
	w.AddServer(wanS, nil)
	c := w.AddSite("PUB", wanA).AddClient(func(e *endpoint.Config) { e.Static, e.AppKey = key(1), &app })
	until := w.Now().Add(time.Hour)
	c.Do(func(now time.Time, e *endpoint.Endpoint) {
		if err := e.SetCertificate(now, backend.certificate("a", key(1).Public(), until)); err != nil {
			t.Error(err)
		}
		for what, bad := range map[string][]byte{
			"another key": backend.certificate("a", key(2).Public(), until),
			"over":        backend.certificate("a", key(1).Public(), now),
			"a token":     backend.token("a", until),
			"too large":   make([]byte, token.MaxCertificate+1),
		} {
			if err := e.SetCertificate(now, bad); err == nil {
				t.Errorf("%s was taken", what)
			}
		}
	})
}
