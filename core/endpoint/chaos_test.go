package endpoint

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A hostile server, hostile players and an impatient game do what they can do, in any order: signals that fit nothing,
// twice, too late or of another introduction; genuine and forged handshakes; packets by every way at every stage. The
// client must not panic, its tables must stay true, and the game's story of each connection must make sense.
func TestSignalsInAnyOrder(t *testing.T) {
	seeds := 40
	if testing.Short() || raceEnabled {
		seeds = 8
	}
	total := map[api.EventKind]int{}
	for n := range seeds {
		c := &chaos{evil: newEvil(t, byte(n)), waits: map[byte]*secure.PeerHandshake{}, open: map[api.PeerHandle]bool{}, met: total}
		c.manual()
		c.room(2, 3)
		for range 250 {
			c.step()
			c.check()
			if t.Failed() {
				t.Fatalf("seed %d, the last steps:\n%s", n, c.steps[max(0, len(c.steps)-12):])
			}
		}
	}
	for _, kind := range []api.EventKind{api.EventPeerConnected, api.EventPeerClosed, api.EventPeerRequest, api.EventMessage, api.EventRoomLeft, api.EventPunch} {
		if total[kind] < 1+seeds/10 {
			t.Errorf("event %d came %d times only: the chaos has become tame", kind, total[kind])
		}
	}
}

type chaos struct {
	*evil
	waits    map[byte]*secure.PeerHandshake // of introductions that the client called for
	sessions []chaosSession
	open     map[api.PeerHandle]bool // connected, as the game was told
	met      map[api.EventKind]int
	steps    []string
}

type chaosSession struct {
	keys  *secure.Session
	intro byte
}

func (c *chaos) manual() { c.e.cfg.ManualAccept = c.rng.IntN(2) == 0 }

// id, intro, addr draw from few values, so that things meet again.
func (c *chaos) id() uint64  { return uint64(1 + c.rng.IntN(6)) }
func (c *chaos) intro() byte { return byte(1 + c.rng.IntN(5)) }
func (c *chaos) party() wire.Party {
	return [...]wire.Party{{}, party("203.0.113.2:4000"), party("198.51.100.7:4001"), party("203.0.113.2:4000", "127.0.0.1:1", "224.0.0.1:5")}[c.rng.IntN(4)]
}
func (c *chaos) grant() wire.RelayGrant {
	g := grant(uint32(c.rng.IntN(7)))
	if c.rng.IntN(4) == 0 {
		g.Ticket = nil
	}
	return g
}

// pick gives a handle, mostly a real one.
func (c *chaos) pick() api.PeerHandle {
	if n := c.e.slots.used; n > 0 && c.rng.IntN(8) > 0 {
		return c.e.slots.handle(c.rng.IntN(n))
	}
	return api.NewPeerHandle(uint32(c.rng.IntN(8)), uint32(c.rng.IntN(3)))
}

func (c *chaos) step() {
	k := c.rng.IntN(33)
	c.steps = append(c.steps, fmt.Sprintf("%d", k))
	var s wire.Signal
	switch k {
	case 0:
		s = c.joined(c.rng.Uint32N(4), c.id(), 7)
	case 1:
		s = wire.Signal{Type: wire.SigMemberJoined, Epoch: 1, Members: []wire.Member{c.member(c.id())}}
	case 2:
		s = wire.Signal{Type: wire.SigMemberLeft, Epoch: 1, Member: c.id()}
	case 3:
		s = wire.Signal{Type: wire.SigOwner, Epoch: 1, Owner: c.id()}
	case 4, 5, 6:
		s = c.head(wire.SigRequest, c.id(), c.intro())
		s.Flags = c.rng.Uint32N(2)
	case 7, 8, 9:
		id, intro := c.id(), c.intro()
		var hs *secure.PeerHandshake
		if s, hs = c.introduction(id, intro, c.party(), netip.MustParseAddrPort("10.0.0.9:99")); c.rng.IntN(6) == 0 {
			s.Noise[c.rng.IntN(len(s.Noise))] ^= 1
		}
		c.waits[intro], s.Relay = hs, c.grant()
	case 10, 11, 12:
		s = wire.Signal{Type: wire.SigAccepted, Intro: wire.IntroID{c.intro()}, Party: c.party(), Relay: c.grant()}
	case 13, 14, 15, 16:
		s = c.answered()
	case 17:
		s = wire.Signal{Type: wire.SigRejected, Member: c.id(), Code: int32([]api.Code{0, api.ErrRejected, api.ErrRateLimited}[c.rng.IntN(3)])}
		s.Intro[0] = c.intro() * byte(c.rng.IntN(2))
	case 18:
		s = wire.Signal{Type: wire.SigObserved, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(c.rng.IntN(3))}), 5000)}
	case 19, 20, 21:
		for range 3 {
			c.packet()
		}
		return
	case 22:
		c.probes()
		return
	case 23, 24, 25, 26:
		c.game()
		return
	case 30:
		s = c.roomNews()
	case 31, 32:
		c.lobby()
		return
	default:
		c.wait([]time.Duration{time.Millisecond, 50 * time.Millisecond, time.Second, 12 * time.Second, 31 * time.Second}[min(c.rng.IntN(5), c.rng.IntN(5), c.rng.IntN(5))])
		return
	}
	c.say(s)
	c.collect()
}

