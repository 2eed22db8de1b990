package rendezvous

import (
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// refusedAs is the player's next event: a request that was refused with this code.
func (p *player) refusedAs(want wire.SignalType, code api.Code) wire.Signal {
	p.w.t.Helper()
	e := p.take(want)
	if api.Code(e.Code) != code || e.Text == "" {
		p.w.t.Fatalf("player %s: %+v, want code %d and a sentence", p.ref.User, e, code)
	}
	return e
}

// everybody expects one event of a type at each player.
func (w *world) everybody(want wire.SignalType, check func(e wire.Signal) bool) {
	w.t.Helper()
	for _, p := range w.players {
		if e := p.take(want); !check(e) {
			w.t.Fatalf("player %s: %+v", p.ref.User, e)
		}
	}
}

func TestOptionsAtCreateReachEveryMember(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.CreateWith(3, wire.RoomPublic|wire.RoomShared, nil), api.OK)
	code := a.take(wire.SigJoined).Text
	b.Join(code)
	if j := b.take(wire.SigJoined); j.Flags != wire.RoomPublic|wire.RoomShared || j.Max != 3 || j.Version != 1 {
		t.Errorf("%+v", j)
	}
	w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigLeave})
	w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigCreate, Request: 50, Flags: 1 << 20})
	if st := w.s.Stats(); st.Refused != 1 {
		t.Errorf("an option that nobody knows: %+v", st)
	}
}

func TestLockAndSize(t *testing.T) {
	w, code := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	c.Leave()
	w.forgetEvents()
	wantCode(t, b.Configure(wire.RoomLocked, 0, 0), api.ErrNotOwner)
	wantCode(t, a.Configure(wire.RoomPassword, 0, 0), api.ErrValue)
	wantCode(t, a.Configure(wire.RoomLocked, wire.RoomLocked, 0), api.ErrValue)
	wantCode(t, a.Configure(0, 0, 1), api.ErrValue)
	wantCode(t, a.Configure(wire.RoomLocked, 0, 0), api.OK)
	for _, p := range []*player{a, b} {
		if e := p.take(wire.SigRoomOptions); e.Flags != wire.RoomLocked || e.Max != api.DefaultMembers {
			t.Errorf("%+v", e)
		}
	}
	c.Join(code)
	if e := c.take(wire.SigRefused); api.Code(e.Code) != api.ErrRoomLocked {
		t.Errorf("%+v", e)
	}
	wantCode(t, a.Configure(0, wire.RoomLocked, 2), api.OK)
	w.forgetEvents()
	c.Join(code)
	if e := c.take(wire.SigRefused); api.Code(e.Code) != api.ErrRoomFull {
		t.Errorf("%+v", e)
	}
	wantCode(t, a.Configure(0, 0, 3), api.OK)
	w.forgetEvents()
	c.Join(code)
	c.take(wire.SigJoined)
	w.forgetEvents()
	// Never smaller than it is full; the server says so, since a member may have come meanwhile.
	wantCode(t, a.Configure(0, 0, 2), api.OK)
	a.refusedAs(wire.SigConfigure, api.ErrValue)
	w.quiet()
}

func TestOwnerHandsTheRoomOver(t *testing.T) {
	w, _ := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	wantCode(t, a.SetOwner(a.ref.Member), api.ErrPeer)
	wantCode(t, a.SetOwner(99), api.ErrPeer)
	wantCode(t, a.SetOwner(c.ref.Member), api.OK)
	w.everybody(wire.SigOwner, func(e wire.Signal) bool { return e.Owner == c.ref.Member })
	wantCode(t, a.SetOwner(b.ref.Member), api.ErrNotOwner)
	// Crossing: a's word is on its way when it stops being the owner.
	w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigKick, Request: 70, Member: b.ref.Member})
	w.quiet()
	if len(w.s.members[b.ref.Member].room.members) != 3 {
		t.Error("somebody who is not the owner put a member out")
	}
	// To somebody who has just left.
	wantCode(t, c.SetOwner(b.ref.Member), api.OK)
	b.Leave()
	for s, ok := b.NextSignal(); ok; s, ok = b.NextSignal() {
		w.s.HandleSignal(w.now, b.ref, &s)
	}
	w.pump()
	c.take(wire.SigMemberLeft)
	c.refusedAs(wire.SigSetOwner, api.ErrPeerGone)
}

