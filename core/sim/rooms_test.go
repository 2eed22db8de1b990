package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/hub"
)

// guest is a client that remembers every event.
type guest struct {
	*Client
	t      *testing.T
	events []api.Event
}

func (w *World) addGuest(t *testing.T, n int, configure func(*endpoint.Config)) *guest {
	g := &guest{Client: w.AddSite("PR", fmt.Sprintf("198.51.100.%d", n)).AddClient(configure), t: t}
	g.OnEvent = func(_ time.Time, ev *api.Event) {
		kept := *ev
		kept.Data = slices.Clone(ev.Data)
		g.events = append(g.events, kept)
	}
	g.do(func(now time.Time, e *endpoint.Endpoint) error { return e.Connect(now) })
	return g
}

func (g *guest) do(f func(now time.Time, e *endpoint.Endpoint) error) {
	g.t.Helper()
	g.Do(func(now time.Time, e *endpoint.Endpoint) {
		if err := f(now, e); err != nil {
			g.t.Errorf("command: %v", err)
		}
	})
}

func (g *guest) ask(q api.Request) {
	g.t.Helper()
	g.do(func(now time.Time, e *endpoint.Endpoint) error { return e.Request(now, &q) })
}

// count is how many events of a kind came, with a code; last is the latest of the kind.
func (g *guest) count(kind api.EventKind, code api.Code) (n int) {
	for i := range g.events {
		if g.events[i].Kind == kind && g.events[i].Code == code {
			n++
		}
	}
	return n
}

func (g *guest) last(kind api.EventKind) api.Event {
	for i := len(g.events) - 1; i >= 0; i-- {
		if g.events[i].Kind == kind {
			return g.events[i]
		}
	}
	return api.Event{}
}

// until waits for an event.
func (g *guest) until(kind api.EventKind, code api.Code) {
	g.t.Helper()
	if !g.w.RunUntil(30*time.Second, func() bool { return g.count(kind, code) > 0 }) {
		g.t.Fatalf("no event %d with code %d: %+v", kind, code, g.events)
	}
}

// A room with a password over a lossy network, its server gone for a while in the middle: who has the password gets
// connections, who has another is told so at once, on both sides, and who has none does not come in.
func TestRoomPassword(t *testing.T) {
	for seed := range uint64(3) {
		w := NewWorld(seed, Weather{Delay: oneWay, Loss: 0.1})
		w.AddServer(wanS, nil)
		host := w.addGuest(t, 1, nil)
		host.do(func(now time.Time, e *endpoint.Endpoint) error {
			return e.RoomOpen(now, &api.RoomOptions{Password: []byte("sesame")})
		})
		host.until(api.EventRoomJoined, api.OK)
		code := string(host.last(api.EventRoomJoined).Data)
		if o := host.last(api.EventRoomOptions); o.Count != uint64(api.RoomPassword) || o.Code != api.DefaultMembers {
			t.Errorf("%+v", o)
		}
		enter := func(n int, password string) *guest {
			g := w.addGuest(t, n, nil)
			g.do(func(now time.Time, e *endpoint.Endpoint) error {
				return e.RoomEnter(now, &api.JoinOptions{Code: code, Password: []byte(password)})
			})
			return g
		}
		right := enter(2, "sesame")
		right.until(api.EventRoomJoined, api.OK)
		w.server.Stop() // while the introduction waits for the key
		w.Run(5 * time.Second)
		w.server.Resume()
		right.until(api.EventPeerConnected, api.OK)
		host.until(api.EventPeerConnected, api.OK)

		wrong := enter(3, "sesam")
		wrong.until(api.EventRoomJoined, api.OK)
		joined := w.now
		wrong.until(api.EventPeerClosed, api.ErrBadPassword)
		host.until(api.EventPeerClosed, api.ErrBadPassword)
		right.until(api.EventPeerClosed, api.ErrBadPassword)
		if took := w.now.Sub(joined); took > time.Second { // over 40 worlds with this loss at most 0.5 s
			t.Errorf("seed %d: told after %v", seed, took)
		}
		none := enter(4, "")
		none.until(api.EventRoomLeft, api.ErrBadPassword)
		w.Run(2 * time.Second)
		if wrong.count(api.EventPeerConnected, 0) != 0 || host.count(api.EventPeerConnected, 0) != 1 || none.count(api.EventRoomJoined, 0) != 0 {
			t.Errorf("seed %d: somebody connected without the password", seed)
		}
	}
}

