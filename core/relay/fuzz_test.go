package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzRelayIngress throws datagrams at a relay with one bound session. Input: records of source(8) length(8) bytes.
// Invariants: no byte to an address that is not a leg's; control answers go to the asker and are no larger than what it
// sent; no session comes from it.
func FuzzRelayIngress(f *testing.F) {
	record := func(from byte, b []byte) []byte { return append([]byte{from, byte(len(b))}, b...) }
	ticket := ticketFor(meet, 0)
	bind := wire.AppendBind(nil, &wire.Bind{Ticket: ticket})
	key := keyOf(ticket)
	mac := seal(&key, bind)
	bind = append(bind, mac[:]...)
	f.Add(record(0, packet(0x11223344, 'f')))
	f.Add(record(2, bind))
	f.Add(append(record(0, bind), record(1, packet(1, 2))...))
	f.Add(record(0, wire.AppendBind2(nil, &wire.Bind2{Ticket: ticket, Counter: 1})))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newRig(t)
		ha, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
		hb, _ := r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
		from := []netip.AddrPort{alice, bob, mallet}
		for len(in) >= 2 {
			who, n := in[0], min(int(in[1]), len(in)-2)
			b := append([]byte(nil), in[2:2+n]...)
			in = in[2+n:]
			if len(b) >= 5 && who&0x80 != 0 { // reach the forwarding code more often than 2^-32
				wire.AppendRelayed(b[:0], []uint32{ha, hb}[who>>6&1])
			}
			src := from[who%3]
			if len(b) > 0 && b[0] == wire.TypeRelayed {
				if to, ok := r.s.Forward(r.now, src, b); ok && (to != alice && to != bob || to == src || src == mallet) {
					t.Fatalf("from %v forwarded to %v", src, to)
				}
			} else {
				r.s.HandleDatagram(r.now, src, b)
			}
			for _, d := range r.sent() {
				if d.to != src || len(d.b) > n {
					t.Fatalf("%d bytes from %v made %d to %v", n, src, len(d.b), d.to)
				}
			}
			r.now = r.now.Add(time.Millisecond)
		}
		if r.s.Stats().Sessions != 1 {
			t.Fatal("sessions came from unproven datagrams")
		}
	})
}
