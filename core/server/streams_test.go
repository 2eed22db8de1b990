//go:build linux

package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
)

// The walled-off server: its TCP ports are here, where no UDP port of its is. Everything on it shows as one address.
const walled = "127.0.0.50"

// wall is a network that lets no UDP through until it is opened: players use its port in the place of the server's.
type wall struct {
	open   atomic.Bool
	socket *net.UDPConn
}

// behindWall gives the server's address as somebody behind a wall has it.
func behindWall(t *testing.T, address string) (*wall, string) {
	t.Helper()
	a, err := secure.ParseServerAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	server := netip.MustParseAddrPort(a.Hosts[0])
	w := &wall{}
	if w.socket, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(walled)}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() { // one client: what comes from elsewhere than the server is its
		defer close(ended)
		var b [2048]byte
		var client netip.AddrPort
		for {
			n, from, err := w.socket.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			to := client
			if from != server {
				client, to = from, server
			}
			if w.open.Load() && to.IsValid() {
				w.socket.WriteToUDPAddrPort(b[:n], to)
			}
		}
	}()
	t.Cleanup(func() { w.socket.Close(); <-ended })
	a.Hosts[0] = w.socket.LocalAddr().String()
	return w, a.String()
}

// meet has two players enter a room; both are connected when it returns.
func meet(t *testing.T, first, second string) (host, guest *player, toGuest, toHost api.PeerHandle) {
	t.Helper()
	host = joinFrom(t, first, "127.0.0.2:0") // apart, so that they are not of one local network
	host.until(api.EventServerConnected)
	host.Do(node.Command{Kind: node.CmdRoomCreate})
	code := string(host.until(api.EventRoomJoined).Data)
	guest = joinFrom(t, second, "127.0.0.3:0")
	guest.Do(node.Command{Kind: node.CmdRoomJoin, Text: code})
	return host, guest, host.until(api.EventPeerConnected).Peer, guest.until(api.EventPeerConnected).Peer
}

// Players whose network blocks UDP play all the same, over TLS and over plain WebSocket, with each other and with players
// who have UDP.
func TestWithoutUDP(t *testing.T) {
	for name, c := range map[string]struct {
		tls, ws string
		both    bool
	}{
		"one over TLS": {walled + ":0", "", false}, "both over TLS": {walled + ":0", "", true}, "both over WebSocket": {"off", walled + ":0", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, Config{Data: t.TempDir(), Limits: "lab", TLSListen: c.tls, WSListen: c.ws})
			_, first := behindWall(t, s.Address())
			second := s.Address()
			if c.both {
				_, second = behindWall(t, s.Address())
			}
			host, guest, toGuest, toHost := meet(t, first, second)
			talk(host, guest, toGuest, toHost, 1000)
			for _, p := range []*player{host, guest} {
				if p.route != api.RouteRelay {
					t.Errorf("route %v", p.route)
				}
			}
		})
	}
}

// The game is told: UDP is blocked, so there is no direct path to be had.
func TestWithoutUDPIsTold(t *testing.T) {
	s, _ := start(t, Config{Data: t.TempDir(), Limits: "lab", TLSListen: walled + ":0"})
	_, address := behindWall(t, s.Address())
	host, _, _, _ := meet(t, address, s.Address())
	ev := host.until(api.EventPunch)
	if !strings.Contains(ev.Text, "UDP is blocked on this network") {
		t.Errorf("punch: %+v", ev)
	}
	if ev = host.until(api.EventNATProfiled); ev.NAT.Mapping != api.BehaviourUDPBlocked || !strings.Contains(ev.Text, "blocked") {
		t.Errorf("profile: %+v", ev)
	}
}

// When UDP comes back, so does the client, with the same session: nothing is lost or doubled.
func TestUDPComesBack(t *testing.T) {
	s, _ := start(t, Config{Data: t.TempDir(), Limits: "lab", TLSListen: walled + ":0"})
	w, address := behindWall(t, s.Address())
	host, guest, toGuest, toHost := meet(t, address, s.Address())
	talk(host, guest, toGuest, toHost, 100)
	w.open.Store(true) // the profile's ports stay walled off: what it says is no news of a blocked network any more
	for !strings.Contains(host.until(api.EventLog).Text, "over UDP again") {
	}
	talk(host, guest, toGuest, toHost, 100)
}

// The port looks like a dull web server to everybody else, and a real one's client finds its way.
func TestDoorAnswersStrangers(t *testing.T) {
	s, _ := start(t, Config{Data: t.TempDir(), TLSListen: "127.0.0.1:0"})
	a, _ := secure.ParseServerAddress(s.Address())
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a.TLS).String()
	client := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	r, err := client.Get("https://" + at + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != 404 || err != nil || len(body) > 100 {
		t.Errorf("%s: %q, %v", r.Status, body, err)
	}
}

// Connections that say nothing, or too much, don't keep others out; one address gets only so many.
func TestDoorIsBounded(t *testing.T) {
	s, _ := start(t, Config{Data: t.TempDir(), TLSListen: "off", WSListen: "127.0.0.1:0"})
	a, _ := secure.ParseServerAddress(s.Address())
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a.WS).String()
	var silent []net.Conn
	for range mostGreetingEach {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	closed := func(c net.Conn) bool {
		c.SetReadDeadline(time.Now().Add(patience))
		_, err := c.Read(make([]byte, 1))
		return err == io.EOF || strings.Contains(err.Error(), "reset")
	}
	more, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer more.Close()
	if !closed(more) {
		t.Error("one more than the limit is greeted")
	}
	silent[0].Write([]byte(strings.Repeat("a", 5000)))
	if !closed(silent[0]) {
		t.Error("an endless header is read")
	}
	if n := s.doors.counts.Full.Load(); n != 1 {
		t.Errorf("%d connections refused", n)
	}
}
