package endpoint

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// locked puts the client, which gives a password, into a room with member 2. The server does not say that the room has one.
func locked(t *testing.T, n byte) *evil {
	t.Helper()
	w := newEvil(t, n)
	if err := w.e.RoomEnter(w.now, &api.JoinOptions{Code: "EAAAAAAA", Password: []byte("sesame")}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	join := w.take(wire.SigJoin)
	if join.Flags != wire.JoinPassword || len(join.Data) != 0 {
		t.Fatalf("%+v", join)
	}
	w.say(w.joined(join.Request, 2))
	return w
}

// key answers the endpoint's question for the key.
func (w *evil) key(password string) {
	w.t.Helper()
	d, ok := w.e.NextDerivation()
	if !ok || string(d.Password) != "sesame" || d.Room != evilRoom {
		w.t.Fatalf("%+v %v", d, ok)
	}
	if _, again := w.e.NextDerivation(); again {
		w.t.Fatal("asked twice")
	}
	w.e.Derived(w.now, d.Room, secure.RoomKey([]byte(password), d.Room))
	w.pump()
}

// Nobody gets a connection without the password, not even through a server that hides that there is one, or lends its own
// secret to both.
func TestServerCantTakeThePasswordAway(t *testing.T) {
	w := locked(t, 20)
	s, _ := w.introduction(2, 1, party())
	w.say(s)
	if w.said(wire.SigAnswer) != 0 || w.count(api.EventPeerConnected) != 0 {
		t.Fatal("answered before the key was there")
	}
	w.key("sesame")
	if w.count(api.EventPeerConnected) != 0 || w.said(wire.SigAnswer) != 0 {
		t.Error("connected without the password")
	}
	if r := w.take(wire.SigReject); api.Code(r.Code) != api.ErrBadPassword {
		t.Errorf("%+v", r)
	}
	if w.count(api.EventPeerClosed) != 1 || w.events[len(w.events)-1].Code != api.ErrBadPassword {
		t.Errorf("%+v", w.events)
	}
}

// With the same password on the other side both roles work, after the key as well as before it.
func TestSamePasswordConnects(t *testing.T) {
	for _, early := range []bool{true, false} {
		w := locked(t, 21)
		if !early {
			w.key("sesame")
		}
		cfg := w.peerConfig(2, 1, true)
		cfg.PSK = secure.MixPassword(cfg.PSK, secure.RoomKey([]byte("sesame"), evilRoom))
		_, kk1, err := secure.NewPeerInitiator(cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := w.head(wire.SigIntroduction, 2, 1)
		s.Relay, s.Noise = grant(1), kk1
		w.say(s)
		if early {
			w.key("sesame")
		}
		if w.count(api.EventPeerConnected) != 1 || w.said(wire.SigAnswer) != 1 {
			t.Errorf("early %v: %+v", early, w.events)
		}

		// And as the one who is called.
		w = locked(t, 22)
		w.say(w.head(wire.SigRequest, 2, 1))
		w.key("sesame")
		cfg = w.peerConfig(2, 1, false)
		cfg.PSK = secure.MixPassword(cfg.PSK, secure.RoomKey([]byte("sesame"), evilRoom))
		msg2, _, _, err := secure.AnswerPeer(cfg, w.take(wire.SigAccept).Noise)
		if err != nil {
			t.Fatal(err)
		}
		w.say(wire.Signal{Type: wire.SigAccepted, Intro: wire.IntroID{1}, Relay: grant(1)})
		w.say(wire.Signal{Type: wire.SigAnswered, Intro: wire.IntroID{1}, Noise: msg2})
		if w.count(api.EventPeerConnected) != 1 {
			t.Errorf("callee: %+v", w.events)
		}
	}
}

// What waits for the key ends with what it belongs to, and a key for a room that was left is nobody's.
func TestKeyThatComesTooLate(t *testing.T) {
	w := locked(t, 23)
	s, _ := w.introduction(2, 1, party())
	w.say(s)
	w.say(wire.Signal{Type: wire.SigRejected, Member: 2, Intro: wire.IntroID{1}, Code: int32(api.ErrTimeout), Text: "over"})
	w.key("sesame")
	if w.said(wire.SigAnswer)+w.said(wire.SigReject) != 0 {
		t.Error("an introduction that is over was answered")
	}
	w = locked(t, 24)
	w.say(s)
	d, _ := w.e.NextDerivation()
	if err := w.e.RoomLeave(w.now); err != nil {
		t.Fatal(err)
	}
	w.pump()
	w.room(2) // no password this time
	w.e.Derived(w.now, d.Room, [32]byte{1})
	if w.e.pass.state != passNone || len(w.e.pass.password) != 0 {
		t.Errorf("%+v", w.e.pass)
	}
	s, _ = w.introduction(2, 3, party())
	w.say(s)
	if w.count(api.EventPeerConnected) != 1 {
		t.Errorf("a room without a password: %+v", w.events)
	}
}

// A password doesn't stay in memory when nothing comes of the room.
func TestPasswordIsForgotten(t *testing.T) {
	for name, end := range map[string]func(w *evil){
		"left before the answer": func(w *evil) { _ = w.e.RoomLeave(w.now) },
		"disconnected":           func(w *evil) { _ = w.e.Disconnect(w.now) },
		"refused": func(w *evil) {
			w.say(wire.Signal{Type: wire.SigRefused, Request: w.take(wire.SigJoin).Request, Code: int32(api.ErrBadCode), Text: "no"})
		},
	} {
		w := newEvil(t, 26)
		if err := w.e.RoomEnter(w.now, &api.JoinOptions{Code: "EAAAAAAA", Password: []byte("sesame")}); err != nil {
			t.Fatal(err)
		}
		w.pump()
		kept := w.e.pass.password
		end(w)
		if w.e.pass.state != passNone || string(kept) == "sesame" {
			t.Errorf("%s: %q is still there", name, kept)
		}
	}
}

// A game whose polling stops gets what fits its queue, and the link ends rather than memory: also when what comes is news
// that nobody asked for.
func TestInvitationsDontFillMemory(t *testing.T) {
	w := newEvil(t, 25)
	for range 2 * maxEvents {
		_ = w.session.Send(w.now, &wire.Signal{Type: wire.SigInvited, User: "who", Text: "EAAAAAAA", Data: make([]byte, 200)})
		w.quietPump()
		w.now = w.now.Add(5 * time.Millisecond)
	}
	if n := len(w.e.events) - w.e.taken; n > maxEvents+2 {
		t.Errorf("%d events wait", n)
	}
	if w.e.linkUp {
		t.Error("the link goes on filling")
	}
}
