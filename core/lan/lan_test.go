package lan

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

var (
	birth = time.Unix(1000, 0)
	hostA = netip.MustParseAddr("192.168.1.5")
	hostB = netip.MustParseAddr("10.0.0.5") // the same machine on another network
	us    = netip.MustParseAddrPort("192.168.1.9:5000")
)

func tag(code byte) Tag {
	return func(b []byte) (t [wire.LANTagSize]byte) {
		t[0], t[1] = code, b[len(b)-1]
		return t
	}
}

func newHost(session uint64, app string) *Host {
	h := NewHost(birth, wire.LANAnnouncement{Session: session, Port: 4000, Key: [32]byte{9}, App: app})
	h.Show(1, 4, []byte("flag"), tag(1))
	return h
}

// deliver carries the browser's queries to a host, which is heard from addr, and the answers back.
func deliver(t *testing.T, now time.Time, b *Browser, hosts map[netip.Addr]*Host, order ...netip.Addr) {
	t.Helper()
	for {
		q, to, everywhere, ok := b.AppendTransmit(now, nil)
		if !ok {
			return
		}
		for _, at := range order {
			if !everywhere && to.Addr() != at {
				continue
			}
			if out, ok := hosts[at].AppendAnswer(now, us, q, nil); ok {
				if len(out) > len(q) {
					t.Errorf("answer of %d bytes to a query of %d", len(out), len(q))
				}
				b.HandleDatagram(now, netip.AddrPortFrom(at, wire.LANPort), out)
			}
		}
	}
}

func events(b *Browser) (out []Event) {
	for ev, ok := b.NextEvent(); ok; ev, ok = b.NextEvent() {
		out = append(out, ev)
	}
	return out
}

// One host, heard over two interfaces, is found once, changes once, and is lost once.
func TestFoundChangedLost(t *testing.T) {
	now, h := birth, newHost(77, "game")
	hosts := map[netip.Addr]*Host{hostA: h, hostB: h}
	b := NewBrowser(rand.NewChaCha8([32]byte{}), "game")
	b.Browse(now, true)
	deliver(t, now, b, hosts, hostA, hostB)
	evs := events(b)
	if len(evs) != 1 || evs[0].Kind != EventFound || evs[0].Addr != netip.AddrPortFrom(hostA, 4000) || string(evs[0].Data) != "flag" || evs[0].Max != 4 {
		t.Fatalf("%+v", evs)
	}
	h.Show(2, 4, []byte("flag"), tag(1))
	for range 3 {
		now = b.NextTimeout()
		b.HandleTimeout(now)
		deliver(t, now, b, hosts, hostA, hostB)
	}
	if evs = events(b); len(evs) != 1 || evs[0].Kind != EventChanged || evs[0].Members != 2 {
		t.Fatalf("%+v", evs)
	}
	silent := now
	for evs = nil; len(evs) == 0; evs = events(b) {
		now = b.NextTimeout()
		b.HandleTimeout(now)
		deliver(t, now, b, nil)
	}
	if evs[0].Kind != EventLost || now.Sub(silent) > 5*time.Second {
		t.Errorf("%+v after %v", evs, now.Sub(silent))
	}
	b.Browse(now, false)
	if !b.NextTimeout().IsZero() {
		t.Error("a browser that is off wants to be called")
	}
}

func TestOtherGamesAndHiddenHostsAreSilent(t *testing.T) {
	now := birth
	other, hidden := newHost(1, "chess"), newHost(2, "game")
	hidden.Show(1, 4, nil, nil)
	b := NewBrowser(rand.NewChaCha8([32]byte{}), "game")
	b.Browse(now, true)
	deliver(t, now, b, map[netip.Addr]*Host{hostA: other, hostB: hidden}, hostA, hostB)
	if evs := events(b); len(evs) != 0 {
		t.Errorf("%+v", evs)
	}
}

