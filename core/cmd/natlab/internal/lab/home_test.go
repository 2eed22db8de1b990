//go:build linux

package lab

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// Two computers of one home that send from the same port to the same place are two flows with two outside ports, whatever the
// NAT, and each gets its own answers.
func TestTwoComputersBehindOneNAT(t *testing.T) {
	for _, kind := range []Kind{PR, PRx, SS, SB, SR} {
		t.Run(string(kind), func(t *testing.T) {
			both(t, func(t *testing.T, model bool) {
				t.Parallel()
				l := buildAs(t, Config{A: kind, B: PUB, Model: model, Extra: Extra{Neighbour: Isolated}})
				s := open(t, l, Server, ServerAddr, 3478)
				hosts := []*net.UDPConn{open(t, l, HostA, l.Inside(HostA), 40000), open(t, l, Guest, l.Inside(Guest), 40000)}
				var seen []netip.AddrPort
				for _, h := range hosts {
					send(t, h, netip.AddrPortFrom(ServerAddr, 3478), "flow")
					seen = append(seen, mustCome(t, s, "the flow"))
				}
				if seen[0].Addr() != l.PublicA() || seen[1].Addr() != l.PublicA() || seen[0].Port() == seen[1].Port() {
					t.Fatalf("seen as %v", seen)
				}
				if keeps := kind == PR || kind == PRx; keeps && seen[0].Port() != 40000 {
					t.Errorf("the first one's port became %d", seen[0].Port())
				}
				for i, h := range hosts {
					send(t, s, seen[i], "the answer")
					mustCome(t, h, "the answer")
					mustNotCome(t, hosts[1-i], "the other's answer")
				}
			})
		})
	}
}

// A NAT that turns packets round brings two computers of a home together by their outside addresses, each seen with its
// outside port; one that does not, keeps them apart.
func TestHairpin(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     Neighbour
		turns bool
	}{{"turns", Hairpin, true}, {"keeps", Isolated, false}} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, model bool) {
				t.Parallel()
				l := buildAs(t, Config{A: FC, B: PUB, Model: model, Extra: Extra{Neighbour: c.n}})
				s := open(t, l, Server, ServerAddr, 3478)
				a, b := open(t, l, HostA, l.Inside(HostA), 40000), open(t, l, Guest, l.Inside(Guest), 50000)
				send(t, a, netip.AddrPortFrom(ServerAddr, 3478), "flow")
				atA := mustCome(t, s, "A's flow")
				send(t, b, netip.AddrPortFrom(ServerAddr, 3478), "flow")
				atB := mustCome(t, s, "B's flow")

				send(t, a, atB, "to the neighbour")
				if !c.turns {
					mustNotCome(t, b, "the neighbour's datagram")
					return
				}
				if from := mustCome(t, b, "the neighbour's datagram"); from != atA {
					t.Errorf("came from %v, want %v", from, atA)
				}
				send(t, b, atA, "the answer")
				if from := mustCome(t, a, "the answer"); from != atB {
					t.Errorf("came from %v, want %v", from, atB)
				}
				mustNotCome(t, s, "what the home keeps to itself")
			})
		})
	}
}

// A flow lives as long as something goes either way within the timeout, and not longer: then nothing comes in, and what goes out
// gets another port where ports are random. Only here does a test wait: it is time that is asked about. All laboratories are
// waited for together; one that the machine let wait too long proves nothing.
func TestFlowsTimeOut(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	var flows []*timedFlow
	for _, kind := range []Kind{PR, SR} {
		for _, model := range []bool{false, true} {
			l := buildAs(t, Config{A: kind, B: PUB, Model: model, Timeout: timeout})
			f := &timedFlow{l: l, kind: kind, host: open(t, l, HostA, l.Inside(HostA), 40000), server: open(t, l, Server, ServerAddr, 3478)}
			flows = append(flows, f)
			f.last = time.Now()
			send(t, f.host, netip.AddrPortFrom(ServerAddr, 3478), "flow")
			f.at = mustCome(t, f.server, "the flow")
		}
	}
	for range 2 { // more than a timeout in all, never one at a time
		time.Sleep(timeout * 3 / 5)
		for _, f := range flows {
			now := time.Now()
			send(t, f.server, f.at, "still there?")
			_, came := comes(t, f.host, true)
			if f.late = f.late || time.Since(f.last) > timeout-10*oneWay; !came && !f.late {
				t.Fatalf("%s, box %v: closed after %v of silence", f.kind, f.l.a.box != nil, now.Sub(f.last))
			}
			f.last = now
		}
	}
	time.Sleep(timeout * 5 / 4)
	for _, f := range flows {
		if f.late {
			t.Logf("%s, box %v: the machine was late", f.kind, f.l.a.box != nil)
			continue
		}
		send(t, f.server, f.at, "and now?")
		mustNotCome(t, f.host, "a datagram after the timeout")
		send(t, f.host, netip.AddrPortFrom(ServerAddr, 3478), "again")
		if again := mustCome(t, f.server, "the flow after the timeout"); (again == f.at) != (f.kind == PR) { // SR: by chance once in 64,512
			t.Errorf("%s: was %v, is %v", f.kind, f.at, again)
		}
	}
}

// timedFlow is one flow of TestFlowsTimeOut.
type timedFlow struct {
	l            *Lab
	kind         Kind
	host, server *net.UDPConn
	at           netip.AddrPort // as the server sees it
	last         time.Time      // when something passed
	late         bool           // the machine let it wait for too long once
}
