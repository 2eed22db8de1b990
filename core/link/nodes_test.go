package link

import (
	"bytes"
	"math/rand"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// several is a client and nodes that share their secrets, each at its own distance.
type several struct {
	t      *testing.T
	now    time.Time
	nodes  []*place
	client *Client
	queue  []flight
	events []ClientEvent
	lose   func(toServer bool, node *place, b []byte) bool
}

// place is one node. It takes any signal down, and answers none.
type place struct {
	addr     netip.AddrPort
	delay    time.Duration // one way
	dead     bool
	cfg      AcceptorConfig
	acceptor *Acceptor
	sessions []*ServerSession
	hellos   int
	signals  []wire.Signal
}

func newSeveral(t *testing.T, seed int64, delays ...time.Duration) *several {
	rng := rand.New(rand.NewSource(seed))
	w := &several{t: t, now: birth}
	static, _ := secure.GenerateKey(rng)
	var master [32]byte
	rng.Read(master[:])
	id := uint32(0)
	var addrs []netip.AddrPort
	for i, d := range delays {
		n := &place{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i + 1)}), 3478), delay: d}
		n.cfg = AcceptorConfig{
			Rand: rng, Static: static, Cookies: secure.NewCookieJar(secure.Derive(master, "cookies")), Ticket: secure.Derive(master, "tickets"),
			STUNPorts: []uint16{3478}, NewConnID: func() uint32 { id++; return id },
		}
		n.acceptor = NewAcceptor(n.cfg)
		w.nodes = append(w.nodes, n)
		addrs = append(addrs, n.addr)
	}
	key, _ := secure.GenerateKey(rng)
	w.client = NewClient(ClientConfig{
		Rand: rng, Static: key, ServerKey: static.Public(), Servers: addrs, AES: true, Info: wire.ClientInfo{App: "chess", User: "ada"},
	})
	return w
}

// run lets time pass until cond holds, at most d.
func (w *several) run(d time.Duration, cond func() bool) bool {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		w.drain()
		if cond != nil && cond() {
			return true
		}
		at := w.client.NextTimeout()
		for _, n := range w.nodes {
			for _, s := range n.sessions {
				at = deadline.Earlier(at, s.NextTimeout())
			}
		}
		if len(w.queue) > 0 {
			at = deadline.Earlier(at, w.queue[0].at)
		}
		if at.IsZero() || at.After(end) {
			w.now = end
			return false
		}
		if w.now = laterTime(w.now, at); steps > 1_000_000 {
			w.t.Fatal("a deadline does not move")
		}
		for len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			f := w.queue[0]
			w.queue = w.queue[1:]
			w.deliver(f)
		}
		w.client.HandleTimeout(w.now)
		for _, n := range w.nodes {
			for _, s := range n.sessions {
				s.HandleTimeout(w.now)
			}
		}
	}
}

func laterTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (w *several) drain() {
	for {
		out, to, ok := w.client.AppendTransmit(w.now, nil)
		if !ok {
			break
		}
		w.send(true, to, out)
	}
	for _, n := range w.nodes {
		for _, s := range n.sessions {
			for {
				out, _, ok := s.AppendTransmit(w.now, nil)
				if !ok {
					break
				}
				w.send(false, n.addr, out)
			}
		}
		n.sessions = slices.DeleteFunc(n.sessions, func(s *ServerSession) bool { return s.Done() })
	}
	for ev, ok := w.client.NextEvent(); ok; ev, ok = w.client.NextEvent() {
		w.events = append(w.events, ev)
	}
}

// send carries a datagram between the client and a node.
func (w *several) send(toServer bool, node netip.AddrPort, b []byte) {
	i := slices.IndexFunc(w.nodes, func(n *place) bool { return n.addr == node })
	if i < 0 || w.lose != nil && w.lose(toServer, w.nodes[i], b) {
		return
	}
	w.queue = append(w.queue, flight{at: w.now.Add(w.nodes[i].delay), toServer: toServer, from: node, data: bytes.Clone(b)})
	slices.SortStableFunc(w.queue, func(a, b flight) int { return a.at.Compare(b.at) })
}

