package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// lookup answers with f's addresses once gate is closed, or ends when cancelled.
func lookup(gate chan struct{}, f func(host string) ([]string, error)) func(context.Context, string, string) ([]netip.Addr, error) {
	return func(ctx context.Context, _, host string) (addrs []netip.Addr, err error) {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		texts, err := f(host)
		for _, s := range texts {
			addrs = append(addrs, netip.MustParseAddr(s))
		}
		return addrs, err
	}
}

// While a name is looked up the game may go on: its room commands follow the connect, in order.
func TestNamesAreLookedUpAside(t *testing.T) {
	gate := make(chan struct{})
	st := newStage(t, Config{Servers: []string{"one.example:3478", "198.51.100.9:99"}}, nil)
	st.owner.servers.lookup = lookup(gate, func(string) ([]string, error) { return []string{"203.0.113.1", "2001:db8::1"}, nil })
	st.play().do(Command{Kind: CmdConnect})
	st.do(Command{Kind: CmdConnect})
	st.do(Command{Kind: CmdRoomJoin, Text: "EABC1234"})
	st.do(Command{Kind: CmdRoomSetData, Data: []byte("data")})
	st.event(api.EventLog) // the second connect
	st.quiet()
	close(gate)
	st.want("servers [203.0.113.1:3478 198.51.100.9:99]")
	st.want("connect")
	st.want("join EABC1234")
	st.want("setdata data")
	st.quiet()
}

func TestLookupFailuresNameTheHost(t *testing.T) {
	open := make(chan struct{})
	close(open)
	for _, c := range []struct {
		err  error
		ips  []string
		want string
	}{
		{&net.DNSError{Err: "no such host", IsNotFound: true}, nil, `can't find the server "play.example": no such name`},
		{&net.DNSError{Err: "i/o timeout", IsTimeout: true}, nil, `can't find the server "play.example": the name server does not answer`},
		{context.DeadlineExceeded, nil, `can't find the server "play.example": the name server does not answer`},
		{errors.New("strange"), nil, `can't find the server "play.example": strange`},
		{nil, []string{"2001:db8::1"}, `the server "play.example" has no IPv4 address, and this client needs one`},
	} {
		st := newStage(t, Config{Servers: []string{"play.example:3478"}}, nil)
		st.owner.servers.lookup = lookup(open, func(string) ([]string, error) { return c.ips, c.err })
		st.play().do(Command{Kind: CmdConnect})
		if ev := st.event(api.EventServerLost); ev.Code != api.ErrServerUnreachable || ev.Text != c.want {
			t.Errorf("got %+v, want %q", ev, c.want)
		}
	}
}

// The room that was asked for meanwhile is told first, and a later connect tries again.
func TestLookupFailureEndsWhatWaited(t *testing.T) {
	gate := make(chan struct{})
	st := newStage(t, Config{Servers: []string{"play.example:3478"}}, nil)
	ok := false
	st.owner.servers.lookup = lookup(gate, func(string) ([]string, error) {
		if ok {
			return []string{"203.0.113.1"}, nil
		}
		ok = true
		return nil, &net.DNSError{IsNotFound: true}
	})
	st.play().do(Command{Kind: CmdConnect})
	st.do(Command{Kind: CmdRoomCreate})
	st.do(Command{Kind: CmdPeerPunch, Peer: 7}) // a marker
	st.want("punch 7")
	close(gate)
	if ev := st.event(api.EventRoomLeft); !strings.Contains(ev.Text, "play.example") {
		t.Errorf("got %+v", ev)
	}
	st.event(api.EventServerLost)
	st.do(Command{Kind: CmdConnect})
	st.want("servers [203.0.113.1:3478]")
	st.want("connect")
	st.quiet()
}

// Disconnect and Close don't wait for a name server.
func TestLookupIsCancelled(t *testing.T) {
	never := make(chan struct{})
	st := newStage(t, Config{Servers: []string{"play.example:3478"}}, nil)
	st.owner.servers.lookup = lookup(never, nil)
	st.play().do(Command{Kind: CmdConnect})
	st.do(Command{Kind: CmdRoomJoin, Text: "EABC1234"})
	st.do(Command{Kind: CmdDisconnect})
	if ev := st.event(api.EventRoomLeft); ev.Code != api.ErrClosed {
		t.Errorf("got %+v", ev)
	}
	st.do(Command{Kind: CmdConnect})
	st.Close()
	st.want("close")
	st.quiet()
}

// While the link is down the names are looked up again and again; what they say goes to the endpoint. A link that is up, a
// server in the local network and a server without a name need none of that.
func TestNamesAreLookedUpWhileTheLinkIsDown(t *testing.T) {
	open := make(chan struct{})
	close(open)
	st := newStage(t, Config{Servers: []string{"play.example:3478"}}, nil)
	addr := "203.0.113.1"
	st.owner.servers.lookup = lookup(open, func(string) ([]string, error) {
		if addr == "" {
			return nil, &net.DNSError{IsTimeout: true}
		}
		return []string{addr}, nil
	})
	st.play().do(Command{Kind: CmdConnect})
	st.want("servers [203.0.113.1:3478]")
	st.want("connect")
	down := func(is bool) { st.engine.set(st.QueueHost, func() { st.engine.searching = is }) }
	st.do(Command{Kind: CmdPeerPunch, Peer: 7}) // a marker: the look-up has ended, and with it the test's turn to set addr
	st.want("punch 7")
	addr = "203.0.113.9"
	down(true)
	st.want("servers are [203.0.113.9:3478]")
	st.do(Command{Kind: CmdRoomLeave}) // room commands don't wait for such a look-up
	st.want("leave")
	down(false)
	st.do(Command{Kind: CmdPeerPunch, Peer: 8})
	st.want("punch 8")
	st.quiet()
}

// Whatever a client waits for, it sleeps until then: a deadline that stays in the past would keep a processor busy for as
// long as the game runs.
func TestNothingToDoIsSleep(t *testing.T) {
	for _, servers := range [][]string{nil, {"203.0.113.1:3478"}, {"play.example:3478"}} {
		for _, searching := range []bool{false, true} {
			st := newStage(t, Config{Servers: servers}, nil)
			gate := make(chan struct{}) // the name server never answers
			st.owner.servers.lookup = lookup(gate, nil)
			if err := st.owner.start(time.Now()); err != nil {
				t.Fatal(err)
			}
			st.engine.set(st.QueueHost, func() { st.engine.searching = searching })
			st.owner.now = time.Now()
			st.owner.connectTo([]netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:3478")})
			for range 20 {
				st.owner.now = st.owner.now.Add(time.Second)
				for st.owner.step() {
				}
				if at := st.owner.deadline(); !at.IsZero() && !at.After(st.owner.now) {
					t.Fatalf("servers %q, searching %v: nothing to do, and the deadline is %v ago", servers, searching, st.owner.now.Sub(at))
				}
			}
			st.owner.servers.stop()
			st.loop.Close()
		}
	}
}
