package rendezvous

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

type seeded struct{ *rand.ChaCha8 }

// world is a server and its clients, joined by links that lose nothing while they are up.
type world struct {
	t       testing.TB
	now     time.Time
	s       *Server
	players []*player
	links   uint32
	grants  []wire.IntroID
}

type player struct {
	*Client
	w      *world
	ref    LinkRef
	up     bool
	events []wire.Signal
}

func newWorld(t testing.TB, players int) *world {
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.s = NewServer(ServerConfig{Rand: seeded{rand.NewChaCha8([32]byte{7})}, Region: 'E', Grant: w.grant})
	for i := range players {
		p := &player{Client: NewClient(), w: w, ref: LinkRef{
			Member: uint64(100 + i), App: "app", User: string(rune('a' + i)), Key: [32]byte{byte(i + 1)},
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)}), uint16(4000+i)), RTT: 40 * time.Millisecond,
		}}
		w.players = append(w.players, p)
		p.linkUp(false)
	}
	return w
}

func (w *world) grant(_ time.Time, id wire.IntroID, leg uint8, to LinkRef) wire.RelayGrant {
	w.grants = append(w.grants, id)
	return wire.RelayGrant{Handle: uint32(leg) + 1, Ticket: []byte{leg, byte(to.Member)}}
}

func (p *player) linkUp(resumed bool) {
	p.w.links++
	p.ref.Link, p.up = p.w.links, true
	p.w.s.LinkUp(p.w.now, p.ref, resumed)
	p.LinkUp(wire.ServerInfo{Member: p.ref.Member, User: p.ref.User}, resumed)
	p.w.pump()
}

// linkLost breaks the link; what is under way is lost.
func (p *player) linkLost() {
	p.up = false
	p.LinkDown()
	p.w.s.LinkLost(p.w.now, p.ref)
	p.w.pump()
}

// pump carries signals, encoded and decoded, until nobody has any.
func (w *world) pump() {
	w.t.Helper()
	for busy := true; busy; {
		busy = false
		for _, p := range w.players {
			for s, ok := p.NextSignal(); ok; s, ok = p.NextSignal() {
				busy = true
				sig := w.carry(&s)
				w.s.HandleSignal(w.now, p.ref, &sig)
			}
		}
		for to, s, ok := w.s.NextSignal(); ok; to, s, ok = w.s.NextSignal() {
			busy = true
			for _, p := range w.players {
				if p.up && p.ref.Link == to.Link && p.ref.Member == to.Member {
					sig := w.carry(&s)
					p.HandleSignal(w.now, &sig)
				}
			}
		}
	}
	for _, p := range w.players {
		for e, ok := p.NextEvent(); ok; e, ok = p.NextEvent() {
			p.events = append(p.events, e)
		}
	}
}

func (w *world) carry(s *wire.Signal) wire.Signal {
	w.t.Helper()
	sig, ok := wire.ParseSignal(wire.AppendSignal(nil, s))
	if !ok {
		w.t.Fatalf("signal %d does not survive its encoding: %+v", s.Type, s)
	}
	return sig
}

// wait lets time pass, deadline by deadline.
func (w *world) wait(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); ; {
		at := w.s.NextTimeout()
		if at.IsZero() || at.After(end) {
			w.now = end
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		w.s.HandleTimeout(w.now)
		w.pump()
	}
}

// take is the player's next event, which must be of this type.
func (p *player) take(want wire.SignalType) wire.Signal {
	p.w.t.Helper()
	p.w.pump()
	if len(p.events) == 0 {
		p.w.t.Fatalf("player %s: no event, want %d", p.ref.User, want)
	}
	e := p.events[0]
	p.events = p.events[1:]
	if e.Type != want {
		p.w.t.Fatalf("player %s: event %d (%+v), want %d", p.ref.User, e.Type, e, want)
	}
	return e
}

// quiet wants no more events from anybody.
func (w *world) quiet() {
	w.t.Helper()
	w.pump()
	for _, p := range w.players {
		if len(p.events) != 0 {
			w.t.Fatalf("player %s: unexpected event %+v", p.ref.User, p.events[0])
		}
	}
}

func (w *world) forgetEvents() {
	w.pump()
	for _, p := range w.players {
		p.events = nil
	}
}

func wantCode(t testing.TB, err error, want api.Code) {
	t.Helper()
	got := api.OK
	if err != nil {
		got = err.(*api.Error).Code
	}
	if got != want {
		t.Fatalf("error %v, want code %d", err, want)
	}
}

// inRoom puts all players into one room of the first one's.
func inRoom(t testing.TB, n int) (*world, string) {
	t.Helper()
	w := newWorld(t, n)
	wantCode(t, w.players[0].Create(0, []byte("map=1")), api.OK)
	code := w.players[0].take(wire.SigJoined).Text
	for _, p := range w.players[1:] {
		wantCode(t, p.Join(code), api.OK)
		w.pump()
	}
	w.forgetEvents()
	return w, code
}
