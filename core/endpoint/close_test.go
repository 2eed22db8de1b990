package endpoint

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// closer is a client in a room with player 2 whose game closes what is still coming up.
func closer(t *testing.T, n byte, configure func(*Config)) (*evil, api.PeerHandle) {
	w := newEvil(t, n)
	configure(&w.e.cfg)
	w.room(2)
	i, ok := w.e.slots.byMember(2)
	if !ok {
		t.Fatal("no slot")
	}
	return w, w.e.slots.handle(i)
}

// closedFor is longer than a connection takes that can tell nobody of its end.
const closedFor = 5 * time.Second

func manual(c *Config)     { c.ManualAccept, c.ManualConnect = true, true }
func automatic(*Config)    {}
func onlyCalled(c *Config) { c.ManualConnect = true }

func (w *evil) close(h api.PeerHandle) {
	w.t.Helper()
	if err := w.e.PeerClose(w.now, h, 7, "full"); err != nil {
		w.t.Fatal(err)
	}
	w.pump()
}

// told checks how often the game was told of a connection's begin and end, and that the end has the game's own reason.
func (w *evil) told(connected, closed int) {
	w.t.Helper()
	if w.count(api.EventPeerConnected) != connected || w.count(api.EventPeerClosed) != closed {
		w.t.Errorf("want %d PEER_CONNECTED and %d PEER_CLOSED: %+v", connected, closed, w.events)
	}
	for _, ev := range w.events {
		if ev.Kind == api.EventPeerClosed && (ev.Code != 7 || ev.Text != "full") {
			w.t.Errorf("closed with %d %q", ev.Code, ev.Text)
		}
	}
}

// refusedWith checks that the server was given the reason for the other player, once.
func (w *evil) refusedWith(intro byte) {
	w.t.Helper()
	if r := w.take(wire.SigReject); w.said(wire.SigReject) != 1 || r.Intro != (wire.IntroID{intro}) || r.Code != 7 || r.Text != "full" {
		w.t.Errorf("%d refusals, %+v", w.said(wire.SigReject), r)
	}
}

// complete plays the caller of an introduction to its end.
func (w *evil) complete(intro byte) {
	w.t.Helper()
	message, _, _, err := secure.AnswerPeer(w.peerConfig(2, intro, false), w.take(wire.SigAccept).Noise)
	if err != nil {
		w.t.Fatal(err)
	}
	w.say(wire.Signal{Type: wire.SigAccepted, Intro: wire.IntroID{intro}, Relay: grant(uint32(intro))})
	w.say(wire.Signal{Type: wire.SigAnswered, Intro: wire.IntroID{intro}, Noise: message})
}

// The caller may have its keys before we have ours, and the server takes no refusal any more: the connection comes about
// without a word to the game, for as long as it takes to tell the other side.
func TestCloseWhileCalleeShakesHands(t *testing.T) {
	for accepted := range 2 {
		w, h := closer(t, 40, [...]func(*Config){onlyCalled, manual}[accepted])
		w.say(w.head(wire.SigRequest, 2, 1))
		if accepted == 1 {
			if err := w.e.PeerAccept(w.now, h); err != nil {
				t.Fatal(err)
			}
			w.pump()
		}
		w.close(h)
		w.told(0, accepted) // whoever accepted hears what became of it
		w.complete(1)
		s := &w.e.slots.list[h.Slot()]
		if s.cur != nil || s.next == nil || !s.next.Unwanted() || w.said(wire.SigReject) != 0 {
			t.Fatalf("accepted %d: no connection is there to tell the other side through", accepted)
		}
		w.wait(closedFor)
		w.told(0, accepted)
		if s.next != nil || len(w.e.slots.conns) != 0 || len(w.e.slots.relays) != 0 {
			t.Errorf("accepted %d: the connection stays", accepted)
		}
		w.say(w.head(wire.SigRequest, 2, 2)) // and the next one is a connection as any other
		if accepted == 1 {
			_ = w.e.PeerAccept(w.now, h)
			w.pump()
		}
		w.complete(2)
		w.told(1, accepted)
	}
}

// A caller that gets no answer any more leaves nothing behind.
func TestCloseOfHandshakeThatNeverEnds(t *testing.T) {
	w, h := closer(t, 41, onlyCalled)
	w.say(w.head(wire.SigRequest, 2, 1))
	w.close(h)
	w.wait(2 * requestLife)
	w.told(0, 0)
	if w.e.slots.list[h.Slot()].next != nil {
		t.Error("the handshake stays")
	}
	w, h = closer(t, 48, onlyCalled)
	w.say(w.head(wire.SigRequest, 2, 1))
	w.close(h)
	w.say(wire.Signal{Type: wire.SigRejected, Member: 2, Intro: wire.IntroID{1}, Code: int32(api.ErrTimeout), Text: "over"})
	w.told(0, 0)
	if w.e.slots.list[h.Slot()].next != nil {
		t.Error("the handshake outlives its introduction")
	}
}

// A connection that the game has closed does not come back with the news that its server, or the room's, is gone.
func TestClosedConnectionIsNotAskedForAgain(t *testing.T) {
	w, h := closer(t, 49, onlyCalled)
	if err := w.e.PeerConnect(w.now, h, nil); err != nil {
		t.Fatal(err)
	}
	s, _ := w.introduction(2, 1, party())
	w.say(s)
	w.close(h)
	w.wait(closedFor)
	w.told(1, 1)
	w.say(wire.Signal{Type: wire.SigRejected, Member: 2, Intro: wire.IntroID{1}, Code: int32(api.ErrUnavailable), Text: "lost"})
	w.wait(closedFor)
	if n := w.said(wire.SigConnect); n != 1 {
		t.Errorf("called %d times", n)
	}
}

