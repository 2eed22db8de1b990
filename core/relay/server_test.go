package relay

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/wire"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var (
	alice  = netip.MustParseAddrPort("192.0.2.1:4000")
	bob    = netip.MustParseAddrPort("192.0.2.2:5000")
	mallet = netip.MustParseAddrPort("198.51.100.66:6666")
	meet   = [16]byte{1, 2, 3}
)

type seeded struct{ *rand.ChaCha8 }

func seed(n byte) seeded { return seeded{rand.NewChaCha8([32]byte{n})} }

// rig is a relay, its minting side, and the clock.
type rig struct {
	t   *testing.T
	now time.Time
	s   *Server
}

// The rig's tickets are not sealed: what a ticket says is its plain text behind a byte, and its key a hash of it. Sealing
// is secure's and tested there.
func openPlain(_ time.Time, ticket []byte) (t wire.RelayTicket, key [32]byte, ok bool) {
	if len(ticket) < 1 || ticket[0] != 'T' {
		return t, key, false
	}
	t, ok = wire.ParseRelayTicket(ticket[1:])
	return t, keyOf(ticket), ok
}

func keyOf(ticket []byte) [32]byte { return blake2s.Sum256(append([]byte("secret"), ticket...)) }

func ticketFor(id [16]byte, n uint8) []byte {
	return wire.AppendRelayTicket([]byte{'T'}, &wire.RelayTicket{Session: id, Leg: n, Expiry: 1 << 40})
}

func cookieFor(now time.Time, a netip.AddrPort, nonce [16]byte) (c wire.Cookie) {
	sum := blake2s.Sum256([]byte(a.String() + string(nonce[:]) + now.Truncate(time.Minute).String()))
	copy(c[:], sum[:])
	return c
}

var testRate = wire.RelayRate{BitsPerSecond: 1_000_000, PacketsPerSecond: 300}

func newRig(t *testing.T) *rig {
	return &rig{t: t, now: start, s: NewServer(ServerConfig{
		Rand: seed(1), Open: openPlain, Cookie: cookieFor,
		CheckCookie: func(now time.Time, a netip.AddrPort, nonce [16]byte, c wire.Cookie) bool {
			return c == cookieFor(now, a, nonce)
		},
		Rate: func(uint8) wire.RelayRate { return testRate }, MaxSessions: 1000,
	})}
}

func (r *rig) wait(d time.Duration) {
	for end := r.now.Add(d); ; {
		at := r.s.NextTimeout()
		if at.IsZero() || at.After(end) {
			r.now = end
			return
		}
		if at.After(r.now) {
			r.now = at
		}
		r.s.HandleTimeout(r.now)
	}
}

// sent drains the server.
func (r *rig) sent() (out []datagram) {
	for {
		b, to, ok := r.s.AppendTransmit(nil)
		if !ok {
			return out
		}
		out = append(out, datagram{to, b})
	}
}

func (r *rig) client(n uint8, rnd byte) *Client {
	ticket := ticketFor(meet, n)
	return NewClient(ClientConfig{Rand: seed(rnd), Addr: netip.MustParseAddrPort("203.0.113.1:3478"),
		Grant: wire.RelayGrant{Key: keyOf(ticket), Ticket: ticket}})
}

// take is the client's next datagram; there must be one.
func (r *rig) take(c *Client) []byte {
	r.t.Helper()
	b, ok := c.AppendTransmit(r.now, nil)
	if !ok {
		r.t.Fatal("the client has nothing to send")
	}
	return b
}

// reply hands a datagram to the server, wants at most one answer, to the sender, and gives it to c.
func (r *rig) reply(c *Client, from netip.AddrPort, b []byte) bool {
	r.t.Helper()
	r.s.HandleDatagram(r.now, from, b)
	out := r.sent()
	if len(out) == 0 {
		return false
	}
	if len(out) != 1 || out[0].to != from || len(out[0].b) > len(b) {
		r.t.Fatalf("answers to %v, %d bytes for %d", out[0].to, len(out[0].b), len(b))
	}
	c.HandleDatagram(r.now, out[0].b)
	return true
}

// bind runs the four-way exchange and returns the BIND2 that did it.
func (r *rig) bind(c *Client, from netip.AddrPort) []byte {
	r.t.Helper()
	c.Bind(r.now)
	if !r.reply(c, from, r.take(c)) {
		r.t.Fatal("BIND got no CHALLENGE")
	}
	bind2 := r.take(c)
	r.s.HandleDatagram(r.now, from, bind2)
	for _, d := range r.sent() {
		if d.to != from {
			r.t.Fatalf("bytes to %v", d.to)
		}
		c.HandleDatagram(r.now, d.b)
	}
	if e, ok := c.NextEvent(); !ok || e.Kind != EventBound || !c.Bound() || c.Binding() {
		r.t.Fatalf("not bound: %+v", e)
	}
	return bind2
}

