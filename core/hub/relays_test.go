package hub

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestHalfOnTheBus(t *testing.T) {
	x := relay.Half{Session: [16]byte{1, 2}, Leg: 1, Client: relay.KeyHash{3}, Rate: wire.RelayRate{BitsPerSecond: 4, PacketsPerSecond: 5}, Counter: 6, Handle: 7}
	b := appendHalf(halfAsks, &x)
	flags, y, ok := parseHalf(b)
	if !ok || flags != halfAsks || y != x {
		t.Errorf("%v %d %+v", ok, flags, y)
	}
	for n := range b {
		if _, _, ok := parseHalf(b[:n]); ok {
			t.Errorf("%d bytes of %d are read", n, len(b))
		}
	}
}

func FuzzHalf(f *testing.F) {
	f.Add(appendHalf(halfAsks, &relay.Half{Leg: 1, Handle: 7}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if flags, x, ok := parseHalf(b); ok {
			if again := appendHalf(flags, &x); !bytes.HasPrefix(b, again) {
				t.Errorf("%x is written as %x", b, again)
			}
		}
	})
}

// roster is what a hub asks of other nodes when it chooses relays.
type roster struct {
	ClusterNode
	links    map[uint32]uint32
	draining uint32
}

func nodeAt(id uint32) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(id)}), 3478)
}

func (r roster) AddrOf(id uint32) netip.AddrPort {
	if _, ok := r.links[id]; !ok {
		return netip.AddrPort{}
	}
	return nodeAt(id)
}
func (r roster) Burden(id uint32) (uint32, bool) { return r.links[id], id == r.draining }
func (r roster) Others(int) []netip.AddrPort     { return []netip.AddrPort{nodeAt(3)} }

// The relay is the home that is nearer to its client, if they differ by more than chance; else that with fewer links; else the caller's.
// The other one is the backup.
func TestWhichHomeIsTheRelay(t *testing.T) {
	const ms = time.Millisecond
	ref := func(node uint32, rtt time.Duration, stream bool) rendezvous.LinkRef {
		return rendezvous.LinkRef{Node: node, RTT: rtt, Stream: stream}
	}
	for _, c := range []struct {
		name           string
		caller, callee rendezvous.LinkRef
		links          map[uint32]uint32
		draining       uint32
		relay, backup  [2]uint32 // by leg; 0: none
	}{
		{"alike", ref(1, 20*ms, false), ref(2, 22*ms, false), map[uint32]uint32{1: 100, 2: 95}, 0, [2]uint32{1, 1}, [2]uint32{2, 2}},
		{"the callee's home is nearer", ref(1, 60*ms, false), ref(2, 10*ms, false), map[uint32]uint32{1: 1, 2: 500}, 0, [2]uint32{2, 2}, [2]uint32{1, 1}},
		{"the caller's home is nearer", ref(1, 10*ms, false), ref(2, 60*ms, false), map[uint32]uint32{1: 500, 2: 1}, 0, [2]uint32{1, 1}, [2]uint32{2, 2}},
		{"as near, and less to do", ref(1, 20*ms, false), ref(2, 22*ms, false), map[uint32]uint32{1: 100, 2: 50}, 0, [2]uint32{2, 2}, [2]uint32{1, 1}},
		{"the nearer one drains", ref(1, 10*ms, false), ref(2, 60*ms, false), map[uint32]uint32{1: 1, 2: 1}, 1, [2]uint32{2, 2}, [2]uint32{1, 1}},
		{"one home", ref(1, 10*ms, false), ref(1, 60*ms, false), map[uint32]uint32{1: 1}, 0, [2]uint32{1, 1}, [2]uint32{3, 3}},
		{"the callee's home is gone", ref(1, 60*ms, false), ref(2, 10*ms, false), map[uint32]uint32{1: 1}, 0, [2]uint32{1, 1}, [2]uint32{3, 3}},
		{"a callee without UDP", ref(1, 10*ms, false), ref(2, 60*ms, true), map[uint32]uint32{1: 1, 2: 500}, 0, [2]uint32{2, 2}, [2]uint32{1, 1}},
		{"two without UDP", ref(1, 10*ms, true), ref(2, 60*ms, true), map[uint32]uint32{1: 1, 2: 1}, 0, [2]uint32{1, 2}, [2]uint32{}},
		{"two without UDP at one home", ref(1, 10*ms, true), ref(1, 60*ms, true), map[uint32]uint32{1: 1}, 0, [2]uint32{1, 1}, [2]uint32{3, 3}},
	} {
		h := &Hub{cluster: roster{links: c.links, draining: c.draining}}
		h.cfg.Public = nodeAt(9)
		relay, backup := h.relays(&c.caller, &c.callee)
		for leg := range 2 {
			want := [2]netip.AddrPort{nodeAt(c.relay[leg]), {}}
			if c.backup[leg] != 0 {
				want[1] = nodeAt(c.backup[leg])
			}
			if got := [2]netip.AddrPort{relay[leg], backup[leg]}; got != want {
				t.Errorf("%s: leg %d has %v, want %v", c.name, leg, got, want)
			}
		}
	}
}
