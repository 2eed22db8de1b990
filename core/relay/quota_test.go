package relay

import (
	"net/netip"
	"testing"
)

// A leg that has used its rate up gets no fresh one by moving with its link, by binding anew, or by another introduction's leg being
// asked for again.
func TestQuotaIsNotResetByMovingOrBinding(t *testing.T) {
	r := newRig(t)
	c := r.client(0, 5)
	a, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
	at := alice
	burst := func() (n int) {
		for range 1000 {
			if _, ok := r.s.Forward(r.now, at, packet(a, 1)); ok {
				n++
			}
		}
		return n
	}
	if n := burst(); n < 250 || n > 350 {
		t.Fatalf("%d packets in the first burst", n)
	}
	elsewhere := netip.MustParseAddrPort("203.0.113.77:7777")
	if !r.s.Move(a, at, elsewhere) {
		t.Fatal("not moved")
	}
	at = elsewhere
	if n := burst(); n > 1 {
		t.Errorf("%d packets after moving", n)
	}
	r.bind(c, alice)
	at = alice
	if n := burst(); n > 1 {
		t.Errorf("%d packets after binding again", n)
	}
	if h, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, elsewhere, testRate); h != a {
		t.Errorf("another handle %x", h)
	}
	if n := burst(); n > 1 {
		t.Errorf("%d packets after asking for the leg again", n)
	}
}
