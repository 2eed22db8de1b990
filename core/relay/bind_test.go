package relay

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestTwoBoundLegsCarryPacketsWithTheHandleRewritten(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	r.bind(a, alice)
	r.bind(b, bob)
	if a.Handle() == b.Handle() || a.Rate() != testRate {
		t.Fatalf("handles %x %x, rate %v", a.Handle(), b.Handle(), a.Rate())
	}
	p := packet(a.Handle(), 'x')
	to, ok := r.s.Forward(r.now, alice, p)
	if !ok || to != bob || !bytes.Equal(p, packet(b.Handle(), 'x')) {
		t.Fatalf("forwarded to %v %v: % x", to, ok, p)
	}
	p = packet(b.Handle(), 'y')
	if to, ok = r.s.Forward(r.now, bob, p); !ok || to != alice || !bytes.Equal(p, packet(a.Handle(), 'y')) {
		t.Fatalf("back to %v %v", to, ok)
	}
	if st := r.s.Stats(); st.Packets != 2 || st.Bytes != uint64(2*len(p)) || st.Sessions != 1 || st.Bound != 2 {
		t.Errorf("%+v", st)
	}
}

func TestSeenTicketWithoutItsKeyIsRefused(t *testing.T) {
	r := newRig(t)
	thief := r.client(0, 9)
	thief.grant.Key = [32]byte{1}
	thief.Bind(r.now)
	if r.reply(thief, mallet, r.take(thief)) {
		t.Error("a BIND without the key was answered")
	}
	// Nor does a genuine CHALLENGE help: BIND2 needs the key as well.
	a := r.client(0, 2)
	a.Bind(r.now)
	r.reply(a, mallet, r.take(a))
	a.grant.Key = [32]byte{1}
	if r.reply(a, mallet, r.take(a)) {
		t.Error("a BIND2 without the key was answered")
	}
	r.wantDrop(DropMAC, 2)
	if r.s.Stats().Sessions != 0 {
		t.Error("something was kept for it")
	}
}

func TestForgedTicketAndUnprovenAddressAreRefused(t *testing.T) {
	r := newRig(t)
	a := r.client(0, 2)
	a.grant.Ticket = append([]byte{'X'}, a.grant.Ticket[1:]...)
	a.Bind(r.now)
	if r.reply(a, alice, r.take(a)) {
		t.Error("a forged ticket was answered")
	}
	r.wantDrop(DropTicket, 1)

	a = r.client(0, 2)
	a.Bind(r.now)
	r.reply(a, alice, r.take(a)) // the cookie is alice's
	if r.reply(a, mallet, r.take(a)) {
		t.Error("a cookie served at another address")
	}
	r.wantDrop(DropCookie, 1)
	if r.s.Stats().Sessions != 0 {
		t.Error("something was kept for it")
	}
}

func TestReplayedBind2ChangesNothingAndHigherCounterWins(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	old := r.bind(a, alice)
	r.bind(b, bob)
	handle := a.Handle()

	moved := netip.MustParseAddrPort("192.0.2.1:4999")
	r.bind(a, moved)
	if a.Handle() != handle {
		t.Error("the handle changed: packets under way are lost")
	}
	if to, ok := r.s.Forward(r.now, bob, packet(b.Handle(), 1)); !ok || to != moved {
		t.Fatalf("after the new bind packets go to %v", to)
	}
	// The first BIND2 again, from the address it was good for.
	r.s.HandleDatagram(r.now, alice, old)
	if out := r.sent(); len(out) != 0 {
		t.Errorf("a replayed BIND2 was answered: %v", out)
	}
	r.wantDrop(DropCounter, 1)
	if to, _ := r.s.Forward(r.now, bob, packet(b.Handle(), 1)); to != moved {
		t.Errorf("a replay moved the leg to %v", to)
	}
	if _, ok := r.s.Forward(r.now, alice, packet(handle, 1)); ok {
		t.Error("the address left behind can still send")
	}
}

func TestLostBoundIsAnsweredAgainWithoutChange(t *testing.T) {
	r := newRig(t)
	a := r.client(0, 2)
	a.Bind(r.now)
	r.reply(a, alice, r.take(a))
	r.s.HandleDatagram(r.now, alice, r.take(a))
	r.sent() // BOUND, lost
	r.now = a.NextTimeout()
	a.HandleTimeout(r.now)
	if !r.reply(a, alice, r.take(a)) || !a.Bound() {
		t.Error("the repeated BIND2 did not bind")
	}
	if r.s.Stats().Sessions != 1 {
		t.Error("a second session")
	}
}
