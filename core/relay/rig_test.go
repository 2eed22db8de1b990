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