func (w *several) deliver(f flight) {
	i := slices.IndexFunc(w.nodes, func(n *place) bool { return n.addr == f.from })
	n := w.nodes[i]
	switch {
	case n.dead:
	case !f.toServer:
		w.client.HandleDatagram(w.now, n.addr, f.data)
	case wire.FamilyOf(f.data) == wire.FamilyHandshake:
		if _, ok := wire.ParseHello(f.data); ok {
			n.hellos++
		}
		reply, s := n.acceptor.Handle(w.now, clientAddr, f.data)
		if reply != nil {
			w.send(false, n.addr, reply)
		}
		if s != nil {
			n.sessions = append(n.sessions, s)
		}
	default:
		h, _, _ := wire.ParseSession(f.data)
		for _, s := range n.sessions {
			if s.ConnID() == h.ConnID {
				s.HandleDatagram(w.now, clientAddr, f.data)
				for sig, ok := s.NextSignal(); ok; sig, ok = s.NextSignal() {
					n.signals = append(n.signals, wire.Signal{Type: sig.Type, Flags: sig.Flags, Request: sig.Request})
				}
			}
		}
	}
}

func (w *several) up() bool { return w.client.Up() }

// kinds are the events so far, and forgets them.
func (w *several) kinds() (out []ClientEventKind) {
	for _, ev := range w.events {
		out = append(out, ev.Kind)
	}
	w.events = nil
	return out
}

func (n *place) said(t wire.SignalType, flags uint32) bool {
	return slices.ContainsFunc(n.signals, func(s wire.Signal) bool { return s.Type == t && s.Flags == flags })
}

const ms = time.Millisecond

// Of several servers a client takes the nearest, whatever their order, and only that one has public-key work.
func TestNearestServerIsChosen(t *testing.T) {
	w := newSeveral(t, 1, 120*ms, 60*ms, 10*ms, 140*ms)
	w.client.Connect(w.now)
	if !w.run(5*time.Second, w.up) || w.client.Remote() != w.nodes[2].addr || w.now.Sub(birth) != 2*firstStagger+40*ms {
		t.Fatal(w.client.Remote(), w.now.Sub(birth))
	}
	w.run(20*time.Second, nil)
	for i, n := range w.nodes {
		if sessions := len(n.sessions); (n.hellos > 0) != (i == 2) || (sessions == 1) != (i == 2) {
			t.Errorf("node %d: %d hellos, %d sessions", i, n.hellos, sessions)
		}
	}
}

// The nearest answers the INIT and dies: the next one has the client a moment later.
func TestServerThatDiesInTheHandshake(t *testing.T) {
	w := newSeveral(t, 2, 10*ms, 60*ms)
	w.lose = func(toServer bool, n *place, b []byte) bool {
		_, hello := wire.ParseHello(b)
		return hello && n == w.nodes[0]
	}
	w.client.Connect(w.now)
	if !w.run(5*time.Second, w.up) || w.client.Remote() != w.nodes[1].addr || w.now.Sub(birth) > 700*ms {
		t.Fatal(w.client.Remote(), w.now.Sub(birth))
	}
}

// A node dies; the client, which has something to say, is on another one soon after its silence is noticed, as the same
// member: by an address of its configuration, or one that only the dead node had named.
func TestAnotherNodeTakesOver(t *testing.T) {
	for _, told := range []bool{false, true} {
		w := newSeveral(t, 3, 10*ms, 30*ms, 50*ms)
		if told {
			w.client.SetServers(w.now, w.client.cfg.Servers[:1])
		}
		w.client.Connect(w.now)
		w.run(2*time.Second, nil)
		if told {
			w.client.nodes = []netip.AddrPort{w.nodes[1].addr, netip.MustParseAddrPort("[2001:db8::1]:3478"), w.nodes[2].addr}
		}
		member := w.events[0].Info.Member
		w.nodes[0].dead = true
		w.events = nil
		w.client.Rooms().Create(0, nil)
		w.client.Flush(w.now)
		died := w.now
		if !w.run(10*time.Second, func() bool { return len(w.events) == 2 }) {
			t.Fatal(w.events)
		}
		if up := w.events[1]; w.events[0].Kind != Down || w.events[0].Final || up.Kind != Up || !up.Resumed || up.Info.Member != member {
			t.Fatalf("%+v", w.events)
		}
		if took := w.now.Sub(died); w.client.Remote() == w.nodes[0].addr || took > silence+time.Second {
			t.Errorf("told %v: at %v after %v", told, w.client.Remote(), took)
		}
		w.run(time.Second, nil)
		if !w.nodes[1].said(wire.SigCreate, 0) && !w.nodes[2].said(wire.SigCreate, 0) {
			t.Error("what was asked meanwhile is lost")
		}
	}
}

