package hub

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzHubDatagram throws datagrams at a hub, without or with two linked clients and a relay session. The first byte
// chooses; then records of how(8) length(16) bytes. how: source in the low 2 bits, socket in the next 2, bit 4: put a
// living connection id or handle into the header, bit 5: pad to a Hello's size, bit 6: let a second pass.
//
// Invariants: an address that has not proven itself gets no more bytes than it sent (bare STUN: 2.2 times); nobody
// else gets any for it; no link, room or leg comes or goes; every session's deadline is kept.
func FuzzHubDatagram(f *testing.F) {
	record := func(how byte, b []byte) []byte { return append([]byte{how, byte(len(b) >> 8), byte(len(b))}, b...) }
	f.Add(append([]byte{0}, record(2, wire.AppendInit(nil, &wire.Init{Version: 1}))...))
	f.Add(append([]byte{0}, record(6, stun.AppendRequest(nil, &stun.Request{}))...))
	f.Add(append([]byte{0}, record(0x22, wire.AppendHello(nil, &wire.Hello{Version: 1, Noise: []byte{1}})[:80])...))
	f.Add(append([]byte{1}, record(0x10, append([]byte{0x88}, make([]byte, 40)...))...))
	f.Add(append([]byte{1}, record(0x12, append([]byte{0x44, 0, 0, 0, 0, 0x80}, make([]byte, 40)...))...))
	f.Add(append([]byte{1}, record(0x51, []byte{0x40, 0, 2, 1, 1})...))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		w := newCable(t, nil)
		sources := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("198.51.100.2:5000"),
			netip.MustParseAddrPort("203.0.113.66:6"), netip.MustParseAddrPort("[2001:db8::6]:6")}
		proven := map[netip.AddrPort]bool{}
		var ids, handles []uint32
		if in[0]&1 == 1 {
			a, b := meet(t, w)
			i := introduce(t, w, a, b)
			for _, s := range w.hub.order {
				ids = append(ids, s.id)
			}
			handles = []uint32{i.toCaller.Handle, i.toCallee.Handle}
			proven[a.addr], proven[b.addr] = true, true
			w.flight = nil
		}
		before := w.hub.Stats()
		in = in[1:]
		for n := 0; len(in) >= 3 && n < 100; n++ {
			how, size := in[0], min(int(in[1])<<8|int(in[2]), len(in)-3)
			p := append([]byte(nil), in[3:3+size]...)
			in = in[3+size:]
			if how&0x10 != 0 && len(p) > 5 && len(ids) > 0 {
				list := handles
				if wire.FamilyOf(p) == wire.FamilySession {
					list = ids
				}
				id := list[how>>7]
				p[1], p[2], p[3], p[4] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
			}
			if how&0x20 != 0 && len(p) < wire.ClientHelloSize {
				p = append(p, make([]byte, wire.ClientHelloSize-len(p))...)
			}
			from := sources[how&3]
			got, allowed := 0, len(p)
			if wire.FamilyOf(p) == wire.FamilySTUN {
				allowed = len(p) * 22 / 10
			}
			w.hub.HandleDatagram(w.now, how>>2&3, from, p)
			if how&0x40 != 0 {
				w.now = w.now.Add(time.Second)
				if deadline.Due(w.now, w.hub.NextTimeout()) {
					w.hub.HandleTimeout(w.now)
				}
			}
			for b, tx, ok := w.hub.AppendTransmit(w.now, nil); ok; b, tx, ok = w.hub.AppendTransmit(w.now, nil) {
				if tx.To == from {
					got += len(b)
				} else if !proven[tx.To] {
					t.Fatalf("bytes to %v for a datagram from %v", tx.To, from)
				}
			}
			if got > allowed && !proven[from] {
				t.Fatalf("%d bytes for %d to %v", got, len(p), from)
			}
			w.checkTimers()
		}
		after := w.hub.Stats()
		if in := w.now.Sub(epoch); in < 45*time.Second && (after.Links != before.Links || after.Rooms != before.Rooms || after.RelayLegs != before.RelayLegs) {
			t.Fatalf("before %+v, after %+v", before, after)
		}
	})
}

// checkTimers wants every session in the heap no later than its deadline.
func (w *cable) checkTimers() {
	w.t.Helper()
	h := w.hub
	for i, s := range h.timers {
		if s.heapAt != i || s.gone {
			w.t.Fatal("the heap and its sessions disagree")
		}
	}
	for i, s := range h.order {
		at := s.link.NextTimeout()
		if s.place != i || h.sessions[s.id] != s || !at.IsZero() && (s.heapAt < 0 || s.at.After(at) && s.at.Sub(h.now) > minimumStep) {
			w.t.Fatalf("session %d of %d: deadline %v, in the heap for %v", i, len(h.order), at, s.at)
		}
	}
}

func BenchmarkSessionDatagram(b *testing.B) {
	for _, n := range []int{2, 1000} {
		b.Run(map[int]string{2: "2 links", 1000: "1000 links"}[n], func(b *testing.B) {
			w := newCable(b, func(c *Config) { c.LabLimits = true })
			for i := range n {
				w.client(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 4000).String()).Connect(w.now)
			}
			w.run(time.Second)
			id := w.hub.order[0].id
			p := append([]byte{0x88, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}, make([]byte, 40)...)
			b.ReportAllocs()
			for b.Loop() {
				w.hub.HandleDatagram(w.now, 0, w.clients[0].addr, p)
				w.hub.AppendTransmit(w.now, nil)
				w.hub.NextTimeout()
			}
		})
	}
}