func packet(handle uint32, fill byte) []byte {
	b := wire.AppendRelayed(nil, handle)
	b = wire.AppendSession(b, wire.Session{ConnID: 7})
	return append(b, bytes.Repeat([]byte{fill}, 40)...)
}

func (r *rig) wantDrop(d Drop, want uint64) {
	r.t.Helper()
	if got := r.s.Stats().Drops[d]; got != want {
		r.t.Errorf("drops %v: %d, want %d", d, got, want)
	}
}

func TestTwoBoundLegsCarryPacketsWithTheHandleRewritten(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	r.bind(a, alice)
	r.bind(b, bob)
	if a.Handle() == b.Handle() || a.Rate() != testRate {
		t.Fatalf("handles %x %x, rate %v", a.Handle(), b.Handle(), a.Rate())
	}
	p := packet(a.Handle(), 'x')
	to, ok := r.s.Forward(r.now, alice, p)
	if !ok || to != bob || !bytes.Equal(p, packet(b.Handle(), 'x')) {
		t.Fatalf("forwarded to %v %v: % x", to, ok, p)
	}
	p = packet(b.Handle(), 'y')
	if to, ok = r.s.Forward(r.now, bob, p); !ok || to != alice || !bytes.Equal(p, packet(a.Handle(), 'y')) {
		t.Fatalf("back to %v %v", to, ok)
	}
	if st := r.s.Stats(); st.Packets != 2 || st.Bytes != uint64(2*len(p)) || st.Sessions != 1 || st.Bound != 2 {
		t.Errorf("%+v", st)
	}
}

func TestSeenTicketWithoutItsKeyIsRefused(t *testing.T) {
	r := newRig(t)
	thief := r.client(0, 9)
	thief.grant.Key = [32]byte{1}
	thief.Bind(r.now)
	if r.reply(thief, mallet, r.take(thief)) {
		t.Error("a BIND without the key was answered")
	}
	// Nor does a genuine CHALLENGE help: BIND2 needs the key as well.
	a := r.client(0, 2)
	a.Bind(r.now)
	r.reply(a, mallet, r.take(a))
	a.grant.Key = [32]byte{1}
	if r.reply(a, mallet, r.take(a)) {
		t.Error("a BIND2 without the key was answered")
	}
	r.wantDrop(DropMAC, 2)
	if r.s.Stats().Sessions != 0 {
		t.Error("something was kept for it")
	}
}

func TestForgedTicketAndUnprovenAddressAreRefused(t *testing.T) {
	r := newRig(t)
	a := r.client(0, 2)
	a.grant.Ticket = append([]byte{'X'}, a.grant.Ticket[1:]...)
	a.Bind(r.now)
	if r.reply(a, alice, r.take(a)) {
		t.Error("a forged ticket was answered")
	}
	r.wantDrop(DropTicket, 1)

	a = r.client(0, 2)
	a.Bind(r.now)
	r.reply(a, alice, r.take(a)) // the cookie is alice's
	if r.reply(a, mallet, r.take(a)) {
		t.Error("a cookie served at another address")
	}
	r.wantDrop(DropCookie, 1)
	if r.s.Stats().Sessions != 0 {
		t.Error("something was kept for it")
	}
}

func TestReplayedBind2ChangesNothingAndHigherCounterWins(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	old := r.bind(a, alice)
	r.bind(b, bob)
	handle := a.Handle()

	moved := netip.MustParseAddrPort("192.0.2.1:4999")
	r.bind(a, moved)
	if a.Handle() != handle {
		t.Error("the handle changed: packets under way are lost")
	}
	if to, ok := r.s.Forward(r.now, bob, packet(b.Handle(), 1)); !ok || to != moved {
		t.Fatalf("after the new bind packets go to %v", to)
	}
	// The first BIND2 again, from the address it was good for.
	r.s.HandleDatagram(r.now, alice, old)
	if out := r.sent(); len(out) != 0 {
		t.Errorf("a replayed BIND2 was answered: %v", out)
	}
	r.wantDrop(DropCounter, 1)
	if to, _ := r.s.Forward(r.now, bob, packet(b.Handle(), 1)); to != moved {
		t.Errorf("a replay moved the leg to %v", to)
	}
	if _, ok := r.s.Forward(r.now, alice, packet(handle, 1)); ok {
		t.Error("the address left behind can still send")
	}
}

