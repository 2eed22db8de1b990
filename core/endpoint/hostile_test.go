package endpoint

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// connected is a client that called member 2 and has keys.
func connected(t testing.TB, n byte) (*evil, api.PeerHandle) {
	t.Helper()
	w := newEvil(t, n)
	w.room(2)
	s, _ := w.introduction(2, 1, party("203.0.113.2:4000"))
	w.say(s)
	if w.count(api.EventPeerConnected) != 1 || w.said(wire.SigAnswer) != 1 {
		t.Fatalf("not connected: %+v", w.events)
	}
	return w, w.e.slots.handle(0)
}

// An introduction whose handshake fails is refused, so that both sides and the server know, and does not touch a
// connection that lives.
func TestFailedHandshakeLeavesALivingConnectionAlone(t *testing.T) {
	w, h := connected(t, 1)
	w.e.slots.list[0].cur.Close(w.now, api.ErrClosed, "") // makes a second Connect possible
	w.wait(4 * time.Second)
	w.events = nil
	if err := w.e.PeerConnect(w.now, h, nil); err != nil {
		t.Fatal(err)
	}
	s, _ := w.introduction(2, 2, party())
	w.say(s)
	if w.count(api.EventPeerConnected) != 1 {
		t.Fatal("no second connection")
	}
	// The server introduces once more by itself, with a forged message 1: as if the client had called while connected.
	if err := w.e.link.Rooms().Connect(2, nil); err != nil {
		t.Fatal(err)
	}
	s, _ = w.introduction(2, 3, party())
	s.Noise[40] ^= 1
	w.say(s)
	if n := w.count(api.EventPeerClosed); n != 0 {
		t.Errorf("PEER_CLOSED %d times for a connection that lives", n)
	}
	if r := w.take(wire.SigReject); r.Intro != s.Intro || api.Code(r.Code) != api.ErrHandshake {
		t.Errorf("the server was told %+v", r)
	}
	// Nothing is in the way of the next try.
	if err := w.e.link.Rooms().Connect(2, nil); err != nil {
		t.Error(err)
	}
}

// A player elsewhere can't make us send to addresses of our own network by calling them its private ones.
func TestPrivateAddressesOfAStrangerAreNotProbed(t *testing.T) {
	inside := netip.MustParseAddrPort("10.0.0.1:53")
	for _, c := range []struct {
		party string
		want  bool
	}{{"203.0.113.2:4000", false}, {"198.51.100.7:4000", true}} { // the second is behind our own public address
		w := newEvil(t, 2)
		w.room(2)
		s, _ := w.introduction(2, 1, party(c.party), inside)
		w.say(s)
		w.wait(time.Second)
		probed := false
		for _, p := range w.sent {
			probed = probed || p.to == inside
		}
		if probed != c.want {
			t.Errorf("player at %s: probed %v", c.party, probed)
		}
	}
}

// Datagrams that look like a relay's answers cost nothing when no leg waits for one.
func TestForgedRelayAnswersWakeNobody(t *testing.T) {
	w, _ := connected(t, 3)
	for _, b := range [][]byte{{0x40}, {0x44}, wire.AppendBindChallenge(nil, &wire.BindChallenge{}), append(wire.AppendBound(nil, &wire.Bound{Handle: 66}), make([]byte, 16)...)} {
		w.e.HandleDatagram(w.now, api.MainSocket, netip.MustParseAddrPort("203.0.113.66:6"), b)
		if n := len(w.e.slots.sending) + len(w.e.slots.telling); n != 0 {
			t.Errorf("%x woke %d", b[:1], n)
		}
	}
}

// A relay that gives a leg another handle again and again leaves one entry in the table, the latest.
func TestRelayHandlesAreNotCollected(t *testing.T) {
	w, _ := connected(t, 4)
	for i := range uint32(100) {
		w.e.NetworkChanged(w.now) // binds anew
		for range 4 {
			w.pump()
			control := w.control
			w.control = nil
			for _, c := range control {
				if m, _, ok := wire.ParseBind(c.b); ok {
					w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, wire.AppendBindChallenge(nil, &wire.BindChallenge{Nonce: m.Nonce}))
				}
				if m, _, ok := wire.ParseBind2(c.b); ok {
					b := wire.AppendBound(nil, &wire.Bound{Nonce: m.Nonce, Handle: 100 + i})
					key := grant(0).Key
					mac, _ := blake2s.New128(key[:])
					mac.Write(b)
					w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, mac.Sum(b))
				}
			}
		}
	}
	if h, _ := w.e.slots.list[0].cur.RelayHandles(); h != [2]uint32{199, 0} {
		t.Fatalf("handles %d", h)
	}
	if len(w.e.slots.relays) != 1 || len(w.e.slots.conns) != 1 {
		t.Errorf("%v %v", w.e.slots.relays, w.e.slots.conns)
	}
}

