package rendezvous

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// FuzzRoomOperations plays four members' commands, lost links and passing time from the input, two bytes an operation.
// After each one the server's tables must be sound.
func FuzzRoomOperations(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 1, 2, 4, 0x10, 5, 1, 6, 0, 8, 0, 9, 0})
	f.Add([]byte{0, 0, 1, 1, 4, 0x10, 4, 0x01, 5, 1, 6, 0, 2, 0, 4, 1, 10, 200})
	f.Add([]byte{0, 0, 1, 1, 1, 2, 1, 3, 4, 0x12, 7, 1, 8, 0, 10, 46, 9, 0, 2, 1, 2, 2, 10, 90})
	// Options, a door, a kick with a ban, an owner's word that crosses; lists and users, over lost links.
	f.Add([]byte{12, 0x10, 1, 1, 15, 0x40, 1, 2, 14, 0x20, 13, 0x20, 16, 0, 17, 1, 18, 0x23, 10, 61, 1, 1})
	f.Add([]byte{12, 0x15, 1, 0, 8, 1, 15, 0x11, 9, 1, 19, 0x30, 8, 2, 3, 1, 9, 2, 13, 0x12, 1, 2, 16, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t, 4)
		w.s.SetNodes(int(len(in) % 2))
		code := "EAAAAAAA"
		intros := []wire.IntroID{{}}
		for len(in) >= 2 && len(intros) < 200 {
			op, arg := in[0], in[1]
			in = in[2:]
			p := w.players[arg&3]
			other := w.players[arg>>4&3]
			id := intros[int(arg>>2)%len(intros)]
			switch op % 20 {
			case 0:
				p.Create(arg>>2, []byte{arg})
			case 1:
				p.Join(code)
			case 2:
				p.Leave()
			case 3:
				p.SetData([]byte{arg})
			case 4:
				p.Connect(other.ref.Member, nil)
			case 5:
				p.Accept(id, []byte{1})
			case 6:
				p.Answer(id, []byte{2})
			case 7:
				p.Reject(id, int32(arg), "no")
			case 8:
				if p.up {
					p.linkLost()
				}
			case 9:
				if !p.up {
					p.linkUp(true)
				}
			case 10:
				w.wait(time.Duration(arg) * time.Second)
			case 12:
				p.CreateWith(arg>>4, []uint32{0, wire.RoomPublic, wire.RoomAsk, wire.RoomPublic | wire.RoomShared}[arg>>2&3], []byte{arg})
			case 13:
				p.SetOwner(other.ref.Member)
			case 14:
				p.Kick(other.ref.Member, arg&4 != 0, "out")
			case 15:
				p.Admit(other.ref.Member, arg&4 == 0, "")
			case 16:
				p.List([]byte{arg &^ 3}[:arg>>7], nil, arg>>4)
			case 17:
				p.Configure(uint32(arg>>2&7)&^2, uint32(arg>>5)&^2, arg>>4)
			case 18:
				p.Invite(other.ref.User, nil)
				p.Query(other.ref.User)
			case 19:
				p.SetDataIf(uint32(arg>>4), []byte{arg})
			case 11: // a client that keeps to no state
				for _, s := range []wire.Signal{{Type: wire.SigConnect, Member: other.ref.Member}, {Type: wire.SigAccept, Intro: id, Noise: []byte{3}},
					{Type: wire.SigAnswer, Intro: id, Noise: []byte{4}}, {Type: wire.SigSetData, Data: []byte{arg}},
					{Type: wire.SigKick, Request: uint32(arg), Member: other.ref.Member}, {Type: wire.SigAdmit, Request: 1, Member: other.ref.Member, Flags: 1},
					{Type: wire.SigList, Request: 2, After: []byte{arg, 1, 2, 3, 4, 5, 6, 7}}} {
					w.s.HandleSignal(w.now, p.ref, &s)
				}
			}
			w.pump()
			for _, q := range w.players {
				for _, e := range q.events {
					switch e.Type {
					case wire.SigJoined:
						code = e.Text
					case wire.SigRequest:
						intros = append(intros, e.Intro)
					}
				}
				q.events = q.events[:0]
			}
			w.check()
		}
	})
}

