package rendezvous

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// where asks for a user.
func (p *player) where(user string) uint32 {
	p.w.t.Helper()
	wantCode(p.w.t, p.Query(user), api.OK)
	e := p.take(wire.SigUserIs)
	if e.User != user {
		p.w.t.Fatalf("asked for %s: %+v", user, e)
	}
	return e.Flags
}

func TestWhereAUserIs(t *testing.T) {
	w := newWorld(t, 3)
	a, b, c := w.players[0], w.players[1], w.players[2]
	wantCode(t, a.Query(""), api.ErrValue)
	if got := a.where("nobody"); got != wire.UserOffline {
		t.Error(got)
	}
	if got := a.where("b"); got != wire.UserOnline {
		t.Error(got)
	}
	b.Create(0, nil)
	b.take(wire.SigJoined)
	if got := a.where("b"); got != wire.UserInRoom {
		t.Error(got)
	}
	b.linkLost()
	if got := a.where("b"); got != wire.UserOffline {
		t.Error(got)
	}
	b.linkUp(true)
	// A second client of the same user, and one of another app.
	c.linkLost()
	c.ref.Member, c.ref.User = 500, "b"
	c.linkUp(false)
	b.Leave()
	w.s.LinkGone(w.now, b.ref)
	w.wait(time.Second)
	if got := a.where("b"); got != wire.UserOnline {
		t.Error(got)
	}
	c.linkLost()
	c.ref.Member, c.ref.App = 501, "other"
	c.linkUp(false)
	w.wait(GraceTime)
	if got := a.where("b"); got != wire.UserOffline {
		t.Error(got)
	}
	for _, p := range w.players {
		w.s.LinkGone(w.now, p.ref)
	}
	if len(w.s.users) != 0 {
		t.Errorf("%d users remain", len(w.s.users))
	}
}

func TestInvitation(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Invite("b", nil), api.ErrNotInRoom)
	a.Create(0, nil)
	code := a.take(wire.SigJoined).Text
	result := func(want api.Code) {
		t.Helper()
		e := a.take(wire.SigUser)
		if api.Code(e.Code) != want || e.User != "b" {
			t.Errorf("%+v, want code %d", e, want)
		}
	}
	wantCode(t, a.Invite("b", []byte("5v5?")), api.OK)
	if e := b.take(wire.SigInvited); e.User != "a" || e.Text != code || string(e.Data) != "5v5?" {
		t.Errorf("%+v", e)
	}
	result(api.OK)
	// One whose answer was lost is not delivered twice.
	a.Invite("b", nil)
	s, _ := a.NextSignal()
	w.s.HandleSignal(w.now, a.ref, &s)
	for to, s, ok := w.s.NextSignal(); ok; to, s, ok = w.s.NextSignal() {
		if to.Member == b.ref.Member {
			b.HandleSignal(w.now, &s)
		}
	}
	b.take(wire.SigInvited)
	a.linkLost()
	a.linkUp(true)
	result(api.OK)
	w.quiet()
	// Refused by config, which is said again on each link.
	b.SetPresence(wire.PresenceNoInvite)
	b.linkLost()
	b.ref.Member = 500
	b.linkUp(false)
	a.Invite("b", nil)
	result(api.ErrRejected)
	b.SetPresence(0)
	w.wait(10 * time.Second)
	a.Invite("nobody", nil)
	if e := a.take(wire.SigUser); api.Code(e.Code) != api.ErrUserOffline {
		t.Errorf("%+v", e)
	}
	b.Join(code)
	w.forgetEvents()
	a.Invite("b", nil)
	result(api.ErrAlready)
	wantCode(t, a.Invite("", nil), api.ErrValue)
	wantCode(t, a.Invite("b", make([]byte, 257)), api.ErrTooLarge)
	w.quiet()
}

// Nobody is buried in invitations, however many invite.
func TestInvitationsAreLimitedPerReceiver(t *testing.T) {
	w := newWorld(t, 12)
	victim := w.players[0]
	for _, p := range w.players[1:] {
		p.Create(0, nil)
	}
	w.wait(10 * time.Second)
	w.forgetEvents()
	limited := 0
	for range 3 {
		for _, p := range w.players[1:] {
			p.Invite("a", nil)
			if e := p.take(wire.SigUser); api.Code(e.Code) == api.ErrRateLimited {
				limited++
			}
		}
	}
	if n := len(victim.events); n != inviteBurst || limited != 33-inviteBurst {
		t.Errorf("%d invitations arrived, %d were refused", n, limited)
	}
}

func TestUsersOfTwoNodes(t *testing.T) {
	a, b := newWorld(t, 1), newWorld(t, 2)
	asker, there := a.players[0], b.players[1]
	asker.Create(0, nil)
	code := asker.take(wire.SigJoined).Text
	nodes(a, b)
	asker.Query("b")
	a.pump()
	nodes(a, b)
	if e := asker.take(wire.SigUserIs); e.Flags != wire.UserOnline {
		t.Errorf("%+v", e)
	}
	asker.Invite("b", []byte("come over"))
	a.pump()
	nodes(a, b)
	if e := there.take(wire.SigInvited); e.Text != code || e.User != "a" {
		t.Errorf("%+v", e)
	}
	if e := asker.take(wire.SigUser); e.Code != 0 {
		t.Errorf("%+v", e)
	}
	// A client that is a guest here and at home there: its home delivers, and knows whether it wants to hear of it.
	guest := there.ref
	guest.Node, guest.Link = 2, 77
	a.s.members[guest.Member] = &member{ref: guest, up: true}
	a.s.addUser(a.s.members[guest.Member])
	there.SetPresence(wire.PresenceNoInvite)
	b.pump()
	asker.Invite("b", nil)
	a.pump()
	nodes(a, b)
	if e := asker.take(wire.SigUser); api.Code(e.Code) != api.ErrRejected {
		t.Errorf("%+v", e)
	}
	b.quiet()
	a.s.members[guest.Member].room = a.s.members[asker.ref.Member].room // in the very room
	there.SetPresence(0)
	b.pump()
	asker.Invite("b", nil)
	if e := asker.take(wire.SigUser); api.Code(e.Code) != api.ErrAlready {
		t.Errorf("%+v", e)
	}
	b.quiet()
	a.s.removeUser(a.s.members[guest.Member])
	delete(a.s.members, guest.Member)
	// Nobody answers.
	asker.Query("b")
	a.pump()
	a.quiet()
	a.wait(GatherTime)
	if e := asker.take(wire.SigUserIs); e.Flags != wire.UserOffline {
		t.Errorf("%+v", e)
	}
	// Who asked has gone when the answer comes.
	asker.Query("b")
	a.pump()
	a.s.LinkGone(a.now, asker.ref)
	nodes(a, b)
	a.quiet()
	if len(a.s.scatter.waiting) != 0 {
		t.Errorf("%d questions wait", len(a.s.scatter.waiting))
	}
}
