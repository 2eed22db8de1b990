package rendezvous

import (
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestNormalCode(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"EABC1234", "EABC1234"}, {"eabc1234", "EABC1234"}, {" eabc-1234 ", "EABC1234"}, {"eOoIiLl2", "E0011112"},
		{"iabc1234", "IABC1234"}, {"oabc1234", "OABC1234"}, // a region's letter stays what it is
		{"", ""}, {"EABC123", ""}, {"EABC12345", ""}, {"1ABC1234", ""}, {"EABC123U", ""}, {"EABC123_", ""}, {"EABC123é", ""}, {"--------", ""},
	} {
		got, ok := NormalCode(c.typed)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: %q %v, want %q", c.typed, got, ok, c.want)
		}
	}
	code := mintCode('E', [8]byte{0, 1, 2, 30, 31, 32, 255, 18})
	if again, ok := NormalCode(strings.ToLower(code)); !ok || again != code {
		t.Errorf("a minted code reads back as %q, was %q", again, code)
	}
}

func TestCreateThenJoinByCode(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Create(4, []byte("map=1")), api.OK)
	j := a.take(wire.SigJoined)
	if j.Text[0] != 'E' || len(j.Text) != api.RoomCodeLength || j.Owner != a.ref.Member || j.Max != 4 || len(j.Members) != 1 {
		t.Fatalf("%+v", j)
	}
	wantCode(t, b.Join(strings.ToLower(j.Text[:4])+"-"+j.Text[4:]), api.OK)
	k := b.take(wire.SigJoined)
	if k.Room != j.Room || k.Member != b.ref.Member || k.Owner != a.ref.Member || len(k.Members) != 2 || string(k.Data) != "map=1" {
		t.Fatalf("%+v", k)
	}
	if k.Members[0].User != "a" || k.Members[0].Key != a.ref.Key {
		t.Errorf("members: %+v", k.Members)
	}
	if m := a.take(wire.SigMemberJoined); m.Members[0].ID != b.ref.Member || m.Members[0].Key != b.ref.Key {
		t.Errorf("%+v", m)
	}
	w.quiet()
}

func TestWrongCodeSecondJoinAndFullRoom(t *testing.T) {
	w := newWorld(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	wantCode(t, b.Join("nonsense"), api.OK) // has the form of a code
	if r := b.take(wire.SigRefused); api.Code(r.Code) != api.ErrBadCode {
		t.Errorf("%+v", r)
	}
	wantCode(t, b.Join("E-no"), api.ErrBadCode) // has not
	a.Create(2, nil)
	wantCode(t, a.Create(2, nil), api.ErrAlready) // not answered yet
	code := a.take(wire.SigJoined).Text
	wantCode(t, a.Join(code), api.ErrAlready)
	wantCode(t, b.Join(code), api.OK)
	b.take(wire.SigJoined)
	wantCode(t, b.Join(code), api.ErrAlready)
	wantCode(t, c.Join(code), api.OK)
	if r := c.take(wire.SigRefused); api.Code(r.Code) != api.ErrRoomFull {
		t.Errorf("%+v", r)
	}
	wantCode(t, c.Create(1, nil), api.ErrValue)
	wantCode(t, c.Create(65, nil), api.ErrValue)
	wantCode(t, c.Create(2, make([]byte, api.MaxRoomData+1)), api.ErrTooLarge)
	wantCode(t, c.Leave(), api.ErrNotInRoom)
}

func TestAnotherAppsCodeIsAWrongCode(t *testing.T) {
	w := newWorld(t, 2)
	w.players[1].ref.App = "other"
	w.players[0].Create(0, nil)
	w.players[1].Join(w.players[0].take(wire.SigJoined).Text)
	if r := w.players[1].take(wire.SigRefused); api.Code(r.Code) != api.ErrBadCode {
		t.Errorf("%+v", r)
	}
}

func TestServerDoesNotTrustTheClientsChecks(t *testing.T) {
	w, code := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	for _, s := range []wire.Signal{
		{Type: wire.SigCreate, Request: 99, Max: 4}, {Type: wire.SigJoin, Request: 98, Text: code},
		{Type: wire.SigSetData, Data: []byte("mine")},               // not the owner
		{Type: wire.SigJoined, Request: 97}, {Type: wire.SigTicket}, // a server's
		{Type: wire.SigAccept}, {Type: wire.SigAnswer}, {Type: wire.SigReject},
	} {
		w.s.HandleSignal(w.now, b.ref, &s)
	}
	w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigSetData, Data: make([]byte, api.MaxRoomData+1)})
	w.quiet()
	if st := w.s.Stats(); st.Rooms != 1 || st.Refused != 4 || st.Stale != 5 {
		t.Errorf("%+v", st)
	}
}

