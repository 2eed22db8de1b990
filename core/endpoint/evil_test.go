package endpoint

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

var evilAddr = netip.MustParseAddrPort("192.0.2.1:3478")

// evil is a server that does what it likes behind a genuine link, joined to one endpoint by a wire without delay, and
// at the same time every other player: it knows their keys.
type evil struct {
	t        testing.TB
	now      time.Time
	rng      *rand.Rand
	rand     *rand.ChaCha8
	e        *Endpoint
	acceptor *link.Acceptor
	session  *link.ServerSession
	got      []wire.Signal // from the client
	sent     []evilSent    // to elsewhere than the server
	control  []evilSent    // relay datagrams to the server
	events   []api.Event
	conns    uint32
	flags    uint32 // what the other player offers in the handshake; 0: as a library that renews no keys
}

type evilSent struct {
	to netip.AddrPort
	b  []byte
}

func newEvil(t testing.TB, n byte) *evil {
	w := &evil{t: t, now: start, rng: rand.New(rand.NewPCG(uint64(n), 1)), rand: rand.NewChaCha8([32]byte{n})}
	static, _ := secure.GenerateKey(w.rand)
	w.acceptor = link.NewAcceptor(link.AcceptorConfig{
		Rand: w.rand, Static: static, Cookies: secure.NewCookieJar([32]byte{1}), Ticket: secure.TicketKey{2},
		STUNPorts: []uint16{3478, 3479}, NewConnID: func() uint32 { w.conns++; return w.conns },
	})
	var err error
	w.e, err = New(start, Config{Rand: rand.NewChaCha8([32]byte{n, 1}), App: "test", ServerKey: static.Public(), Servers: []netip.AddrPort{evilAddr}})
	if err != nil {
		t.Fatal(err)
	}
	w.e.SetLocal(start, netip.MustParseAddrPort("10.0.0.2:5000"), []netip.Addr{netip.MustParseAddr("10.0.0.2")})
	if err := w.e.Connect(w.now); err != nil {
		t.Fatal(err)
	}
	w.pump()
	if w.session == nil || !w.session.Confirmed() {
		t.Fatal("no link")
	}
	return w
}

var publicAddr = netip.MustParseAddrPort("198.51.100.7:5000") // the client's, as the server sees it

// pump carries datagrams until nobody has any, and takes events.
func (w *evil) pump() {
	for busy := true; busy; {
		busy = false
		for {
			b, tx, ok := w.e.AppendTransmit(w.now, nil)
			if !ok {
				break
			}
			busy = true
			w.route(b, tx.To)
		}
		for w.session != nil {
			b, _, ok := w.session.AppendTransmit(w.now, nil)
			if !ok {
				break
			}
			busy = true
			w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, b)
		}
		for {
			op, ok := w.e.NextSocketOp()
			if !ok {
				break
			}
			if op.Open {
				w.e.SocketOpened(w.now, op.ID, netip.MustParseAddrPort("10.0.0.2:6000"))
			}
		}
	}
	for {
		ev, ok := w.e.NextEvent()
		if !ok {
			break
		}
		ev.Data = bytes.Clone(ev.Data)
		w.events = append(w.events, ev)
	}
	for _, _, ok := w.e.NextRelease(); ok; _, _, ok = w.e.NextRelease() {
	}
}

func (w *evil) route(b []byte, to netip.AddrPort) {
	switch family := wire.FamilyOf(b); {
	case to.Addr() != evilAddr.Addr() || family == wire.FamilySession && w.session == nil:
		w.sent = append(w.sent, evilSent{to, bytes.Clone(b)})
	case family == wire.FamilyRelay:
		w.control = append(w.control, evilSent{to, bytes.Clone(b)})
	case family == wire.FamilyHandshake:
		reply, s := w.acceptor.Handle(w.now, publicAddr, b)
		if s != nil {
			w.session = s
		}
		if len(reply) > 0 {
			w.e.HandleDatagram(w.now, api.MainSocket, evilAddr, bytes.Clone(reply))
		}
	case family == wire.FamilySession:
		w.session.HandleDatagram(w.now, publicAddr, b)
		for s, ok := w.session.NextSignal(); ok; s, ok = w.session.NextSignal() {
			s.Noise, s.Data = bytes.Clone(s.Noise), bytes.Clone(s.Data)
			w.got = append(w.got, s)
		}
	}
}

func (w *evil) say(s wire.Signal) {
	_ = w.session.Send(w.now, &s)
	w.pump()
}

