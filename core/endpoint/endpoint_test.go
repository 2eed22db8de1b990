package endpoint

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newEndpoint(t testing.TB, seed byte) *Endpoint {
	e, err := New(start, Config{
		Rand: rand.NewChaCha8([32]byte{seed}), App: "test", ServerKey: [32]byte{9},
		Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:3478")},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.SetLocal(start, netip.MustParseAddrPort("10.0.0.2:5000"), []netip.Addr{netip.MustParseAddr("10.0.0.2")})
	return e
}

// drain takes everything out, and returns the datagrams.
func drain(e *Endpoint, now time.Time) (sent [][]byte, events []api.Event) {
	for {
		b, _, ok := e.AppendTransmit(now, nil)
		if !ok {
			break
		}
		sent = append(sent, b)
	}
	for {
		if _, ok := e.NextSocketOp(); !ok {
			break
		}
	}
	for {
		ev, ok := e.NextEvent()
		if !ok {
			return sent, events
		}
		events = append(events, ev)
	}
}

// Every command that can't be done says why, with a code, and leaves nothing behind.
func TestCommandsOutOfTurn(t *testing.T) {
	e := newEndpoint(t, 1)
	nobody := api.NewPeerHandle(3, 1)
	for _, c := range []struct {
		name string
		err  error
		code api.Code
	}{
		{"create before connect", e.RoomCreate(start, 0, nil), api.ErrNotConnected},
		{"join before connect", e.RoomJoin(start, "EABCDEFG"), api.ErrNotConnected},
		{"leave before connect", e.RoomLeave(start), api.ErrNotConnected},
		{"disconnect before connect", e.Disconnect(start), api.ErrNotConnected},
		{"room of one", e.RoomCreate(start, 1, nil), api.ErrValue},
		{"room of 65", e.RoomCreate(start, 65, nil), api.ErrValue},
		{"room data", e.RoomCreate(start, 2, make([]byte, api.MaxRoomData+1)), api.ErrTooLarge},
		{"send to nobody", e.Send(start, nobody, api.Outgoing{Mode: api.Unreliable}, []byte("x")), api.ErrPeer},
		{"connect to nobody", e.PeerConnect(start, nobody, nil), api.ErrPeer},
		{"accept nobody", e.PeerAccept(start, nobody), api.ErrPeer},
		{"reject nobody", e.PeerReject(start, nobody, ""), api.ErrPeer},
		{"close nobody", e.PeerClose(start, nobody, 0, ""), api.ErrPeer},
		{"punch nobody", e.PeerPunch(start, nobody), api.ErrPeer},
	} {
		var err *api.Error
		if !errors.As(c.err, &err) || err.Code != c.code || err.Text == "" {
			t.Errorf("%s: %v, want code %d and a sentence", c.name, c.err, c.code)
		}
	}
	if sent, events := drain(e, start); len(sent) != 0 || len(events) != 0 || !e.NextTimeout().IsZero() {
		t.Errorf("refused commands left %d datagrams, %v, deadline %v", len(sent), events, e.NextTimeout())
	}
	if _, err := New(start, Config{Rand: rand.NewChaCha8([32]byte{}), User: strings.Repeat("u", 65)}); err == nil {
		t.Error("a user id of 65 bytes was taken")
	}
}

// A second Connect is refused; the first goes on and says why it failed.
func TestServerThatDoesNotAnswer(t *testing.T) {
	e := newEndpoint(t, 2)
	if err := e.Connect(start); err != nil {
		t.Fatal(err)
	}
	var err *api.Error
	if !errors.As(e.Connect(start), &err) || err.Code != api.ErrAlready {
		t.Errorf("second connect: %v", err)
	}
	now, sent := start, 0
	for range 1000 {
		datagrams, events := drain(e, now)
		sent += len(datagrams)
		for _, ev := range events {
			if ev.Kind == api.EventServerLost {
				if ev.Code != api.ErrServerUnreachable || !strings.Contains(ev.Text, "192.0.2.1:3478") || sent < 5 {
					t.Errorf("after %d datagrams: %d %q", sent, ev.Code, ev.Text)
				}
				return
			}
		}
		next := e.NextTimeout()
		if next.IsZero() || next.Sub(start) > time.Minute {
			t.Fatalf("no SERVER_LOST, next deadline %v", next.Sub(start))
		}
		now = next
		e.HandleTimeout(now)
	}
	t.Fatal("no end")
}

func TestPeerTable(t *testing.T) {
	var tab table
	tab.init()
	for n := range api.MaxPeers {
		if _, ok := tab.add(&wire.Member{ID: uint64(n + 1)}); !ok {
			t.Fatalf("no place for member %d", n)
		}
	}
	if _, ok := tab.add(&wire.Member{ID: 999}); ok {
		t.Error("a place beyond the limit")
	}
	old := tab.handle(7)
	tab.list[7].present = false
	tab.release(7)
	i, ok := tab.add(&wire.Member{ID: 999})
	if !ok || i != 7 || tab.handle(7) == old {
		t.Errorf("slot %d %v, handle %#x was %#x", i, ok, tab.handle(7), old)
	}
	if _, ok := tab.lookup(old); ok {
		t.Error("a stale handle is taken")
	}
	if _, ok := tab.lookup(api.NewPeerHandle(1<<31, 1)); ok {
		t.Error("a slot beyond the table is taken")
	}
}

// FuzzDatagram gives an endpoint whose link is opening any datagrams: no panic, no answer larger than what came.
func FuzzDatagram(f *testing.F) {
	e := newEndpoint(f, 3)
	_ = e.Connect(start)
	sent, _ := drain(e, start)
	f.Add(sent[0])
	f.Add(wire.AppendRetry(nil, &wire.Retry{Version: 1}))
	f.Add(wire.AppendRelayed([]byte{}, 7))
	f.Add(append(wire.AppendSession(nil, wire.Session{ConnID: 1}), make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := newEndpoint(t, 4)
		_ = e.Connect(start)
		drain(e, start)
		from := netip.MustParseAddrPort("203.0.113.77:999")
		e.HandleDatagram(start.Add(time.Millisecond), api.MainSocket, from, bytes.Clone(b))
		if sent, _ := drain(e, start.Add(time.Millisecond)); len(sent) != 0 {
			t.Errorf("a stranger's datagram made us send %x", sent)
		}
		e.HandleDatagram(start, api.SocketID(3), netip.MustParseAddrPort("192.0.2.1:3478"), bytes.Clone(b))
		drain(e, start)
		e.HandleTimeout(start.Add(time.Hour))
		drain(e, start.Add(time.Hour))
	})
}
