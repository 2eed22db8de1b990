//go:build linux

package forward

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

// patience bounds every wait of these tests. Nothing takes it unless something is broken.
const patience = 10 * time.Second

// edgeRig is an edge on real sockets, with the test as its hub.
type edgeRig struct {
	*rig
	t     *testing.T
	edge  *Edge
	woken chan struct{}
}

func newEdgeRig(t *testing.T, shards int) *edgeRig { return newEdgeRigWithDesk(t, shards, nil) }

func newEdgeRigWithDesk(t *testing.T, shards int, desk Desk) *edgeRig {
	t.Helper()
	r := &edgeRig{rig: newRig(100, 0), t: t, woken: make(chan struct{}, 1)}
	var err error
	r.edge, err = Open(Config{Bind: netip.MustParseAddrPort("127.0.0.1:0"), Shards: shards, Buffer: 7 << 20, Table: r.table, Known: NewKnown(), Desk: desk, Wake: func() {
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.edge.Run()
	t.Cleanup(r.edge.Close)
	return r
}

// player is a socket whose leg the hub binds.
type player struct {
	t    *testing.T
	conn *net.UDPConn
	at   netip.AddrPort
}

func (r *edgeRig) player() *player {
	r.t.Helper()
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.edge.Local()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return &player{r.t, c, c.LocalAddr().(*net.UDPAddr).AddrPort()}
}

func (p *player) say(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) hear() []byte {
	p.t.Helper()
	b := make([]byte, 2048)
	p.conn.SetReadDeadline(time.Now().Add(patience))
	n, err := p.conn.Read(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return b[:n]
}

// hub serves what the shards have for it until one datagram of that kind came, and returns it.
func (r *edgeRig) hub(want Kind) (from netip.AddrPort, got []byte) {
	r.t.Helper()
	limit := time.After(patience)
	for got == nil {
		r.edge.Inbox.Read(func(k Kind, at netip.AddrPort, b []byte) {
			if k == want && got == nil {
				from, got = at, bytes.Clone(b)
			}
		})
		if got != nil || !r.edge.Inbox.Sleep() {
			continue
		}
		select {
		case <-r.woken:
		case <-limit:
			r.t.Fatalf("no %v came", want)
		}
		r.edge.Inbox.Wake()
	}
	return from, got
}

// Thirty-two pairs on four shards talk, and each of them moves to another socket in between: what is said is heard by the right
// one, with the handle that it knows, and never from where the player was before.
func TestPairsTalkOverAllShardsAndMove(t *testing.T) {
	r := newEdgeRig(t, 4)
	r.edge.crew.resize(4)
	for n := range byte(32) {
		p, q := r.player(), r.player()
		a, _ := r.Prebind(r.now, [16]byte{n, 9}, 0, relay.KeyHash{}, p.at, wire.RelayRate{})
		b, _ := r.Prebind(r.now, [16]byte{n, 9}, 1, relay.KeyHash{}, q.at, wire.RelayRate{})
		talk := func() {
			for range 5 {
				p.say(packet(a))
				if got := q.hear(); !bytes.Equal(got, packet(b)) {
					t.Fatalf("pair %d: heard % x", n, got[:16])
				}
				q.say(packet(b))
				if got := p.hear(); !bytes.Equal(got, packet(a)) {
					t.Fatalf("pair %d: heard % x", n, got[:16])
				}
			}
		}
		talk()
		old := p
		p = r.player()
		if !r.Move(a, old.at, p.at) {
			t.Fatal("the leg is gone")
		}
		before := r.Stats().Drops[relay.DropSource]
		old.say(packet(a))
		for end := time.Now().Add(patience); r.Stats().Drops[relay.DropSource] == before; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatal("a packet from where the player was before was not dropped")
			}
		}
		talk()
	}
	if s := r.Stats(); s.Packets != 32*20 || s.Bytes != 32*20*200 {
		t.Errorf("%d packets, %d bytes", s.Packets, s.Bytes)
	}
	used := 0
	for _, s := range r.edge.shards {
		if s.counts.packets.Load() > 0 {
			used++
		}
	}
	if used < 2 {
		t.Errorf("%d of 4 shards had anything to do", used)
	}
}

// A packet for a player who has not bound yet is the machine's: it keeps four, and they arrive with the bind.
func TestEarlyPacketsWaitForTheBind(t *testing.T) {
	r := newEdgeRig(t, 2)
	p, q := r.player(), r.player()
	a, _ := r.Prebind(r.now, meet, 0, relay.KeyHash{}, p.at, rate)
	for range 4 {
		p.say(packet(a))
		from, b := r.hub(Relayed)
		if to, ok := r.Deliver(r.now, from, b); ok {
			t.Fatalf("sent to %v", to)
		}
	}
	b, _ := r.Prebind(r.now, meet, 1, relay.KeyHash{}, q.at, rate)
	for range 4 {
		out, to, ok := r.AppendTransmit(nil)
		if h, _, _ := wire.ParseRelayed(out); !ok || to != q.at || h != b {
			t.Errorf("%v to %v, handle %x", ok, to, h)
		}
	}
}

// The hub stands still while strangers send as fast as they can: a link's packet, a claim of a leg and a handshake
// with a cookie have their places all the same, and relayed packets pass.
func TestFloodHoldsUpNobody(t *testing.T) {
	r := newEdgeRig(t, 2)
	mallory, p, q := r.player(), r.player(), r.player()
	a, _ := r.Prebind(r.now, meet, 0, relay.KeyHash{}, p.at, wire.RelayRate{})
	r.Prebind(r.now, meet, 1, relay.KeyHash{}, q.at, wire.RelayRate{})
	spoofed := make([]byte, 60)
	spoofed[0] = wire.TypeInit
	const volley = 100 // fits the socket's queue wherever this runs
	for sent := uint64(0); r.edge.Inbox.Lost(Stranger) == 0; {
		for range volley {
			mallory.say(spoofed)
		}
		sent += volley
		for end := time.Now().Add(patience); r.edge.Stats().Net.Received < sent; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d of %d arrived", r.edge.Stats().Net.Received, sent)
			}
		}
	}
	p.say(packet(a))
	q.hear()
	r.edge.shards[0].known.Add(0x01020304) // all shards have the same
	for kind, first := range map[Kind]byte{Session: 0x80, Bind: wire.TypeBind, Hello: wire.TypeHello} {
		p.say(append([]byte{first, 1, 2, 3, 4}, make([]byte, 100)...))
		if from, b := r.hub(kind); from != p.at || b[0] != first {
			t.Errorf("%v: % x from %v", kind, b[:4], from)
		}
	}
	for k, lost := range r.edge.Stats().Lost {
		if (lost > 0) != (Kind(k) == Stranger) {
			t.Errorf("%v: %d lost", Kind(k), lost)
		}
	}
}

