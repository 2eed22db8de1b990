//go:build linux

package lab

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// ports sends from a fresh flow to each of count server ports and gives the public port of each.
func ports(t *testing.T, l *Lab, count int) (seen []uint16) {
	t.Helper()
	host := open(t, l, HostA, l.Inside(HostA), 40000)
	for i := range count {
		at := uint16(6000 + i)
		s := open(t, l, Server, ServerAddr, at)
		send(t, host, netip.AddrPortFrom(ServerAddr, at), "flow")
		seen = append(seen, mustCome(t, s, "the flow").Port())
	}
	return seen
}

// An incremental NAT counts up by one, and by one more for each flow of others in between.
func TestSequentialCountsUp(t *testing.T) { both(t, sequentialCountsUp) }

// both asks the kernel's NAT and the simulator's model of it the same.
func both(t *testing.T, ask func(t *testing.T, model bool)) {
	t.Run("kernel", func(t *testing.T) { ask(t, false) })
	t.Run("model", func(t *testing.T) { ask(t, true) })
}

func sequentialCountsUp(t *testing.T, model bool) {
	t.Parallel()
	l := buildAs(t, Config{A: SS, B: PUB, Model: model})
	began := time.Now()
	seen := ports(t, l, 50)
	first, last := seen[0], seen[len(seen)-1]
	for i := 1; i < len(seen); i++ {
		if seen[i] <= seen[i-1] { // the model's seed does not let it come round
			t.Errorf("port %d after %d", seen[i], seen[i-1])
		}
	}
	// 50 flows over some 300 ms, and others' five a second: eight standard deviations of their number is what may be missed.
	if others := int(last-first) - 49; others < 0 || others > 20+int(time.Since(began)/foreignGap)*3 {
		t.Errorf("from %d to %d: %d flows of others in %v", first, last, others, time.Since(began))
	}
}

// A carrier's block gives ports of the block only, and its cap refuses the session that is one too many.
func TestBlockHasACap(t *testing.T) { both(t, blockHasACap) }

func blockHasACap(t *testing.T, model bool) {
	t.Parallel()
	l := buildAs(t, Config{A: SB, B: PUB, Model: model})
	const cap = 2048
	seen := ports(t, l, 20)
	if low, high := slices.Min(seen), slices.Max(seen); high-low >= cap || !model && (low < 20000 || high > 22047) || slices.IsSorted(seen) {
		t.Errorf("ports %v", seen)
	}
	host := open(t, l, HostA, l.Inside(HostA), 40001)
	for i := range cap - 20 { // where nobody listens; each is a flow all the same
		send(t, host, netip.AddrPortFrom(foreignTo, uint16(1+i)), "one more")
	}
	s := open(t, l, Server, ServerAddr2, 6000)
	send(t, host, netip.AddrPortFrom(ServerAddr2, 6000), "one too many")
	mustNotCome(t, s, "a session over the cap")
	if model {
		return // its box is out of reach here; natsim has a test
	}
	if err := l.Reboot(NATA); err != nil {
		t.Fatal(err)
	}
	send(t, host, netip.AddrPortFrom(ServerAddr2, 6000), "after the reboot")
	mustCome(t, s, "the session after a reboot")
}

// Where UDP is blocked names can still be asked for, and nothing else goes out or in.
func TestBlocked(t *testing.T) {
	t.Parallel()
	l := build(t, Blocked, PUB)
	host := open(t, l, HostA, l.Inside(HostA), 40000)
	s := open(t, l, Server, ServerAddr, 3478)
	send(t, host, netip.AddrPortFrom(ServerAddr, 3478), "blocked")
	mustNotCome(t, s, "a datagram out of a network without UDP")
	names := open(t, l, Server, ServerAddr, 53)
	send(t, host, netip.AddrPortFrom(ServerAddr, 53), "a question")
	mustCome(t, names, "a question for a name")
}

// A reboot forgets the mapping: a symmetric NAT gives the same flow another port, and the old one is closed.
func TestRebootForgets(t *testing.T) {
	t.Parallel()
	l := build(t, SR, PUB)
	host := open(t, l, HostA, l.Inside(HostA), 40000)
	s := open(t, l, Server, ServerAddr, 3478)
	to := netip.AddrPortFrom(ServerAddr, 3478)
	send(t, host, to, "before")
	before := mustCome(t, s, "the flow")
	if err := l.Reboot(NATA); err != nil {
		t.Fatal(err)
	}
	send(t, s, before, "to the old mapping")
	mustNotCome(t, host, "a datagram to a mapping that is forgotten")
	send(t, host, to, "after")
	if after := mustCome(t, s, "the flow"); after == before {
		t.Errorf("still %v", after) // by chance once in 64,512
	}
}

// The box and the kernel behind it are one hop: an opener with TTL 2 opens the box and dies in the router.
func TestBoxIsNoHopOfItsOwn(t *testing.T) {
	t.Parallel()
	l := build(t, SA, PUB)
	a := open(t, l, HostA, l.Inside(HostA), 40000)
	b := open(t, l, HostB, l.Inside(HostB), 5000)
	toB := netip.AddrPortFrom(l.PublicB(), 5000)
	sendTTL(t, a, toB, 2)
	mustNotCome(t, b, "the opener")
	if c := l.Counters(); c.Dropped[wan.DropTTL] != 1 || c.Dropped[wan.DropNAT] != 1 { // the router's ICMP error stays in the box
		t.Errorf("%d died in the router, %d refused by the NAT", c.Dropped[wan.DropTTL], c.Dropped[wan.DropNAT])
	}
	sendTTL(t, a, toB, 4)
	from := mustCome(t, b, "a datagram with a TTL for all four routers' hops")
	send(t, b, from, "the answer")
	mustCome(t, a, "the answer")
}
