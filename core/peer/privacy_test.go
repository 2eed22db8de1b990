package peer

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// What a relay-only player seals into its handshake message holds no address, whoever wants it so: the client, or the server by
// the request's flag. Without either the same configuration tells them.
func TestHandshakeOfAHiddenPlayerTellsNoAddress(t *testing.T) {
	now := time.Unix(1_767_000_000, 0)
	rng := rand.NewChaCha8([32]byte{1})
	callee, caller := secure.PrivateKey{8, 1}, secure.PrivateKey{8, 2}
	lan := []netip.AddrPort{netip.MustParseAddrPort("192.168.7.7:4000")}
	global := []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::7]:4000")}
	for name, c := range map[string]struct {
		client bool
		flags  uint32
		hidden bool
	}{
		"nobody wants it":  {false, 0, false},
		"the client wants": {true, 0, true},
		"the server wants": {false, wire.RequestRelayOnly, true},
	} {
		sig := wire.Signal{Type: wire.SigRequest, Intro: wire.IntroID{5}, Room: 6, Epoch: 1, PSK: [32]byte{4}, Key: caller.Public(), Flags: c.flags}
		_, message, err := NewCallee(now, Config{Rand: rng, Static: callee, App: "app", ConnID: 77, LAN: lan, Global6: global, MappedPort: 5000,
			RelayOnly: c.client, Certificate: []byte("mine")}, &sig)
		if err != nil {
			t.Fatal(err)
		}
		_, _, info, err := secure.AnswerPeer(secure.PeerConfig{Rand: rng, Static: caller, Remote: callee.Public(), PSK: sig.PSK,
			Prologue: secure.PeerPrologue("app", sig.Room, sig.Epoch, sig.Intro, caller.Public(), callee.Public(), wire.Version)}, message)
		if err != nil || string(info.Certificate) != "mine" || info.ConnID != 77 {
			t.Fatalf("%s: %+v, %v", name, info, err)
		}
		if told := len(info.LAN)+len(info.Global6) > 0 || info.MappedPort != 0; told == c.hidden {
			t.Errorf("%s: told %+v", name, info)
		}
	}
}

// A hidden connection is not searched for, and says so.
func TestPunchOfAHiddenConnection(t *testing.T) {
	p := &Peer{cfg: Config{RelayOnly: true}, session: &secure.Session{}}
	p.Punch(time.Time{})
	if ev, ok := p.NextEvent(); !ok || ev.Kind != api.EventPunch || ev.Code != api.ErrPrivacy {
		t.Errorf("%+v", ev)
	}
}

// A hidden player does not take what comes past the relay, also when it is sealed with the right keys: it would show by an
// answer, or by an ACK, that it lives at the address.
func TestHiddenPlayerTakesNothingDirect(t *testing.T) {
	r := newRig(t, 3)
	a, b := r.sides[0].Peer, r.sides[1].Peer
	from := netip.MustParseAddrPort("198.51.100.2:4000")
	packet := func() []byte {
		out, _ := b.session.Begin(nil, wire.PathDirectFirst)
		return b.session.Seal(append(out, 0x01), 0) // PING
	}
	for _, hidden := range []bool{false, true} {
		a.cfg.RelayOnly = hidden
		before := a.stats.received
		a.HandleDirect(r.now, api.MainSocket, from, packet())
		if took := a.stats.received > before; took == hidden {
			t.Errorf("hidden %v: taken %v", hidden, took)
		}
	}
}