// The proof of a join: only a host with the same code passes, and an impostor that answers first does not spoil it.
func TestJoinDemandsTheCode(t *testing.T) {
	now, right, wrong := birth, newHost(1, "game"), newHost(2, "game")
	wrong.Show(1, 4, nil, tag(2))
	b := NewBrowser(rand.NewChaCha8([32]byte{}), "game")
	at := netip.AddrPortFrom(hostA, wire.LANPort)
	b.Join(now, at, tag(1))
	deliver(t, now, b, map[netip.Addr]*Host{hostA: wrong}, hostA)
	if evs := events(b); len(evs) != 0 {
		t.Fatalf("%+v", evs)
	}
	now = now.Add(quickEvery)
	deliver(t, now, b, map[netip.Addr]*Host{hostA: right}, hostA)
	if evs := events(b); len(evs) != 1 || evs[0].Kind != EventReady || evs[0].Key != [32]byte{9} || evs[0].Addr.Port() != 4000 {
		t.Fatalf("%+v", evs)
	}
	for _, c := range []struct {
		h    *Host
		want api.Code
	}{{wrong, api.ErrBadCode}, {nil, api.ErrServerUnreachable}} {
		b.Join(now, at, tag(1))
		for evs := events(b); ; evs = events(b) {
			if len(evs) == 1 && evs[0].Kind == EventFailed && evs[0].Code == c.want {
				break
			}
			if now.Sub(birth) > time.Minute {
				t.Fatalf("no failure with code %d: %+v", c.want, evs)
			}
			if c.h != nil {
				deliver(t, now, b, map[netip.Addr]*Host{hostA: c.h}, hostA)
			} else {
				deliver(t, now, b, nil)
			}
			now = b.NextTimeout()
			b.HandleTimeout(now)
		}
	}
}

func TestHostAnswersSlowly(t *testing.T) {
	h := newHost(1, "game")
	q := wire.AppendLANQuery(nil, &wire.LANQuery{Nonce: 1, App: "game"})
	answered := 0
	for range 1000 {
		if _, ok := h.AppendAnswer(birth, us, q, nil); ok {
			answered++
		}
	}
	if answered != hostBurst {
		t.Errorf("%d answers at once, want %d", answered, hostBurst)
	}
	if _, ok := h.AppendAnswer(birth.Add(time.Second), us, q[:len(q)-1], nil); ok {
		t.Error("a query smaller than an answer was answered")
	}
}

func FuzzLAN(f *testing.F) {
	f.Add(wire.AppendLANQuery(nil, &wire.LANQuery{Nonce: 1, App: "game"}))
	f.Add(append(wire.AppendLANAnnouncement(nil, &wire.LANAnnouncement{Port: 1, App: "game", Data: []byte("x")}), make([]byte, 16)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, br := newHost(1, "game"), NewBrowser(rand.NewChaCha8([32]byte{}), "game")
		br.Browse(birth, true)
		if out, ok := h.AppendAnswer(birth, us, b, nil); ok && len(out) > len(b) {
			t.Error("amplification")
		}
		br.HandleDatagram(birth, us, b)
		if a, tag, ok := wire.ParseLANAnnouncement(b); ok {
			if again := append(wire.AppendLANAnnouncement(nil, &a), tag...); !bytes.Equal(again, b) {
				t.Errorf("%x reads and writes as %x", b, again)
			}
		}
	})
}

// A device that answers one query again and again, each time with something else, gets one change a query through.
func TestFloodOfChangesIsBounded(t *testing.T) {
	now, h := birth, newHost(77, "game")
	b := NewBrowser(rand.NewChaCha8([32]byte{}), "game")
	b.Browse(now, true)
	told := 0
	for range 5 {
		q, _, _, ok := b.AppendTransmit(now, nil)
		if !ok {
			t.Fatal("no query")
		}
		for n := range 50 {
			h.Show(uint8(n%2), 4, nil, tag(1))
			if out, ok := h.AppendAnswer(now, us, q, nil); ok {
				b.HandleDatagram(now, netip.AddrPortFrom(hostA, wire.LANPort), out)
			}
		}
		told += len(events(b))
		now = b.NextTimeout()
		b.HandleTimeout(now)
	}
	if told > 6 {
		t.Errorf("%d events", told)
	}
}
