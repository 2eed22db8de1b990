//go:build linux

package node

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

const lanPatience = 10 * time.Second

// lanClient is a client without a server.
func lanClient(t *testing.T, bind string) *QueueHost {
	t.Helper()
	cfg := Config{Endpoint: endpoint.Config{App: "lan-test"}}
	if bind != "" {
		cfg.Bind = netip.MustParseAddrPort(bind)
	}
	q, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// await takes events up to the first of a kind that fits.
func await(t *testing.T, q *QueueHost, kind api.EventKind, fits func(*api.Event) bool) api.Event {
	t.Helper()
	timer := time.NewTimer(lanPatience)
	defer timer.Stop()
	for {
		select {
		case ev := <-q.Events():
			if ev.Kind == kind && (fits == nil || fits(&ev)) {
				return ev
			}
			if ev.Kind == api.EventRoomLeft && kind != api.EventRoomLeft {
				t.Fatalf("waiting for event %d: left the room: %s", kind, ev.Text)
			}
		case <-timer.C:
			t.Fatalf("no event %d within %v", kind, lanPatience)
		}
	}
}

func hostLAN(t *testing.T, q *QueueHost) (code string) {
	t.Helper()
	q.Do(Command{Kind: CmdLANHost, Value: 4, Data: []byte("capture the flag")})
	return string(await(t, q, api.EventRoomJoined, nil).Data)
}

func exchange(t *testing.T, a, b *QueueHost) {
	t.Helper()
	to := await(t, a, api.EventPeerConnected, nil).Peer
	await(t, b, api.EventPeerConnected, nil)
	a.Do(Command{Kind: CmdSend, Peer: to, How: api.Outgoing{Mode: api.ReliableOrdered}, Data: []byte("hello")})
	if ev := await(t, b, api.EventMessage, nil); string(ev.Data) != "hello" {
		t.Errorf("got %q", ev.Data)
	}
}

// Two players, no server anywhere: one hosts, the other knows the address and the code.
func TestLANPlayByAddress(t *testing.T) {
	host, guest := lanClient(t, "127.0.0.1:0"), lanClient(t, "127.0.0.1:0")
	code := hostLAN(t, host)
	guest.Do(Command{Kind: CmdLANJoin, Text: strings.ToLower(code), Data: []byte("127.0.0.1")})
	await(t, guest, api.EventRoomJoined, func(ev *api.Event) bool { return ev.Count == 2 })
	exchange(t, host, guest)

	// The host ends; what is connected directly stays, and the guest can play elsewhere.
	host.Do(Command{Kind: CmdDisconnect})
	await(t, host, api.EventRoomLeft, nil)
}

func TestLANJoinRefused(t *testing.T) {
	host, guest := lanClient(t, "127.0.0.1:0"), lanClient(t, "127.0.0.1:0")
	code := hostLAN(t, host)
	other := code[:7] + "0"
	if other == code {
		other = code[:7] + "1"
	}
	for _, c := range []struct {
		code, address string
		want          api.Code
		text          string
	}{
		{"???", "127.0.0.1", api.ErrBadCode, "not a join code"},
		{code, "the couch", api.ErrAddress, "192.168.1.5"},
		{code, "127.0.0.1:1", api.ErrServerUnreachable, "nobody hosts"},
		{other, "127.0.0.1", api.ErrBadCode, "another join code"},
	} {
		guest.Do(Command{Kind: CmdLANJoin, Text: c.code, Data: []byte(c.address)})
		ev := await(t, guest, api.EventRoomLeft, nil)
		if ev.Code != c.want || !strings.Contains(ev.Text, c.text) {
			t.Errorf("join %s at %s: %d %q", c.code, c.address, ev.Code, ev.Text)
		}
	}
	host.Do(Command{Kind: CmdLANJoin, Text: code, Data: []byte("127.0.0.1")})
	if ev := await(t, host, api.EventLog, func(ev *api.Event) bool { return strings.Contains(ev.Text, "disconnect first") }); ev.Code != logWarn {
		t.Errorf("a host that joins itself: %d %q", ev.Code, ev.Text)
	}
}

// Two machines on one cable, as network namespaces: the second finds the first by broadcast, joins what it found, sees it
// change and go.
func TestLANBrowse(t *testing.T) {
	if role := os.Getenv("MUSUBI_LAN_ROLE"); role != "" {
		lanRole(t, role)
		return
	}
	if _, err := exec.LookPath("ip"); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and ip to make network namespaces")
	}
	run := func(command string) {
		t.Helper()
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	const a, b = "musubi-lan-a", "musubi-lan-b"
	for _, ns := range []string{a, b} {
		exec.Command("ip", "netns", "del", ns).Run()
		run("ip netns add " + ns + " && ip -n " + ns + " link set lo up")
		t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
	}
	run("ip link add eth netns " + a + " type veth peer name eth netns " + b)
	run("ip -n " + a + " addr add 192.168.78.1/24 dev eth && ip -n " + a + " link set eth up")
	run("ip -n " + b + " addr add 192.168.78.2/24 dev eth && ip -n " + b + " link set eth up")
	start := func(ns, role string) (*exec.Cmd, *bufio.Reader) {
		c := exec.Command("ip", "netns", "exec", ns, os.Args[0], "-test.run=^TestLANBrowse$", "-test.v")
		c.Env = append(os.Environ(), "MUSUBI_LAN_ROLE="+role)
		out, _ := c.StdoutPipe()
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c, bufio.NewReader(out)
	}
	host, hostOut := start(a, "host")
	code := ""
	for code == "" {
		line, err := hostOut.ReadString('\n')
		if err != nil {
			t.Fatalf("host: %v", err)
		}
		code, _ = strings.CutPrefix(strings.TrimSpace(line), "CODE ")
		if !strings.HasPrefix(line, "CODE ") {
			code = ""
		}
	}
	guest, guestOut := start(b, "guest "+code)
	var said strings.Builder
	guestOut.WriteTo(&said)
	if err := guest.Wait(); err != nil {
		t.Errorf("guest: %v\n%s", err, said.String())
	}
	rest, _ := hostOut.ReadString(0)
	if err := host.Wait(); err != nil {
		t.Errorf("host: %v\n%s", err, rest)
	}
}

func lanRole(t *testing.T, role string) {
	q := lanClient(t, "")
	if role == "host" {
		fmt.Println("CODE", hostLAN(t, q))
		await(t, q, api.EventMessage, nil)
		q.Do(Command{Kind: CmdDisconnect})
		await(t, q, api.EventRoomLeft, nil)
		return
	}
	_, code, _ := strings.Cut(role, " ")
	q.Do(Command{Kind: CmdLANBrowse, Value: 1})
	found := await(t, q, api.EventLANFound, nil)
	if string(found.Data) != "capture the flag" || found.Count != 1 || found.Code != 4 || !strings.HasPrefix(found.Text, "192.168.78.1:") {
		t.Errorf("found %+v", found)
	}
	q.Do(Command{Kind: CmdLANJoin, Text: code, Data: []byte(found.Text)})
	var to api.PeerHandle // these come in any order
	seen, direct := false, false
	await(t, q, api.EventRoomJoined, func(ev *api.Event) bool { return ev.Count == 2 })
	for to == 0 || !seen || !direct {
		select {
		case ev := <-q.Events():
			switch ev.Kind {
			case api.EventPeerConnected:
				to = ev.Peer
			case api.EventRouteChanged:
				direct = ev.Route.Direct()
			case api.EventLANFound:
				seen = seen || ev.Count == 2
			}
		case <-time.After(lanPatience):
			t.Fatalf("connected %v, direct %v, both members shown %v", to != 0, direct, seen)
		}
	}
	q.Do(Command{Kind: CmdSend, Peer: to, How: api.Outgoing{Mode: api.ReliableOrdered}, Data: []byte("bye")})
	await(t, q, api.EventLANLost, nil)
}

// A stranger who links to the host's server without the code finds no room, and can make none of his own to relay through.
func TestLANServerHasOneRoom(t *testing.T) {
	host := lanClient(t, "127.0.0.1:0")
	code := hostLAN(t, host)
	stranger, guest := lanClient(t, "127.0.0.1:0"), lanClient(t, "127.0.0.1:0")
	stranger.Do(Command{Kind: CmdLANJoin, Text: code, Data: []byte("127.0.0.1")})
	await(t, stranger, api.EventRoomJoined, nil)
	stranger.Do(Command{Kind: CmdRoomLeave})
	await(t, stranger, api.EventRoomLeft, nil)
	stranger.Do(Command{Kind: CmdRoomCreate, Value: 4})
	if ev := await(t, stranger, api.EventRoomLeft, nil); ev.Code == api.OK {
		t.Errorf("%+v", ev)
	}
	guest.Do(Command{Kind: CmdLANJoin, Text: code, Data: []byte("127.0.0.1")})
	await(t, guest, api.EventRoomJoined, nil)
}
