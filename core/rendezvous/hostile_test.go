package rendezvous

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A client that says goodbye has no member any more: what it says after that over the same link makes no new one, with
// a fresh allowance and the right to one more empty room.
func TestNothingIsTakenAfterAGoodbye(t *testing.T) {
	w := newWorld(t, 1)
	p := w.players[0]
	for i := range uint32(1000) {
		w.s.HandleSignal(w.now, p.ref, &wire.Signal{Type: wire.SigCreate, Request: i + 1, Max: 2})
		w.s.HandleSignal(w.now, p.ref, &wire.Signal{Type: wire.SigBye})
	}
	if s := w.s.Stats(); s.Rooms > 1 || s.Members != 0 {
		t.Fatalf("one link left %d rooms and %d members behind", s.Rooms, s.Members)
	}
	// The next link is a member again.
	p.linkUp(false)
	wantCode(t, p.Create(0, nil), api.OK)
	p.take(wire.SigJoined)
}

// The reason of a refusal is the other player's word: it can't speak for the server, whose "slow down" makes a caller
// ask again by itself, or claim that the refusal was none.
func TestARefusalSpeaksForThePlayerOnly(t *testing.T) {
	for _, c := range []struct{ says, heard api.Code }{
		{api.ErrRateLimited, api.ErrRejected}, {api.ErrServerKey, api.ErrRejected}, {api.OK, api.ErrRejected}, {7, 7},
		{-1000, api.ErrRejected}, {api.ErrRejected, api.ErrRejected}, {api.ErrHandshake, api.ErrHandshake},
		{api.ErrTimeout, api.ErrTimeout}, {api.ErrPeerGone, api.ErrPeerGone},
	} {
		w, _ := inRoom(t, 2)
		a, b := w.players[0], w.players[1]
		wantCode(t, a.Connect(b.ref.Member, nil), api.OK)
		q := b.take(wire.SigRequest)
		wantCode(t, b.Reject(q.Intro, int32(c.says), "no"), api.OK)
		if s := a.take(wire.SigRejected); api.Code(s.Code) != c.heard {
			t.Errorf("rejected with %d, heard %d, want %d", c.says, s.Code, c.heard)
		}
	}
}

// Once both have keys there is nothing left to refuse: a late Reject reaches nobody.
func TestAUsedIntroductionIsNotRefused(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Connect(b.ref.Member, nil), api.OK)
	q := b.take(wire.SigRequest)
	wantCode(t, b.Accept(q.Intro, []byte("kk1")), api.OK)
	wantCode(t, a.Answer(a.take(wire.SigIntroduction).Intro, []byte("kk2")), api.OK)
	b.take(wire.SigAccepted)
	b.take(wire.SigAnswered)
	w.s.HandleSignal(w.now, b.ref, &wire.Signal{Type: wire.SigReject, Intro: q.Intro, Code: int32(api.ErrRejected)})
	w.quiet()
}

// Each introduction takes a session of the relay for a minute. Two clients that introduce themselves to each other over
// and over get about one a second.
func TestIntroducingTheSamePairAgainIsPaidFor(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	w.grants = nil
	for range 60 * 20 { // a minute of the plain signal rate
		w.wait(time.Second / 20)
		w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigConnect, Member: b.ref.Member})
		for to, s, ok := w.s.NextSignal(); ok; to, s, ok = w.s.NextSignal() {
			switch {
			case s.Type == wire.SigRequest && to.Member == b.ref.Member:
				w.s.HandleSignal(w.now, b.ref, &wire.Signal{Type: wire.SigAccept, Intro: s.Intro, Noise: []byte("kk1")})
			case s.Type == wire.SigIntroduction:
				w.s.HandleSignal(w.now, a.ref, &wire.Signal{Type: wire.SigAnswer, Intro: s.Intro, Noise: []byte("kk2")})
			}
		}
	}
	if n := len(w.grants) / 2; n > 70 || n < 3 {
		t.Errorf("%d relay sessions in a minute", n)
	}
}

// A server that repeats a question for ever, and takes no answer, fills no memory of the client's.
func TestAnswersThatTheServerDoesNotTakeAreBounded(t *testing.T) {
	w, _ := inRoom(t, 2)
	a, b := w.players[0], w.players[1]
	wantCode(t, a.Connect(b.ref.Member, nil), api.OK)
	q := b.take(wire.SigRequest)
	wantCode(t, b.Accept(q.Intro, make([]byte, wire.MaxHandshake)), api.OK)
	for range 10_000 {
		b.HandleSignal(w.now, &q)
	}
	n := 0
	for _, ok := b.NextSignal(); ok; _, ok = b.NextSignal() {
		n++
	}
	if n == 0 || n > maxOut {
		t.Errorf("%d signals waited", n)
	}
}