// The owner's door, data and ownership over a bad network whose server vanishes in the middle of it all. Everything that
// was asked is done once.
func TestOwnersWorkOverABadLink(t *testing.T) {
	for seed := range uint64(4) {
		w := NewWorld(seed, Weather{Delay: oneWay, Loss: 0.2, Duplicate: 0.05})
		w.AddServer(wanS, nil)
		host := w.addGuest(t, 1, nil)
		host.do(func(now time.Time, e *endpoint.Endpoint) error {
			return e.RoomOpen(now, &api.RoomOptions{Flags: api.RoomAsk | api.RoomShared, Data: []byte("v1")})
		})
		host.until(api.EventRoomJoined, api.OK)
		code := string(host.last(api.EventRoomJoined).Data)
		note := host.OnEvent
		host.OnEvent = func(now time.Time, ev *api.Event) {
			if note(now, ev); ev.Kind == api.EventJoinRequest {
				id := ev.Count
				w.After(0, func(time.Time) { host.ask(api.Request{Kind: api.RequestAdmit, ID: id, Yes: true}) })
			}
		}
		a, b := w.addGuest(t, 2, nil), w.addGuest(t, 3, nil)
		w.Run(5 * time.Second) // tickets to resume their links with
		for _, g := range []*guest{a, b} {
			g.do(func(now time.Time, e *endpoint.Endpoint) error {
				return e.RoomEnter(now, &api.JoinOptions{Code: code, Data: []byte("please")})
			})
			host.until(api.EventJoinRequest, api.OK)
			if knock := host.last(api.EventJoinRequest); string(knock.Data) != "please" || knock.Text == "" {
				t.Fatalf("%+v", knock)
			}
			if g == a { // the answer is on its way, or lost, when the server vanishes, and comes back later than links live
				w.Run(time.Duration(seed*7) * time.Millisecond)
				w.server.Stop()
				w.Run(20 * time.Second)
				host.ask(api.Request{Kind: api.RequestSetData, Data: []byte("v2")})
				w.server.Resume()
			}
			g.until(api.EventRoomJoined, api.OK)
		}
		host.until(api.EventMemberJoined, api.OK)
		// Two set the same version at once.
		w.Run(5 * time.Second)
		version := uint32(b.last(api.EventRoomData).Count)
		if version != 2 || string(b.last(api.EventRoomData).Data) != "v2" {
			t.Fatalf("seed %d: %+v", seed, b.last(api.EventRoomData))
		}
		a.ask(api.Request{Kind: api.RequestSetData, Version: version, Data: []byte("a")})
		b.ask(api.Request{Kind: api.RequestSetData, Version: version, Data: []byte("b")})
		w.Run(5 * time.Second)
		if lost := a.count(api.EventRoomData, api.ErrConflict) + b.count(api.EventRoomData, api.ErrConflict); lost != 1 {
			t.Errorf("seed %d: %d lost the race", seed, lost)
		}
		if x, y := a.last(api.EventRoomData), host.last(api.EventRoomData); string(x.Data) != string(y.Data) || y.Count != 3 {
			t.Errorf("seed %d: %q and %q", seed, x.Data, y.Data)
		}
		for _, g := range []*guest{host, a, b} {
			if n := g.count(api.EventRequestFailed, api.OK); n != 0 || g.count(api.EventRoomLeft, api.ErrClosed) != 0 {
				t.Errorf("seed %d: %+v", seed, g.events)
			}
		}
	}
}

// Who is put out loses the room and the connections to its members, and does not come back over a resumed link.
func TestKickCutsConnections(t *testing.T) {
	w := NewWorld(9, Weather{Delay: oneWay, Loss: 0.05})
	w.AddServer(wanS, nil)
	host := w.addGuest(t, 1, nil)
	host.do(func(now time.Time, e *endpoint.Endpoint) error { return e.RoomCreate(now, 4, nil) })
	host.until(api.EventRoomJoined, api.OK)
	code := string(host.last(api.EventRoomJoined).Data)
	join := func(g *guest) {
		g.do(func(now time.Time, e *endpoint.Endpoint) error { return e.RoomJoin(now, code) })
	}
	bad, good := w.addGuest(t, 2, nil), w.addGuest(t, 3, nil)
	join(bad)
	bad.until(api.EventPeerConnected, api.OK)
	join(good)
	good.until(api.EventPeerConnected, api.OK)
	w.Run(3 * time.Second)
	var handle api.PeerHandle
	for _, ev := range host.events {
		if ev.Kind == api.EventMemberJoined && handle == 0 {
			handle = ev.Peer
		}
	}
	host.ask(api.Request{Kind: api.RequestKick, Peer: handle, Yes: true, Text: "cheater"})
	bad.until(api.EventRoomLeft, api.ErrKicked)
	if ev := bad.last(api.EventRoomLeft); ev.Text != "cheater" {
		t.Errorf("%+v", ev)
	}
	w.Run(5 * time.Second)
	if n := bad.count(api.EventPeerClosed, api.ErrKicked); n != 2 {
		t.Errorf("%d of 2 connections ended", n)
	}
	for _, g := range []*guest{host, good} {
		if g.count(api.EventMemberLeft, api.ErrKicked) != 1 || g.count(api.EventPeerClosed, api.ErrKicked) != 1 {
			t.Errorf("%+v", g.events)
		}
	}
	w.server.Stop()
	w.Run(25 * time.Second)
	w.server.Resume()
	w.Run(15 * time.Second)
	bad.events = nil
	join(bad)
	bad.until(api.EventRoomLeft, api.ErrBanned)
	if n := bad.count(api.EventRoomJoined, 0); n != 0 || good.count(api.EventMemberLeft, api.ErrKicked) != 1 {
		t.Error("the banned player came back")
	}
}

