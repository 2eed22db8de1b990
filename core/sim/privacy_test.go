package sim

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/token"
)

// knows looks through everything that a client has in its memory for an address: as an address, and as its bytes.
func knows(c *Client, a netip.Addr) bool {
	want := a.As16()
	s := search{hi: binary.BigEndian.Uint64(want[:]), lo: binary.BigEndian.Uint64(want[8:]), seen: map[uintptr]bool{}}
	bytes4 := a.As4()
	s.bytes = bytes4[:]
	return s.in(reflect.ValueOf(c.Endpoint))
}

type search struct {
	hi, lo uint64
	bytes  []byte
	seen   map[uintptr]bool
}

func (s *search) in(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map:
		if v.IsNil() || s.seen[v.Pointer()] {
			return false
		}
		s.seen[v.Pointer()] = true
		if v.Kind() == reflect.Pointer {
			return s.in(v.Elem())
		}
		for _, k := range v.MapKeys() {
			if s.in(k) || s.in(v.MapIndex(k)) {
				return true
			}
		}
	case reflect.Interface:
		return !v.IsNil() && s.in(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeOf(netip.Addr{}) {
			n := v.Field(0)
			return n.Field(0).Uint() == s.hi && n.Field(1).Uint() == s.lo
		}
		for i := range v.NumField() {
			if s.in(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return s.holds(v)
		}
		for i := range v.Len() {
			if s.in(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

// holds looks for the address's four bytes.
func (s *search) holds(v reflect.Value) bool {
	for i := 0; i+len(s.bytes) <= v.Len(); i++ {
		n := 0
		for n < len(s.bytes) && byte(v.Index(i+n).Uint()) == s.bytes[n] {
			n++
		}
		if n == len(s.bytes) {
			return true
		}
	}
	return false
}

// Whoever asks for it, the player, its token, the server: a relay-only player's addresses never reach the other. No datagram
// goes straight from one to the other, and nothing in the other's memory is an address of the player. The same search finds
// it where direct connections are allowed.
func TestRelayOnlyPlayersAddressesStayHidden(t *testing.T) {
	backend := token.Signer{Kid: "b", Alg: token.HS256, Secret: make([]byte, 32)}
	for name, c := range map[string]struct {
		client, server api.Privacy
		tokens         api.Privacy
		room           api.RoomFlags
		hidden         bool
	}{
		"nobody asks":      {hidden: false},
		"the player asks":  {client: api.PrivacyRelayOnly, hidden: true},
		"its token asks":   {tokens: api.PrivacyRelayOnly, hidden: true},
		"the server asks":  {server: api.PrivacyRelayOnly, hidden: true},
		"the room asks":    {room: api.RoomRelayOnly, hidden: true},
		"strictest counts": {client: api.PrivacyRelayOnly, tokens: api.PrivacyConsent, hidden: true},
	} {
		w := NewWorld(11, Weather{Delay: oneWay})
		w.AddServer(wanS, func(h *hub.Config) {
			h.Privacy, h.OpenAuth, h.Tokens = c.server, false, &token.Keys{}
			if err := h.Tokens.Parse(backend.ForServer()); err != nil {
				t.Fatal(err)
			}
		})
		player := func(user string, priv, wish api.Privacy) func(*endpoint.Config) {
			text, err := backend.Mint(&token.Access{App: "sim", User: user, Expires: w.Now().Unix() + 3600, Perms: 7, Privacy: priv})
			if err != nil {
				t.Fatal(err)
			}
			return func(e *endpoint.Config) { e.Token, e.Privacy = []byte(text), wish }
		}
		home := w.AddSite("PR", wanA)
		home.AddClient(nil) // so that the host's private address is not the guest's as well
		host := home.AddPlayer("host", 64, player("alice", c.tokens, c.client))
		guest := w.AddSite("PR", wanB).AddPlayer("guest", 64, player("bob", 0, 0))
		leak := false
		look := func() bool {
			leak = leak || knows(guest.Client, host.Site().WAN()) || knows(guest.Client, host.addr)
			return false
		}
		if c.room != 0 { // Meet finds the host in a room already
			host.Do(func(now time.Time, e *endpoint.Endpoint) {
				_ = e.Connect(now)
				_ = e.RoomOpen(now, &api.RoomOptions{Flags: c.room})
			})
		}
		if !w.Meet(host, guest, 10*time.Second) {
			t.Fatalf("%s: no keys: %v %v", name, host.Refused, guest.Refused)
		}
		host.Stream(40, 50*time.Millisecond, false)
		guest.Stream(40, 50*time.Millisecond, false)
		host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerPunch(now, host.Peer) })
		for range 20 {
			w.Run(200 * time.Millisecond)
			look()
		}
		host.Move() // another address must stay as hidden
		for range 20 {
			w.Run(200 * time.Millisecond)
			look()
		}
		straight := w.Carried(host.Site().WAN(), guest.Site().WAN()) + w.Carried(guest.Site().WAN(), host.Site().WAN())
		if leak == c.hidden || (straight > 0) == c.hidden {
			t.Errorf("%s: the other knows the address: %v; %d datagrams went straight", name, leak, straight)
		}
		if c.hidden && (host.Received != 40 || guest.Received != 40 || host.Route != api.RouteRelay) {
			t.Errorf("%s: received %d and %d of 40, route %v", name, host.Received, guest.Received, host.Route)
		}
	}
}

// Consent: the library connects nobody by itself; when both games have said so, addresses are released and the two go direct.
func TestConsentNeedsBothGames(t *testing.T) {
	w := NewWorld(12, Weather{Delay: oneWay})
	w.AddServer(wanS, nil)
	host := w.AddSite("PR", wanA).AddPlayer("host", 64, func(c *endpoint.Config) { c.Privacy = api.PrivacyConsent })
	guest := w.AddSite("PR", wanB).AddPlayer("guest", 64, nil)
	asked := 0
	note := host.OnEvent
	host.OnEvent = func(now time.Time, ev *api.Event) {
		if ev.Kind == api.EventPeerRequest {
			asked++
		}
		note(now, ev)
	}
	if w.Meet(host, guest, 5*time.Second) {
		t.Fatal("connected without anybody's word")
	}
	if asked != 0 || knows(guest.Client, host.Site().WAN()) || len(guest.Refused) > 0 {
		t.Fatalf("asked %d times, guest was told %v", asked, guest.Refused)
	}
	guest.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerConnect(now, guest.Peer, nil) })
	w.Run(time.Second)
	if asked != 1 || !host.Connected.IsZero() || knows(guest.Client, host.Site().WAN()) {
		t.Fatalf("the host's game was asked %d times; connected %v", asked, host.Connected)
	}
	// Asking back is saying yes.
	host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerConnect(now, host.Peer, nil) })
	if !w.RunUntil(5*time.Second, func() bool { return host.Route.Direct() && guest.Route.Direct() }) {
		t.Errorf("routes %v and %v after both games agreed", host.Route, guest.Route)
	}
}
