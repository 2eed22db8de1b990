//go:build linux

package lab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// These tests ask the kernel's NATs, so that they need root. They speak plain UDP inside namespaces of their own.

const oneWay = 5 * time.Millisecond // shorter than the matrix's 20 ms: nothing here depends on it

func build(t *testing.T, a, b Kind) *Lab {
	t.Helper()
	return buildAs(t, Config{A: a, B: b})
}

func buildAs(t *testing.T, cfg Config) *Lab {
	t.Helper()
	for _, missing := range Missing() {
		t.Skip("no laboratory here: ", missing)
	}
	cfg.Shape, cfg.Seed = wan.Shape{Delay: oneWay}, 1
	l, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func open(t *testing.T, l *Lab, r Role, addr netip.Addr, port uint16) *net.UDPConn {
	t.Helper()
	c, err := l.ListenUDP(r, netip.AddrPortFrom(addr, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c *net.UDPConn, to netip.AddrPort, text string) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

// comes waits for one datagram: long if it is expected, so that a busy machine fails no test, shortly if it must not come.
func comes(t *testing.T, c *net.UDPConn, expected bool) (from netip.AddrPort, came bool) {
	t.Helper()
	wait := 10 * oneWay
	if expected {
		wait = 2 * time.Second
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	_, from, err := c.ReadFromUDPAddrPort(make([]byte, 2048))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return from, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), true
}

func mustCome(t *testing.T, c *net.UDPConn, what string) netip.AddrPort {
	t.Helper()
	from, came := comes(t, c, true)
	if !came {
		t.Fatalf("%s did not arrive", what)
	}
	return from
}

func mustNotCome(t *testing.T, c *net.UDPConn, what string) {
	t.Helper()
	if from, came := comes(t, c, false); came {
		t.Fatalf("%s arrived, from %v", what, from)
	}
}

// Each kind shows, from outside, the mapping and the filtering that the matrix says it has: the kernel's, and the simulator's
// model of it. What both are asked here is what holds them together.
func TestKindsBehaveAsNamed(t *testing.T) {
	const yes, no = true, false
	for _, want := range []struct {
		kind                         Kind
		byPort, byAddress, preserved bool // the mapping is the same at the server's other port, at its other address
		fromPort, fromAddress        bool // inbound is let in from the server's other port, from another address
	}{
		{PUB, yes, yes, yes, yes, yes},
		{FW, yes, yes, yes, no, no},
		{FC, yes, yes, yes, yes, yes},
		{AR, yes, yes, yes, yes, no},
		{PR, yes, yes, yes, no, no},
		{PRx, yes, yes, yes, no, no},
		{SA, yes, no, no, yes, no},
		{SS, no, no, no, no, no},
		{SB, no, no, no, no, no},
		{SR, no, no, no, no, no},
	} {
		check := func(t *testing.T, model bool) {
			t.Parallel()
			l := buildAs(t, Config{A: want.kind, B: PUB, Model: model})
			host := open(t, l, HostA, l.Inside(HostA), 40000)
			s1 := open(t, l, Server, ServerAddr, 3478)
			s2 := open(t, l, Server, ServerAddr, 3479)
			far := open(t, l, Server, ServerAddr2, 3478)

			send(t, host, netip.AddrPortFrom(ServerAddr, 3478), "first")
			m1 := mustCome(t, s1, "the first datagram")
			send(t, host, netip.AddrPortFrom(ServerAddr, 3479), "second")
			m2 := mustCome(t, s2, "the datagram to the second port")
			send(t, host, netip.AddrPortFrom(ServerAddr2, 3478), "third")
			m3 := mustCome(t, far, "the datagram to the second address")
			if m1.Addr() != l.PublicA() {
				t.Fatalf("seen as %v, want address %v", m1, l.PublicA())
			}
			if preserved := m1.Port() == 40000; preserved != want.preserved {
				t.Errorf("port 40000 became %d", m1.Port())
			}
			if (m1 == m2) != want.byPort || (m1 == m3) != want.byAddress {
				t.Errorf("seen as %v, %v, %v", m1, m2, m3)
			}

			// Filtering is asked after mapping, by strangers: on PRx their packets occupy tuples.
			send(t, open(t, l, Server, ServerAddr, 3480), m1, "from another port")
			if _, came := comes(t, host, want.fromPort); came != want.fromPort {
				t.Errorf("datagram from another port let in: %v", came)
			}
			send(t, open(t, l, HostB, l.Inside(HostB), 5000), m1, "from another address")
			if _, came := comes(t, host, want.fromAddress); came != want.fromAddress {
				t.Errorf("datagram from another address let in: %v", came)
			}
			send(t, s1, m1, "the answer")
			mustCome(t, host, "the answer")
		}
		t.Run("kernel/"+string(want.kind), func(t *testing.T) { check(t, false) })
		t.Run("model/"+string(want.kind), func(t *testing.T) { check(t, true) })
	}
}

// A stranger's packet that comes before our own takes the conntrack tuple on PRx: the flow that follows is given another
// port. The input drop of PR protects from that.
func TestPoison(t *testing.T) {
	for _, c := range []struct {
		kind     Kind
		poisoned bool
	}{{PR, false}, {PRx, true}, {FC, false}, {AR, false}} {
		check := func(t *testing.T, model bool) {
			t.Parallel()
			l := buildAs(t, Config{A: c.kind, B: PUB, Model: model})
			a := open(t, l, HostA, l.Inside(HostA), 40000)
			b := open(t, l, HostB, l.Inside(HostB), 5000)
			send(t, b, netip.AddrPortFrom(l.PublicA(), 40000), "too early")
			mustNotCome(t, a, "the stranger's datagram")
			send(t, a, netip.AddrPortFrom(l.PublicB(), 5000), "the flow")
			from := mustCome(t, b, "the flow")
			if poisoned := from.Port() != 40000; poisoned != c.poisoned {
				t.Errorf("the flow came from port %d", from.Port())
			}
		}
		t.Run("kernel/"+string(c.kind), func(t *testing.T) { check(t, false) })
		t.Run("model/"+string(c.kind), func(t *testing.T) { check(t, true) })
	}
}

// An opener with TTL 2 opens the own NAT and dies in the router; the peer's NAT never sees it. Then the peer gets in.
func TestOpenerDiesInTheRouter(t *testing.T) {
	t.Parallel()
	l := build(t, PR, PRx)
	a := open(t, l, HostA, l.Inside(HostA), 40000)
	b := open(t, l, HostB, l.Inside(HostB), 50000)
	toA, toB := netip.AddrPortFrom(l.PublicA(), 40000), netip.AddrPortFrom(l.PublicB(), 50000)

	sendTTL(t, a, toB, 2)
	mustNotCome(t, b, "the opener")
	c := l.Counters()
	if c.Dropped[wan.DropTTL] != 1 || c.Delivered[wan.A][wan.B].Packets != 0 {
		t.Fatalf("router: %d died, %d delivered", c.Dropped[wan.DropTTL], c.Delivered[wan.A][wan.B].Packets)
	}

	send(t, b, toA, "through the hole")
	if from := mustCome(t, a, "the datagram through the hole"); from != toB {
		t.Errorf("came from %v, want %v: the opener poisoned the peer's NAT", from, toB)
	}
	sendTTL(t, a, toB, 64)
	mustCome(t, b, "the answer")
}

// Cutting one direction leaves the other and the server alone; healing brings it back.
func TestCutEachDirection(t *testing.T) {
	t.Parallel()
	l := build(t, PUB, PUB)
	a := open(t, l, HostA, l.Inside(HostA), 4000)
	b := open(t, l, HostB, l.Inside(HostB), 5000)
	s := open(t, l, Server, ServerAddr, 3478)
	toA, toB := netip.AddrPortFrom(l.PublicA(), 4000), netip.AddrPortFrom(l.PublicB(), 5000)
	for _, cut := range []struct{ ab, ba bool }{{true, false}, {false, true}, {true, true}, {false, false}} {
		l.Cut(wan.A, wan.B, cut.ab)
		l.Cut(wan.B, wan.A, cut.ba)
		send(t, a, toB, "to B")
		send(t, b, toA, "to A")
		if _, came := comes(t, b, !cut.ab); came == cut.ab {
			t.Errorf("%+v: A to B arrived: %v", cut, came)
		}
		if _, came := comes(t, a, !cut.ba); came == cut.ba {
			t.Errorf("%+v: B to A arrived: %v", cut, came)
		}
		send(t, a, netip.AddrPortFrom(ServerAddr, 3478), "to the server")
		mustCome(t, s, "A's datagram to the server")
	}
}

// Large writes that the kernel would segment late (UDP GSO) come out of the TUN device as plain whole datagrams.
func TestSegmentedSendsArriveWhole(t *testing.T) {
	t.Parallel()
	l := build(t, PR, PUB)
	a := open(t, l, HostA, l.Inside(HostA), 0)
	b := open(t, l, HostB, l.Inside(HostB), 5000)
	const size, count = 1200, 16
	sendSegmented(t, a, netip.AddrPortFrom(l.PublicB(), 5000), size, count)
	for i := range count {
		if err := b.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2048)
		n, _, err := b.ReadFromUDPAddrPort(buf)
		if err != nil || n != size || buf[0] != byte(i) {
			t.Fatalf("datagram %d: %d bytes, first %d, %v", i, n, buf[0], err)
		}
	}
	if c := l.Counters(); c.Dropped[wan.DropNotIPv4] != 0 {
		t.Errorf("router refused %d packets", c.Dropped[wan.DropNotIPv4])
	}
}

// A closed laboratory leaves nothing, and programs run in the namespace they were meant for.
func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	l := build(t, SR, PUB)
	out, err := l.Command(HostA, "ip", "-4", "-o", "addr", "show", "dev", "eth0").Output()
	if err != nil || len(out) == 0 {
		t.Fatalf("ip in the namespace: %v %q", err, out)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range l.roles() {
		if exists(l.Namespace(r)) {
			t.Errorf("%s is still there", l.Namespace(r))
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := l.Command(HostA, "true").Output(); err == nil {
		t.Error("a program ran in a removed namespace")
	} else if exit := new(exec.ExitError); !errors.As(err, &exit) {
		t.Error(err)
	}
}