// roomNews is a signal about the room or about users, whether it was asked for or not.
func (c *chaos) roomNews() wire.Signal {
	request := c.rng.Uint32N(6)
	return [...]wire.Signal{
		{Type: wire.SigRoomOptions, Epoch: 1, Flags: c.rng.Uint32N(64), Max: uint8(c.rng.IntN(70))},
		{Type: wire.SigRoomData, Epoch: 1, Data: []byte{1}, Version: c.rng.Uint32N(4), Request: request, Code: int32(api.ErrConflict)},
		{Type: wire.SigJoinRequest, Member: c.id(), User: "who"}, {Type: wire.SigJoinGone, Member: c.id()},
		{Type: wire.SigRooms, Request: request, Rooms: []wire.RoomEntry{{Code: "EAAAAAAA"}}, After: []byte("a")},
		{Type: wire.SigUserIs, Request: request, Flags: c.rng.Uint32N(4)}, {Type: wire.SigDone, Request: request},
		{Type: wire.SigInvited, User: "who", Text: "EAAAAAAA"}, {Type: wire.SigRefused, Request: request, Code: int32(api.ErrNotOwner), Text: "no"},
		{Type: wire.SigLeft, Code: int32(api.ErrKicked), Text: "out"},
	}[min(c.rng.IntN(20), 9)]
}

// lobby asks the server for something, gives a password's key, or enters a room that has one.
func (c *chaos) lobby() {
	q := api.Request{Kind: api.RequestKind(c.rng.IntN(10)), Peer: c.pick(), ID: c.id(), Version: c.rng.Uint32N(3), User: "who", Yes: c.rng.IntN(2) == 0}
	_ = c.e.Request(c.now, &q)
	if d, ok := c.e.NextDerivation(); ok || c.rng.IntN(3) == 0 {
		c.e.Derived(c.now, max(d.Room, evilRoom-uint64(c.rng.IntN(2))), [32]byte{byte(c.rng.IntN(2))})
	}
	if c.rng.IntN(6) == 0 && c.e.RoomEnter(c.now, &api.JoinOptions{Code: "EAAAAAAA", Password: []byte("sesame")}) == nil {
		c.pump()
		c.say(c.joined(c.take(wire.SigJoin).Request, c.id(), 7))
	}
	c.pump()
}

// collect takes the session out of what the client answered, when it called.
func (c *chaos) collect() {
	for _, s := range c.got {
		if hs := c.waits[s.Intro[0]]; s.Type == wire.SigAnswer && hs != nil {
			if keys, _, err := hs.Finish(s.Noise); err == nil {
				c.sessions = append(c.sessions, chaosSession{keys, s.Intro[0]})
			}
			delete(c.waits, s.Intro[0])
		}
	}
}

// answered completes an introduction that the client accepted, genuinely if it can.
func (c *chaos) answered() wire.Signal {
	s := wire.Signal{Type: wire.SigAnswered, Intro: wire.IntroID{c.intro()}, Noise: make([]byte, 60)}
	for i := len(c.got) - 1; i >= 0 && i >= len(c.got)-8; i-- {
		accept := &c.got[i]
		if accept.Type != wire.SigAccept {
			continue
		}
		for id := range uint64(7) { // whose request it was is not said
			if msg2, keys, _, err := secure.AnswerPeer(c.peerConfig(id+1, accept.Intro[0], false), accept.Noise); err == nil {
				c.sessions = append(c.sessions, chaosSession{keys, accept.Intro[0]})
				if c.rng.IntN(2) == 0 {
					c.say(wire.Signal{Type: wire.SigAccepted, Intro: accept.Intro, Party: c.party(), Relay: grant(uint32(accept.Intro[0]))})
				}
				s.Intro, s.Noise = accept.Intro, msg2
				return s
			}
		}
	}
	return s
}

