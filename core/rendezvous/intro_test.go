package rendezvous

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func netipFrom(a [4]byte) netip.Addr { return netip.AddrFrom4(a) }

// introduce runs a whole introduction, b being called by a.
func introduce(w *world, a, b *player) {
	w.t.Helper()
	wantCode(w.t, a.Connect(b.ref.Member, []byte("hi")), api.OK)
	q := b.take(wire.SigRequest)
	wantCode(w.t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	a.take(wire.SigIntroduction)
	b.take(wire.SigAccepted)
	wantCode(w.t, a.Answer(q.Intro, []byte("kk2")), api.OK)
	b.take(wire.SigAnswered)
}

func TestIntroductionCarriesTheHandshakeAndReleasesAddressesOnAccept(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.SetProfile(wire.Profile{Mapping: 2, Filtering: 4})
	b.SetProfile(wire.Profile{Mapping: 4, Filtering: 4})
	wantCode(t, a.Connect(b.ref.Member, []byte("hi")), api.OK)

	q := b.take(wire.SigRequest)
	if q.Member != a.ref.Member || q.Key != a.ref.Key || string(q.Data) != "hi" || q.Intro == (wire.IntroID{}) || q.PSK == [32]byte{} {
		t.Fatalf("%+v", q)
	}
	if len(q.Party.Addrs) != 0 || len(w.grants) != 0 || q.Flags != 0 {
		t.Fatal("an address or a relay leg was given away before the accept")
	}
	w.quiet()

	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.ErrPeer)
	in := a.take(wire.SigIntroduction)
	if in.Intro != q.Intro || in.PSK != q.PSK || in.Room != q.Room || in.Epoch != q.Epoch || in.Key != b.ref.Key || string(in.Noise) != "kk1" {
		t.Fatalf("%+v", in)
	}
	if in.Party.Addrs[0] != b.ref.Addr || in.Party.Profile.Mapping != 4 || in.Party.RTTMillis != 40 || in.Relay.Handle != 1 {
		t.Errorf("caller was told %+v %+v", in.Party, in.Relay)
	}
	ac := b.take(wire.SigAccepted)
	if ac.Party.Addrs[0] != a.ref.Addr || ac.Party.Profile.Mapping != 2 || ac.Relay.Handle != 2 || ac.Relay.Ticket[1] != byte(b.ref.Member) {
		t.Errorf("callee was told %+v %+v", ac.Party, ac.Relay)
	}
	wantCode(t, a.Answer(in.Intro, []byte("kk2")), api.OK)
	wantCode(t, a.Answer(in.Intro, []byte("kk2")), api.ErrPeer)
	if an := b.take(wire.SigAnswered); string(an.Noise) != "kk2" || an.Intro != q.Intro {
		t.Errorf("%+v", an)
	}
	w.wait(10 * time.Minute)
	w.quiet()
	if st := w.s.Stats(); st.Introductions != 0 || st.Introduced != 1 {
		t.Errorf("%+v", st)
	}
}

func TestSamePublicAddressIsTold(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	b.ref.Addr = netip.AddrPortFrom(a.ref.Addr.Addr(), 9)
	w.s.LinkMoved(b.ref)
	a.Connect(b.ref.Member, nil)
	if q := b.take(wire.SigRequest); q.Flags != wire.RequestSameAddress {
		t.Errorf("%+v", q)
	}
}

func TestCrossingConnectsMakeOneIntroduction(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Connect(b.ref.Member, nil)
	b.Connect(a.ref.Member, nil) // before it could hear of a's
	q := b.take(wire.SigRequest)
	if st := w.s.Stats(); st.Introductions != 1 {
		t.Fatalf("%d introductions", st.Introductions)
	}
	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	a.take(wire.SigIntroduction)
	b.take(wire.SigAccepted)
	a.Answer(q.Intro, []byte("kk2"))
	b.take(wire.SigAnswered)
	w.quiet()
}

func TestSecondConnectReturnsTheLivingIntroduction(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Connect(b.ref.Member, nil)
	wantCode(t, a.Connect(b.ref.Member, nil), api.ErrAlready)
	q := b.take(wire.SigRequest)
	b.Accept(q.Intro, []byte("kk1"))
	in := a.take(wire.SigIntroduction)
	// The client refuses a second one itself; a client that does not gets the same.
	w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigConnect, Member: b.ref.Member})
	to, s, ok := w.s.NextSignal()
	if !ok || to.Member != a.ref.Member || s.Type != wire.SigIntroduction || s.Intro != in.Intro || s.PSK != in.PSK {
		t.Fatalf("%+v", s)
	}
	b.take(wire.SigAccepted)
	a.Answer(in.Intro, []byte("kk2"))
	b.take(wire.SigAnswered)
	// A used one is used: connecting again makes another, also from the other side.
	wantCode(t, b.Connect(a.ref.Member, nil), api.OK)
	if again := a.take(wire.SigRequest); again.Intro == q.Intro || again.PSK == q.PSK {
		t.Error("an introduction was given twice")
	}
	if st := w.s.Stats(); st.Introductions != 1 {
		t.Errorf("%d introductions of one pair", st.Introductions)
	}
}