// check holds the server's tables, and the clients' view, to the invariants.
func (w *world) check() {
	w.t.Helper()
	s := w.s
	if len(s.codes) != len(s.rooms) || len(s.rooms) > 8 || len(s.members) > len(w.players) {
		w.t.Fatalf("%d codes, %d rooms, %d members", len(s.codes), len(s.rooms), len(s.members))
	}
	for _, r := range s.rooms {
		if len(r.members) > int(r.max) || (len(r.members) == 0) != (r.owner == nil) {
			w.t.Fatalf("room of at most %d has %d members", r.max, len(r.members))
		}
		owners := 0
		for _, m := range r.members {
			if m == r.owner {
				owners++
			}
			if m.room != r || s.members[m.ref.Member] != m {
				w.t.Fatal("a member that is not in its room")
			}
		}
		if len(r.members) > 0 && owners != 1 {
			w.t.Fatalf("%d owners", owners)
		}
	}
	w.checkDoors()
	w.checkLists()
	if len(s.pairs) != len(s.intros) {
		w.t.Fatalf("%d introductions of %d pairs", len(s.intros), len(s.pairs))
	}
	for id, in := range s.intros {
		if s.pairs[pairOf(in.caller, in.callee)] != in || in.id != id || in.caller == in.callee || in.deadline.Before(w.now) ||
			in.caller.room != in.room || in.callee.room != in.room {
			w.t.Fatalf("introduction %+v", in)
		}
	}
	for p := range s.acquainted {
		if a, b := s.members[p.low], s.members[p.high]; a == nil || b == nil || a.room == nil || a.room != b.room {
			w.t.Fatalf("%v are acquainted, but not in one room", p)
		}
	}
	for _, p := range w.players {
		m := s.members[p.ref.Member]
		if r, ok := p.Room(); p.up && p.state != asking && (ok != (m.room != nil) || ok && len(r.Members) != len(m.room.members)) {
			w.t.Fatalf("player %s and the server disagree on the room", p.ref.User)
		}
	}
	if len(s.alarms.heap) > len(s.members)+2*len(s.rooms)+2*len(s.intros)+600 {
		w.t.Fatalf("%d alarms", len(s.alarms.heap))
	}
}

// checkDoors: who asks to be let in asks for one room, which is not empty, and the users' table holds every member once.
func (w *world) checkDoors() {
	w.t.Helper()
	s := w.s
	knocks, users := 0, 0
	for _, m := range s.members {
		if m.knocks != nil {
			knocks++
			if m.room != nil || m.knocks.owner == nil || m.knockAt.Add(AskTime).Before(w.now) {
				w.t.Fatal("somebody at a door where nobody can open")
			}
		}
		if len(m.results) > maxResults {
			w.t.Fatalf("%d answers remembered", len(m.results))
		}
	}
	for _, r := range s.rooms {
		knocks -= len(r.knocks)
		if len(r.knocks) > maxKnocks || len(r.bans) > maxBans {
			w.t.Fatalf("%d at the door, %d bans", len(r.knocks), len(r.bans))
		}
		for _, m := range r.members {
			if r.bans.have(&m.ref) {
				w.t.Fatal("a banned member")
			}
		}
	}
	for u, m := range s.users {
		for ; m != nil; m = m.sameUser {
			if users++; m.user() != u || s.members[m.ref.Member] != m {
				w.t.Fatal("a user who is not there")
			}
		}
	}
	if knocks != 0 || users != len(s.members) {
		w.t.Fatalf("%d more at doors than doors know, %d users of %d members", knocks, users, len(s.members))
	}
	if len(s.scatter.waiting) > 200 {
		w.t.Fatalf("%d questions wait", len(s.scatter.waiting))
	}
	for _, p := range w.players {
		if len(p.asked) > maxAsked || len(p.knocks) > maxKnown {
			w.t.Fatalf("player %s waits for %d answers", p.ref.User, len(p.asked))
		}
	}
}

// checkLists: exactly the public rooms that can be entered are listed, in order.
func (w *world) checkLists() {
	w.t.Helper()
	wanted, listed := 0, 0
	for _, r := range w.s.rooms {
		if r.flags&(wire.RoomPublic|wire.RoomLocked) == wire.RoomPublic && len(r.members) > 0 {
			wanted++
		}
	}
	for app, l := range w.s.lists {
		for i, r := range l.rooms {
			listed++
			if r.app != app || r.listed == nil || w.s.rooms[r.id] != r || i > 0 && l.rooms[i-1].listed.compare(*r.listed) >= 0 {
				w.t.Fatal("a room in the wrong place")
			}
		}
	}
	if wanted != listed {
		w.t.Fatalf("%d rooms listed, want %d", listed, wanted)
	}
}