// packet sends what a player with keys can send, by any way.
func (c *chaos) packet() {
	frames := [][]byte{
		{1}, {0, 0}, {0x40, 0, 0, 1, 'x'}, {0x48, 3, 0, 'y'}, {0x4a, 0, 0, byte(c.rng.IntN(256)), 'z'}, {6, 0, 0, 0, 0, 0}, {6, 0xff, 0xff, 0xff, 0xfe, 1, 'b'},
		{2, 0, 0, 0, 1, 0}, {2, 7, 3, 0, 1, 2}, {0x4c, 0, 0, 0, 9, 'a'}, {7}, {4, 1, 2, 3, 4, 5, 6, 7, 8}, {5, 1, 2, 3, 4, 5, 6, 7, 8, 0},
		{3, 0xff, 0xff, 0xff, 0x7f},
	}[min(c.rng.IntN(14), c.rng.IntN(14))]
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(2 + c.rng.IntN(2))}), uint16(4000+c.rng.IntN(9)))
	b := []byte{byte(0x40 + c.rng.IntN(6)), 0, 0, 0, byte(c.rng.IntN(8)), 1, 2}
	if n := len(c.sessions); n > 0 {
		s := c.sessions[max(0, n-1-c.rng.IntN(6)/2)]
		id := wire.PathID(c.rng.IntN(wire.PathCount))
		if frames[0] == 4 || frames[0] == 5 {
			id = wire.PathProbe
		}
		b, _ = s.keys.Begin(nil, id)
		b = s.keys.Seal(append(b, frames...), 0)
		if c.rng.IntN(2) == 0 {
			b, from = append(wire.AppendRelayed(nil, uint32(s.intro)), b...), evilAddr
		}
	}
	c.e.HandleDatagram(c.now, api.SocketID(c.rng.IntN(8)/7), from, b)
	c.pump()
}

// probes answers the client's checks, so that direct paths come to be and go.
func (c *chaos) probes() {
	sent := c.sent
	c.sent = nil
	for _, p := range sent {
		for i := len(c.sessions) - 1; i >= 0 && i > len(c.sessions)-3; i-- {
			keys := c.sessions[i].keys
			_, _, frames, err := keys.Open(bytes.Clone(p.b))
			if err != nil {
				continue
			}
			if probe, ok := wire.ParseProbe(frames); ok && probe.Challenge {
				b, _ := keys.Begin(nil, wire.PathProbe)
				b = wire.AppendProbe(b, &wire.Probe{Response: true, RespNonce: probe.ChallengeNonce, Observed: publicAddr, Challenge: true, ChallengeNonce: 1})
				c.e.HandleDatagram(c.now, api.MainSocket, p.to, keys.Seal(b, 0))
			}
		}
	}
	c.pump()
}

// game does something that a game may do, at any time.
func (c *chaos) game() {
	h := c.pick()
	switch c.rng.IntN(14) {
	case 0, 1, 2, 3:
		_ = c.e.PeerConnect(c.now, h, []byte("hi"))
	case 4, 5:
		_ = c.e.PeerAccept(c.now, h)
	case 6:
		_ = c.e.PeerReject(c.now, h, "no")
	case 7:
		_ = c.e.PeerClose(c.now, h, 5, "bye")
	case 8:
		_ = c.e.PeerPunch(c.now, h)
	case 9:
		_ = c.e.Send(c.now, h, api.Outgoing{Mode: api.Mode(c.rng.IntN(4)), ID: 1}, make([]byte, c.rng.IntN(3000)))
	case 10:
		c.e.NetworkChanged(c.now)
	case 11:
		c.e.Consumed(c.now, h, 10)
		c.e.PeerStats(h)
	case 12:
		if c.rng.IntN(4) == 0 {
			_ = c.e.RoomLeave(c.now)
		}
	default:
		if c.e.RoomJoin(c.now, "EAAAAAAA") == nil {
			c.pump()
			c.say(c.joined(c.take(wire.SigJoin).Request, c.id(), 7))
		}
	}
	c.pump()
}

// check looks at the tables and at what the game was told.
func (c *chaos) check() {
	c.t.Helper()
	tab := &c.e.slots
	inUse := 0
	for i := range tab.used {
		s := &tab.list[i]
		if !s.used && (s.cur != nil || s.next != nil || s.present) {
			c.t.Errorf("slot %d is free and not empty", i)
		}
		for _, p := range [...]*peer.Peer{s.cur, s.next} {
			if p == nil {
				continue
			}
			inUse++
			if at, ok := tab.conns[p.ConnID()]; !ok || at != i {
				c.t.Errorf("slot %d: connection %x is listed at %d %v", i, p.ConnID(), at, ok)
			}
		}
	}
	if len(tab.conns) != inUse || len(tab.relays) > inUse {
		c.t.Errorf("%d connections, %d listed, %d relay handles", inUse, len(tab.conns), len(tab.relays))
	}
	for _, ev := range c.events {
		c.met[ev.Kind]++
		switch ev.Kind {
		case api.EventPeerConnected:
			if c.open[ev.Peer] {
				c.t.Errorf("peer %x connected twice", ev.Peer)
			}
			c.open[ev.Peer] = true
		case api.EventPeerClosed:
			delete(c.open, ev.Peer)
		case api.EventMessage, api.EventRouteChanged, api.EventPunch, api.EventPeerInterrupted, api.EventPeerRecovered:
			if !c.open[ev.Peer] {
				c.t.Errorf("event %d of peer %x, which is not connected", ev.Kind, ev.Peer)
			}
		}
	}
	c.events, c.control = nil, nil
	if len(c.sent) > 32 {
		c.sent = c.sent[len(c.sent)-32:]
	}
	if len(c.got) > 64 {
		c.got = c.got[len(c.got)-64:]
	}
	if code, text, closed := c.session.Closed(); closed {
		c.t.Errorf("the link ended: %d %s", code, text)
	}
}