func TestKickedMemberIsOutAndMayComeBack(t *testing.T) {
	w, code := inRoom(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	wantCode(t, b.Kick(c.ref.Member, false, ""), api.ErrNotOwner)
	wantCode(t, a.Kick(b.ref.Member, false, "mind \xff your words"), api.OK)
	if e := b.take(wire.SigLeft); api.Code(e.Code) != api.ErrKicked || e.Text != "mind  your words" {
		t.Errorf("%+v", e)
	}
	for _, p := range []*player{a, c} {
		if e := p.take(wire.SigMemberLeft); e.Member != b.ref.Member || api.Code(e.Code) != api.ErrKicked {
			t.Errorf("%+v", e)
		}
	}
	w.quiet()
	b.Join(code)
	b.take(wire.SigJoined)
}

func TestBanLastsAsLongAsTheRoom(t *testing.T) {
	w, code := inRoom(t, 3)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Kick(b.ref.Member, true, ""), api.OK)
	if e := b.take(wire.SigLeft); e.Text == "" {
		t.Errorf("no sentence: %+v", e)
	}
	w.forgetEvents()
	banned := func() {
		t.Helper()
		b.Join(code)
		if e := b.take(wire.SigRefused); api.Code(e.Code) != api.ErrBanned {
			t.Errorf("%+v", e)
		}
	}
	banned()
	// Neither a resumed link, nor a new session of the same key, nor the same user with another key.
	b.linkLost()
	b.linkUp(true)
	w.quiet()
	banned()
	b.linkLost()
	b.ref.Member = 900
	b.linkUp(false)
	banned()
	b.linkLost()
	b.ref.Member, b.ref.Key = 901, [32]byte{200}
	b.linkUp(false)
	banned()
	// Another owner does not change it.
	a.Leave()
	w.forgetEvents()
	banned()
	// Somebody else with the code comes in.
	b.linkLost()
	b.ref.Member, b.ref.User = 902, "stranger"
	b.linkUp(false)
	b.Join(code)
	b.take(wire.SigJoined)
}

func TestKickedWhileAwayHearsItOnItsReturn(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	b.linkLost()
	wantCode(t, a.Kick(b.ref.Member, true, "too slow"), api.OK)
	w.forgetEvents()
	b.linkUp(true)
	if e := b.take(wire.SigLeft); api.Code(e.Code) != api.ErrKicked || e.Text != "too slow" {
		t.Errorf("%+v", e)
	}
	if _, ok := b.Room(); ok {
		t.Error("still in the room")
	}
	// Said again on the next link, and no news then.
	b.linkLost()
	b.linkUp(true)
	w.quiet()
	// A room of its own ends it.
	b.Create(0, nil)
	b.take(wire.SigJoined)
	b.linkLost()
	b.linkUp(true)
	w.quiet()
}

func TestBanListIsBounded(t *testing.T) {
	var b bans
	for i := range 3 * maxBans {
		b.add(&LinkRef{User: strings.Repeat("x", i%60+1), Key: [32]byte{byte(i), byte(i >> 8)}})
	}
	if len(b) != maxBans {
		t.Errorf("%d bans", len(b))
	}
	if !b.have(&LinkRef{User: "y", Key: [32]byte{255, 2}}) || b.have(&LinkRef{User: "y", Key: [32]byte{255, 0}}) {
		t.Error("the newest is not there, or the oldest still is")
	}
	if b = nil; b.have(&LinkRef{}) {
		t.Error("nobody is banned")
	}
	b.add(&LinkRef{Key: [32]byte{1}})
	if b.have(&LinkRef{Key: [32]byte{2}}) {
		t.Error("no user id is everybody's")
	}
}

func TestCompareAndSet(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.players[0], w.players[1]
	a.CreateWith(0, wire.RoomShared, []byte("0"))
	b.Join(a.take(wire.SigJoined).Text)
	w.forgetEvents()
	// Both change version 1: one wins, the other gets what is there now.
	wantCode(t, a.SetDataIf(1, []byte("a")), api.OK)
	wantCode(t, b.SetDataIf(1, []byte("b")), api.OK)
	w.pump()
	if e := a.take(wire.SigRoomData); string(e.Data) != "a" || e.Version != 2 || e.Code != 0 {
		t.Errorf("%+v", e)
	}
	b.take(wire.SigRoomData)
	if e := b.take(wire.SigRoomData); api.Code(e.Code) != api.ErrConflict || string(e.Data) != "a" || e.Version != 2 {
		t.Errorf("%+v", e)
	}
	wantCode(t, b.SetDataIf(2, []byte("b")), api.OK)
	w.everybody(wire.SigRoomData, func(e wire.Signal) bool { return string(e.Data) == "b" && e.Version == 3 })
	wantCode(t, b.SetData([]byte("whatever")), api.OK)
	w.everybody(wire.SigRoomData, func(e wire.Signal) bool { return e.Version == 4 })
	if r, _ := b.Room(); string(r.Data) != "whatever" || r.Version != 4 {
		t.Errorf("%+v", r)
	}
	// Without RoomShared the owner alone.
	a.Configure(0, wire.RoomShared, 0)
	w.forgetEvents()
	wantCode(t, b.SetDataIf(4, nil), api.ErrNotOwner)
	w.quiet()
}

