package rendezvous

import (
	"fmt"
	"slices"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// shown are the metadata in a page.
func shown(e wire.Signal) (out []string) {
	for i := range e.Rooms {
		out = append(out, string(e.Rooms[i].Data))
	}
	return out
}

func TestPublicRoomsAreListed(t *testing.T) {
	w := newWorld(t, 7)
	make := func(i int, flags uint32, data string) string {
		wantCode(t, w.players[i].CreateWith(4, flags, []byte(data)), api.OK)
		return w.players[i].take(wire.SigJoined).Text
	}
	make(0, 0, "ctf private")
	open := make(1, wire.RoomPublic, "ctf two")
	make(2, wire.RoomPublic|wire.RoomPassword, "ctf one")
	make(3, wire.RoomPublic|wire.RoomLocked, "ctf locked")
	make(4, wire.RoomPublic, "race")
	asker := w.players[5]
	list := func(prefix string) []string {
		t.Helper()
		wantCode(t, asker.List([]byte(prefix), nil, 0), api.OK)
		e := asker.take(wire.SigRooms)
		if len(e.After) != 0 {
			t.Errorf("more after %v", shown(e))
		}
		return shown(e)
	}
	for _, c := range []struct {
		prefix string
		want   []string
	}{{"", []string{"ctf one", "ctf two", "race"}}, {"ctf ", []string{"ctf one", "ctf two"}}, {"x", nil}, {"race", []string{"race"}}, {"raced", nil}} {
		if got := list(c.prefix); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.prefix, got, c.want)
		}
	}
	w.players[6].Join(open)
	w.forgetEvents()
	asker.List([]byte("ctf"), nil, 0)
	e := asker.take(wire.SigRooms)
	if r := e.Rooms[1]; r.Code != open || r.Members != 2 || r.Max != 4 || r.Flags != wire.RoomPublic {
		t.Errorf("%+v", r)
	}
	if e.Rooms[0].Flags&wire.RoomPassword == 0 {
		t.Errorf("%+v", e.Rooms[0])
	}
	// The list follows what happens to a room.
	w.players[2].Configure(0, wire.RoomPublic, 0)
	w.players[3].Configure(0, wire.RoomLocked, 0)
	w.players[4].SetData([]byte("ctf three"))
	w.players[1].Leave()
	w.players[6].Leave()
	w.forgetEvents()
	if got := list("ctf"); !slices.Equal(got, []string{"ctf locked", "ctf three"}) {
		t.Errorf("%v", got)
	}
	// Another app sees none of them.
	asker.ref.App = "other"
	asker.linkLost()
	asker.linkUp(true)
	asker.events = nil
	if got := list(""); got != nil {
		t.Errorf("another app: %v", got)
	}
	for _, p := range w.players {
		p.Leave()
	}
	w.pump()
	if len(w.s.lists) != 0 {
		t.Errorf("%d lists of nothing", len(w.s.lists))
	}
}

func TestListIsPaged(t *testing.T) {
	w := newWorld(t, 41)
	for i, p := range w.players[:40] {
		p.CreateWith(0, wire.RoomPublic, fmt.Appendf(nil, "g%02d", i/2)) // two of each
	}
	w.forgetEvents()
	asker := w.players[40]
	var seen []string
	var after []byte
	pages := 0
	for more := true; more; pages++ {
		wantCode(t, asker.List([]byte("g"), after, 7), api.OK)
		e := asker.take(wire.SigRooms)
		if len(e.Rooms) > 7 {
			t.Fatalf("%d in a page", len(e.Rooms))
		}
		seen = append(seen, shown(e)...)
		after, more = e.After, len(e.After) > 0
	}
	if len(seen) != 40 || pages != 6 || !slices.IsSorted(seen) {
		t.Errorf("%d rooms in %d pages: %v", len(seen), pages, seen)
	}
	// A page's end stays a place after its room is gone; and nonsense is refused.
	asker.List(nil, nil, 3)
	e := asker.take(wire.SigRooms)
	for _, p := range w.players[:4] {
		p.Leave()
	}
	w.forgetEvents()
	asker.List(nil, e.After, 1)
	if got := shown(asker.take(wire.SigRooms)); !slices.Equal(got, []string{"g02"}) {
		t.Errorf("%v", got)
	}
	asker.List(nil, []byte("short"), 0)
	asker.refusedAs(wire.SigList, api.ErrValue)
	wantCode(t, asker.List(make([]byte, 65), nil, 0), api.ErrTooLarge)
	wantCode(t, asker.List(nil, make([]byte, 73), 0), api.ErrTooLarge)
	// The largest page fits a signal; pump fails otherwise.
	for i, p := range w.players[:40] {
		p.Leave()
		p.CreateWith(0, wire.RoomPublic, make([]byte, api.MaxRoomData))
		_ = i
	}
	w.forgetEvents()
	asker.List(nil, nil, 0)
	if e := asker.take(wire.SigRooms); len(e.Rooms) != api.MaxListPage || len(e.Rooms[0].Data) != wire.MaxListedData || len(e.After) != api.MaxListCursor {
		t.Errorf("%d rooms, cursor of %d", len(e.Rooms), len(e.After))
	}
}

// nodes joins two worlds' servers as one: questions and answers go through at once, or when the test wants it.
func nodes(a, b *world) {
	a.s.SetNodes(1)
	for q, ok := a.s.NextQuestion(); ok; q, ok = a.s.NextQuestion() {
		answer := b.s.Answer(b.now, &q)
		a.s.HandleAnswer(a.now, q.ID, &answer)
	}
	a.pump()
	b.pump()
}

func TestListOfTwoNodesIsOneList(t *testing.T) {
	a, b := newWorld(t, 6), newWorld(t, 6)
	for i := range 5 {
		a.players[i].CreateWith(0, wire.RoomPublic, fmt.Appendf(nil, "%d", 2*i))
		b.players[i].CreateWith(0, wire.RoomPublic, fmt.Appendf(nil, "%d", 2*i+1))
	}
	a.forgetEvents()
	b.forgetEvents()
	nodes(a, b)
	asker := a.players[5]
	var seen []string
	var after []byte
	for range 4 {
		wantCode(t, asker.List(nil, after, 3), api.OK)
		a.pump()
		a.quiet() // not before the other node has answered
		nodes(a, b)
		e := asker.take(wire.SigRooms)
		seen, after = append(seen, shown(e)...), e.After
		if len(after) == 0 {
			break
		}
	}
	if !slices.Equal(seen, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
		t.Errorf("%v", seen)
	}
	// A node that does not answer in 200 ms is done without.
	asker.List(nil, nil, 0)
	a.pump()
	a.wait(GatherTime)
	if e := asker.take(wire.SigRooms); len(e.Rooms) != 5 {
		t.Errorf("%v", shown(e))
	}
	q, _ := a.s.NextQuestion()
	late := b.s.Answer(b.now, &q)
	a.s.HandleAnswer(a.now, q.ID, &late)
	a.quiet()
	// Neither is it asked when the questions under way are many.
	for i := range maxGathering {
		a.s.scatter.waiting[uint64(1000+i)] = &gathering{}
	}
	asker.List(nil, nil, 0)
	asker.take(wire.SigRooms)
}