func TestLostBoundIsAnsweredAgainWithoutChange(t *testing.T) {
	r := newRig(t)
	a := r.client(0, 2)
	a.Bind(r.now)
	r.reply(a, alice, r.take(a))
	r.s.HandleDatagram(r.now, alice, r.take(a))
	r.sent() // BOUND, lost
	r.now = a.NextTimeout()
	a.HandleTimeout(r.now)
	if !r.reply(a, alice, r.take(a)) || !a.Bound() {
		t.Error("the repeated BIND2 did not bind")
	}
	if r.s.Stats().Sessions != 1 {
		t.Error("a second session")
	}
}

func TestForgedSourceGetsNothingThrough(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	r.bind(a, alice)
	r.bind(b, bob)
	for _, from := range []netip.AddrPort{mallet, bob, netip.AddrPortFrom(alice.Addr(), 4001)} {
		if to, ok := r.s.Forward(r.now, from, packet(a.Handle(), 1)); ok {
			t.Errorf("from %v forwarded to %v", from, to)
		}
	}
	if _, ok := r.s.Forward(r.now, alice, packet(a.Handle()+1, 1)); ok {
		t.Error("an unknown handle was forwarded")
	}
	for _, bad := range [][]byte{{}, {wire.TypeRelayed}, packet(a.Handle(), 1)[:20], append(wire.AppendRelayed(nil, a.Handle()), make([]byte, 60)...)} {
		if _, ok := r.s.Forward(r.now, alice, bad); ok {
			t.Errorf("forwarded % x", bad)
		}
	}
	r.wantDrop(DropSource, 3)
	r.wantDrop(DropHandle, 1)
	r.wantDrop(DropFormat, 4)
	if len(r.sent()) != 0 {
		t.Error("something was answered")
	}
}

func TestUnboundLegKeepsFourDatagramsForOneSecond(t *testing.T) {
	r := newRig(t)
	a, b := r.client(0, 2), r.client(1, 3)
	r.bind(a, alice)
	r.s.Forward(r.now, alice, packet(a.Handle(), 'o')) // will be too old
	r.wait(800 * time.Millisecond)
	for i := range byte(6) { // three find a place beside the old one
		if _, ok := r.s.Forward(r.now, alice, packet(a.Handle(), 'a'+i)); ok {
			t.Fatal("sent to an unbound leg")
		}
	}
	if len(r.sent()) != 0 {
		t.Fatal("bytes left for an unbound leg")
	}
	r.wantDrop(DropUnbound, 3)
	r.wait(300 * time.Millisecond) // the old one is 1.1 s old now
	r.s.Forward(r.now, alice, packet(a.Handle(), 'z'))
	b.Bind(r.now)
	r.reply(b, bob, r.take(b))
	r.s.HandleDatagram(r.now, bob, r.take(b))
	out := r.sent()
	var got []byte
	for _, d := range out {
		if d.to != bob {
			t.Fatalf("bytes to %v", d.to)
		}
		if h, inner, ok := wire.ParseRelayed(d.b); ok {
			if h == a.Handle() {
				t.Error("a kept datagram carries the sender's handle")
			}
			got = append(got, inner[wire.SessionHeader])
		} else {
			b.HandleDatagram(r.now, d.b)
		}
	}
	if string(got) != "abcz" || !b.Bound() {
		t.Errorf("delivered %q, bound %v", got, b.Bound())
	}
}

func TestLegSendsNoMoreThanItsRate(t *testing.T) {
	r := newRig(t)
	ha, _ := r.s.Prebind(r.now, meet, 0, alice, testRate)
	r.s.Prebind(r.now, meet, 1, bob, testRate)
	through := func(d time.Duration, every time.Duration, size int) (n int) {
		for range int(d / every) {
			p := append(packet(ha, 0), make([]byte, size-53)...)
			if _, ok := r.s.Forward(r.now, alice, p); ok {
				n++
			}
			r.now = r.now.Add(every)
		}
		return n
	}
	if n := through(10*time.Second, time.Millisecond, 60); n < 3290 || n > 3310 { // 300/s and a second's burst
		t.Errorf("%d small packets in 10 s", n)
	}
	r.now = r.now.Add(5 * time.Second)
	if n := through(10*time.Second, 2*time.Millisecond, 1000); n < 1370 || n > 1380 { // 125 packets of 8,000 bit/s each
		t.Errorf("%d large packets in 10 s", n)
	}
	if r.s.Stats().Drops[DropRate] == 0 {
		t.Error("drops are not counted")
	}
	r.s.legs[0].rate = wire.RelayRate{}
	if n := through(time.Second, time.Millisecond, 1000); n != 1000 {
		t.Errorf("without a limit %d of 1000 passed", n)
	}
}