// A change is done once, although its answer was lost with the link and the client asks again.
func TestChangeIsDoneOnceOverALostLink(t *testing.T) {
	w, _ := inRoom(t, 3)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.SetDataIf(1, []byte("new")), api.OK)
	wantCode(t, a.Kick(b.ref.Member, false, ""), api.OK)
	for s, ok := a.NextSignal(); ok; s, ok = a.NextSignal() {
		w.s.HandleSignal(w.now, a.ref, &s)
	}
	for _, _, ok := w.s.NextSignal(); ok; _, _, ok = w.s.NextSignal() { // everything the server says is lost
	}
	a.linkLost()
	a.linkUp(true)
	a.take(wire.SigMemberLeft)
	if e := a.take(wire.SigRoomData); string(e.Data) != "new" || e.Version != 2 || e.Code != 0 {
		t.Errorf("%+v", e)
	}
	w.forgetEvents()
	if n := len(a.asked); n != 0 {
		t.Errorf("%d requests still wait", n)
	}
	// What never arrived is done on the next link.
	a.linkLost()
	wantCode(t, a.SetData([]byte("later")), api.OK)
	w.wait(time.Second)
	a.linkUp(true)
	if e := a.take(wire.SigRoomData); string(e.Data) != "later" || e.Version != 3 {
		t.Errorf("%+v", e)
	}
	// As many as the server remembers, and no more.
	a.linkLost()
	for range maxAsked {
		wantCode(t, a.SetData(nil), api.OK)
	}
	wantCode(t, a.SetData(nil), api.ErrWouldBlock)
	// A link that is not resumed ends the room, and what was asked of it.
	a.ref.Member = 777
	a.linkUp(false)
	a.take(wire.SigLeft)
	if len(a.asked) != 0 {
		t.Errorf("%d requests of a room that is gone", len(a.asked))
	}
}

func TestResumedClientHearsOptionsAndVersion(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	b.linkLost()
	a.Configure(wire.RoomPublic, 0, 5)
	a.SetData([]byte("x"))
	a.SetData([]byte("map=1")) // as before, and yet another version
	w.forgetEvents()
	b.linkUp(true)
	if e := b.take(wire.SigRoomData); e.Version != 3 {
		t.Errorf("%+v", e)
	}
	if e := b.take(wire.SigRoomOptions); e.Flags != wire.RoomPublic || e.Max != 5 {
		t.Errorf("%+v", e)
	}
	w.quiet()
}

// Every change that the rate limit drops is answered: nobody waits in vain.
func TestLimitedRequestsAreAnswered(t *testing.T) {
	w, _ := inRoom(t, 1)
	a := w.players[0]
	w.s.members[a.ref.Member].pace.full = w.now.Add(time.Hour)
	a.SetData(nil)
	a.refusedAs(wire.SigSetData, api.ErrRateLimited)
	a.List(nil, nil, 0)
	a.refusedAs(wire.SigList, api.ErrRateLimited)
	a.Query("b")
	a.refusedAs(wire.SigUser, api.ErrRateLimited)
	if len(a.asked) != 0 {
		t.Errorf("%d requests wait", len(a.asked))
	}
}

func TestPasswordIsBroughtByAllOrNone(t *testing.T) {
	w := newWorld(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	a.CreateWith(0, wire.RoomPassword, nil)
	with := a.take(wire.SigJoined).Text
	c.Create(0, nil)
	without := c.take(wire.SigJoined).Text
	for _, try := range []struct {
		code  string
		flags uint32
		want  wire.SignalType
	}{{with, 0, wire.SigRefused}, {without, wire.JoinPassword, wire.SigRefused}, {with, wire.JoinPassword, wire.SigJoined}} {
		b.JoinWith(try.code, try.flags, nil)
		if e := b.take(try.want); e.Type == wire.SigRefused && api.Code(e.Code) != api.ErrBadPassword {
			t.Errorf("%+v", e)
		}
	}
}