// A node that drains sends its clients away: the new link is made before the old one is broken, the game sees no Down, and
// the old node hears that nobody has left.
func TestMoveIsMadeBeforeItBreaks(t *testing.T) {
	w := newSeveral(t, 4, 10*ms, 30*ms)
	w.client.SetServers(w.now, w.client.cfg.Servers[:1])
	w.client.Connect(w.now)
	w.run(2*time.Second, nil)
	member := w.events[0].Info.Member
	w.events = nil
	w.nodes[0].sessions[0].Send(w.now, &wire.Signal{Type: wire.SigMove, Request: 2000, Addrs: []netip.AddrPort{w.nodes[1].addr}})
	moved := w.now
	if !w.run(3*time.Second, func() bool { return len(w.events) == 1 }) {
		t.Fatal(w.events)
	}
	if ev := w.events[0]; ev.Kind != Up || !ev.Resumed || ev.Info.Member != member || w.client.Remote() != w.nodes[1].addr || w.now.Sub(moved) > 2200*ms {
		t.Fatalf("%+v at %v after %v", ev, w.client.Remote(), w.now.Sub(moved))
	}
	w.run(2*time.Second, nil)
	if old := w.nodes[0]; !old.said(wire.SigBye, wire.ByeMoved) || len(old.sessions) != 0 {
		t.Errorf("the old node heard %+v and has %d sessions", old.signals, len(old.sessions))
	}
	if w.client.moving.from != nil || len(w.client.sides) != 0 {
		t.Error("the old link is kept")
	}
	w.nodes[0].dead = true
	w.events = nil
	if w.run(time.Minute, nil); len(w.events) != 0 || !w.client.Up() {
		t.Errorf("%+v", w.events)
	}
}

// Where nobody answers yet, the client stays, and asks again until somebody does.
func TestMoveWaitsForANode(t *testing.T) {
	w := newSeveral(t, 5, 10*ms, 30*ms)
	w.client.SetServers(w.now, w.client.cfg.Servers[:1])
	w.client.Connect(w.now)
	w.run(2*time.Second, nil)
	w.events = nil
	w.nodes[1].dead = true
	w.nodes[0].sessions[0].Send(w.now, &wire.Signal{Type: wire.SigMove, Request: 100, Addrs: []netip.AddrPort{{}, w.nodes[0].addr, w.nodes[1].addr}})
	if w.run(20*time.Second, nil); len(w.events) != 0 || !w.client.Up() {
		t.Fatalf("%+v", w.events)
	}
	w.nodes[1].dead = false
	if !w.run(15*time.Second, func() bool { return w.client.Remote() == w.nodes[1].addr }) || slices.Contains(w.kinds(), Down) {
		t.Fatal("it did not move")
	}
}

// A node that takes nobody now is believed: another one is asked at once, and where there is none the wait is kept.
func TestServerThatTakesNobodyNow(t *testing.T) {
	refusing := func(w *several, n *place) {
		n.cfg.Admit = func(time.Time, netip.AddrPort, bool, bool) (api.Code, uint32) { return api.ErrUnavailable, 0 }
		n.acceptor = NewAcceptor(n.cfg)
	}
	w := newSeveral(t, 6, 10*ms, 30*ms)
	refusing(w, w.nodes[0])
	w.client.Connect(w.now)
	if !w.run(time.Second, w.up) || w.client.Remote() != w.nodes[1].addr {
		t.Fatalf("%+v", w.events)
	}

	w = newSeveral(t, 7, 10*ms)
	refusing(w, w.nodes[0])
	w.lose = func(toServer bool, n *place, b []byte) bool { // the acceptor knows no wait to name
		if m, ok := wire.ParseRefuse(b); ok {
			m.Wait = 7
			w.client.HandleDatagram(w.now, n.addr, wire.AppendRefuse(nil, &m))
			return true
		}
		return false
	}
	w.client.Connect(w.now)
	if w.run(7*time.Second, nil); w.nodes[0].hellos != 1 || len(w.events) != 0 {
		t.Fatalf("%d hellos within the wait, %+v", w.nodes[0].hellos, w.events)
	}
	if !w.run(2*time.Minute, func() bool { return len(w.events) > 0 }) || w.events[0].Code != api.ErrUnavailable || !w.events[0].Final ||
		w.now.Sub(birth) > firstPatience+mostAskAfter {
		t.Fatalf("%+v after %v", w.events, w.now.Sub(birth))
	}
}
