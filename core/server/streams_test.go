//go:build linux

package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/websocket"
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
	if n := s.doors.counts.FullEach.Load(); n != 1 {
		t.Errorf("%d connections refused", n)
	}
}

// A WebSocket client of other people's making, Node's, gets an answer to a datagram: INIT, RETRY.
func TestForeignWebSocketClient(t *testing.T) {
	const script = `
const ws = new WebSocket(process.argv[1]);
ws.binaryType = "arraybuffer";
ws.onopen = () => { const b = new Uint8Array(1200); b[0] = 0xc0; b[2] = 1; ws.send(b); };
ws.onmessage = (m) => { const b = new Uint8Array(m.data); console.log(b[0].toString(16), b.length); ws.close(); };
ws.onclose = (e) => { console.log("closed", e.code); process.exit(0); };
ws.onerror = (e) => { console.log("error", e.message); };`
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js here")
	}
	for scheme, cfg := range map[string]Config{"wss": {TLSListen: "127.0.0.1:0"}, "ws": {TLSListen: "off", WSListen: "127.0.0.1:0"}} {
		cfg.Data = t.TempDir()
		s, _ := start(t, cfg)
		a, _ := secure.ParseServerAddress(s.Address())
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		port := a.TLS
		if scheme == "ws" {
			port = a.WS
		}
		url := fmt.Sprintf("%s://127.0.0.1:%d/musubi", scheme, port)
		cmd := exec.CommandContext(ctx, node, "--experimental-websocket", "--no-warnings", "-e", script, url)
		cmd.Env = append(os.Environ(), "NODE_TLS_REJECT_UNAUTHORIZED=0")
		out, err := cmd.CombinedOutput()
		cancel()
		if text := string(out); strings.Contains(text, "bad option") || strings.Contains(text, "WebSocket is not defined") {
			t.Skip("this Node.js has no WebSocket")
		} else if err != nil || text != "c1 40\nclosed 1000\n" {
			t.Errorf("%s: %v\n%s", scheme, err, text)
		}
	}
}

// What a connected client costs in memory, TLS and stacks included: both ends here, of which the server's is allowed 32 KB.
func TestStreamMemory(t *testing.T) {
	const many = 200
	s, _ := start(t, Config{Data: t.TempDir(), Limits: "lab", TLSListen: "127.0.0.1:0"})
	a, _ := secure.ParseServerAddress(s.Address())
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	dial := func() *tls.Conn {
		c, err := tls.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a.TLS).String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.Write(websocket.AppendRequest(nil, "x", [16]byte{}))
		if _, err := c.Read(make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	dial()
	before := used()
	for range many {
		c := dial()
		init := make([]byte, 1200)
		init[0], init[2] = 0xc0, 1
		c.Write(websocket.AppendFrame(nil, websocket.Binary, init, new([4]byte)))
		if _, err := c.Read(make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
	}
	each := (used() - before) / many
	t.Logf("%d bytes for both ends of a connection", each)
	limit := uint64(48 << 10)
	if raceEnabled { // shadows and redzones: the figure is the plain build's
		limit = 80 << 10
	}
	if each > limit {
		t.Errorf("%d bytes a connection", each)
	}
}

// A proxy's word about its client's address counts only where the operator said that there is one, and never on the TLS port.
func TestForwardedAddress(t *testing.T) {
	for _, c := range []struct {
		proxied bool
		want    string
	}{{true, "203.0.113.9"}, {false, "192.0.2.1"}} {
		d := newDoors(func() {}, quiet(), false, c.proxied)
		ours, theirs := net.Pipe()
		go func() {
			io.WriteString(theirs, "GET /musubi HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: 10.1.1.1, 203.0.113.9\r\n\r\n")
			io.Copy(io.Discard, theirs)
		}()
		_, client, err := d.greet(ours, netip.MustParseAddrPort("192.0.2.1:5"), c.proxied)
		if ours.Close(); err != nil || client.Addr().String() != c.want {
			t.Errorf("%+v: %v, %v", c, client, err)
		}
	}
}

// On port 443 of a host there may be another Musubi server. It can't let the client in, but it is no reason to give up either:
// the client's own server may be back over UDP at any time.
func TestAnotherServersPort(t *testing.T) {
	s, _ := start(t, Config{Data: t.TempDir()})
	other, _ := start(t, Config{Data: t.TempDir(), TLSListen: walled + ":0"})
	w, address := behindWall(t, s.Address())
	a, _ := secure.ParseServerAddress(address)
	b, _ := secure.ParseServerAddress(other.Address())
	a.TLS = b.TLS
	p := join(t, a.String())
	for end := time.Now().Add(patience); other.doors.counts.Opened.Load() == 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the other server was not asked")
		}
	}
	w.open.Store(true)
	p.until(api.EventServerConnected)
}