// testDesk tells what was served at it.
type testDesk struct {
	sync.Mutex
	served chan byte
}

func (d *testDesk) TryEnter(time.Time) bool          { return d.TryLock() }
func (d *testDesk) Serve(_ netip.AddrPort, b []byte) { d.served <- b[wire.SessionHeader] }
func (d *testDesk) Leave()                           { d.Unlock() }

// A shard serves packets of links itself while the hub is free. When it is not they go to the inbox, and so do those behind
// them until the inbox was emptied: nothing overtakes. Strangers never come to the desk.
func TestLinksAreServedWhereTheyArrive(t *testing.T) {
	d := &testDesk{served: make(chan byte, 8)}
	r := newEdgeRigWithDesk(t, 1, d)
	r.edge.shards[0].known.Add(0x01020304)
	p := r.player()
	const tail = 31 // as long as a keepalive or so
	say := func(id, n byte) {
		p.say(append(append(wire.AppendSession(nil, wire.Session{ConnID: 0x01020300 + uint32(id)}), n), make([]byte, tail)...))
	}
	atDesk := func(want byte) {
		t.Helper()
		select {
		case n := <-d.served:
			if n != want {
				t.Fatalf("%d was served, not %d", n, want)
			}
		case <-time.After(patience):
			t.Fatalf("%d was not served", want)
		}
	}
	inInbox := func(k Kind, want byte) {
		t.Helper()
		if _, b := r.hub(k); b[wire.SessionHeader] != want {
			t.Fatalf("%d in the inbox, not %d", b[wire.SessionHeader], want)
		}
	}
	arrived := func(n uint64) { // and left in a ring
		t.Helper()
		for end := time.Now().Add(patience); r.edge.shards[0].rings[Session].tail.Load() < n*uint64(recordSize(wire.SessionHeader+1+tail)); runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d packets did not arrive", n)
			}
		}
	}
	say(4, 1)
	atDesk(1)
	say(5, 2) // nobody's link
	inInbox(Stranger, 2)
	d.Lock()
	say(4, 3)
	arrived(1)
	d.Unlock()
	say(4, 4)
	arrived(2)
	inInbox(Session, 3) // and 4 with it
	say(4, 5)
	atDesk(5)
}