func TestLeavingHandsTheRoomToTheOldest(t *testing.T) {
	w, code := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	wantCode(t, b.SetData([]byte("x")), api.ErrNotOwner)
	wantCode(t, a.Leave(), api.OK)
	for _, p := range []*player{b, c} {
		if e := p.take(wire.SigMemberLeft); e.Member != a.ref.Member || e.Code != int32(api.OK) {
			t.Errorf("%+v", e)
		}
		if e := p.take(wire.SigOwner); e.Owner != b.ref.Member {
			t.Errorf("%+v", e)
		}
	}
	wantCode(t, b.SetData([]byte("map=2")), api.OK)
	b.take(wire.SigRoomData)
	if e := c.take(wire.SigRoomData); string(e.Data) != "map=2" {
		t.Errorf("%+v", e)
	}
	// The first one comes back as the youngest.
	wantCode(t, a.Join(code), api.OK)
	if j := a.take(wire.SigJoined); j.Owner != b.ref.Member || j.Members[2].ID != a.ref.Member || string(j.Data) != "map=2" {
		t.Errorf("%+v", j)
	}
}

func TestEmptyRoomKeepsItsCodeForAMinute(t *testing.T) {
	w, code := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.Leave()
	b.Leave()
	w.forgetEvents()
	w.wait(59 * time.Second)
	wantCode(t, b.Join(code), api.OK)
	if j := b.take(wire.SigJoined); j.Owner != b.ref.Member {
		t.Errorf("%+v", j)
	}
	w.wait(5 * time.Minute) // in use again
	b.Leave()
	w.pump()
	w.wait(EmptyTime)
	b.Join(code)
	if r := b.take(wire.SigRefused); api.Code(r.Code) != api.ErrBadCode {
		t.Errorf("%+v", r)
	}
	if st := w.s.Stats(); st.Rooms != 0 || !w.s.NextTimeout().IsZero() {
		t.Errorf("%+v, next %v", st, w.s.NextTimeout())
	}
	// Making and leaving rooms keeps one empty one per member.
	for range 50 {
		a.Create(0, nil)
		a.take(wire.SigJoined)
		a.Leave()
		w.wait(200 * time.Millisecond)
	}
	if st := w.s.Stats(); st.Rooms != 1 {
		t.Errorf("%d empty rooms", st.Rooms)
	}
}

func TestLostLinkKeepsItsPlaceFor45Seconds(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	a.linkLost()
	w.wait(GraceTime - time.Second)
	w.quiet()
	a.linkUp(true)
	w.quiet() // the room is told again, and nothing is new
	if r, ok := a.Room(); !ok || len(r.Members) != 2 || r.Owner != a.ref.Member {
		t.Fatalf("%+v", r)
	}
	w.wait(5 * time.Minute)
	w.quiet()

	a.linkLost()
	w.wait(GraceTime)
	if e := b.take(wire.SigMemberLeft); e.Member != a.ref.Member || e.Code != int32(api.ErrLost) {
		t.Errorf("%+v", e)
	}
	b.take(wire.SigOwner)
	a.linkUp(true)
	if e := a.take(wire.SigLeft); api.Code(e.Code) != api.ErrRoomClosed {
		t.Errorf("%+v", e)
	}
	w.quiet()
}

func TestResumedClientHearsWhatItMissed(t *testing.T) {
	w, code := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	c.linkLost()
	a.Leave()
	w.pump()
	b.SetData([]byte("new"))
	w.forgetEvents()
	a.Join(code)
	w.forgetEvents()
	b.Leave()
	w.forgetEvents()
	c.linkUp(true)
	if e := c.take(wire.SigMemberLeft); e.Member != b.ref.Member {
		t.Errorf("%+v", e)
	}
	if e := c.take(wire.SigOwner); e.Owner != c.ref.Member { // oldest by now
		t.Errorf("%+v", e)
	}
	if e := c.take(wire.SigRoomData); string(e.Data) != "new" {
		t.Errorf("%+v", e)
	}
	w.quiet()
}

func TestByeLeavesAtOnceAndOldLinksSayNothing(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	old := a.ref
	a.linkLost()
	a.linkUp(true)
	w.s.LinkLost(w.now, old)
	w.s.LinkGone(w.now, old)
	w.s.HandleSignal(w.now, old, &wire.Signal{Type: wire.SigLeave})
	w.wait(2 * GraceTime)
	w.quiet()
	w.s.LinkGone(w.now, a.ref)
	b.take(wire.SigMemberLeft)
	b.take(wire.SigOwner)
	w.s.HandleSignal(w.now, b.ref, &wire.Signal{Type: wire.SigBye})
	if st := w.s.Stats(); st.Members != 0 {
		t.Errorf("%+v", st)
	}
}

func TestNewSessionEndsTheOldRoom(t *testing.T) {
	w, _ := inRoom(t, 1)
	a := w.players[0]
	a.linkLost()
	a.ref.Member = 999
	a.linkUp(false)
	if e := a.take(wire.SigLeft); api.Code(e.Code) != api.ErrLost {
		t.Errorf("%+v", e)
	}
	wantCode(t, a.Create(0, nil), api.OK)
	a.take(wire.SigJoined)
}