// take is the client's latest signal of a type.
func (w *evil) take(want wire.SignalType) wire.Signal {
	w.t.Helper()
	for i := len(w.got) - 1; i >= 0; i-- {
		if w.got[i].Type == want {
			return w.got[i]
		}
	}
	w.t.Fatalf("the client said nothing of type %d", want)
	return wire.Signal{}
}

func (w *evil) said(want wire.SignalType) (n int) {
	for i := range w.got {
		if w.got[i].Type == want {
			n++
		}
	}
	return n
}

func (w *evil) count(kind api.EventKind) (n int) {
	for i := range w.events {
		if w.events[i].Kind == kind {
			n++
		}
	}
	return n
}

// wait lets time pass, deadline by deadline.
func (w *evil) wait(d time.Duration) {
	for end := w.now.Add(d); ; {
		wantDeadlines(w.t, w.e)
		at := w.e.NextTimeout()
		if s := w.session.NextTimeout(); at.IsZero() || !s.IsZero() && s.Before(at) {
			at = s
		}
		if at.IsZero() || at.After(end) {
			w.now = end
			return
		}
		if at.Before(w.now.Add(time.Millisecond)) {
			at = w.now.Add(time.Millisecond)
		}
		w.now = at
		w.session.HandleTimeout(w.now)
		w.e.HandleTimeout(w.now)
		w.pump()
	}
}

const evilSelf, evilRoom = 1000, 5

func playerKey(id uint64) secure.PrivateKey {
	k := secure.PrivateKey{31: 1}
	binary.BigEndian.PutUint64(k[:], id)
	return k
}

func (w *evil) member(id uint64) wire.Member {
	if id == evilSelf {
		return wire.Member{ID: id, User: "self", Key: w.e.PublicKey()}
	}
	return wire.Member{ID: id, User: "other", Key: playerKey(id).Public()}
}

// room puts the client into a room with these others.
func (w *evil) room(others ...uint64) {
	w.t.Helper()
	if err := w.e.RoomJoin(w.now, "EAAAAAAA"); err != nil {
		w.t.Fatal(err)
	}
	w.pump()
	w.say(w.joined(w.take(wire.SigJoin).Request, others...))
}

func (w *evil) joined(request uint32, others ...uint64) wire.Signal {
	s := wire.Signal{Type: wire.SigJoined, Request: request, Room: evilRoom, Epoch: 1, Text: "EAAAAAAA", Member: evilSelf, Owner: evilSelf, Max: 16}
	for _, id := range append([]uint64{evilSelf}, others...) {
		s.Members = append(s.Members, w.member(id))
	}
	return s
}

func (w *evil) head(t wire.SignalType, id uint64, intro byte) wire.Signal {
	return wire.Signal{Type: t, Intro: wire.IntroID{intro}, PSK: [32]byte{intro}, Room: evilRoom, Epoch: 1, Member: id, Key: playerKey(id).Public()}
}

// peerConfig is the other player's end of an introduction.
func (w *evil) peerConfig(id uint64, intro byte, weCall bool, lan ...netip.AddrPort) secure.PeerConfig {
	caller, callee := playerKey(id).Public(), w.e.PublicKey()
	if weCall {
		caller, callee = callee, caller
	}
	return secure.PeerConfig{Rand: w.rand, Static: playerKey(id), Remote: w.e.PublicKey(), PSK: [32]byte{intro}, Info: wire.PeerInfo{Flags: w.flags, ConnID: 7, LAN: lan},
		Prologue: secure.PeerPrologue("test", evilRoom, 1, wire.IntroID{intro}, caller, callee, wire.Version)}
}

func grant(handle uint32) wire.RelayGrant {
	return wire.RelayGrant{Handle: handle, Key: [32]byte{9}, Ticket: []byte("ticket")}
}

func party(addrs ...string) (p wire.Party) {
	for _, a := range addrs {
		p.Addrs = append(p.Addrs, netip.MustParseAddrPort(a))
	}
	return p
}

// introduction is the answer to the client's Connect, with the callee's genuine message 1.
func (w *evil) introduction(id uint64, intro byte, p wire.Party, lan ...netip.AddrPort) (wire.Signal, *secure.PeerHandshake) {
	hs, kk1, err := secure.NewPeerInitiator(w.peerConfig(id, intro, true, lan...))
	if err != nil {
		w.t.Fatal(err)
	}
	s := w.head(wire.SigIntroduction, id, intro)
	s.Party, s.Relay, s.Noise = p, grant(uint32(intro)), kk1
	return s, hs
}
