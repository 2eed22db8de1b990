package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

func TestForgedSourceGetsNothingThrough(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	r.bind(a, alice)
	r.bind(b, bob)
	for _, from := range []netip.AddrPort{mallet, bob, netip.AddrPortFrom(alice.Addr(), 4001)} {
		if to, ok := r.s.Forward(r.now, from, packet(a.Handle(), 1)); ok {
			t.Errorf("from %v forwarded to %v", from, to)
		}
	}
	if _, ok := r.s.Forward(r.now, alice, packet(a.Handle()+1, 1)); ok {
		t.Error("an unknown handle was forwarded")
	}
	for _, bad := range [][]byte{{}, {wire.TypeRelayed}, packet(a.Handle(), 1)[:20], append(wire.AppendRelayed(nil, a.Handle()), make([]byte, 60)...)} {
		if _, ok := r.s.Forward(r.now, alice, bad); ok {
			t.Errorf("forwarded % x", bad)
		}
	}
	r.wantDrop(DropSource, 3)
	r.wantDrop(DropHandle, 1)
	r.wantDrop(DropFormat, 4)
	if len(r.sent()) != 0 {
		t.Error("something was answered")
	}
}

func TestUnboundLegKeepsFourDatagramsForOneSecond(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	r.bind(a, alice)
	r.s.Forward(r.now, alice, packet(a.Handle(), 'o')) // will be too old
	r.wait(800 * time.Millisecond)
	for i := range byte(6) { // three find a place beside the old one
		if _, ok := r.s.Forward(r.now, alice, packet(a.Handle(), 'a'+i)); ok {
			t.Fatal("sent to an unbound leg")
		}
	}
	if len(r.sent()) != 0 {
		t.Fatal("bytes left for an unbound leg")
	}
	r.wantDrop(DropUnbound, 3)
	r.wait(300 * time.Millisecond) // the old one is 1.1 s old now
	r.s.Forward(r.now, alice, packet(a.Handle(), 'z'))
	b.Bind(r.now)
	r.reply(b, bob, r.take(b))
	r.s.HandleDatagram(r.now, bob, r.take(b))
	out := r.sent()
	var got []byte
	for _, d := range out {
		if d.to != bob {
			t.Fatalf("bytes to %v", d.to)
		}
		if h, inner, ok := wire.ParseRelayed(d.b); ok {
			if h == a.Handle() {
				t.Error("a kept datagram carries the sender's handle")
			}
			got = append(got, inner[wire.SessionHeader])
		} else {
			b.HandleDatagram(r.now, d.b)
		}
	}
	if string(got) != "abcz" || !b.Bound() {
		t.Errorf("delivered %q, bound %v", got, b.Bound())
	}
}

func TestLegSendsNoMoreThanItsRate(t *testing.T) {
	r := newRig(t)
	ha, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
	through := func(d time.Duration, every time.Duration, size int) (n int) {
		for range int(d / every) {
			p := append(packet(ha, 0), make([]byte, size-53)...)
			if _, ok := r.s.Forward(r.now, alice, p); ok {
				n++
			}
			r.now = r.now.Add(every)
		}
		return n
	}
	if n := through(10*time.Second, time.Millisecond, 60); n < 3290 || n > 3310 { // 300/s and a second's burst
		t.Errorf("%d small packets in 10 s", n)
	}
	r.now = r.now.Add(5 * time.Second)
	if n := through(10*time.Second, 2*time.Millisecond, 1000); n < 1370 || n > 1380 { // 125 packets of 8,000 bit/s each
		t.Errorf("%d large packets in 10 s", n)
	}
	if r.s.Stats().Drops[DropRate] == 0 {
		t.Error("drops are not counted")
	}
	r.s.table.Set(0, Leg{Handle: ha})
	if n := through(time.Second, time.Millisecond, 1000); n != 1000 {
		t.Errorf("without a limit %d of 1000 passed", n)
	}
}

