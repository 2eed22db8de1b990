//go:build linux

package lab

import (
	"net/netip"
	"testing"
	"time"
)

// Through two NATs the world sees the outer one, and answers come back through both.
func TestDoubleNAT(t *testing.T) {
	t.Parallel()
	l := buildAs(t, Config{A: SR, B: PUB, Extra: Extra{Inner: PR}})
	host := open(t, l, HostA, l.Inside(HostA), 40000)
	s := open(t, l, Server, ServerAddr, 3478)
	send(t, host, netip.AddrPortFrom(ServerAddr, 3478), "out")
	from := mustCome(t, s, "a datagram through two NATs")
	if from.Addr() != l.PublicA() {
		t.Errorf("seen as %v", from)
	}
	send(t, s, from, "back")
	mustCome(t, host, "the answer")
}

// Two computers of one home reach each other as the home lets them: directly, by its public address, or not at all.
func TestNeighbours(t *testing.T) {
	for _, c := range []struct {
		name         string
		how          Neighbour
		lan, hairpin bool
	}{{"routed", SameLAN, true, false}, {"isolated", Isolated, false, false}, {"hairpin", Hairpin, false, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := buildAs(t, Config{A: FC, B: PUB, Extra: Extra{Neighbour: c.how}})
			a := open(t, l, HostA, l.Inside(HostA), 40000)
			g := open(t, l, Guest, l.Inside(Guest), 50000)
			s := open(t, l, Server, ServerAddr, 3478)
			send(t, g, netip.AddrPortFrom(ServerAddr, 3478), "mapping")
			mapped := mustCome(t, s, "the guest's datagram")
			send(t, a, netip.AddrPortFrom(l.Inside(Guest), 50000), "by the inside")
			if _, came := comes(t, g, c.lan); came != c.lan {
				t.Errorf("by the private address: %v", came)
			}
			send(t, a, mapped, "by the outside")
			from, came := comes(t, g, c.hairpin)
			if came != c.hairpin {
				t.Errorf("by the public address: %v", came)
			}
			if came {
				if from.Addr() != l.PublicA() {
					t.Errorf("hairpinned from %v", from)
				}
				send(t, g, from, "back")
				mustCome(t, a, "the answer")
			}
		})
	}
}

// Addresses change under a running laboratory: the computer's, the home's, the server's; and flows are forgotten early.
func TestMoves(t *testing.T) {
	t.Parallel()
	l := build(t, PR, PUB)
	s1, s2 := open(t, l, Server, ServerAddr, 3478), open(t, l, Server, ServerAddr2, 3478)
	to := netip.AddrPortFrom(ServerAddr, 3478)
	if err := l.MoveHost(netip.MustParseAddr("192.168.1.77")); err != nil {
		t.Fatal(err)
	}
	host := open(t, l, HostA, l.Inside(HostA), 40000)
	send(t, host, to, "from the new inside address")
	mustCome(t, s1, "a datagram from the new inside address")
	if err := l.MoveWAN(netip.MustParseAddr("198.51.100.2")); err != nil {
		t.Fatal(err)
	}
	send(t, host, to, "from the new public address")
	if from := mustCome(t, s1, "a datagram from the new public address"); from.Addr() != l.PublicA() {
		t.Errorf("seen as %v, want %v", from, l.PublicA())
	}
	if err := l.ForgetAfter(1); err != nil {
		t.Fatal(err)
	}
	send(t, host, netip.AddrPortFrom(ServerAddr2, 3478), "a flow")
	flow := mustCome(t, s2, "the flow")
	time.Sleep(1500 * time.Millisecond) // the kernel's own clock is what is waited for
	send(t, s2, flow, "too late")
	mustNotCome(t, host, "an answer after the flow was forgotten")
	if err := l.MoveServer(); err != nil {
		t.Fatal(err)
	}
	send(t, host, to, "to where the server was")
	mustNotCome(t, s1, "a datagram to the address that is gone")
}
