package sim

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/lan"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/token"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Stories that show the decoder what the other tests' stories hold back.

// tellMessages sends every mode, whole and in fragments, while the route changes; one player sleeps for a while.
func tellMessages(t *testing.T) {
	w, host, guest := pair(3, "PR", "PR", Weather{Delay: oneWay, Jitter: 5 * time.Millisecond, Loss: 0.02}, 64)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	send := func(mode api.Mode, channel uint8, size int) {
		host.Do(func(now time.Time, e *endpoint.Endpoint) {
			_ = e.Send(now, host.Peer, api.Outgoing{Mode: mode, Channel: channel}, make([]byte, size))
		})
	}
	for range 200 {
		for mode := range api.Mode(api.ModeCount) {
			send(mode, uint8(mode), 30)
		}
		w.Run(5 * time.Millisecond)
	}
	for mode := range api.Mode(api.ModeCount) {
		send(mode, 9, 5000)
		send(mode, 9, 1150)
	}
	w.Run(time.Second)
	guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.Suspend(now, time.Minute) })
	w.Run(time.Second)
	guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.Resume(now) })
	w.Run(time.Second)
}

// tellCredit sends more than a quarter of the first credit.
func tellCredit(t *testing.T) {
	w, host, guest := pair(2, "PUB", "PUB", Weather{Delay: time.Millisecond}, 64)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	for range 6 {
		host.Do(func(now time.Time, e *endpoint.Endpoint) {
			_ = e.Send(now, host.Peer, api.Outgoing{Channel: 9}, make([]byte, 200_000))
		})
	}
	w.Run(5 * time.Second)
}

// tellNumbers: the other one's acknowledgements don't come while more messages leave than 16 bits of their number tell apart.
func tellNumbers(t *testing.T) {
	w := NewWorld(4, Weather{Delay: time.Millisecond})
	w.AddServer(wanS, nil)
	patience := func(e *endpoint.Config) { e.IdleTimeout, e.RekeyPackets = time.Minute, 100 } // with steps of both kinds
	host, guest := w.AddSite("PUB", wanA).AddPlayer("host", 64, patience), w.AddSite("PUB", wanB).AddPlayer("guest", 64, patience)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	w.Run(time.Second)
	flow := func(seconds int) {
		for range seconds * 25 {
			host.Do(func(now time.Time, e *endpoint.Endpoint) {
				for i := range 200 {
					_ = e.Send(now, host.Peer, api.Outgoing{Mode: api.Unreliable, Channel: 1, Priority: api.PriorityUrgent}, []byte{byte(i)})
				}
			})
			w.Run(40 * time.Millisecond)
		}
	}
	flow(1)
	w.Cut(guest.site.wan, host.site.wan)
	w.Cut(guest.site.wan, w.server.addr)
	flow(12)
}

// tellLAN is a browser and a host who find each other by a join code; it gives the key that the code makes.
func tellLAN(t *testing.T, say func(b []byte)) (key []byte) {
	const code = "EABCDEFG"
	tagger := secure.NewLANTagger(code)
	host := lan.NewHost(Start, wire.LANAnnouncement{Session: 7, Port: 4000, Key: [32]byte{9}, App: "sim"})
	host.Show(1, 4, []byte("castle"), tagger.Tag)
	browser := lan.NewBrowser(rand.NewChaCha8([32]byte{1}), "sim")
	browser.Browse(Start, true)
	browser.Join(Start, netip.MustParseAddrPort("192.168.1.5:47623"), tagger.Tag)
	for {
		query, _, _, ok := browser.AppendTransmit(Start, nil)
		if !ok {
			break
		}
		answer, ok := host.AppendAnswer(Start, netip.MustParseAddrPort("192.168.1.9:5000"), query, nil)
		if !ok {
			t.Fatal("no answer")
		}
		say(query)
		say(answer)
	}
	return argon2.IDKey([]byte(code), []byte("musubi lan 1 join code"), 1, 8<<10, 1, 32)
}

