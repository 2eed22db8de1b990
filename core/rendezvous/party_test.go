package rendezvous

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// A player whose network changed is found again by those who were introduced to him, for as long as both are in the room.
// A stranger in the same room, and one who was asked but has not accepted, never hear an address.
func TestNewAddressReachesTheIntroduced(t *testing.T) {
	w, _ := inRoom(t, 4)
	a, b, stranger, asked := w.players[0], w.players[1], w.players[2], w.players[3]
	introduce(w, a, b)
	if err := a.Connect(asked.ref.Member, nil); err != nil {
		t.Fatal(err)
	}
	w.pump()
	asked.take(wire.SigRequest)
	w.wait(time.Minute) // the introductions are over
	for _, p := range w.players {
		p.events = nil
	}

	move := func(addr string) {
		a.ref.Addr = netip.MustParseAddrPort(addr)
		w.s.LinkMoved(a.ref)
		w.pump()
	}
	move("198.51.100.7:5000")
	if sig := b.take(wire.SigCandidates); sig.Member != a.ref.Member || len(sig.Party.Addrs) != 1 || sig.Party.Addrs[0] != a.ref.Addr {
		t.Errorf("%+v", sig)
	}
	w.quiet()

	// Away for a moment, and back from elsewhere; b, who did not move, is no news.
	a.linkLost()
	a.ref.Addr = netip.MustParseAddrPort("198.51.100.8:5000")
	a.linkUp(true)
	if sig := b.take(wire.SigCandidates); sig.Party.Addrs[0] != a.ref.Addr {
		t.Errorf("%+v", sig)
	}
	b.linkLost()
	b.linkUp(true)
	for _, p := range []*player{a, stranger, asked} {
		for _, sig := range p.events {
			if sig.Type == wire.SigCandidates {
				t.Errorf("%s heard of an address: %+v", p.ref.User, sig)
			}
		}
		p.events = nil
	}

	// Who left the room hears no more, also when both meet there again without an introduction.
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	w.pump()
	if n := len(w.s.acquainted); n != 0 {
		t.Errorf("%d acquaintances remain", n)
	}
	b.events, a.events = nil, nil
	move("198.51.100.9:5000")
	for _, sig := range b.events {
		t.Errorf("after leaving: %+v", sig)
	}
}