// Public rooms, presence and invitations, end to end, with the server's limits in force.
func TestLobby(t *testing.T) {
	w := NewWorld(11, Weather{Delay: oneWay, Loss: 0.1})
	w.AddServer(wanS, func(c *hub.Config) { c.LabLimits = false })
	host := w.addGuest(t, 1, nil)
	host.do(func(now time.Time, e *endpoint.Endpoint) error {
		return e.RoomOpen(now, &api.RoomOptions{Max: 5, Flags: api.RoomPublic, Data: []byte("ctf;castle")})
	})
	host.until(api.EventRoomJoined, api.OK)
	friend, shy := w.addGuest(t, 2, nil), w.addGuest(t, 3, func(c *endpoint.Config) { c.NoInvites = true })
	friend.ask(api.Request{Kind: api.RequestList, Data: []byte("ctf")})
	friend.until(api.EventRoomListEnd, api.OK)
	listed := friend.last(api.EventRoomListed)
	if string(listed.Data) != "ctf;castle" || listed.Count != uint64(api.RoomPublic)<<32|1 || listed.Code != 5 || friend.last(api.EventRoomListEnd).Count != 1 {
		t.Errorf("%+v", listed)
	}
	shy.until(api.EventServerConnected, api.OK)
	name := func(g *guest) string { return g.last(api.EventServerConnected).Text }
	friend.ask(api.Request{Kind: api.RequestUser, User: name(host)})
	friend.until(api.EventUser, api.OK)
	if ev := friend.last(api.EventUser); ev.Count != api.UserInRoom || string(ev.Data) != name(host) {
		t.Errorf("%+v", ev)
	}
	host.ask(api.Request{Kind: api.RequestInvite, User: name(friend), Data: []byte("red team")})
	host.until(api.EventInviteResult, api.OK)
	friend.until(api.EventInvited, api.OK)
	if ev := friend.last(api.EventInvited); ev.Text != listed.Text || string(ev.Data) != name(host)+"\x00red team" {
		t.Errorf("%+v", ev)
	}
	host.ask(api.Request{Kind: api.RequestInvite, User: name(shy)})
	host.until(api.EventInviteResult, api.ErrRejected)
	host.ask(api.Request{Kind: api.RequestInvite, User: "nobody"})
	host.until(api.EventInviteResult, api.ErrUserOffline)
	if shy.count(api.EventInvited, 0) != 0 {
		t.Error("an invitation reached who refuses them")
	}
	friend.do(func(now time.Time, e *endpoint.Endpoint) error { return e.RoomJoin(now, listed.Text) })
	friend.until(api.EventRoomJoined, api.OK)
	// Too much, too fast: each is answered.
	friend.events = nil
	for range 8 {
		friend.ask(api.Request{Kind: api.RequestUser, User: "x"})
	}
	w.Run(3 * time.Second)
	for range 8 {
		friend.ask(api.Request{Kind: api.RequestList})
	}
	w.RunUntil(5*time.Second, func() bool {
		return friend.count(api.EventRoomListEnd, 0)+friend.count(api.EventRequestFailed, api.ErrRateLimited) == 8
	})
	if n := friend.count(api.EventUser, 0) + friend.count(api.EventRequestFailed, api.ErrRateLimited) + friend.count(api.EventRoomListEnd, 0); n != 16 {
		t.Errorf("%d of 16 requests were answered", n)
	}
}
