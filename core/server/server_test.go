//go:build linux

package server

import (
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
)

// patience bounds every wait of these tests. Nothing takes it unless something is broken.
const patience = 10 * time.Second

// start runs a server on free loopback ports. stop ends it and waits.
func start(t *testing.T, cfg Config) (s *Server, stop func()) {
	t.Helper()
	if cfg.Listen = "127.0.0.1:0"; cfg.Log == nil {
		cfg.Log = quiet()
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	stop = func() {
		t.Helper()
		s.Shutdown()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			ended <- nil
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// The address stays the same as long as the key does.
func TestRestartKeepsTheKey(t *testing.T) {
	dir := t.TempDir()
	before := runtime.NumGoroutine()
	keys := map[[32]byte]bool{}
	for range 3 {
		s, stop := start(t, Config{Data: dir})
		a, err := secure.ParseServerAddress(s.Address())
		if err != nil || !a.HasKey {
			t.Fatalf("%s: %v", s.Address(), err)
		}
		keys[a.Key] = true
		stop()
	}
	s, stop := start(t, Config{Data: t.TempDir()})
	other, _ := secure.ParseServerAddress(s.Address())
	stop()
	if len(keys) != 1 || keys[other.Key] {
		t.Errorf("keys %v, another directory's %v", keys, other.Key)
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("goroutines are left behind")
		}
	}
}

func TestPortInUseIsASentence(t *testing.T) {
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.LocalAddr().(*net.UDPAddr).AddrPort()
	for flag, cfg := range map[string]Config{
		"--listen":     {Listen: at.String()},
		"--stun-ports": {Listen: "127.0.0.1:0", STUNPorts: []uint16{at.Port()}},
	} {
		cfg.Data, cfg.Log = t.TempDir(), quiet()
		_, err := Open(cfg)
		if err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestKillEndsAtOnce(t *testing.T) {
	s, stop := start(t, Config{Data: t.TempDir()})
	s.Kill()
	stop()
}

// player is a whole client on loopback.
type player struct {
	*testing.T
	*node.QueueHost
	route api.Route // the latest
}

func join(t *testing.T, address string) *player { return joinFrom(t, address, "127.0.0.1:0") }

func joinFrom(t *testing.T, address, bind string) *player {
	t.Helper()
	a, err := secure.ParseServerAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return joinWith(t, a, node.Config{Endpoint: endpoint.Config{App: "test"}, Bind: netip.MustParseAddrPort(bind)})
}

// joinWith starts a client with everything but its server said, which connects.
func joinWith(t *testing.T, server secure.ServerAddress, cfg node.Config) *player {
	t.Helper()
	cfg.SetServer(server)
	q, err := node.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	q.Do(node.Command{Kind: node.CmdConnect})
	return &player{T: t, QueueHost: q}
}

// until waits for an event and passes over others, but not over those that mean failure.
func (p *player) until(kind api.EventKind) api.Event {
	p.Helper()
	timeout := time.After(patience)
	for {
		select {
		case ev := <-p.Events():
			if ev.Kind == api.EventRouteChanged || ev.Kind == api.EventPeerConnected {
				p.route = ev.Route
			}
			switch ev.Kind {
			case kind:
				return ev
			case api.EventServerLost, api.EventRoomLeft, api.EventPeerClosed, api.EventFailed:
				p.Fatalf("waiting for event %d: %+v", kind, ev)
			}
		case <-timeout:
			p.Fatalf("no event %d", kind)
		}
	}
}

// talk sends count numbered messages both ways and checks them.
func talk(a, b *player, ha, hb api.PeerHandle, count int) {
	a.Helper()
	for i := range count {
		for p, h := range map[*player]api.PeerHandle{a: ha, b: hb} {
			p.Do(node.Command{Kind: node.CmdSend, Peer: h, How: api.Outgoing{Mode: api.ReliableOrdered}, Data: []byte{byte(i), byte(i >> 8)}})
		}
	}
	for _, p := range []*player{a, b} {
		for i := range count {
			if ev := p.until(api.EventMessage); len(ev.Data) != 2 || int(ev.Data[0])|int(ev.Data[1])<<8 != i {
				p.Fatalf("message %d: %+v", i, ev)
			}
		}
	}
}

// Two clients meet through the server, over real sockets, and talk. Then the server goes, and they talk on.
func TestClientsMeet(t *testing.T) {
	s, stop := start(t, Config{Data: t.TempDir(), Limits: "lab"})
	host := join(t, s.Address())
	if ev := host.until(api.EventServerConnected); ev.Text == "" {
		t.Errorf("no user id in %+v", ev)
	}
	host.Do(node.Command{Kind: node.CmdRoomCreate})
	code := string(host.until(api.EventRoomJoined).Data)
	guest := join(t, s.Address())
	guest.Do(node.Command{Kind: node.CmdRoomJoin, Text: code})

	toGuest, toHost := host.until(api.EventPeerConnected).Peer, guest.until(api.EventPeerConnected).Peer
	talk(host, guest, toGuest, toHost, 1000)
	for _, p := range []*player{host, guest} {
		for !p.route.Direct() {
			p.until(api.EventRouteChanged)
		}
	}
	stop()
	for _, p := range []*player{host, guest} {
		for !strings.Contains(p.until(api.EventLog).Text, "shutting down") {
		}
	}
	talk(host, guest, toGuest, toHost, 100)
}

// A client that was given another server's key is refused, with the reason.
func TestWrongServerKey(t *testing.T) {
	s, _ := start(t, Config{Data: t.TempDir()})
	other, _ := start(t, Config{Data: t.TempDir()})
	mixed, _ := secure.ParseServerAddress(s.Address())
	wrong, _ := secure.ParseServerAddress(other.Address())
	mixed.Key = wrong.Key
	p := join(t, mixed.String())
	if ev := p.until(api.EventServerLost); ev.Code != api.ErrServerKey || ev.Text == "" {
		t.Errorf("got %+v", ev)
	}
}
