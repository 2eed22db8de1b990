package rendezvous

import (
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// returning is a client in a room of three, 1 (itself), 2 and 3, whose ticket it has, with a link that was lost.
func returning(t *testing.T) (c *Client, joined wire.Signal, now time.Time) {
	t.Helper()
	c, now = NewClient(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.LinkUp(wire.ServerInfo{Member: 1}, false)
	if err := c.Join("EABCDEFG"); err != nil {
		t.Fatal(err)
	}
	joined = wire.Signal{Type: wire.SigJoined, Request: 1, Room: 9, Epoch: 1, Text: "EABCDEFG", Member: 1, Owner: 2, Max: 8, Version: 3,
		Members: []wire.Member{{ID: 2, Key: [32]byte{2}}, {ID: 1}, {ID: 3, Key: [32]byte{3}}}, Data: []byte("map=ice")}
	c.HandleSignal(now, &joined)
	c.HandleSignal(now, &wire.Signal{Type: wire.SigRoomTicket, Room: 9, Ticket: []byte("ticket")})
	if !c.Rejoins() || c.Rejoining() {
		t.Fatal("the ticket was not kept")
	}
	drain(c)
	joined.Request = 0
	return c, joined, now
}

// drain takes what the client wants said, and what it tells.
func drain(c *Client) (out, events []wire.SignalType) {
	for s, ok := c.NextSignal(); ok; s, ok = c.NextSignal() {
		out = append(out, s.Type)
	}
	for s, ok := c.NextEvent(); ok; s, ok = c.NextEvent() {
		events = append(events, s.Type)
	}
	return out, events
}

func want(t *testing.T, what string, got []wire.SignalType, types ...wire.SignalType) {
	t.Helper()
	if !slices.Equal(got, types) {
		t.Errorf("%s: %v, want %v", what, got, types)
	}
}

// The node of the room died. On the next link the client says Rejoin first, with the room's ticket and data, and nothing else of
// the room before the answer. The new owner names whom it has found so far: nobody has left. At the end it names who is left.
func TestRoomIsRecovered(t *testing.T) {
	c, joined, now := returning(t)
	if err := c.Connect(3, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	drain(c)
	c.LinkDown()
	c.SetProfile(wire.Profile{})
	c.LinkUp(wire.ServerInfo{Member: 1}, true)
	s, _ := c.NextSignal()
	if s.Type != wire.SigRejoin || string(s.Ticket) != "ticket" || s.Version != 3 || string(s.Data) != "map=ice" || s.Request != 2 {
		t.Fatalf("%+v", s)
	}
	_ = c.Connect(2, nil)
	out, events := drain(c)
	want(t, "said before the answer", out, wire.SigProfile)
	want(t, "told", events)

	joined.Request, joined.Epoch, joined.Flags = 2, 2, wire.JoinedRecovering
	joined.Members = []wire.Member{{ID: 1}} // not even the owner is back
	c.HandleSignal(now, &joined)
	out, events = drain(c)
	want(t, "said then", out, wire.SigConnect, wire.SigConnect)
	want(t, "told while recovering", events)
	if r, in := c.Room(); !in || len(r.Members) != 3 || r.Owner != 2 || r.Epoch != 2 || c.Rejoining() {
		t.Fatalf("%+v", r)
	}
	c.HandleSignal(now, &wire.Signal{Type: wire.SigMemberJoined, Epoch: 2, Members: []wire.Member{{ID: 2}}})
	_, events = drain(c)
	want(t, "told of one who came back", events)

	joined.Request, joined.Flags, joined.Members = 0, 0, []wire.Member{{ID: 1}, {ID: 2}}
	c.HandleSignal(now, &joined)
	_, events = drain(c)
	want(t, "told at the end", events, wire.SigMemberLeft)
}

// What was under way when the owner died is void: a call is made again, one that was received is dropped, and one that may not
// have been completed is told to whoever holds the connection.
func TestIntroductionsOfADeadOwner(t *testing.T) {
	c, joined, now := returning(t)
	c.HandleSignal(now, &wire.Signal{Type: wire.SigRequest, Intro: wire.IntroID{1}, Room: 9, Epoch: 1, Member: 2, Key: [32]byte{2}})
	if err := c.Accept(wire.IntroID{1}, []byte("kk1")); err != nil {
		t.Fatal(err)
	}
	_ = c.Connect(3, nil)
	c.HandleSignal(now, &wire.Signal{Type: wire.SigIntroduction, Intro: wire.IntroID{2}, Room: 9, Epoch: 1, Member: 3, Key: [32]byte{3}, Noise: []byte("kk1")})
	if err := c.Answer(wire.IntroID{2}, []byte("kk2")); err != nil {
		t.Fatal(err)
	}
	drain(c)
	joined.Epoch = 2 // our own node found the room its new owner: nobody asked
	c.HandleSignal(now, &joined)
	_, events := drain(c)
	want(t, "told", events, wire.SigRejected, wire.SigRejected)
	if in := c.introWith(2); in != nil {
		t.Errorf("%+v", in)
	}
	if err := c.Connect(3, nil); err != nil {
		t.Error(err)
	}
	// A Joined of the same epoch, after a link that was lost, voids nothing.
	c.HandleSignal(now, &joined)
	out, events := drain(c)
	want(t, "said", out, wire.SigConnect) // and not again
	want(t, "told", events)
}

// A server that can't say yet is asked again after its wait, for the time of grace and a little; then the room is left, once.
func TestRejoinIsPutOff(t *testing.T) {
	c, _, now := returning(t)
	c.SetJitter(func(most time.Duration) time.Duration { return most / 2 })
	c.LinkDown()
	c.LinkUp(wire.ServerInfo{Member: 1}, true)
	began, asked := now, 0
	for now.Sub(began) < 2*time.Minute {
		out, events := drain(c)
		if len(events) > 0 {
			want(t, "told in the end", events, wire.SigLeft)
			break
		}
		for range out {
			asked++
			c.HandleSignal(now, &wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrUnavailable), Text: "no quorum", Wait: 2000})
		}
		if at := c.NextTimeout(); !at.IsZero() {
			now = at
		}
		c.HandleTimeout(now)
	}
	if took := now.Sub(began); took < rejoinPatience-3*time.Second || took > rejoinPatience || asked < 20 || asked > 31 {
		t.Errorf("left after %v and %d askings", took, asked)
	}
	if _, in := c.Room(); in || c.Rejoins() {
		t.Error("still in the room")
	}
}

// A Join to a room that is between two owners is said again by itself; the game hears of it when that was of no use. A Create
// that can't be done now is told at once.
func TestJoinIsPutOff(t *testing.T) {
	c, now := NewClient(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.LinkUp(wire.ServerInfo{Member: 1}, false)
	refusal := wire.Signal{Type: wire.SigRefused, Request: 1, Code: int32(api.ErrUnavailable), Text: "the room's node is gone", Wait: 3000}
	_ = c.Create(0, nil)
	c.HandleSignal(now, &refusal)
	_, events := drain(c)
	want(t, "told of a Create", events, wire.SigRefused)

	_ = c.Join("EABCDEFG")
	refusal.Request = 2
	began := now
	for told := false; !told; {
		out, events := drain(c)
		if told = len(events) > 0; told {
			want(t, "told of a Join", events, wire.SigRefused)
			break
		}
		if len(out) > 0 {
			want(t, "said", out, wire.SigJoin)
			c.HandleSignal(now, &refusal)
			continue
		}
		now = c.NextTimeout()
		c.HandleTimeout(now)
	}
	if took := now.Sub(began); took < joinPatience-5*time.Second || took > joinPatience {
		t.Errorf("told after %v", took)
	}

	_ = c.Join("EABCDEFG") // and one that is answered in time
	refusal.Request = 3
	drain(c)
	c.HandleSignal(now, &refusal)
	now = c.NextTimeout()
	c.HandleTimeout(now)
	out, _ := drain(c)
	want(t, "said again", out, wire.SigJoin)
	c.HandleSignal(now, &wire.Signal{Type: wire.SigJoined, Request: 3, Room: 9, Epoch: 4, Text: "EABCDEFG", Member: 1, Owner: 1, Max: 8, Members: []wire.Member{{ID: 1}}})
	if _, in := c.Room(); !in || !c.NextTimeout().IsZero() {
		t.Error("not in the room, or still asking")
	}
}

// A newcomer comes into a room whose members are just coming back, its owner not yet: it is in at once, and hears who owns the
// room when the owner is there.
func TestNewcomerBeforeTheOwner(t *testing.T) {
	c, now := NewClient(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.LinkUp(wire.ServerInfo{Member: 1}, false)
	_ = c.Join("EABCDEFG")
	drain(c)
	joined := wire.Signal{Type: wire.SigJoined, Request: 1, Room: 9, Epoch: 2, Text: "EABCDEFG", Member: 1, Owner: 2, Max: 8, Flags: wire.JoinedRecovering,
		Members: []wire.Member{{ID: 3}, {ID: 1}}}
	c.HandleSignal(now, &joined)
	_, events := drain(c)
	want(t, "told", events, wire.SigJoined)
	if r, in := c.Room(); !in || r.Owner != 3 {
		t.Fatalf("in %v, %+v", in, r)
	}
	c.HandleSignal(now, &wire.Signal{Type: wire.SigMemberJoined, Epoch: 2, Members: []wire.Member{{ID: 2}}})
	joined.Flags, joined.Members = 0, append(joined.Members, wire.Member{ID: 2})
	c.HandleSignal(now, &joined)
	_, events = drain(c)
	want(t, "told at the end", events, wire.SigMemberJoined, wire.SigOwner)
	if r, _ := c.Room(); r.Owner != 2 {
		t.Errorf("owner %d", r.Owner)
	}
	other := NewClient() // in a room that is not between two owners, an owner who is not there is an error as ever
	other.LinkUp(wire.ServerInfo{Member: 1}, false)
	_ = other.Join("EABCDEFG")
	joined.Owner = 4
	other.HandleSignal(now, &joined)
	if _, in := other.Room(); in {
		t.Error("a room without its owner was taken")
	}
}

// A client in a room, or on its way back into it, survives whatever a server says.
func FuzzClientSignals(f *testing.F) {
	joined := wire.Signal{Type: wire.SigJoined, Request: 1, Room: 9, Epoch: 2, Text: "EABCDEFG", Member: 1, Owner: 2, Max: 8, Members: []wire.Member{{ID: 1}, {ID: 2}}}
	seed := func(list ...wire.Signal) {
		var b []byte
		for i := range list {
			b = wire.AppendBytes16(b, wire.AppendSignal(nil, &list[i]))
		}
		f.Add(b)
	}
	recovering := joined
	recovering.Flags, recovering.Members = wire.JoinedRecovering, nil
	unavailable := wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrUnavailable), Wait: 1 << 31}
	seed(joined, wire.Signal{Type: wire.SigRoomTicket, Room: 9, Ticket: []byte("t")}, recovering, joined)
	seed(joined, unavailable, wire.Signal{Type: wire.SigRoomTicket, Room: 9, Ticket: []byte("t")}, unavailable, recovering)
	seed(wire.Signal{Type: wire.SigRefused, Request: 1, Code: int32(api.ErrUnavailable)}, joined, wire.Signal{Type: wire.SigRequest, Room: 9, Member: 2, Intro: wire.IntroID{1}}, recovering)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, now := NewClient(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		c.LinkUp(wire.ServerInfo{Member: 1}, false)
		_ = c.Join("EABCDEFG")
		r := wire.NewReader(b)
		for n := 0; r.Len() > 0 && n < 200; n++ {
			if s, ok := wire.ParseSignal(r.Bytes16()); ok {
				c.HandleSignal(now, &s)
			}
			switch now = now.Add(time.Second); n % 5 {
			case 3:
				c.LinkDown()
			case 4:
				c.LinkUp(wire.ServerInfo{Member: 1}, true)
			}
			c.HandleTimeout(now)
			drain(c)
			if room, in := c.Room(); in && (len(room.Members) > api.MaxRoomMembers || len(c.intros) > api.MaxRoomMembers || c.memberIndex(room.Self) < 0) {
				t.Fatalf("%+v", room)
			}
			if at := c.NextTimeout(); !at.IsZero() && at.Sub(now) > 2*mostWait {
				t.Fatalf("it waits for %v", at.Sub(now))
			}
		}
	})
}

// What a client tells of an introduction is its own: the link's buffer holds another signal by the time that legs are bound.
func TestTicketsOfBothLegsAreKept(t *testing.T) {
	c, _, now := returning(t)
	_ = c.Connect(3, nil)
	b := wire.AppendSignal(nil, &wire.Signal{Type: wire.SigIntroduction, Intro: wire.IntroID{2}, Room: 9, Epoch: 1, Member: 3, Key: [32]byte{3}, Noise: []byte("kk1"), Flags: wire.IntroBackup,
		Relay: wire.RelayGrant{Ticket: []byte("first leg")}, Backup: wire.RelayGrant{Ticket: []byte("second leg")}})
	s, ok := wire.ParseSignal(b)
	if !ok {
		t.Fatal("no signal")
	}
	c.HandleSignal(now, &s)
	clear(b)
	if ev, _ := c.NextEvent(); string(ev.Relay.Ticket) != "first leg" || string(ev.Backup.Ticket) != "second leg" {
		t.Errorf("%q %q", ev.Relay.Ticket, ev.Backup.Ticket)
	}
}
