package hub

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// What claims to come from a group, from everybody, from port 0 or from nowhere is not answered: an answer would be multiplied on its
// way, or go to a bystander. A zone, or an IPv4 address in the form of IPv6, is an address like any other.
func TestOddSources(t *testing.T) {
	for _, c := range []struct {
		from    string
		answers bool
	}{
		{"192.0.2.1:4000", true},
		{"[::ffff:192.0.2.1]:4000", true},
		{"[fe80::1%eth0]:4000", true},
		{"[64:ff9b::192.0.2.1]:4000", true},
		{"192.0.2.1:0", false},
		{"0.0.0.0:4000", false},
		{"[::]:4000", false},
		{"224.0.0.251:5353", false},
		{"239.1.2.3:4000", false},
		{"[ff02::1]:4000", false},
		{"[ff02::1%eth0]:4000", false},
		{"[::ffff:224.0.0.1]:4000", false},
		{"255.255.255.255:4000", false},
		{"[::ffff:255.255.255.255]:4000", false},
		{"[100::5]:1", false}, // one of our names of streams
	} {
		w := newCable(t, nil)
		w.client("198.51.100.2:4000").connect()
		w.flight = nil
		from := netip.MustParseAddrPort(c.from)
		in, out := 0, 0
		for sock, b := range map[uint8][]byte{
			0: wire.AppendInit(nil, &wire.Init{Version: wire.Version}),
			1: stun.AppendRequest(nil, &stun.Request{ID: stun.TransactionID{1}}),
			2: stun.AppendRequest(nil, &stun.Request{ID: stun.TransactionID{2}, ChangePort: true}),
		} {
			in += len(b)
			w.hub.HandleDatagram(w.now, sock, from, b)
		}
		unknown := append([]byte{0x80, 1, 2, 3, 4}, make([]byte, 60)...) // gets a reset
		in += len(unknown)
		w.hub.HandleDatagram(w.now, 0, from, unknown)
		want := netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		for b, tx, ok := w.hub.AppendTransmit(w.now, nil); ok; b, tx, ok = w.hub.AppendTransmit(w.now, nil) {
			if out += len(b); tx.To != want {
				t.Errorf("%s: %d bytes to %v", c.from, len(b), tx.To)
			}
		}
		if c.answers != (out > 0) || out > in || c.answers != (w.hub.Stats().Dropped("source") == 0) {
			t.Errorf("%s: %d bytes for %d, %d counted", c.from, out, in, w.hub.Stats().Dropped("source"))
		}
	}
}

// Clients behind a translator from IPv4 to IPv6 have one prefix and are many: each has limits of its own.
func TestTranslatedClientsAreNotOneAddress(t *testing.T) {
	w := newCable(t, nil)
	for i := range 3 * openSessions {
		w.client(fmt.Sprintf("[64:ff9b::192.0.2.%d]:4000", i)).Connect(w.now)
	}
	w.run(time.Second)
	if s := w.hub.Stats(); s.Links != 3*openSessions || s.Dropped("handshake_limit") != 0 {
		t.Errorf("%d links, %d refused", s.Links, s.Dropped("handshake_limit"))
	}
}

// A server that has as many sessions as it takes says when to come again, and the client does. Who is there loses nothing: not even the
// link when its address changes.
func TestFullServerSaysWhenToComeAgain(t *testing.T) {
	w := newCable(t, func(c *Config) { c.MaxSessions = 3 })
	for i := range 3 {
		w.client(fmt.Sprintf("192.0.2.%d:4000", i+1)).connect()
	}
	late := w.client("192.0.2.9:4000")
	late.Connect(w.now)
	w.run(5 * time.Second)
	if s := w.hub.Stats(); s.Links != 3 || s.Dropped("handshake_full") != 1 || len(late.events) != 0 {
		t.Fatalf("%d links, %d refused, the fourth was told %+v", s.Links, s.Dropped("handshake_full"), late.events)
	}
	first := w.clients[0]
	first.events = nil
	first.addr = netip.MustParseAddrPort("192.0.2.77:4000")
	first.NetworkChanged(w.now)
	first.event(link.Down)
	if e := first.event(link.Up); !e.Resumed {
		t.Fatalf("%+v", e)
	}
	w.clients[1].Close(w.now)
	w.run(25 * time.Second)
	late.event(link.Up)
	// One for whom there is never a place is told why.
	never := w.client("192.0.2.10:4000")
	never.Connect(w.now)
	w.run(2 * time.Minute)
	if len(never.events) != 1 || never.events[0].Kind != link.Down || never.events[0].Code != api.ErrUnavailable {
		t.Errorf("told %+v", never.events)
	}
}

