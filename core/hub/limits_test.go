package hub

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestGateLimitsEachAddressInFixedMemory(t *testing.T) {
	w := newCable(t, nil)
	g := &w.hub.handshakes
	now := epoch
	mine, prefix := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::")
	l := limit{100 * time.Millisecond, 20}
	count := func(a netip.Addr, tries int) (n int) {
		for range tries {
			if g.take(now, a, l) {
				n++
			}
		}
		return n
	}
	if n := count(mine, 100); n != 20 {
		t.Errorf("%d at once", n)
	}
	if n := count(netip.MustParseAddr("::ffff:192.0.2.1"), 5); n != 0 {
		t.Error("the mapped form is another address")
	}
	if n := count(netip.MustParseAddr("192.0.2.2"), 100); n != 20 {
		t.Errorf("a neighbour got %d", n)
	}
	now = now.Add(time.Second)
	if n := count(mine, 100); n != 10 {
		t.Errorf("%d after a second", n)
	}
	total := 0
	for i := range 50 { // one customer's /64
		b := prefix.As16()
		b[15] = byte(i)
		total += count(netip.AddrFrom16(b), 1)
	}
	if total != 20 {
		t.Errorf("a /64 got %d", total)
	}
	// However many addresses come, a new one is not refused and the table does not grow.
	for i := range 100_000 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i)*2654435761)
		if !g.take(now, netip.AddrFrom4(b), l) {
			t.Fatalf("address %d was refused", i)
		}
	}
	if len(g.slots) != gateSets {
		t.Error("the table grew")
	}
}

func TestHandshakesPerAddressAreLimited(t *testing.T) {
	w := newCable(t, nil)
	for i := range 30 {
		c := w.client(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(4000+i)).String())
		c.Connect(w.now)
	}
	w.run(200 * time.Millisecond)
	if s := w.hub.Stats(); s.Links != 20 || s.Dropped("handshake_limit") != 10 {
		t.Errorf("30 clients of one address: %+v", s)
	}
	// An address next door is not concerned.
	w.client("192.0.2.2:1").connect()
}

func TestSessionsPerAddressAreLimitedUnderOpenAuth(t *testing.T) {
	w := newCable(t, nil)
	for i := range openSessions {
		w.client(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(4000+i)).String()).connect()
		w.run(100 * time.Millisecond) // below the handshake limit
	}
	c := w.client("192.0.2.1:9999")
	c.Connect(w.now)
	if e := c.event(link.Down); e.Code != api.ErrServerFull {
		t.Errorf("%+v", e)
	}
	w.wantStats(openSessions, openSessions, 0)
	// Resuming one of them takes no further place.
	first := w.clients[0]
	first.events = nil
	first.addr = netip.MustParseAddrPort("192.0.2.1:4900")
	first.NetworkChanged(w.now)
	first.event(link.Down)
	if e := first.event(link.Up); !e.Resumed {
		t.Errorf("%+v", e)
	}
	// One leaves, one comes.
	first.Close(w.now)
	w.run(3 * time.Second)
	c = w.client("192.0.2.1:9998")
	c.connect()
	if n := w.hub.perAddr[netip.MustParseAddr("192.0.2.1")]; n != openSessions {
		t.Errorf("%d counted", n)
	}
}

func TestReplayedHelloTakesNobodysPlace(t *testing.T) {
	w := newCable(t, nil)
	a, b := w.client("192.0.2.1:4000"), w.client("192.0.2.2:4000")
	a.Connect(w.now)
	var hello []byte
	for a.Up() == false {
		w.run(oneWay / 2)
		for _, p := range w.flight {
			if p.to == serverAddr && p.b[0] == wire.TypeHello {
				hello = append([]byte(nil), p.b...)
			}
		}
	}
	b.connect()
	a.Rooms().Create(0, nil)
	w.run(time.Second)
	w.start(func(c *Config) { c.Rand = seed(44) }) // the server that remembers answering it is gone
	for range 5 {
		w.toHub(0, a.addr, hello)
	}
	if s := w.hub.Stats(); s.Links != 1 || s.Members != 0 {
		t.Errorf("%+v", s)
	}
	w.now = w.now.Add(20 * time.Second)
	w.hub.HandleTimeout(w.now)
	w.wantStats(0, 0, 0)
	for e, ok := w.hub.NextEvent(); ok; e, ok = w.hub.NextEvent() {
		t.Errorf("news of a replay: %+v", e)
	}
}

