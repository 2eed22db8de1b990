package forward

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzRoute throws datagrams at a table with one bound pair, one pair of which one leg waits, and one with a leg at a stream.
// Input: records of source(8) length(8) bytes. Invariants: what passes goes from one bound leg to the other and to nobody
// else; what the machine is asked about came from a bound leg; every other datagram finds its ring.
func FuzzRoute(f *testing.F) {
	record := func(from byte, b []byte) []byte { return append([]byte{from, byte(len(b))}, b...) }
	f.Add(record(0x80, packet(1)))
	f.Add(record(0xc1, packet(2)))
	f.Add(append(record(2, packet(3)), record(3, []byte{0x44})...))
	f.Add(record(4, []byte{wire.TypeBind, 0, 1}))
	f.Add(record(1, []byte{0x80, 0, 0, 0, 7, 1, 1, 1}))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newRig(4, 0)
		stream := netip.MustParseAddrPort("[100::7]:1")
		a, b := r.pair(t, meet, rate)
		waiting, _ := r.Prebind(r.now, [16]byte{8}, 0, relay.KeyHash{}, mallet, rate)
		toStream, _ := r.Prebind(r.now, [16]byte{9}, 0, relay.KeyHash{}, mallet, rate)
		fromStream, _ := r.Prebind(r.now, [16]byte{9}, 1, relay.KeyHash{}, stream, rate)
		sources := []netip.AddrPort{alice, bob, mallet, stream, netip.MustParseAddrPort("[2001:db8::1]:7")}
		handles := []uint32{a, b, waiting, toStream, fromStream}
		known := NewKnown()
		known.Add(7)
		for len(in) >= 2 {
			who, n := in[0], min(int(in[1]), len(in)-2)
			d := append([]byte(nil), in[2:2+n]...)
			in = in[2+n:]
			if len(d) == 0 {
				continue
			}
			if len(d) >= wire.RelayHeader && who&0x80 != 0 { // reach the legs more often than 2^-32
				wire.AppendRelayed(d[:0], handles[int(who>>4&7)%len(handles)])
			}
			from := sources[int(who&15)%len(sources)]
			if d[0] != wire.TypeRelayed {
				if k := kindOf(d, known); k >= KindCount || k == Relayed {
					t.Fatalf("% x is of kind %v", d, k)
				}
				continue
			}
			switch to, v, _ := r.table.route(r.table.Now(r.now), from, d); {
			case v == pass && !(from == alice && to == bob || from == bob && to == alice):
				t.Fatalf("from %v to %v", from, to)
			case v == ask && from != mallet:
				t.Fatalf("the machine is asked about a packet from %v", from)
			}
			r.now = r.now.Add(time.Millisecond)
		}
	})
}
