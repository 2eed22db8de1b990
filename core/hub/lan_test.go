package hub

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/secure"
)

// A host in the local network is another player: it never sees the access token that is for the game's server, neither in a
// handshake nor as a renewal. Back at its own server the client shows it again.
func TestTokenIsShownToItsOwnServerOnly(t *testing.T) {
	w := withTokens(t, nil)
	c := w.bearer("192.0.2.1:4000", access("user-1", time.Hour))
	away, _ := secure.GenerateKey(seed(66))
	seen := 0
	host, err := New(w.now, Config{Rand: seed(67), Static: away, STUNPorts: []uint16{1, 2}, OpenAuth: true})
	if err != nil {
		t.Fatal(err)
	}
	host.acceptor = link.NewAcceptor(link.AcceptorConfig{
		Rand: seed(68), Static: away, Cookies: secure.NewCookieJar([32]byte{1}), NewConnID: host.freeConnID,
		Authorize: func(_ time.Time, a *link.Applicant) api.Code { seen += len(a.Token); return api.OK },
	})
	home := w.hub
	w.hub = host
	c.SetServer([]netip.AddrPort{serverAddr}, away.Public())
	if up := c.connect(); up.Info.User == "user-1" {
		t.Fatal("the host knows the user")
	}
	c.SetToken(w.now, mint(t, access("user-1", time.Hour)))
	w.run(time.Second)
	if n := host.Stats().Dropped("token_not_wanted"); seen != 0 || n != 0 {
		t.Errorf("the host saw %d bytes of token, and %d renewals", seen, n)
	}
	c.Close(w.now)
	w.run(time.Second)
	w.hub, c.events = home, nil
	c.SetServer([]netip.AddrPort{serverAddr}, w.static.Public())
	if up := c.connect(); up.Info.User != "user-1" {
		t.Errorf("user %q at home", up.Info.User)
	}
}