func TestSTUNOnEverySocketAndItsLimits(t *testing.T) {
	w := newCable(t, nil)
	from := netip.MustParseAddrPort("192.0.2.1:4000")
	id := byte(0)
	ask := func(sock uint8, from netip.AddrPort, token *[16]byte, change bool) (answers int, sent Transmit) {
		id++
		r := stun.Request{ID: stun.TransactionID{id}, ChangePort: change, HasToken: token != nil}
		if token != nil {
			r.Token = *token
		}
		q := stun.AppendRequest(nil, &r)
		w.hub.HandleDatagram(w.now, sock, from, q)
		for {
			b, tx, ok := w.hub.AppendTransmit(w.now, nil)
			if !ok {
				return answers, sent
			}
			answers, sent = answers+1, tx
			if tx.To != from || len(b) > len(q)*22/10 {
				t.Fatalf("%d bytes to %v for %d", len(b), tx.To, len(q))
			}
		}
	}
	for sock := range uint8(3) {
		if n, tx := ask(sock, from, nil, false); n != 1 || tx.Socket != sock {
			t.Errorf("socket %d: %d answers from %d", sock, n, tx.Socket)
		}
	}
	if n, _ := ask(3, from, nil, false); n != 0 {
		t.Error("a socket that does not exist answers")
	}
	w.now = w.now.Add(time.Second)
	got := 0
	for range 100 {
		n, _ := ask(0, from, nil, false)
		got += n
	}
	if got != 20 {
		t.Errorf("%d bare answers at once", got)
	}
	// With the token that the link gave, the allowance is larger, and another port may answer.
	c := w.client(from.String())
	token := c.connect().Info.STUNToken
	if n, tx := ask(0, from, &token, true); n != 1 || tx.Socket == 0 {
		t.Errorf("%d answers from socket %d, want another port", n, tx.Socket)
	}
	got = 0
	for range 1000 {
		n, _ := ask(1, from, &token, false)
		got += n
	}
	if got != 199 {
		t.Errorf("%d answers with a token", got)
	}
	// The whole node: 2,000 a second over all addresses.
	w.now = w.now.Add(time.Minute)
	got = 0
	for i := range 5000 {
		n, _ := ask(0, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1), nil, false)
		got += n
	}
	if got != 2000 {
		t.Errorf("%d bare answers of the node at once", got)
	}
}

func TestOtherFamiliesOnSTUNSocketsAreDropped(t *testing.T) {
	w := newCable(t, nil)
	from := netip.MustParseAddrPort("192.0.2.1:4000")
	w.toHub(1, from, wire.AppendInit(nil, &wire.Init{Version: wire.Version}))
	w.toHub(2, from, []byte{0x44, 1, 2, 3, 4, 5})
	w.toHub(0, from, nil)
	w.toHub(0, netip.AddrPort{}, []byte{0xc0})
	w.toHub(0, from, append([]byte{0x80}, make([]byte, 40)...))
	s := w.hub.Stats()
	if s.Dropped("socket") != 2 || s.Dropped("format") != 1 || s.Dropped("source") != 1 || s.Dropped("session_unknown") != 1 || len(w.flight) != 1 {
		t.Errorf("%+v", s)
	}
}

// spoofed makes the datagrams of a flood with forged sources: INITs, Hellos, binds, relayed and session packets, noise.
func spoofed(rng *rand.Rand, b []byte) (sock uint8, from netip.AddrPort, out []byte) {
	var ip [4]byte
	binary.BigEndian.PutUint32(ip[:], rng.Uint32())
	from = netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(1+rng.IntN(65535)))
	n := 20 + rng.IntN(100)
	first := []byte{wire.TypeInit, wire.TypeHello, wire.TypeResume, wire.TypeBind, wire.TypeBind2, wire.TypeRelayed, 0x80, 0x84, 0xc6}[rng.IntN(9)]
	if first >= wire.TypeInit && rng.IntN(4) > 0 {
		n = wire.ClientHelloSize
	}
	b = b[:n]
	for i := 0; i < n; i += 8 { // cheap noise
		binary.LittleEndian.PutUint64(b[i:i+8], rng.Uint64())
	}
	b[0], b[1], b[2] = first, 0, wire.Version
	if first == wire.TypeHello || first == wire.TypeResume { // well formed up to the cookie
		clear(b[min(44, n):])
	}
	return uint8(rng.IntN(8) / 7), from, b
}