// Leaving the room ends what was under way at once, with the true reason.
func TestLeavingEndsAHandshakeUnderWay(t *testing.T) {
	for _, how := range []string{"left", "member left", "closed", "disconnected"} {
		w := newEvil(t, 5)
		w.room()
		w.say(wire.Signal{Type: wire.SigMemberJoined, Epoch: 1, Members: []wire.Member{w.member(2)}})
		w.say(w.head(wire.SigRequest, 2, 1))
		if w.said(wire.SigAccept) != 1 || w.e.slots.list[0].next == nil {
			t.Fatal("not accepted")
		}
		switch how {
		case "left":
			_ = w.e.RoomLeave(w.now)
		case "member left":
			w.say(wire.Signal{Type: wire.SigMemberLeft, Epoch: 1, Member: 2})
		case "closed":
			w.say(wire.Signal{Type: wire.SigLeft, Code: int32(api.ErrRoomClosed), Text: "closed"})
		case "disconnected":
			_ = w.e.Disconnect(w.now)
		}
		w.pump()
		if len(w.e.slots.conns) != 0 || w.e.slots.list[0].used {
			t.Errorf("%s: the slot is still in use: %+v", how, w.e.slots.list[0])
		}
		for _, ev := range w.events {
			if strings.Contains(ev.Text, "30 s") {
				t.Errorf("%s: %q", how, ev.Text)
			}
		}
	}
}

// A handshake that ran out of time stays ended, also when its answer comes before the game has taken the news.
func TestAnAnswerAfterTheTimeIsUpConnectsNobody(t *testing.T) {
	w := newEvil(t, 7)
	w.room(2)
	w.say(w.head(wire.SigRequest, 2, 1))
	msg2, _, _, err := secure.AnswerPeer(w.peerConfig(2, 1, false), w.take(wire.SigAccept).Noise)
	if err != nil {
		t.Fatal(err)
	}
	w.say(wire.Signal{Type: wire.SigAccepted, Intro: wire.IntroID{1}, Relay: grant(1)})
	w.events = nil
	w.now = w.now.Add(31 * time.Second)
	w.quietPump()
	_ = w.session.Send(w.now, &wire.Signal{Type: wire.SigAnswered, Intro: wire.IntroID{1}, Noise: msg2})
	w.quietPump()
	w.pump()
	if w.count(api.EventPeerConnected) != 0 || w.count(api.EventPeerClosed) != 1 {
		t.Errorf("%+v", w.events)
	}
	if s := w.e.slots.list[0]; s.cur != nil || s.next != nil {
		t.Errorf("%+v", s)
	}
}

// A closed connection has nothing more to tell, whatever the other side still sends.
func TestNothingIsToldOfAClosedConnection(t *testing.T) {
	w := newEvil(t, 8)
	w.room(2)
	s, hs := w.introduction(2, 1, party("203.0.113.2:4000"))
	w.say(s)
	keys, _, err := hs.Finish(w.take(wire.SigAnswer).Noise)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := keys.Begin(nil, wire.PathRelay)
	b = keys.Seal(append(b, 6, 0, 0, 0, 0, 0), 0)
	w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, append(wire.AppendRelayed(nil, 1), b...))
	w.pump()
	if w.count(api.EventPeerClosed) != 1 {
		t.Fatalf("%+v", w.events)
	}
	w.events = nil
	for _, p := range w.sent {
		_, _, frames, err := keys.Open(p.b)
		if probe, ok := wire.ParseProbe(frames); err == nil && ok && probe.Challenge {
			b, _ := keys.Begin(nil, wire.PathProbe)
			b = wire.AppendProbe(b, &wire.Probe{Response: true, RespNonce: probe.ChallengeNonce, Observed: publicAddr})
			w.e.HandleDatagram(w.now, api.MainSocket, p.to, keys.Seal(b, 0))
		}
	}
	w.pump()
	if n := len(w.events); n != 0 || len(w.sent) == 0 {
		t.Errorf("%d probes, events: %+v", len(w.sent), w.events)
	}
}

