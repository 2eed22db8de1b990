package hub

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// meet brings two clients into one room.
func meet(t testing.TB, w *cable) (a, b *client) {
	t.Helper()
	a, b = w.client("192.0.2.1:4000"), w.client("198.51.100.2:5000")
	a.connect()
	b.connect()
	a.Rooms().Create(0, nil)
	code := a.signal(wire.SigJoined).Text
	if err := b.Rooms().Join(strings.ToLower(code)); err != nil {
		t.Fatal(err)
	}
	b.signal(wire.SigJoined)
	a.signal(wire.SigMemberJoined)
	return a, b
}

// introduced is what the two know when the server has done its part.
type introduced struct {
	caller, callee     *secure.Session
	toCaller, toCallee wire.RelayGrant
}

// introduce runs a calls b with real handshakes.
func introduce(t testing.TB, w *cable, a, b *client) (in introduced) {
	t.Helper()
	room, _ := a.Rooms().Room()
	member := map[*client]uint64{a: room.Self}
	other, _ := b.Rooms().Room()
	member[b] = other.Self
	if err := a.Rooms().Connect(member[b], []byte("hi")); err != nil {
		t.Fatal(err)
	}
	q := b.signal(wire.SigRequest)
	if len(q.Party.Addrs) != 0 {
		t.Fatal("an address before the accept")
	}
	config := func(c *client, s *wire.Signal, remote secure.PublicKey, id uint32) secure.PeerConfig {
		return secure.PeerConfig{Rand: seed(byte(id)), Static: c.static, Remote: remote, PSK: s.PSK, Info: wire.PeerInfo{ConnID: id},
			Prologue: secure.PeerPrologue("app", s.Room, s.Epoch, s.Intro, a.static.Public(), b.static.Public(), 0)}
	}
	hs, kk1, err := secure.NewPeerInitiator(config(b, &q, q.Key, 201))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Rooms().Accept(q.Intro, kk1); err != nil {
		t.Fatal(err)
	}
	i := a.signal(wire.SigIntroduction)
	ac := b.signal(wire.SigAccepted)
	if i.Party.Addrs[0] != b.addr || ac.Party.Addrs[0] != a.addr {
		t.Fatalf("addresses: %v %v", i.Party.Addrs, ac.Party.Addrs)
	}
	kk2, s1, _, err := secure.AnswerPeer(config(a, &i, i.Key, 202), i.Noise)
	if err != nil {
		t.Fatal(err)
	}
	a.Rooms().Answer(i.Intro, kk2)
	an := b.signal(wire.SigAnswered)
	s2, _, err := hs.Finish(an.Noise)
	if err != nil {
		t.Fatal(err)
	}
	return introduced{s1, s2, i.Relay, ac.Relay}
}

// relayedPacket seals a few frames for the other side and wraps them for the relay.
func relayedPacket(s *secure.Session, handle uint32, frames string) []byte {
	b := wire.AppendRelayed(nil, handle)
	start := len(b)
	b, _ = s.Begin(b, wire.PathRelay)
	return s.Seal(append(b, frames...), start)
}

// wantRelayed wants exactly one relayed packet at an address, with the handle its owner knows and the right content.
func (w *cable) wantRelayed(to netip.AddrPort, handle uint32, s *secure.Session, frames string) {
	w.t.Helper()
	w.run(3 * oneWay)
	if len(w.relayed) != 1 || w.relayed[0].to != to {
		w.t.Fatalf("relayed: %d packets, want one to %v", len(w.relayed), to)
	}
	h, inner, ok := wire.ParseRelayed(w.relayed[0].b)
	if !ok || h != handle {
		w.t.Fatalf("handle %x, want %x", h, handle)
	}
	if _, _, got, err := s.Open(inner); err != nil || string(got) != frames {
		w.t.Fatalf("opened %q, %v", got, err)
	}
	w.relayed = nil
}