func TestSpoofedFloodGetsNoMoreBytesThanItSendsAndTakesNoMemory(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	introduce(t, w, a, b)
	rng := rand.New(rand.NewPCG(1, 2))
	in, out := make([]byte, wire.ClientHelloSize+8), make([]byte, 0, wire.MaxDatagram)
	flood := func(n int) {
		for range n {
			sock, from, p := spoofed(rng, in)
			w.hub.HandleDatagram(w.now, sock, from, p)
			total := 0
			for {
				o, tx, ok := w.hub.AppendTransmit(w.now, out)
				if !ok {
					break
				}
				if tx.To == from {
					total += len(o)
				} else if tx.To != a.addr && tx.To != b.addr {
					t.Fatalf("bytes to %v, from %v", tx.To, from)
				}
			}
			if total > len(p) {
				t.Fatalf("%d bytes for %d (type %x)", total, len(p), p[0])
			}
			w.now = w.now.Add(10 * time.Microsecond)
		}
	}
	flood(20_000) // everything that grows once has grown
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	n := 1_000_000
	if testing.Short() || raceEnabled {
		n = 100_000
	}
	flood(n)
	if after := heap(); after > before+64<<10 {
		t.Errorf("%d bytes of heap more after %d datagrams", after-before, n)
	}
	w.wantStats(2, 2, 1)
	// Those who are there are still served.
	w.run(time.Second)
	if err := a.Rooms().SetData([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	b.signal(wire.SigRoomData)
}

// An address token spares its holder the limit that strangers share, and not every limit: it proves nothing but the
// address, and each Hello costs public-key work.
func TestAnAddressTokenIsNoLicenceToFlood(t *testing.T) {
	w := newCable(t, nil)
	first := w.client("192.0.2.1:4000")
	token := first.connect().Info.AddressToken
	answered := 0
	for i := range 300 {
		m := wire.Hello{Version: wire.Version, ConnID: 1, Cookie: token}
		binary.BigEndian.PutUint32(m.Random[:], uint32(i))
		static, _ := secure.GenerateKey(seed(200))
		_, noise, err := secure.NewLinkInitiator(secure.LinkConfig{Rand: seed(201), Static: static, Server: w.static.Public(),
			Prologue: wire.AppendHelloPrologue(nil, &m)}, 1, &wire.ClientInfo{App: "app"})
		if err != nil {
			t.Fatal(err)
		}
		m.Noise = noise
		w.hub.HandleDatagram(w.now, 0, first.addr, wire.AppendHello(nil, &m))
		for b, _, ok := w.hub.AppendTransmit(w.now, nil); ok; b, _, ok = w.hub.AppendTransmit(w.now, nil) {
			if r, ok := wire.ParseRefuse(b); !ok || api.Code(r.Code) != api.ErrRateLimited {
				answered++
			}
		}
	}
	if answered > tokenLimit.burst {
		t.Errorf("%d Hellos cost public-key work in one instant", answered)
	}
}

// Clients prove their address, have the server do its public-key work, and are never heard of again: the sessions cost little, serve nobody,
// and are gone after ten seconds.
func TestHalfOpenHandshakesAreForgotten(t *testing.T) {
	const n = 1000
	c := newCrowd(t, n+1)
	for i, l := range c.clients[:n] {
		c.now = c.now.Add(time.Millisecond) // below the node's capacity
		l.Connect(c.now)
		for c.hub.Stats().Links <= i {
			b, _, ok := l.AppendTransmit(c.now, nil)
			if !ok {
				t.Fatal("nothing to send")
			}
			c.hub.HandleDatagram(c.now, 0, crowdAddr(i), b)
			for b, _, ok := c.hub.AppendTransmit(c.now, nil); ok; b, _, ok = c.hub.AppendTransmit(c.now, nil) {
				if b[0] == wire.TypeRetry { // and no more is heard
					l.HandleDatagram(c.now, serverAddr, b)
				}
			}
		}
		l.Close(c.now)
	}
	if s := c.hub.Stats(); s.Links != n || s.Members != 0 {
		t.Fatalf("%d links, %d members", s.Links, s.Members)
	}
	c.clients[n].Connect(c.now)
	if c.talk(n); !c.clients[n].Up() {
		t.Fatal("one that means it is not served")
	}
	c.now = c.now.Add(11 * time.Second)
	for deadline.Due(c.now, c.hub.NextTimeout()) {
		before := c.hub.Stats().Links
		c.hub.HandleTimeout(c.now)
		if gone := before - c.hub.Stats().Links; gone > timeoutsAtOnce {
			t.Fatalf("%d at once", gone)
		}
	}
	if s := c.hub.Stats(); s.Links != 1 || s.Members != 1 || len(c.hub.perAddr) != 1 {
		t.Fatalf("%d links, %d members, %d addresses afterwards", s.Links, s.Members, len(c.hub.perAddr))
	}
}