// A Connect under way has no name yet. What comes of it is refused when it comes: the introduction, or, after a crossing, the other
// player's own request.
func TestCloseWhileCalling(t *testing.T) {
	for asked := range 2 {
		for crossing := range 2 {
			w, h := closer(t, 42, [...]func(*Config){automatic, onlyCalled}[asked])
			if asked == 1 {
				if err := w.e.PeerConnect(w.now, h, nil); err != nil {
					t.Fatal(err)
				}
			}
			w.close(h)
			w.told(0, asked)
			if crossing == 1 {
				w.say(w.head(wire.SigRequest, 2, 1))
			} else {
				s, _ := w.introduction(2, 1, party())
				w.say(s)
			}
			w.told(0, asked)
			w.refusedWith(1)
			if w.said(wire.SigAccept)+w.said(wire.SigAnswer) != 0 {
				t.Errorf("asked %d, crossing %d: answered all the same", asked, crossing)
			}
			w.say(w.head(wire.SigRequest, 2, 2)) // a later one is not concerned
			w.complete(2)
			w.told(1, asked)
		}
	}
}

// What the server says of a call that nobody wants any more is not news, and is not repeated by itself.
func TestCloseOfCallThatFails(t *testing.T) {
	for _, code := range []api.Code{api.ErrRateLimited, api.ErrUnavailable, api.ErrRejected} {
		for late := range 2 {
			w, h := closer(t, 43, onlyCalled)
			if err := w.e.PeerConnect(w.now, h, nil); err != nil {
				t.Fatal(err)
			}
			w.pump()
			no := wire.Signal{Type: wire.SigRejected, Member: 2, Code: int32(code), Text: "no"}
			if late == 1 && code != api.ErrRejected {
				w.say(no) // it waits to call again
			}
			w.close(h)
			if late == 0 {
				w.say(no)
			}
			w.told(0, 1)
			w.wait(mostConnectAgain + requestLife)
			if n := w.said(wire.SigConnect); n != 1 {
				t.Errorf("code %d, late %d: called %d times", code, late, n)
			}
		}
	}
}

// Who changes his mind again while the first call is under way gets the connection.
func TestConnectAfterCloseWhileCalling(t *testing.T) {
	w, h := closer(t, 44, onlyCalled)
	for n := range 2 {
		if err := w.e.PeerConnect(w.now, h, nil); err != nil {
			t.Fatal(n, err)
		}
		if n == 0 {
			w.close(h)
		}
	}
	s, _ := w.introduction(2, 1, party())
	w.say(s)
	w.told(1, 1)
}

// Closing instead of rejecting: the other side gets the reason, and this one, who asked for nothing, no event.
func TestCloseOfRequest(t *testing.T) {
	w, h := closer(t, 45, manual)
	w.say(w.head(wire.SigRequest, 2, 1))
	w.close(h)
	w.told(0, 0)
	w.refusedWith(1)
	if w.e.PeerAccept(w.now, h) == nil {
		t.Error("the request still waits")
	}
	if err := w.e.PeerClose(w.now, h, 7, "full"); err == nil {
		t.Error("closed nothing")
	}
}

// What waits for the password's key ends as well.
func TestCloseWhileWaitingForKey(t *testing.T) {
	for called := range 2 {
		w := locked(t, 46)
		if called == 1 {
			w.say(w.head(wire.SigRequest, 2, 1))
		} else {
			s, _ := w.introduction(2, 1, party())
			w.say(s)
		}
		w.close(w.e.slots.handle(0))
		w.key("sesame")
		w.told(0, 0)
		w.refusedWith(1)
	}
}

// A connection and the newer introduction that would replace it end together, with one event.
func TestCloseOfConnectionAndItsSuccessor(t *testing.T) {
	w, h := closer(t, 47, onlyCalled)
	w.say(w.head(wire.SigRequest, 2, 1))
	w.complete(1)
	w.say(w.head(wire.SigRequest, 2, 2))
	w.close(h)
	w.complete(2)
	w.wait(closedFor)
	w.told(1, 1)
	if s := &w.e.slots.list[h.Slot()]; s.cur != nil || s.next != nil {
		t.Error("a connection stays")
	}
}

// The callee leaves, or its game ends, in the midst of its handshake: it has no keys to say so with, and the caller has. The caller
// hears it from the server, and need not wait until silence tells it. A connection over which something came goes on.
func TestCalleeLeavesInItsHandshake(t *testing.T) {
	for _, code := range []api.Code{api.OK, api.ErrLost} {
		w, h := closer(t, 50, onlyCalled)
		if err := w.e.PeerConnect(w.now, h, nil); err != nil {
			t.Fatal(err)
		}
		s, _ := w.introduction(2, 1, party())
		w.say(s)
		if w.count(api.EventPeerConnected) != 1 {
			t.Fatal("no keys")
		}
		w.say(wire.Signal{Type: wire.SigMemberLeft, Epoch: 1, Member: 2, Code: int32(code)})
		w.wait(time.Second)
		n := 0
		for _, ev := range w.events {
			if ev.Kind == api.EventPeerClosed && ev.Peer == h && ev.Code == api.ErrPeerGone && ev.Text != "" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("left with %v: %+v", code, w.events)
		}
	}
}