func TestTwoClientsMeetAndTalkThroughTheRelayAtOnce(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	in := introduce(t, w, a, b)
	if in.toCaller.Handle == 0 || in.toCallee.Handle == 0 || in.toCaller.Addr.IsValid() {
		t.Fatalf("grants %+v %+v", in.toCaller, in.toCallee)
	}
	w.toHub(0, a.addr, relayedPacket(in.caller, in.toCaller.Handle, "\x01ping"))
	w.wantRelayed(b.addr, in.toCallee.Handle, in.callee, "\x01ping")
	w.toHub(0, b.addr, relayedPacket(in.callee, in.toCallee.Handle, "\x01pong"))
	w.wantRelayed(a.addr, in.toCaller.Handle, in.caller, "\x01pong")
	// Somebody else with the right handle gets nowhere.
	w.toHub(0, netip.MustParseAddrPort("203.0.113.99:9"), relayedPacket(in.caller, in.toCaller.Handle, "\x01"))
	w.run(time.Second)
	s := w.hub.Stats()
	if len(w.relayed) != 0 || s.Dropped("relay_source") != 1 || s.RelayPackets != 2 || s.RelayLegs != 2 || s.Introduced != 1 {
		t.Errorf("%d relayed, %+v", len(w.relayed), s)
	}
	w.wantStats(2, 2, 1)
}

func TestOpenAuthGivesNamesByKeyOnly(t *testing.T) {
	w := newCable(t, nil)
	if up := w.client("192.0.2.1:4000").connect(); !strings.HasPrefix(up.Info.User, "anon-") {
		t.Errorf("user %q by its own wish", up.Info.User)
	}
	w = newCable(t, func(c *Config) { c.OpenAuth = false })
	c := w.client("192.0.2.1:4000")
	c.Connect(w.now)
	if e := c.event(link.Down); e.Code != api.ErrUnauthorized || !e.Final {
		t.Errorf("%+v", e)
	}
}

func TestWrongServerKeyIsSaid(t *testing.T) {
	w := newCable(t, nil)
	c := w.client("192.0.2.1:4000")
	other, _ := secure.GenerateKey(seed(77))
	c.Client = link.NewClient(link.ClientConfig{Rand: seed(5), Static: c.static, ServerKey: other.Public(), Servers: []netip.AddrPort{serverAddr}})
	c.Connect(w.now)
	if e := c.event(link.Down); e.Code != api.ErrServerKey || !e.Final {
		t.Errorf("%+v", e)
	}
	w.wantStats(0, 0, 0)
}

func TestLegsFollowAResumedLink(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	in := introduce(t, w, a, b)
	w.run(2 * time.Second) // the first ticket is there

	old := a.addr
	a.addr = netip.MustParseAddrPort("192.0.2.77:4444")
	a.NetworkChanged(w.now)
	if e := a.event(link.Down); e.Final {
		t.Fatalf("%+v", e)
	}
	if e := a.event(link.Up); !e.Resumed {
		t.Fatalf("%+v", e)
	}
	w.run(time.Second)
	// Whom a was introduced to hears where a is now, and nobody anything else.
	if e := b.event(link.Signal); e.Signal.Type != wire.SigCandidates || !slices.Equal(e.Signal.Party.Addrs, []netip.AddrPort{a.addr}) {
		t.Fatalf("%+v", e)
	}
	if len(a.events) != 0 || len(b.events) != 0 {
		t.Fatalf("a resumed link made news: %+v %+v", a.events, b.events)
	}
	w.wantStats(2, 2, 1) // the old session is gone
	w.toHub(0, b.addr, relayedPacket(in.callee, in.toCallee.Handle, "\x01x"))
	w.wantRelayed(a.addr, in.toCaller.Handle, in.caller, "\x01x")
	w.toHub(0, old, relayedPacket(in.caller, in.toCaller.Handle, "\x01"))
	w.run(time.Second)
	if len(w.relayed) != 0 {
		t.Error("the address left behind still sends")
	}
	w.toHub(0, a.addr, relayedPacket(in.caller, in.toCaller.Handle, "\x01y"))
	w.wantRelayed(b.addr, in.toCallee.Handle, in.callee, "\x01y")
}

