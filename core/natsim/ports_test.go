package natsim

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

func custom(cfg Config, seed uint64) *Box { return New(cfg, wan, rand.New(rand.NewPCG(seed, 2))) }

func remote(n int) netip.AddrPort { return netip.AddrPortFrom(peerB.Addr(), uint16(5000+n)) }

// Counting boxes give the next port to the next flow, by their step and around the end of their range.
func TestSequential(t *testing.T) {
	for _, step := range []int{0, 1, 2, -1, -3} {
		b := custom(Config{Mapping: api.AddressAndPortDependent, Filtering: api.AddressAndPortDependent, Alloc: Sequential, Step: step, Low: 30000, High: 30009}, 1)
		want, last := max(step, 1), -1
		if step < 0 {
			want = step
		}
		for n := range 30 {
			port := int(out(t, b, start, inner, remote(n)).Port())
			if port < 30000 || port > 30009 || last >= 0 && (port-last-want)%10 != 0 {
				t.Fatalf("step %d: port %d after %d", step, port, last)
			}
			last = port
		}
	}
}

// Flows of others take ports between two of ours: as many as their rate says, and none within an instant.
func TestForeignFlows(t *testing.T) {
	b := box(t, "SS")
	first := int(out(t, b, start, inner, remote(0)).Port())
	if next := int(out(t, b, start, inner, remote(1)).Port()); next != first+1 {
		t.Errorf("port %d after %d in the same instant", next, first)
	}
	total := 0
	for n := range 100 {
		b := custom(Config{Mapping: api.AddressAndPortDependent, Filtering: api.AddressAndPortDependent, Alloc: Sequential, Foreign: 5}, uint64(n))
		first := int(out(t, b, start, inner, remote(0)).Port())
		later := int(out(t, b, start.Add(10*time.Second), inner, remote(1)).Port())
		total += (later - first - 1 + 64512) % 64512
	}
	if mean := total / 100; mean < 45 || mean > 55 {
		t.Errorf("%d foreign flows in 10 s on average, want about 50", mean)
	}
	out(t, b, start.Add(1000*time.Hour), inner, remote(2)) // ends soon
}

// A carrier's box stays within its block, gives no more flows than its cap, and takes new ones when old ones have ended.
func TestBlock(t *testing.T) {
	seen := map[int]bool{}
	for seed := range uint64(20) {
		cfg, _ := Preset("SB")
		b := custom(cfg, seed)
		low, high := 65535, 0
		for n := range carrierBlock {
			port := int(out(t, b, start, inner, remote(n)).Port())
			low, high = min(low, port), max(high, port)
		}
		if high-low >= carrierBlock || high-low < carrierBlock*9/10 {
			t.Fatalf("seed %d: ports %d to %d", seed, low, high)
		}
		seen[low/carrierBlock] = true
		if _, ok := b.Outbound(start, Packet{Src: inner, Dst: remote(carrierBlock), TTL: 9}); ok {
			t.Fatal("more sessions than the cap")
		}
		out(t, b, start, inner, remote(7)) // an old one goes on
		out(t, b, start.Add(DefaultTimeout), inner, remote(carrierBlock))
	}
	if len(seen) < 10 {
		t.Errorf("20 boxes got %d different blocks", len(seen))
	}
}

// Mapping by address alone: all ports of one remote see one port, and answers from all of them pass.
func TestAddressDependent(t *testing.T) {
	b := box(t, "SA")
	a := out(t, b, start, inner, peerA)
	if out(t, b, start, inner, peerA2) != a || out(t, b, start, inner, peerB) == a {
		t.Error("not address-dependent")
	}
	if !in(b, start, peerA2, a, inner) || in(b, start, peerB, a, inner) {
		t.Error("address-dependent filter")
	}
}

// A symmetric mapping behind a weaker filter: strangers come in at the port that another destination was given, so that no
// two mappings may share it.
func TestSymmetricWithWeakFilter(t *testing.T) {
	for _, filter := range []api.Behaviour{api.EndpointIndependent, api.AddressDependent} {
		b := custom(Config{Mapping: api.AddressAndPortDependent, Filtering: filter, Alloc: Random, Low: 2000, High: 2099}, 1)
		given := map[netip.AddrPort]netip.AddrPort{}
		for n := range 40 {
			a := out(t, b, start, inner, remote(n))
			if other, twice := given[a]; twice {
				t.Fatalf("filter %v: %v and %v both see %v", filter, other, remote(n), a)
			}
			given[a] = remote(n)
			if !in(b, start, remote(n+1000), a, inner) {
				t.Errorf("filter %v: another port of the same host is kept out", filter)
			}
			if in(b, start, peerA, a, inner) != (filter == api.EndpointIndependent) {
				t.Errorf("filter %v is wrong about another host", filter)
			}
		}
	}
}

// A box in a hurry: five idle seconds end a mapping, and the next packet gets another port where ports are not kept.
func TestShortTimeout(t *testing.T) {
	cfg, _ := Preset("SR")
	cfg.Timeout = 5 * time.Second
	b := custom(cfg, 1)
	a := out(t, b, start, inner, peerA)
	if out(t, b, start.Add(4*time.Second), inner, peerA) != a || !in(b, start.Add(8*time.Second), peerA, a, inner) {
		t.Error("a mapping in use ended")
	}
	if in(b, start.Add(13*time.Second), peerA, a, inner) || out(t, b, start.Add(13*time.Second), inner, peerA) == a {
		t.Error("a mapping outlived five idle seconds")
	}
}
