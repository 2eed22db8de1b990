package hub

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

type seeded struct{ *rand.ChaCha8 }

func seed(n byte) seeded { return seeded{rand.NewChaCha8([32]byte{n})} }

var (
	epoch      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	serverAddr = netip.MustParseAddrPort("203.0.113.1:3478")
)

const oneWay = 10 * time.Millisecond

// cable is a virtual wire between one hub and its clients, with a virtual clock. It also keeps the books: what came from
// and went to each address.
type cable struct {
	t       testing.TB
	now     time.Time
	hub     *Hub
	static  secure.PrivateKey
	clients []*client
	flight  []parcel
	down    bool                                      // the server is not reachable
	bytes   map[netip.AddrPort]*struct{ in, out int } // as the hub sees it
	relayed []parcel                                  // relayed packets that reached a client
}

type parcel struct {
	at       time.Time
	from, to netip.AddrPort
	sock     uint8
	b        []byte
}

type client struct {
	*link.Client
	w      *cable
	addr   netip.AddrPort
	static secure.PrivateKey
	events []link.ClientEvent
	legs   func(b []byte) // takes the relay's control datagrams
	mute   bool           // its datagrams are lost
}

func newCable(t testing.TB, change func(*Config)) *cable {
	w := &cable{t: t, now: epoch, bytes: map[netip.AddrPort]*struct{ in, out int }{}}
	w.static, _ = secure.GenerateKey(seed(1))
	w.start(change)
	return w
}

// start makes the server, or makes it anew with nothing remembered.
func (w *cable) start(change func(*Config)) {
	cfg := Config{Rand: seed(2), Master: [32]byte{3}, Static: w.static, STUNPorts: []uint16{3478, 3479, 3480}, OpenAuth: true}
	if change != nil {
		change(&cfg)
	}
	h, err := New(w.now, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.hub = h
}

func (w *cable) client(addr string) *client {
	n := byte(10 + len(w.clients))
	c := &client{w: w, addr: netip.MustParseAddrPort(addr)}
	c.static, _ = secure.GenerateKey(seed(n))
	c.Client = link.NewClient(link.ClientConfig{Rand: seed(100 + n), Static: c.static, ServerKey: w.static.Public(),
		Servers: []netip.AddrPort{serverAddr}, Info: wire.ClientInfo{App: "app", User: "me"}})
	w.clients = append(w.clients, c)
	return c
}

func (w *cable) book(a netip.AddrPort) *struct{ in, out int } {
	if w.bytes[a] == nil {
		w.bytes[a] = &struct{ in, out int }{}
	}
	return w.bytes[a]
}

// toHub hands a datagram to the server now.
func (w *cable) toHub(sock uint8, from netip.AddrPort, b []byte) {
	w.book(from).in += len(b)
	w.hub.HandleDatagram(w.now, sock, from, append([]byte(nil), b...))
	w.drain()
}

// drain takes what everybody has to send, and the events.
func (w *cable) drain() {
	for {
		b, tx, ok := w.hub.AppendTransmit(w.now, nil)
		if !ok {
			break
		}
		w.book(tx.To).out += len(b)
		w.flight = append(w.flight, parcel{w.now.Add(oneWay), serverAddr, tx.To, tx.Socket, b})
	}
	for _, c := range w.clients {
		c.Flush(w.now)
		for {
			b, to, ok := c.AppendTransmit(w.now, nil)
			if !ok {
				break
			}
			if !c.mute {
				w.flight = append(w.flight, parcel{at: w.now.Add(oneWay), from: c.addr, to: to, b: b})
			}
		}
		for e, ok := c.NextEvent(); ok; e, ok = c.NextEvent() {
			c.events = append(c.events, e)
		}
	}
}

func (w *cable) deliver(p parcel) {
	if p.to == serverAddr {
		if !w.down {
			w.toHub(p.sock, p.from, p.b)
		}
		return
	}
	for _, c := range w.clients {
		if c.addr != p.to {
			continue
		}
		switch {
		case wire.FamilyOf(p.b) != wire.FamilyRelay:
			c.HandleDatagram(w.now, p.from, p.b)
		case p.b[0] == wire.TypeRelayed:
			w.relayed = append(w.relayed, p)
		case c.legs != nil:
			c.legs(p.b)
		}
	}
}

// run lets time pass, from one deadline or arrival to the next.
func (w *cable) run(d time.Duration) {
	w.t.Helper()
	w.drain()
	steps := 0
	for end := w.now.Add(d); ; {
		if steps++; steps > 2_000_000 {
			w.t.Fatal("time does not pass: a deadline comes again and again")
		}
		next := end.Add(1)
		consider := func(at time.Time) {
			if !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if len(w.flight) > 0 {
			consider(w.flight[0].at) // all take the same time: the first is the earliest
		}
		if !w.down {
			consider(w.hub.NextTimeout())
		}
		for _, c := range w.clients {
			consider(c.NextTimeout())
		}
		if next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		if len(w.flight) > 0 && !w.flight[0].at.After(w.now) {
			p := w.flight[0]
			w.flight = w.flight[1:]
			w.deliver(p)
		}
		if !w.down && deadline.Due(w.now, w.hub.NextTimeout()) {
			w.hub.HandleTimeout(w.now)
		}
		for _, c := range w.clients {
			if deadline.Due(w.now, c.NextTimeout()) {
				c.HandleTimeout(w.now)
			}
		}
		w.drain()
	}
}

// signal is the client's next signal, after at most 3 s; it must be of this type.
func (c *client) signal(want wire.SignalType) wire.Signal {
	c.w.t.Helper()
	e := c.event(link.Signal)
	if e.Signal.Type != want {
		c.w.t.Fatalf("%v: signal %d (%+v), want %d", c.addr, e.Signal.Type, e.Signal, want)
	}
	return e.Signal
}

func (c *client) event(want link.ClientEventKind) link.ClientEvent {
	c.w.t.Helper()
	for range 300 {
		if len(c.events) > 0 {
			break
		}
		c.w.run(10 * time.Millisecond)
	}
	if len(c.events) == 0 {
		c.w.t.Fatalf("%v: nothing happened, want event %d", c.addr, want)
	}
	e := c.events[0]
	c.events = c.events[1:]
	if e.Kind != want {
		c.w.t.Fatalf("%v: event %+v, want %d", c.addr, e, want)
	}
	return e
}

// connect brings a client's link up.
func (c *client) connect() link.ClientEvent {
	c.w.t.Helper()
	c.Connect(c.w.now)
	return c.event(link.Up)
}

func (w *cable) wantStats(links, members, rooms int) {
	w.t.Helper()
	s := w.hub.Stats()
	if s.Links != links || s.Members != members || s.Rooms != rooms {
		w.t.Errorf("%d links, %d members, %d rooms; want %d, %d, %d", s.Links, s.Members, s.Rooms, links, members, rooms)
	}
}