func TestLegsFollowALinkWhoseNATGaveItAnotherPort(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	in := introduce(t, w, a, b)
	w.run(time.Second)
	a.addr = netip.AddrPortFrom(a.addr.Addr(), 4999)
	a.Rooms().SetData([]byte("speak")) // the next packet comes from there
	w.run(time.Second)
	for _, e := range a.events {
		if e.Kind != link.Signal {
			t.Errorf("%+v", e)
		}
	}
	w.toHub(0, b.addr, relayedPacket(in.callee, in.toCallee.Handle, "\x01x"))
	w.wantRelayed(a.addr, in.toCaller.Handle, in.caller, "\x01x")
	w.wantStats(2, 2, 1)
}

func TestLegIsBoundAgainWithItsTicket(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	in := introduce(t, w, a, b)
	leg := relay.NewClient(relay.ClientConfig{Rand: seed(9), Grant: in.toCaller, Addr: serverAddr})
	if !leg.Bound() {
		t.Fatal("not bound by the introduction")
	}
	a.legs = func(p []byte) { leg.HandleDatagram(w.now, p) }
	a.addr = netip.MustParseAddrPort("192.0.2.50:4001") // the link has not noticed yet
	leg.Bind(w.now)
	for range 4 {
		if p, ok := leg.AppendTransmit(w.now, nil); ok {
			w.toHub(0, a.addr, p)
		}
		w.run(2 * oneWay)
	}
	if e, ok := leg.NextEvent(); !ok || e.Kind != relay.EventBound || leg.Handle() != in.toCaller.Handle {
		t.Fatalf("%+v", e)
	}
	w.toHub(0, b.addr, relayedPacket(in.callee, in.toCallee.Handle, "\x01x"))
	w.wantRelayed(a.addr, in.toCaller.Handle, in.caller, "\x01x")
	// A ticket of another cluster is none.
	w2 := newCable(t, func(c *Config) { c.Master = [32]byte{9} })
	leg.Bind(w2.now)
	p, _ := leg.AppendTransmit(w2.now, nil)
	w2.toHub(0, a.addr, p)
	if w2.hub.Stats().Dropped("relay_ticket") != 1 || len(w2.flight) != 0 {
		t.Error("another cluster's ticket was answered")
	}
}

func TestSilentClientHasItsGraceThenLeaves(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	a.mute = true
	w.run(80 * time.Second) // 50 s of silence end the link, 45 s of grace follow
	if len(b.events) != 0 {
		t.Fatalf("%+v", b.events)
	}
	w.run(25 * time.Second)
	if s := b.signal(wire.SigMemberLeft); api.Code(s.Code) != api.ErrLost {
		t.Errorf("%+v", s)
	}
	if s := b.signal(wire.SigOwner); s.Owner == 0 {
		t.Errorf("%+v", s)
	}
	w.wantStats(1, 1, 1)
	if len(w.hub.members) != 1 || len(w.hub.lost) != 0 {
		t.Errorf("%d members, %d lost ones remembered", len(w.hub.members), len(w.hub.lost))
	}
}

func TestGoodbyeLeavesAtOnce(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	a.Close(w.now)
	if s := b.signal(wire.SigMemberLeft); api.Code(s.Code) != api.OK {
		t.Errorf("%+v", s)
	}
	b.signal(wire.SigOwner)
	w.run(10 * time.Second)
	w.wantStats(1, 1, 1)
	if !a.Done() {
		t.Error("the client is not done")
	}
}