func TestIdleAndUnboundSessionsEnd(t *testing.T) {
	r := newRig(t)
	ha, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	hb, _ := r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
	lone, _ := r.s.Prebind(r.now, [16]byte{9}, 0, KeyHash{}, alice, testRate)
	r.wait(29 * time.Second)
	if !r.s.Holds(lone) {
		t.Error("a half-bound session ended early")
	}
	r.wait(2 * time.Second)
	if r.s.Holds(lone) {
		t.Error("a half-bound session lives over 30 s")
	}
	for range 5 {
		r.wait(25 * time.Second)
		_, one := r.s.Forward(r.now, alice, packet(ha, 1))
		_, two := r.s.Forward(r.now, bob, packet(hb, 1))
		if !one || !two {
			t.Fatal("a session in use ended")
		}
	}
	r.wait(61 * time.Second)
	if r.s.Holds(ha) || r.s.Holds(hb) || r.s.Stats().Sessions != 0 || r.s.Stats().Bound != 0 || !r.s.NextTimeout().IsZero() {
		t.Errorf("an idle session lives on: %+v", r.s.Stats())
	}
}

func TestPreboundLegMovesWithItsLinkOnly(t *testing.T) {
	r := newRig(t)
	ha, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	hb, _ := r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
	if again, ok := r.s.Prebind(r.now, meet, 0, KeyHash{}, mallet, testRate); !ok || again != ha {
		t.Error("a second prebind is not the first")
	}
	elsewhere := netip.MustParseAddrPort("192.0.2.9:9")
	if !r.s.Move(ha, alice, elsewhere) {
		t.Error("the leg is gone")
	}
	if to, _ := r.s.Forward(r.now, bob, packet(hb, 1)); to != elsewhere {
		t.Errorf("packets go to %v", to)
	}
	r.s.Move(ha, alice, mallet) // not where the leg is
	if to, _ := r.s.Forward(r.now, bob, packet(hb, 1)); to != elsewhere {
		t.Errorf("moved from where it was not, to %v", to)
	}
	if r.s.Move(12345, alice, mallet) {
		t.Error("moved a leg that does not exist")
	}
	// The client itself binds with its ticket afterwards: counter 1 is higher than the server's own binding.
	a := r.client(0, 4)
	r.bind(a, alice)
	if a.Handle() != ha {
		t.Error("another handle for the same leg")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range 1100 {
		r.s.Prebind(r.now, [16]byte{byte(i), byte(i >> 8), 1}, 0, KeyHash{}, alice, testRate)
	}
	if st := r.s.Stats(); st.Sessions != 1000 || st.Drops[DropFull] != 100 {
		t.Errorf("%+v", st)
	}
	r.wait(UnboundTime)
	if _, ok := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate); !ok || len(r.s.sessions) != 1000 {
		t.Errorf("ended sessions leave no place: %d", len(r.s.sessions))
	}
}

func BenchmarkForward(b *testing.B) {
	s := NewServer(ServerConfig{Rand: seed(1)})
	ha, _ := s.Prebind(start, meet, 0, KeyHash{}, alice, wire.RelayRate{})
	s.Prebind(start, meet, 1, KeyHash{}, bob, wire.RelayRate{})
	p := append(packet(ha, 0), make([]byte, 150)...)
	b.ReportAllocs()
	for b.Loop() {
		wire.AppendRelayed(p[:0], ha)
		if _, ok := s.Forward(start, alice, p); !ok {
			b.Fatal("not forwarded")
		}
	}
}

func TestForwardAllocatesNothing(t *testing.T) {
	s := NewServer(ServerConfig{Rand: seed(1)})
	ha, _ := s.Prebind(start, meet, 0, KeyHash{}, alice, testRate)
	s.Prebind(start, meet, 1, KeyHash{}, bob, testRate)
	p := packet(ha, 0)
	now := start
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Second)
		wire.AppendRelayed(p[:0], ha)
		if _, ok := s.Forward(now, alice, p); !ok {
			t.Fatal("not forwarded")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
