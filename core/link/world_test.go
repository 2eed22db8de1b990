package link

import (
	"bytes"
	"fmt"
	"math/rand"
	"net/netip"
	"sort"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// world is a client and a server joined by a delay, under a virtual clock. Every run of the same story is the same.
type world struct {
	t      testing.TB
	now    time.Time
	rng    *rand.Rand
	delay  time.Duration // one way
	queue  []flight
	serial int
	// lose drops a datagram when it says so; toServer tells the direction. Nil loses nothing.
	lose func(toServer bool, b []byte) bool

	client *Client
	addr   netip.AddrPort // the client's address, as the server sees it
	events []ClientEvent
	server node
	ledger map[netip.AddrPort]*account
	trace  bytes.Buffer // every datagram with its time
}

type flight struct {
	at       time.Time
	serial   int
	toServer bool
	from, to netip.AddrPort
	data     []byte
}

// account counts bytes of an address that the server had not seen proved yet.
type account struct{ in, out int }

// node is a server: what hub does with this package, in small.
type node struct {
	down     bool
	acceptor *Acceptor
	sessions map[uint32]*ServerSession
	signals  []wire.Signal
	cfg      AcceptorConfig
	nextID   uint32
}

var (
	serverAddr = netip.MustParseAddrPort("203.0.113.1:3478")
	clientAddr = netip.MustParseAddrPort("192.0.2.7:40000")
	birth      = time.Unix(1_800_000_000, 0)
)

func newWorld(t testing.TB, seed int64) *world {
	w := &world{t: t, now: birth, rng: rand.New(rand.NewSource(seed)), delay: 20 * time.Millisecond, addr: clientAddr, ledger: map[netip.AddrPort]*account{}}
	static, _ := secure.GenerateKey(w.rng)
	var master [32]byte
	w.rng.Read(master[:])
	w.server.cfg = AcceptorConfig{
		Rand: w.rng, Static: static, Cookies: secure.NewCookieJar(secure.Derive(master, "cookies")), Ticket: secure.Derive(master, "tickets"),
		STUNPorts: []uint16{3478, 3479}, NewConnID: func() uint32 { w.server.nextID++; return w.server.nextID },
	}
	w.restartServer()
	key, _ := secure.GenerateKey(w.rng)
	w.client = NewClient(ClientConfig{
		Rand: w.rng, Static: key, ServerKey: static.Public(), Servers: []netip.AddrPort{serverAddr}, AES: true, Info: wire.ClientInfo{App: "chess", User: "ada"},
	})
	return w
}

// restartServer forgets everything but the config, which comes from the master secret.
func (w *world) restartServer() {
	w.server.acceptor, w.server.sessions = NewAcceptor(w.server.cfg), map[uint32]*ServerSession{}
	w.server.down = false
}

// run lets virtual time pass, handling everything that falls due on the way.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		w.drain()
		at := deadline.Earlier(w.client.NextTimeout(), w.server.nextTimeout())
		if len(w.queue) > 0 {
			at = deadline.Earlier(at, w.queue[0].at)
		}
		if at.IsZero() || at.After(end) {
			w.now = end
			return
		}
		if steps > 200_000 {
			w.t.Fatal("the machines never rest: a deadline in the past is not acted on")
		}
		if at.After(w.now) {
			w.now = at
		}
		if len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			f := w.queue[0]
			w.queue = w.queue[1:]
			w.deliver(f)
			continue
		}
		w.client.HandleTimeout(w.now)
		if !w.server.down {
			for _, id := range w.server.ids() {
				w.server.sessions[id].HandleTimeout(w.now)
			}
		}
	}
}

// until runs until the client reports kind, failing after most.
func (w *world) until(kind ClientEventKind, most time.Duration) ClientEvent {
	w.t.Helper()
	start := w.now
	for w.now.Sub(start) <= most {
		for i, ev := range w.events {
			if ev.Kind == kind {
				w.events = w.events[i+1:]
				return ev
			}
		}
		w.run(time.Millisecond)
	}
	w.t.Fatalf("no event %d within %v; events: %+v", kind, most, w.events)
	return ClientEvent{}
}

func (w *world) connect() ClientEvent {
	w.t.Helper()
	w.client.Connect(w.now)
	return w.until(Up, 10*time.Second)
}

// session is the server's only living session.
func (w *world) session() *ServerSession {
	w.t.Helper()
	ids := w.server.ids()
	if len(ids) != 1 {
		w.t.Fatalf("the server has %d sessions, not one", len(ids))
	}
	return w.server.sessions[ids[0]]
}