// tellOwners: a room's settings, its door, its owner's successor; tokens and their renewal; goodbyes.
func tellOwners(t *testing.T) {
	backend := token.Signer{Kid: "b", Alg: token.HS256, Secret: make([]byte, 32)}
	w := NewWorld(5, Weather{Delay: oneWay})
	w.AddServer(wanS, func(h *hub.Config) {
		h.OpenAuth, h.Tokens = false, &token.Keys{}
		if err := h.Tokens.Parse(backend.ForServer()); err != nil {
			t.Fatal(err)
		}
	})
	mint := func(user string, life time.Duration) []byte {
		text, err := backend.Mint(&token.Access{App: "sim", User: user, Expires: w.Now().Add(life).Unix(), Perms: 7})
		if err != nil {
			t.Fatal(err)
		}
		return []byte(text)
	}
	with := func(token []byte) func(*endpoint.Config) {
		return func(e *endpoint.Config) { e.Token = token }
	}
	host, guest := w.addGuest(t, 1, with(mint("ana", 2*time.Minute))), w.addGuest(t, 2, with(mint("bo", time.Hour)))
	none := w.AddSite("PR", "198.51.100.3").AddClient(nil) // its REFUSE
	none.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now) })
	host.do(func(now time.Time, e *endpoint.Endpoint) error {
		return e.RoomOpen(now, &api.RoomOptions{Flags: api.RoomAsk | api.RoomPublic})
	})
	host.until(api.EventRoomJoined, api.OK)
	code := string(host.last(api.EventRoomJoined).Data)
	knock := func() {
		guest.do(func(now time.Time, e *endpoint.Endpoint) error { return e.RoomEnter(now, &api.JoinOptions{Code: code}) })
	}
	knock()
	host.until(api.EventJoinRequest, api.OK)
	guest.do(func(now time.Time, e *endpoint.Endpoint) error { return e.RoomLeave(now) })
	w.Run(time.Second)
	host.ask(api.Request{Kind: api.RequestConfigure, Clear: api.RoomAsk, Max: 5})
	w.Run(time.Second)
	knock()
	host.until(api.EventPeerConnected, api.OK)
	host.ask(api.Request{Kind: api.RequestSetOwner, Peer: host.last(api.EventMemberJoined).Peer})
	w.Run(time.Second)
	w.Run(40 * time.Second)
	host.until(api.EventTokenEnding, api.OK)
	host.do(func(now time.Time, e *endpoint.Endpoint) error { return e.SetToken(now, mint("ana", time.Hour)) })
	w.Run(2 * time.Second)
	guest.site.SetWAN(mustAddr("198.51.100.99")) // the server tells it the new address
	w.Run(20 * time.Second)
	w.server.Kill()
	w.server.Restart() // it resets links that it doesn't know
	w.Run(40 * time.Second)
	host.do(func(now time.Time, e *endpoint.Endpoint) error { return e.RoomLeave(now) })
	w.Run(time.Second)
	w.server.Hub.Shutdown(w.now)
	w.server.drain(w.now)
	w.Run(time.Second)
}

// tellPorts: NATs whose ports are guessed, each method.
func tellPorts(t *testing.T) {
	for i, c := range [][2]string{{"PR", "SS"}, {"SS", "SS"}, {"PR", "SR"}, {"SA", "SR"}, {"SB", "SB"}} {
		w, _, _ := hunters(t, uint64(i), c[0], c[1], Weather{Delay: oneWay, Loss: 0.02})
		w.Run(12 * time.Second)
	}
}

// tellStrangers: what others' STUN clients ask.
func tellStrangers(*testing.T) {
	w := NewWorld(6, Weather{})
	w.AddServer(wanS, nil)
	ask := func(b []byte) {
		w.send(natsim.Packet{Src: netip.MustParseAddrPort("203.0.113.5:5000"), Dst: w.server.Addr(), TTL: natsim.DefaultTTL, Data: b})
		w.Run(time.Millisecond)
	}
	modern := stun.AppendRequest(nil, &stun.Request{ID: stun.TransactionID{1}})
	ask(append([]byte{0, 1, 0, 0, 1, 2, 3, 4}, modern[8:20]...))                        // RFC 3489
	ask(append([]byte{0, 1, 0, 8}, append(modern[4:20:20], 0, 2, 0, 4, 9, 9, 9, 9)...)) // RESPONSE-ADDRESS
}