func TestRejectReachesTheCaller(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Connect(b.ref.Member, nil)
	q := b.take(wire.SigRequest)
	wantCode(t, b.Reject(q.Intro, int32(api.ErrRejected), "not now\xff"), api.OK)
	wantCode(t, b.Reject(q.Intro, 0, ""), api.ErrPeer)
	e := a.take(wire.SigRejected)
	if e.Member != b.ref.Member || api.Code(e.Code) != api.ErrRejected || e.Text != "not now" {
		t.Errorf("%+v", e)
	}
	if len(w.grants) != 0 {
		t.Error("relay legs for a rejected request")
	}
	// A caller that can't use the introduction tells the callee.
	a.Connect(b.ref.Member, nil)
	q = b.take(wire.SigRequest)
	b.Accept(q.Intro, []byte("kk1"))
	a.take(wire.SigIntroduction)
	b.take(wire.SigAccepted)
	wantCode(t, a.Reject(q.Intro, int32(api.ErrHandshake), "does not fit"), api.OK)
	if e := b.take(wire.SigRejected); e.Member != a.ref.Member || e.Intro != q.Intro || api.Code(e.Code) != api.ErrHandshake {
		t.Errorf("%+v", e)
	}
	w.quiet()
}

func TestUnansweredRequestTimesOut(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Connect(b.ref.Member, nil)
	q := b.take(wire.SigRequest)
	w.wait(AskTime - time.Second)
	w.quiet()
	w.wait(time.Second)
	for _, p := range []*player{a, b} {
		if e := p.take(wire.SigRejected); api.Code(e.Code) != api.ErrTimeout {
			t.Errorf("%+v", e)
		}
	}
	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.ErrPeer)
	introduce(w, a, b)
}

func TestAcceptedIntroductionLives30Seconds(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Connect(b.ref.Member, nil)
	w.wait(50 * time.Second)
	q := b.take(wire.SigRequest)
	b.Accept(q.Intro, []byte("kk1"))
	a.take(wire.SigIntroduction)
	b.take(wire.SigAccepted)
	w.wait(IntroTime - time.Second)
	w.quiet()
	w.wait(time.Second)
	for _, p := range []*player{a, b} {
		if e := p.take(wire.SigRejected); api.Code(e.Code) != api.ErrTimeout || e.Intro != q.Intro {
			t.Errorf("%+v", e)
		}
	}
	wantCode(t, a.Answer(q.Intro, []byte("kk2")), api.ErrPeer)
	w.quiet()
}

func TestLeavingEndsWhatWasUnderWay(t *testing.T) {
	w, _ := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	a.Connect(b.ref.Member, nil)
	c.Connect(a.ref.Member, nil)
	b.take(wire.SigRequest)
	a.take(wire.SigRequest)
	b.Leave()
	if e := a.take(wire.SigRejected); e.Member != b.ref.Member || api.Code(e.Code) != api.ErrPeerGone {
		t.Errorf("%+v", e)
	}
	a.take(wire.SigMemberLeft)
	a.linkLost()
	w.wait(GraceTime)
	c.take(wire.SigMemberLeft)
	if e := c.take(wire.SigRejected); e.Member != a.ref.Member || api.Code(e.Code) != api.ErrPeerGone {
		t.Errorf("%+v", e)
	}
	if st := w.s.Stats(); st.Introductions != 0 {
		t.Errorf("%+v", st)
	}
}

func TestConnectToNobodyIsRefused(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Connect(a.ref.Member, nil), api.ErrPeer)
	wantCode(t, a.Connect(12345, nil), api.ErrPeer)
	wantCode(t, a.Connect(b.ref.Member, make([]byte, api.MaxRequestData+1)), api.ErrTooLarge)
	// A client's view may be late: the server refuses, the caller hears.
	b.linkLost()
	w.s.LinkGone(w.now, b.ref)
	wantCode(t, a.Connect(b.ref.Member, nil), api.OK)
	s, _ := a.NextSignal()
	w.s.HandleSignal(w.now, a.ref, &s)
	a.take(wire.SigMemberLeft) // was on its way; the refusal that follows finds nothing to end
	w.quiet()
}