// A player with a library that renews no keys is connected to as ever, unless post-quantum keys are required: then it is refused
// before it has an answer.
func TestOlderLibrary(t *testing.T) {
	for _, pq := range []api.PQ{api.PQOn, api.PQRequired} {
		w := newEvil(t, 12)
		w.e.cfg.PQ = pq
		w.room(2)
		s, hs := w.introduction(2, 1, party("203.0.113.2:4000"))
		w.say(s)
		if pq == api.PQRequired {
			if r := w.take(wire.SigReject); api.Code(r.Code) != api.ErrPQ || w.count(api.EventPeerConnected) != 0 || w.count(api.EventPeerClosed) != 1 {
				t.Errorf("%+v, %+v", r, w.events)
			}
			continue
		}
		keys, info, err := hs.Finish(w.take(wire.SigAnswer).Noise)
		if err != nil || keys.Renewable() || info.Flags&wire.FlagRekey == 0 {
			t.Fatal("the handshake is another", err, info.Flags)
		}
		b, _ := keys.Begin(nil, wire.PathRelay)
		b = keys.Seal(wire.AppendMessage(b, &wire.Message{Payload: []byte("hello")}, true), 0)
		w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, append(wire.AppendRelayed(nil, 1), b...))
		w.pump()
		w.wait(8 * time.Second)
		report := string(w.e.AppendReport(nil, w.now))
		if w.count(api.EventMessage) != 1 || w.count(api.EventPeerClosed) != 0 || !strings.Contains(report, "never renewed: the other side can't") {
			t.Errorf("%+v\n%s", w.events, report)
		}
	}
}

// A server that floods a client whose game does not poll takes a bounded amount of memory, and the game is told.
func TestEventsThatNobodyTakesAreBounded(t *testing.T) {
	for kind, n := range map[string]int{"data": 300, "members": maxEvents + 500} {
		w := newEvil(t, 6)
		w.room()
		w.events = nil
		for i := range n {
			s := wire.Signal{Type: wire.SigRoomData, Epoch: 1, Data: make([]byte, 1000)}
			s.Data[0], s.Data[1] = byte(i>>8), byte(i)
			if kind == "members" {
				s = wire.Signal{Type: wire.SigMemberJoined, Epoch: 1, Members: []wire.Member{w.member(2)}}
				if i%2 == 1 {
					s = wire.Signal{Type: wire.SigMemberLeft, Epoch: 1, Member: 2}
				}
			}
			_ = w.session.Send(w.now, &s)
			w.quietPump()
			if n := len(w.e.events); n > maxEvents+8 {
				t.Fatalf("%s: %d events wait", kind, n)
			}
		}
		w.pump()
		switch last := w.events[len(w.events)-1]; {
		case kind == "data" && (w.count(api.EventRoomData) > 2 || last.Data[0] != byte((n-1)>>8) || last.Data[1] != byte(n-1)):
			t.Errorf("%d events, the last %v", len(w.events), last.Data[:2])
		case kind == "members" && (last.Kind != api.EventServerLost || last.Code != api.ErrLimit || last.Text == "" || w.count(api.EventRoomLeft) != 1):
			t.Errorf("%+v", last)
		}
	}
}

// quietPump is pump for a game that does not poll.
func (w *evil) quietPump() {
	for busy := true; busy; {
		busy = false
		for b, tx, ok := w.e.AppendTransmit(w.now, nil); ok; b, tx, ok = w.e.AppendTransmit(w.now, nil) {
			busy = true
			w.route(b, tx.To)
		}
		for b, _, ok := w.session.AppendTransmit(w.now, nil); ok; b, _, ok = w.session.AppendTransmit(w.now, nil) {
			busy = true
			w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, b)
		}
		w.now = w.now.Add(time.Millisecond)
		w.session.HandleTimeout(w.now)
		w.e.HandleTimeout(w.now)
	}
}