func (w *world) drain() {
	for {
		b, to, ok := w.client.AppendTransmit(w.now, nil)
		if !ok {
			break
		}
		w.send(true, w.addr, to, b)
	}
	for _, id := range w.server.ids() {
		for s := w.server.sessions[id]; ; {
			b, to, ok := s.AppendTransmit(w.now, nil)
			if !ok {
				break
			}
			w.send(false, serverAddr, to, b)
		}
	}
	for {
		ev, ok := w.client.NextEvent()
		if !ok {
			break
		}
		w.events = append(w.events, ev)
	}
}

func (w *world) send(toServer bool, from, to netip.AddrPort, b []byte) {
	if len(b) > wire.BaseDatagram {
		w.t.Fatalf("a datagram of %d bytes", len(b))
	}
	fmt.Fprintf(&w.trace, "%v %v %x\n", w.now.Sub(birth), toServer, b)
	if w.lose != nil && w.lose(toServer, b) {
		return
	}
	if !toServer {
		if a := w.ledger[to]; a != nil && !w.proven(to) {
			a.out += len(b)
			if a.out > a.in {
				w.t.Fatalf("%d bytes out to the unproven %v for %d bytes in", a.out, to, a.in)
			}
		}
	}
	w.serial++
	w.queue = append(w.queue, flight{w.now.Add(w.delay), w.serial, toServer, from, to, bytes.Clone(b)})
	sort.SliceStable(w.queue, func(i, j int) bool { return w.queue[i].at.Before(w.queue[j].at) })
}

func (w *world) deliver(f flight) {
	if !f.toServer {
		if f.to == w.addr { // else the NAT's old mapping is gone
			w.client.HandleDatagram(w.now, f.from, f.data)
		}
		return
	}
	if f.to != serverAddr || w.server.down {
		return
	}
	if w.ledger[f.from] == nil {
		w.ledger[f.from] = &account{}
	}
	w.ledger[f.from].in += len(f.data)
	w.serve(f.from, f.data)
}

// proven reports whether the server may say as much as it likes to an address: it returned its own cookie, or the
// client of a session there has spoken.
func (w *world) proven(addr netip.AddrPort) bool {
	for _, s := range w.server.sessions {
		if s.Remote() == addr && (s.proven || s.Confirmed()) {
			return true
		}
	}
	return false
}

func (w *world) serve(from netip.AddrPort, b []byte) {
	n := &w.server
	switch wire.FamilyOf(b) {
	case wire.FamilyHandshake:
		reply, s := n.acceptor.Handle(w.now, from, b)
		if reply != nil {
			w.send(false, serverAddr, from, reply)
		}
		if s != nil {
			n.sessions[s.ConnID()] = s
		}
	case wire.FamilySession:
		h, _, ok := wire.ParseSession(b)
		s := n.sessions[h.ConnID]
		if !ok || s == nil {
			return
		}
		s.HandleDatagram(w.now, from, b)
		for {
			sig, ok := s.NextSignal()
			if !ok {
				break
			}
			sig.Data, sig.Noise = bytes.Clone(sig.Data), bytes.Clone(sig.Noise)
			n.signals = append(n.signals, sig)
		}
		for id, other := range n.sessions { // a confirmed session takes its member's place
			if s.Confirmed() && other != s && other.Member == s.Member {
				delete(n.sessions, id)
			}
		}
	}
}

func (n *node) ids() []uint32 {
	if n.down {
		return nil
	}
	var ids []uint32
	for id, s := range n.sessions {
		s.NextSignal()
		if s.Done() {
			delete(n.sessions, id)
			continue
		}
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return ids
}

func (n *node) nextTimeout() (at time.Time) {
	for _, id := range n.ids() {
		at = deadline.Earlier(at, n.sessions[id].NextTimeout())
	}
	return at
}

// create asks for a room and checks that the server hears it: the link carries signals.
func (w *world) create(data string) {
	w.t.Helper()
	if err := w.client.Rooms().Create(0, []byte(data)); err != nil {
		w.t.Fatal(err)
	}
	w.client.Flush(w.now)
}

// heard tells whether the server got a Create with this data.
func (w *world) heard(data string) bool {
	for _, s := range w.server.signals {
		if s.Type == wire.SigCreate && string(s.Data) == data {
			return true
		}
	}
	return false
}

// answer makes the server admit the client to a room.
func (w *world) answer(request uint32) {
	w.t.Helper()
	s := w.session()
	err := s.Send(w.now, &wire.Signal{Type: wire.SigJoined, Request: request, Room: 5, Epoch: 1, Text: "E0000000", Member: s.Member, Owner: s.Member, Max: 4,
		Members: []wire.Member{{ID: s.Member, User: s.User, Key: s.Key}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func wantCode(t testing.TB, ev ClientEvent, code api.Code, final bool) {
	t.Helper()
	if ev.Code != code || ev.Final != final || ev.Text == "" {
		t.Fatalf("got %d %q final=%v, want %d final=%v", ev.Code, ev.Text, ev.Final, code, final)
	}
}