// An open server takes a prototype's number of players unless it is told another.
func TestOpenServersHaveACap(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   int
	}{
		{func(*Config) {}, DefaultOpenSessions},
		{func(c *Config) { c.LabLimits = true }, defaultMaxSessions},
		{func(c *Config) { c.MaxSessions = 5 }, 5},
	} {
		if got := newCable(t, c.change).hub.cfg.MaxSessions; got != c.want {
			t.Errorf("%d sessions, want %d", got, c.want)
		}
	}
	if got := withTokens(t, nil).hub.cfg.MaxSessions; got != defaultMaxSessions {
		t.Errorf("%d sessions with tokens", got)
	}
}

// A stream costs its opener nothing and us a place, so one that carries no link is given up after a minute. While a link goes through it,
// and for a minute after, it stays.
func TestStreamsWithoutALinkAreGivenUp(t *testing.T) {
	w := newCable(t, nil)
	seen := netip.MustParseAddrPort("192.0.2.1:50000")
	c := w.client("[100::2]:1") // what the hub calls stream 2
	for id := range uint32(3) {
		w.hub.StreamOpened(id+1, seen)
	}
	useless := func() (ids []uint32) {
		for id, ok := w.hub.NextUseless(); ok; id, ok = w.hub.NextUseless() {
			w.hub.StreamClosed(id)
			ids = append(ids, id)
		}
		return ids
	}
	c.Connect(w.now)
	stream := func(d time.Duration) { // carries the client's datagrams, in both directions
		for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(50 * time.Millisecond) {
			w.hub.HandleStream(w.now, 3, []byte{0xc0}) // nonsense keeps no stream alive
			if c.HandleTimeout(w.now); !w.now.Before(w.hub.NextTimeout()) {
				w.hub.HandleTimeout(w.now)
			}
			c.Flush(w.now)
			for b, _, ok := c.AppendTransmit(w.now, nil); ok; b, _, ok = c.AppendTransmit(w.now, nil) {
				w.hub.HandleStream(w.now, 2, b)
			}
			for b, tx, ok := w.hub.AppendTransmit(w.now, nil); ok; b, tx, ok = w.hub.AppendTransmit(w.now, nil) {
				if tx.Stream == 2 {
					c.HandleDatagram(w.now, serverAddr, b)
				}
			}
		}
	}
	stream(freeTime - time.Second)
	if ids := useless(); len(ids) != 0 || !c.Up() {
		t.Fatalf("given up before their time: %v; the link is up: %v", ids, c.Up())
	}
	stream(freeTime)
	if ids := useless(); len(ids) != 2 || ids[0] != 1 || ids[1] != 3 || !c.Up() {
		t.Fatalf("given up: %v; the link is up: %v", ids, c.Up())
	}
	c.Close(w.now)
	stream(freeTime / 2)
	if ids := useless(); len(ids) != 0 {
		t.Fatalf("given up too soon: %v", ids)
	}
	stream(freeTime)
	if ids := useless(); len(ids) != 1 || len(w.hub.streams) != 0 || len(w.hub.free) != 0 {
		t.Fatalf("%v after the link's end; %d streams, %d queued", ids, len(w.hub.streams), len(w.hub.free))
	}
}

// Handshakes that lie there keep nobody out of a server with few places, and taken up all at once they don't become more than twice as
// many links as there are places.
func TestHalfOpenLinksTakeNoPlaces(t *testing.T) {
	w := newCable(t, func(c *Config) { c.MaxSessions = 3 })
	for i := range 20 {
		w.client(fmt.Sprintf("192.0.2.%d:4000", i+1)).Connect(w.now)
	}
	w.run(7 * oneWay / 2) // the server's answers are under way
	for _, c := range w.clients[1:] {
		c.mute = true // and are not taken up
	}
	w.run(time.Second)
	if len(w.hub.order) != 20 || w.hub.spoken != 1 {
		t.Fatalf("%d sessions, %d of which were taken up", len(w.hub.order), w.hub.spoken)
	}
	honest := w.client("198.51.100.1:4000")
	honest.Connect(w.now)
	w.run(100 * time.Millisecond)
	if !honest.Up() {
		t.Error("kept out by handshakes that lie there")
	}
	for _, c := range w.clients {
		c.mute = false
	}
	w.run(2 * time.Second)
	up := 0
	for _, c := range w.clients {
		if c.Up() {
			up++
		}
	}
	if s := w.hub.Stats(); up > 6 || w.hub.spoken > 6 || s.Dropped("handshake_full") == 0 {
		t.Errorf("%d links of three at most, or six for a moment; %d counted, %d refused", up, w.hub.spoken, s.Dropped("handshake_full"))
	}
	for _, c := range w.clients {
		c.Close(w.now)
	}
	w.run(5 * time.Second)
	if w.hub.spoken != 0 || len(w.hub.order) != 0 {
		t.Errorf("%d counted of %d", w.hub.spoken, len(w.hub.order))
	}
}