func TestIntroductionSurvivesResumedLinks(t *testing.T) {
	// At each step one side's link breaks and takes the signal under way with it.
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	lose := func(p *player) { p.linkLost(); w.wait(2 * time.Second); p.linkUp(true) }
	loseSent := func(p *player) { p.LinkDown(); p.linkLost(); w.wait(2 * time.Second); p.linkUp(true) }

	a.Connect(b.ref.Member, []byte("hi"))
	loseSent(a) // Connect is said again
	q := b.take(wire.SigRequest)
	lose(b) // Request comes again and is known
	b.Accept(q.Intro, []byte("kk1"))
	loseSent(b) // Accept is said again
	b.take(wire.SigAccepted)
	in := a.take(wire.SigIntroduction)
	a.Answer(in.Intro, []byte("kk2"))
	loseSent(a) // so is Answer
	if e := b.take(wire.SigAnswered); string(e.Noise) != "kk2" {
		t.Errorf("%+v", e)
	}
	lose(b)
	lose(a)
	w.quiet()
	if st := w.s.Stats(); st.Introduced != 1 {
		t.Errorf("%+v", st)
	}
}

// A refusal that was under way when the link broke is said again when the server asks again, and the game is not asked twice: neither
// the callee's, which did not want, nor the caller's, which found the handshake to be wrong.
func TestRefusalSurvivesResumedLinks(t *testing.T) {
	for _, caller := range []bool{false, true} {
		w, _ := inRoom(t, 2)
		a, b := w.players[0], w.players[1]
		a.Connect(b.ref.Member, nil)
		q := b.take(wire.SigRequest)
		by, other := b, a
		if caller {
			b.Accept(q.Intro, []byte("kk1"))
			a.take(wire.SigIntroduction)
			b.take(wire.SigAccepted)
			by, other = a, b
		}
		wantCode(t, by.Reject(q.Intro, int32(api.ErrBadPassword), "no"), api.OK)
		wantCode(t, by.Reject(q.Intro, int32(api.ErrBadPassword), "no"), api.ErrPeer)
		by.LinkDown() // with what was said
		by.linkLost()
		w.wait(2 * time.Second)
		by.linkUp(true)
		if e := other.take(wire.SigRejected); api.Code(e.Code) != api.ErrBadPassword || e.Text != "no" {
			t.Errorf("%+v", e)
		}
		by.linkLost() // one that did arrive is not told to the game when it is said again
		by.linkUp(true)
		w.quiet()
		if st := w.s.Stats(); st.Introductions != 0 {
			t.Errorf("%+v", st)
		}
		wantCode(t, a.Connect(b.ref.Member, nil), api.OK) // the next try is one as any other
		b.take(wire.SigRequest)
		w.quiet()
	}
}

func TestAcceptOfAnEndedIntroductionIsAnswered(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Connect(b.ref.Member, nil)
	q := b.take(wire.SigRequest)
	b.linkLost()
	a.Reject(q.Intro, 0, "") // the caller does not know it yet
	w.wait(GraceTime / 2)
	w.s.endIntro(w.s.intros[q.Intro])
	b.linkUp(true)
	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	if e := b.take(wire.SigRejected); e.Member != a.ref.Member || api.Code(e.Code) != api.ErrTimeout {
		t.Errorf("%+v", e)
	}
}

func TestClientIgnoresWhatDoesNotFit(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	r, _ := a.Room()
	for i, s := range []wire.Signal{
		{Type: wire.SigJoined, Room: 5, Member: a.ref.Member, Owner: a.ref.Member, Members: r.Members},
		{Type: wire.SigRefused, Request: 1},
		{Type: wire.SigMemberJoined, Epoch: r.Epoch, Members: []wire.Member{{ID: b.ref.Member}}},
		{Type: wire.SigMemberJoined, Epoch: r.Epoch, Members: []wire.Member{{}}},
		{Type: wire.SigMemberJoined, Epoch: 0, Members: []wire.Member{{ID: 9}}}, // another epoch's
		{Type: wire.SigMemberLeft, Epoch: r.Epoch, Member: a.ref.Member},
		{Type: wire.SigOwner, Epoch: r.Epoch, Owner: 9},
		{Type: wire.SigRequest, Intro: wire.IntroID{1}, Room: r.ID, Member: 9},
		{Type: wire.SigRequest, Intro: wire.IntroID{1}, Room: 5, Member: b.ref.Member, Key: b.ref.Key},
		{Type: wire.SigRequest, Intro: wire.IntroID{1}, Room: r.ID, Member: b.ref.Member, Key: [32]byte{9}}, // another key
		{Type: wire.SigIntroduction, Intro: wire.IntroID{1}, Room: r.ID, Member: b.ref.Member, Key: b.ref.Key},
		{Type: wire.SigAccepted, Intro: wire.IntroID{1}},
		{Type: wire.SigAnswered, Intro: wire.IntroID{1}},
		{Type: wire.SigRejected, Member: b.ref.Member},
	} {
		before := a.Ignored()
		a.HandleSignal(w.now, &s)
		if a.Ignored() != before+1 {
			t.Errorf("%d: signal %d was taken", i, s.Type)
		}
	}
	w.quiet()
	a.HandleSignal(w.now, &wire.Signal{Type: wire.SigObserved, Addr: b.ref.Addr})
	if e := a.take(wire.SigObserved); e.Addr != b.ref.Addr {
		t.Errorf("%+v", e)
	}
}
