package rendezvous

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// atTheDoor is a room of the first player's whose owner decides, and everybody else at its door.
func atTheDoor(t testing.TB, players int) (*world, string) {
	t.Helper()
	w := newWorld(t, players)
	a := w.players[0]
	wantCode(t, a.CreateWith(0, wire.RoomAsk, nil), api.OK)
	code := a.take(wire.SigJoined).Text
	for _, p := range w.players[1:] {
		wantCode(t, p.JoinWith(code, 0, []byte("it is "+p.ref.User)), api.OK)
		w.pump()
		if e := a.take(wire.SigJoinRequest); e.Member != p.ref.Member || e.User != p.ref.User || string(e.Data) != "it is "+p.ref.User {
			t.Fatalf("%+v", e)
		}
	}
	w.quiet()
	return w, code
}

func TestOwnerDecides(t *testing.T) {
	w, code := atTheDoor(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	wantCode(t, a.Admit(99, true, ""), api.ErrPeer)
	wantCode(t, a.Admit(b.ref.Member, true, ""), api.OK)
	b.take(wire.SigJoined)
	a.take(wire.SigMemberJoined)
	wantCode(t, a.Admit(b.ref.Member, true, ""), api.ErrPeer) // once
	wantCode(t, b.Admit(c.ref.Member, true, ""), api.ErrNotOwner)
	wantCode(t, a.Admit(c.ref.Member, false, "friends only"), api.OK)
	if e := c.take(wire.SigRefused); api.Code(e.Code) != api.ErrRejected || e.Text != "friends only" {
		t.Errorf("%+v", e)
	}
	w.quiet()
	wantCode(t, c.Join(code), api.OK) // may ask again
	a.take(wire.SigJoinRequest)
}

func TestNobodyAnswersTheDoor(t *testing.T) {
	w, _ := atTheDoor(t, 2)
	w.wait(AskTime)
	if e := w.players[1].take(wire.SigRefused); api.Code(e.Code) != api.ErrTimeout {
		t.Errorf("%+v", e)
	}
	w.players[0].take(wire.SigJoinGone)
	w.quiet()
	if !w.s.NextTimeout().IsZero() {
		t.Error("something still waits")
	}
}

func TestWhoAsksGoesAway(t *testing.T) {
	w, _ := atTheDoor(t, 4)
	a, b, c, d := w.players[0], w.players[1], w.players[2], w.players[3]
	wantCode(t, b.Leave(), api.OK)
	if e := a.take(wire.SigJoinGone); e.Member != b.ref.Member {
		t.Errorf("%+v", e)
	}
	wantCode(t, a.Admit(b.ref.Member, true, ""), api.ErrPeer)
	// Crossing: let in just as it leaves.
	wantCode(t, a.Admit(c.ref.Member, true, ""), api.OK)
	c.Leave()
	for s, ok := c.NextSignal(); ok; s, ok = c.NextSignal() {
		w.s.HandleSignal(w.now, c.ref, &s)
	}
	w.pump()
	a.refusedAs(wire.SigAdmit, api.ErrPeerGone)
	// A lost link: the place at the door is kept for the time of grace.
	d.linkLost()
	w.wait(30 * time.Second)
	d.linkUp(true)
	w.quiet()
	d.linkLost()
	w.wait(GraceTime)
	if e := a.take(wire.SigJoinGone); e.Member != d.ref.Member {
		t.Errorf("%+v", e)
	}
	w.quiet()
	if n := len(w.s.members[a.ref.Member].room.knocks); n != 0 {
		t.Errorf("%d still at the door", n)
	}
}

// Let in while its link was down: it is inside when it comes back.
func TestLetInWhileAway(t *testing.T) {
	w, _ := atTheDoor(t, 2)
	a, b := w.players[0], w.players[1]
	b.linkLost()
	wantCode(t, a.Admit(b.ref.Member, true, ""), api.OK)
	a.take(wire.SigMemberJoined)
	b.linkUp(true)
	b.take(wire.SigJoined)
	w.quiet()
}

// The door goes with the ownership, and an owner whose link is resumed hears anew who waits.
func TestNextOwnerHearsWhoAsks(t *testing.T) {
	w, _ := atTheDoor(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	a.Admit(b.ref.Member, true, "")
	w.forgetEvents()
	a.SetOwner(b.ref.Member)
	a.take(wire.SigOwner)
	if e := a.take(wire.SigJoinGone); e.Member != c.ref.Member {
		t.Errorf("%+v", e)
	}
	b.take(wire.SigOwner)
	b.take(wire.SigJoinRequest)
	b.linkLost()
	b.linkUp(true)
	b.take(wire.SigJoinGone)
	if e := b.take(wire.SigJoinRequest); e.Member != c.ref.Member || string(e.Data) != "it is c" {
		t.Errorf("%+v", e)
	}
	w.quiet()
	// The last word on a locked room is no.
	b.Configure(wire.RoomLocked, 0, 0)
	w.pump()
	if e := c.take(wire.SigRefused); api.Code(e.Code) != api.ErrRoomLocked {
		t.Errorf("%+v", e)
	}
}

func TestDoorOfAnEmptyRoom(t *testing.T) {
	w, code := atTheDoor(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	a.Leave()
	for _, p := range []*player{b, c} {
		if e := p.take(wire.SigRefused); api.Code(e.Code) != api.ErrRoomClosed {
			t.Errorf("%+v", e)
		}
	}
	wantCode(t, b.Join(code), api.OK) // nobody is there to ask: its owner now
	if j := b.take(wire.SigJoined); j.Owner != b.ref.Member {
		t.Errorf("%+v", j)
	}
}

func TestFullAtTheDoor(t *testing.T) {
	w, _ := atTheDoor(t, 4)
	a, b, c := w.players[0], w.players[1], w.players[2]
	a.Configure(0, 0, 2)
	w.forgetEvents()
	a.Admit(b.ref.Member, true, "")
	w.forgetEvents()
	a.Admit(c.ref.Member, true, "")
	a.refusedAs(wire.SigAdmit, api.ErrRoomFull)
	// The door itself has its limit.
	r := w.s.members[a.ref.Member].room
	for len(r.knocks) < maxKnocks {
		r.knocks = append(r.knocks, w.s.members[c.ref.Member])
	}
	a.Configure(0, 0, 8)
	w.forgetEvents()
	b.Leave()
	w.forgetEvents()
	b.Join(r.code)
	if e := b.take(wire.SigRefused); api.Code(e.Code) != api.ErrRoomFull {
		t.Errorf("%+v", e)
	}
}