// Members' tickets build the room anew: who comes back first finds it, and what it asked for meanwhile is done.
func TestRestartedServerGivesClientsTheirRoomBack(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	was, _ := a.Rooms().Room()
	w.run(2 * time.Second)
	w.start(func(c *Config) { c.Rand = seed(42) }) // same secrets, nothing remembered
	a.Rooms().SetData([]byte("x"))                 // makes it notice
	w.run(20 * time.Second)
	if e := a.event(link.Down); e.Final {
		t.Fatalf("%+v", e)
	}
	if e := a.event(link.Up); !e.Resumed {
		t.Fatalf("%+v", e)
	}
	a.signal(wire.SigRoomData)
	w.run(60 * time.Second)
	for _, c := range []*client{a, b} {
		room, in := c.Rooms().Room()
		if !in || room.ID != was.ID || room.Code != was.Code || room.Epoch != was.Epoch+1 || len(room.Members) != 2 || string(room.Data) != "x" {
			t.Errorf("%v %+v, was %+v", in, room, was)
		}
	}
}

func TestShutdownTellsEverybodyWithinASecond(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	b.mute = true // does not acknowledge
	begin := w.now
	w.hub.Shutdown(w.now)
	w.drain()
	if w.hub.Done() {
		t.Error("done before anybody can have heard")
	}
	for !w.hub.Done() && w.now.Sub(begin) < 5*time.Second {
		w.run(10 * time.Millisecond)
	}
	if d := w.now.Sub(begin); d > closeTime+10*time.Millisecond {
		t.Errorf("shutdown took %v", d)
	}
	if s := a.signal(wire.SigClosing); s.Text == "" {
		t.Error("no sentence")
	}
	if e := a.event(link.Down); e.Code != api.ErrServerClosing {
		t.Errorf("%+v", e)
	}
	late := w.client("192.0.2.9:1")
	late.Connect(w.now)
	if e := late.event(link.Down); e.Code != api.ErrServerClosing {
		t.Errorf("%+v", e)
	}
	if !w.hub.NextTimeout().IsZero() && w.hub.NextTimeout().Before(w.now) {
		t.Error("a deadline in the past")
	}
}

func TestEventsHoldNoWholeAddressAndNoCode(t *testing.T) {
	w := newCable(t, nil)
	a, b := meet(t, w)
	introduce(t, w, a, b)
	a.Close(w.now)
	w.run(2 * time.Second)
	room, _ := b.Rooms().Room()
	var kinds []EventKind
	for e, ok := w.hub.NextEvent(); ok; e, ok = w.hub.NextEvent() {
		kinds = append(kinds, e.Kind)
		if strings.Contains(e.Text, "192.0.2.1") || strings.Contains(e.Text, room.Code) || e.Text == "" {
			t.Errorf("%+v", e)
		}
	}
	want := []EventKind{EventLinkUp, EventLinkUp, EventRoomCreated, EventIntroduced, EventLinkDown}
	if !bytes.Equal(asBytes(kinds), asBytes(want)) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	if wire.Network(netip.MustParseAddr("2001:db8:1:2::3")) != "2001:db8:1::/48" || wire.Network(netip.MustParseAddr("192.0.2.7")) != "192.0.2.0/24" {
		t.Error("masking")
	}
}

func asBytes(k []EventKind) (b []byte) {
	for _, x := range k {
		b = append(b, byte(x))
	}
	return b
}

func TestSameSeedSameBytes(t *testing.T) {
	play := func() (sum []byte) {
		w := newCable(t, nil)
		a, b := meet(t, w)
		introduce(t, w, a, b)
		w.run(3 * time.Minute)
		w.hub.Shutdown(w.now)
		for {
			out, tx, ok := w.hub.AppendTransmit(w.now, nil)
			if !ok {
				return sum
			}
			sum = append(append(sum, out...), tx.To.String()...)
		}
	}
	if first := play(); len(first) == 0 || !bytes.Equal(first, play()) {
		t.Error("two runs differ")
	}
}