func TestIdleAndUnboundSessionsEnd(t *testing.T) {
	r := newRig(t)
	ha, _ := r.s.Prebind(r.now, meet, 0, alice, testRate)
	hb, _ := r.s.Prebind(r.now, meet, 1, bob, testRate)
	lone, _ := r.s.Prebind(r.now, [16]byte{9}, 0, alice, testRate)
	r.wait(29 * time.Second)
	if !r.s.Holds(lone) {
		t.Error("a half-bound session ended early")
	}
	r.wait(2 * time.Second)
	if r.s.Holds(lone) {
		t.Error("a half-bound session lives over 30 s")
	}
	for range 5 { // traffic in one direction keeps both legs
		r.wait(25 * time.Second)
		if _, ok := r.s.Forward(r.now, alice, packet(ha, 1)); !ok {
			t.Fatal("a session in use ended")
		}
	}
	r.wait(61 * time.Second)
	if r.s.Holds(ha) || r.s.Holds(hb) || r.s.Stats().Sessions != 0 || r.s.Stats().Bound != 0 || !r.s.NextTimeout().IsZero() {
		t.Errorf("an idle session lives on: %+v", r.s.Stats())
	}
}

func TestPreboundLegMovesWithItsLinkOnly(t *testing.T) {
	r := newRig(t)
	ha, _ := r.s.Prebind(r.now, meet, 0, alice, testRate)
	hb, _ := r.s.Prebind(r.now, meet, 1, bob, testRate)
	if again, ok := r.s.Prebind(r.now, meet, 0, mallet, testRate); !ok || again != ha {
		t.Error("a second prebind is not the first")
	}
	elsewhere := netip.MustParseAddrPort("192.0.2.9:9")
	if !r.s.Move(ha, alice, elsewhere) {
		t.Error("the leg is gone")
	}
	if to, _ := r.s.Forward(r.now, bob, packet(hb, 1)); to != elsewhere {
		t.Errorf("packets go to %v", to)
	}
	r.s.Move(ha, alice, mallet) // not where the leg is
	if to, _ := r.s.Forward(r.now, bob, packet(hb, 1)); to != elsewhere {
		t.Errorf("moved from where it was not, to %v", to)
	}
	if r.s.Move(12345, alice, mallet) {
		t.Error("moved a leg that does not exist")
	}
	// The client itself binds with its ticket afterwards: counter 1 is higher than the server's own binding.
	a := r.client(0, 4)
	r.bind(a, alice)
	if a.Handle() != ha {
		t.Error("another handle for the same leg")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range 1100 {
		r.s.Prebind(r.now, [16]byte{byte(i), byte(i >> 8), 1}, 0, alice, testRate)
	}
	if st := r.s.Stats(); st.Sessions != 1000 || st.Drops[DropFull] != 100 {
		t.Errorf("%+v", st)
	}
	r.wait(UnboundTime)
	if _, ok := r.s.Prebind(r.now, meet, 0, alice, testRate); !ok || len(r.s.sessions) != 1000 {
		t.Errorf("ended sessions leave no place: %d", len(r.s.sessions))
	}
}

func BenchmarkForward(b *testing.B) {
	s := NewServer(ServerConfig{Rand: seed(1)})
	ha, _ := s.Prebind(start, meet, 0, alice, wire.RelayRate{})
	s.Prebind(start, meet, 1, bob, wire.RelayRate{})
	p := append(packet(ha, 0), make([]byte, 150)...)
	b.ReportAllocs()
	for b.Loop() {
		wire.AppendRelayed(p[:0], ha)
		if _, ok := s.Forward(start, alice, p); !ok {
			b.Fatal("not forwarded")
		}
	}
}

func TestForwardAllocatesNothing(t *testing.T) {
	s := NewServer(ServerConfig{Rand: seed(1)})
	ha, _ := s.Prebind(start, meet, 0, alice, testRate)
	s.Prebind(start, meet, 1, bob, testRate)
	p := packet(ha, 0)
	now := start
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Second)
		wire.AppendRelayed(p[:0], ha)
		if _, ok := s.Forward(now, alice, p); !ok {
			t.Fatal("not forwarded")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
