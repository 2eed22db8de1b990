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
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t, 4)
		code := "EAAAAAAA"
		intros := []wire.IntroID{{}}
		for len(in) >= 2 && len(intros) < 200 {
			op, arg := in[0], in[1]
			in = in[2:]
			p := w.players[arg&3]
			other := w.players[arg>>4&3]
			id := intros[int(arg>>2)%len(intros)]
			switch op % 12 {
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
			case 11: // a client that keeps to no state
				for _, s := range []wire.Signal{{Type: wire.SigConnect, Member: other.ref.Member}, {Type: wire.SigAccept, Intro: id, Noise: []byte{3}},
					{Type: wire.SigAnswer, Intro: id, Noise: []byte{4}}, {Type: wire.SigSetData, Data: []byte{arg}}} {
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