func TestCommandsWaitForTheLink(t *testing.T) {
	w, code := inRoom(t, 2)
	b := w.players[1]
	b.linkLost()
	b.Leave()
	wantCode(t, b.Join(code), api.OK)
	b.linkUp(true) // Leave, then Join
	b.take(wire.SigJoined)
	w.players[0].take(wire.SigMemberLeft)
	w.players[0].take(wire.SigMemberJoined)
	w.quiet()

	// An answer that was lost with the link is given again, not refused.
	b.Leave()
	w.forgetEvents()
	b.Join(code)
	s, _ := b.NextSignal()
	w.s.HandleSignal(w.now, b.ref, &s)
	for _, _, ok := w.s.NextSignal(); ok; _, _, ok = w.s.NextSignal() {
	}
	b.linkLost()
	b.linkUp(true)
	b.take(wire.SigJoined)
	if st := w.s.Stats(); st.Refused != 0 {
		t.Errorf("%+v", st)
	}
	b.Forget()
	if _, ok := b.Room(); ok {
		t.Error("the room is not forgotten")
	}
}

func TestWrongCodesPerAddressThenBackOff(t *testing.T) {
	w := newWorld(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	b.ref.Addr = a.ref.Addr // behind one NAT
	c.Create(0, nil)
	right := c.take(wire.SigJoined).Text
	join := func(p *player, code string) api.Code {
		p.Join(code)
		w.pump()
		e := p.events[0]
		p.events = p.events[1:]
		if e.Type == wire.SigJoined {
			p.Leave()
			return api.OK
		}
		return api.Code(e.Code)
	}
	for range 5 {
		if got := join(a, "EZZZZZZZ"); got != api.ErrBadCode {
			t.Fatal(got)
		}
	}
	if got := join(b, right); got != api.ErrRateLimited {
		t.Errorf("blocked address joined: %v", got)
	}
	w.wait(wrongWindow)
	if got := join(b, right); got != api.OK {
		t.Errorf("after a minute: %v", got)
	}
	for range 5 {
		join(a, "EZZZZZZZ")
	}
	w.wait(wrongWindow)
	if got := join(b, right); got != api.ErrRateLimited {
		t.Errorf("the second trespass costs no more than the first: %v", got)
	}
	w.wait(wrongWindow)
	if got := join(b, right); got != api.OK {
		t.Errorf("after two minutes: %v", got)
	}
	// Nobody else is hindered, and four a minute are borne.
	c.Leave()
	w.forgetEvents()
	if got := join(c, "EZZZZZZZ"); got != api.ErrBadCode {
		t.Errorf("%v", got)
	}
	for range 3 {
		for range 4 {
			if got := join(b, "EZZZZZZZ"); got != api.ErrBadCode {
				t.Fatal(got)
			}
		}
		w.wait(wrongWindow)
	}
}

func TestGuardRemembersABoundedNumberOfAddresses(t *testing.T) {
	var g codeGuard
	now := time.Unix(1e9, 0)
	for i := range 3 * guardEntries {
		a := [4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}
		g.wrong(now, guardKey(netipFrom(a)))
	}
	if len(g.entries) != guardEntries || len(g.order) != guardEntries {
		t.Errorf("%d entries, %d in order", len(g.entries), len(g.order))
	}
}

func TestSignalsAreRateLimitedPerLink(t *testing.T) {
	w, _ := inRoom(t, 2)
	a := w.players[0]
	w.wait(10 * time.Second)
	data := func() { a.SetData([]byte{1}); w.pump() }
	for range 70 {
		data()
	}
	if got := w.s.Stats().RateLimited; got != 10 {
		t.Errorf("%d of 70 at once were limited, want 10", got)
	}
	for range 40 { // the allowed rate
		w.wait(50 * time.Millisecond)
		data()
	}
	if got := w.s.Stats().RateLimited; got != 10 {
		t.Errorf("limited at 20 a second: %d", got)
	}
	// Much metadata costs more, since everybody gets it.
	w.wait(10 * time.Second)
	w.forgetEvents()
	for range 10 {
		a.SetData(make([]byte, api.MaxRoomData))
		w.pump()
	}
	if got := len(w.players[1].events); got != 3 {
		t.Errorf("%d of 10 large SetData at once went to the room, want 3", got)
	}
	// A limited request is answered, so that nobody waits in vain.
	for range signalBurst {
		data()
	}
	w.forgetEvents()
	a.Leave()
	a.Create(0, nil)
	if e := a.take(wire.SigRefused); api.Code(e.Code) != api.ErrRateLimited {
		t.Errorf("%+v", e)
	}
	if w.s.members[a.ref.Member].room != nil {
		t.Error("the Leave was dropped")
	}
}

func TestBiggestRoomFitsASignal(t *testing.T) {
	w := newWorld(t, api.MaxRoomMembers)
	for _, p := range w.players {
		p.ref.User = strings.Repeat("u", api.MaxUserID)
	}
	w.players[0].Create(api.MaxRoomMembers, make([]byte, api.MaxRoomData))
	code := w.players[0].take(wire.SigJoined).Text
	for _, p := range w.players[1:] {
		p.Join(code)
		w.pump() // fails on a signal that does not fit
	}
	if j := w.players[63].take(wire.SigJoined); len(j.Members) != 64 || len(j.Data) != api.MaxRoomData {
		t.Errorf("%d members, %d bytes", len(j.Members), len(j.Data))
	}
}
