package rendezvous

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

var (
	hardProfile = wire.Profile{Mapping: uint8(api.AddressAndPortDependent), Filtering: uint8(api.AddressAndPortDependent), Allocation: uint8(api.AllocRandom)}
	easyProfile = wire.Profile{Mapping: uint8(api.EndpointIndependent), Filtering: uint8(api.AddressAndPortDependent), Allocation: uint8(api.AllocPreserved)}
	openProfile = wire.Profile{Mapping: uint8(api.EndpointIndependent), Filtering: uint8(api.EndpointIndependent), Allocation: uint8(api.AllocPreserved)}
)

// flagsOf introduces b to a and returns what both were told about the lock.
func flagsOf(w *world, a, b *player) uint32 {
	w.t.Helper()
	wantCode(w.t, a.Connect(b.ref.Member, nil), api.OK)
	q := b.take(wire.SigRequest)
	wantCode(w.t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	told := a.take(wire.SigIntroduction).Flags
	if other := b.take(wire.SigAccepted).Flags; other != told {
		w.t.Fatalf("told %d and %d", told, other)
	}
	wantCode(w.t, a.Answer(q.Intro, []byte("kk2")), api.OK)
	b.take(wire.SigAnswered)
	return told
}

// An introduction brings the lock where the profiles call for prediction and nobody has either address; one at a time.
func TestPunchLockComesWithTheIntroduction(t *testing.T) {
	w, _ := inRoom(t, 4)
	a, b, c, d := w.players[0], w.players[1], w.players[2], w.players[3]
	a.SetProfile(hardProfile)
	b.SetProfile(easyProfile)
	c.SetProfile(openProfile)
	d.SetProfile(easyProfile)
	w.pump()
	if flagsOf(w, a, c) != 0 || flagsOf(w, b, d) != 0 {
		t.Fatal("a lock where nothing is to be predicted")
	}
	if flagsOf(w, a, b) != wire.IntroPunchGranted {
		t.Fatal("no lock")
	}
	if flagsOf(w, d, a) != 0 {
		t.Fatal("two campaigns behind one address")
	}
	w.quiet()

	d.Punch(a.ref.Member, true) // it asks, and is told to wait
	if g := d.take(wire.SigPunchGrant); g.Flags != 0 || g.Member != a.ref.Member || g.Request == 0 || g.Request > 1000 {
		t.Fatalf("%+v", g)
	}
	w.quiet()
	a.Punch(b.ref.Member, false)
	d.Punch(a.ref.Member, true)
	for p, other := range map[*player]*player{d: a, a: d} {
		if g := p.take(wire.SigPunchGrant); g.Flags != wire.PunchGranted || g.Member != other.ref.Member || g.Request != 10_000 {
			t.Fatalf("%+v", g)
		}
	}
	b.Punch(a.ref.Member, true)
	if g := b.take(wire.SigPunchGrant); g.Flags != 0 {
		t.Fatalf("%+v", g)
	}
	w.wait(10*time.Second + time.Millisecond) // who vanished holds nothing for longer
	b.Punch(a.ref.Member, true)
	if g := b.take(wire.SigPunchGrant); g.Flags != wire.PunchGranted {
		t.Fatalf("%+v", g)
	}
	a.take(wire.SigPunchGrant)
	d.Punch(a.ref.Member, false) // not d's to give back
	d.Punch(a.ref.Member, true)
	if g := d.take(wire.SigPunchGrant); g.Flags != 0 {
		t.Fatalf("%+v", g)
	}
}

// Players who share an address share its lock; who is in no room with the other gets nothing.
func TestPunchLockIsPerAddress(t *testing.T) {
	w, _ := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	b.ref.Addr = netip.AddrPortFrom(a.ref.Addr.Addr(), 9)
	for _, p := range w.players {
		p.SetProfile(hardProfile)
	}
	w.pump()
	a.Punch(c.ref.Member, true)
	a.take(wire.SigPunchGrant)
	c.take(wire.SigPunchGrant)
	b.Punch(c.ref.Member, true)
	if g := b.take(wire.SigPunchGrant); g.Flags != 0 {
		t.Fatalf("%+v", g)
	}
	stale := w.s.Stats().Stale
	for _, nobody := range []uint64{a.ref.Member, 999} {
		a.Punch(nobody, true)
	}
	w.quiet()
	wantCode(t, c.Leave(), api.OK)
	w.forgetEvents()
	w.s.HandleSignal(w.now, c.ref, &wire.Signal{Type: wire.SigPunch, Member: a.ref.Member, Flags: wire.PunchWanted})
	w.quiet()
	if w.s.Stats().Stale != stale+3 {
		t.Fatalf("%+v", w.s.Stats())
	}
}

// The table of locks is bounded, and ended ones make room.
func TestPunchLocksAreBounded(t *testing.T) {
	var c campaigns
	now := time.Unix(1000, 0)
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	granted := 0
	for i := range punchEntries {
		if c.take(now, pair{uint64(i), uint64(i) + 1}, [2]netip.Addr{addr(2 * i), addr(2*i + 1)}) == 0 {
			granted++
		}
	}
	if len(c.locks) > punchEntries+1 || granted < punchEntries/2 {
		t.Fatalf("%d locks, %d granted", len(c.locks), granted)
	}
	if wait := c.take(now.Add(punchLife), pair{1, 2}, [2]netip.Addr{addr(1 << 22), addr(1<<22 + 1)}); wait != 0 || len(c.locks) > 2 {
		t.Fatalf("wait %v, %d locks", wait, len(c.locks))
	}
}

// A profile that comes after the introduction, and another address, reach the other side; before the accept nothing does.
func TestCandidatesFollowTheIntroduction(t *testing.T) {
	w, _ := inRoom(t, 3)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Connect(b.ref.Member, nil), api.OK)
	q := b.take(wire.SigRequest)
	a.SetProfile(hardProfile)
	b.SetProfile(easyProfile)
	w.quiet()
	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	if in := a.take(wire.SigIntroduction); in.Party.Profile != easyProfile {
		t.Fatalf("%+v", in.Party)
	}
	b.take(wire.SigAccepted)
	b.SetProfile(openProfile)
	if s := a.take(wire.SigCandidates); s.Member != b.ref.Member || s.Party.Profile != openProfile || s.Party.Addrs[0] != b.ref.Addr {
		t.Fatalf("%+v", s)
	}
	b.SetProfile(openProfile) // nothing new
	w.quiet()
	moved := netip.MustParseAddrPort("192.0.2.77:7")
	w.s.LinkMoved(LinkRef{Member: b.ref.Member, Link: b.ref.Link, Addr: moved})
	if s := a.take(wire.SigCandidates); s.Party.Addrs[0] != moved {
		t.Fatalf("%+v", s)
	}
	w.wait(IntroTime + time.Second)
	w.forgetEvents()
	b.SetProfile(hardProfile) // they know each other as long as both are in the room
	a.take(wire.SigCandidates)
	wantCode(t, a.Leave(), api.OK)
	w.forgetEvents()
	b.SetProfile(easyProfile)
	w.quiet()
}
