package sim

import (
	"bytes"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
)

// most is for players who ask for all that prediction can do.
func most(c *endpoint.Config) { c.PunchRate, c.Punch = 1000, api.PunchMax }

// coverers meets two players who will cover each other's ports.
func coverers(t *testing.T, seed uint64, a, b string) (*World, *Player, *Player) {
	t.Helper()
	w := NewWorld(seed, Weather{Delay: oneWay})
	w.AddServer(wanS, nil, "192.0.2.2")
	host, guest := w.AddSite(a, wanA).AddPlayer("host", 100, most), w.AddSite(b, wanB).AddPlayer("guest", 100, most)
	if !w.Meet(host, guest, 20*time.Second) {
		t.Fatalf("seed %d %s × %s: no keys", seed, a, b)
	}
	return w, host, guest
}

// A covering in a bad world: the server vanishes, the other player vanishes, one direction carries nothing. Somebody always
// says why it came to nothing, within 12 s, and of up to 1,792 sockets none is left.
func TestCoveringInABadWorld(t *testing.T) {
	for _, bad := range []struct {
		name   string
		happen func(w *World, host, guest *Player)
		gone   bool // the guest is
	}{
		{"the server vanishes", func(w *World, _, _ *Player) { w.server.Stop() }, false},
		{"the other player vanishes", func(_ *World, _, guest *Player) { guest.Freeze() }, true},
		{"half open", func(w *World, host, guest *Player) { w.Cut(host.site.Public(), guest.site.Public()) }, false},
		{"cut", func(w *World, host, guest *Player) {
			w.Cut(host.site.Public(), guest.site.Public())
			w.Cut(guest.site.Public(), host.site.Public())
		}, false},
	} {
		for _, pair := range [][2]string{{"SB", "SB"}, {"SS", "SB"}} {
			for seed := range uint64(2) {
				w, host, guest := coverers(t, seed, pair[0], pair[1])
				w.Run(time.Duration(seed) * 400 * time.Millisecond) // before, and in the middle of, the openers
				bad.happen(w, host, guest)
				w.Run(12 * time.Second)
				for _, p := range []*Player{host, guest} {
					switch {
					case bad.gone && p == guest:
					case p.GaveUp == "" && len(p.Refused) == 0 && !p.Route.Direct():
						t.Errorf("%s, %v seed %d: %s says nothing", bad.name, pair, seed, p.Name)
					case p.Open > 1:
						t.Errorf("%s, %v seed %d: %s has %d sockets open", bad.name, pair, seed, p.Name, p.Open)
					}
				}
			}
		}
	}
}

// Whoever ends a connection, a room or the whole client in the middle of a search gets every socket back at once, whatever the
// search was, but for that of a path which was found: it goes with the connection.
func TestDestroyedMidCampaign(t *testing.T) {
	ends := map[string]func(now time.Time, e *endpoint.Endpoint, p *Player){
		"connection": func(now time.Time, e *endpoint.Endpoint, p *Player) { _ = e.PeerClose(now, p.Peer, 1, "no") },
		"room":       func(now time.Time, e *endpoint.Endpoint, _ *Player) { _ = e.RoomLeave(now) },
		"client":     func(now time.Time, e *endpoint.Endpoint, _ *Player) { e.Close(now) },
	}
	for _, pair := range [][2]string{{"SR", "PR"}, {"SS", "PR"}, {"SS", "SS"}, {"SB", "SB"}} {
		for name, end := range ends {
			for _, after := range []time.Duration{0, 30, 300, 1300} {
				w, host, guest := coverers(t, uint64(after)+1, pair[0], pair[1])
				w.Run(after * time.Millisecond)
				host.Do(func(now time.Time, e *endpoint.Endpoint) { end(now, e, host) })
				opened := host.Opened
				w.Run(time.Second)
				if host.Open > 1 || host.Opened > opened { // one: of a path that was found, for the last words
					t.Errorf("%v, the %s ends after %v ms: %d sockets open, %d opened afterwards", pair, name, int64(after), host.Open, host.Opened-opened)
				}
				w.Run(12 * time.Second)
				if guest.Open > 0 || host.Open > 0 {
					t.Errorf("%v, the %s ends after %v ms: later %d and %d sockets are open", pair, name, int64(after), host.Open, guest.Open)
				}
			}
		}
	}
}

// acquaintance is what a client in a room of three knows of one of the others.
type acquaintance struct {
	keys  bool
	route api.Route
	lost  string
}

// Three in a room. What one of them seals for another arrives, beside its own way, from the third one's address at the sockets
// with which that one's port is looked for: it is authentic, and still no way to whom it seems to come from.
func TestProbesOfAWrongPeer(t *testing.T) {
	for _, kinds := range [][3]string{{"SR", "PR", "FC"}, {"PR", "SR", "FC"}, {"SS", "PR", "FC"}, {"SA", "SR", "PUB"}, {"SS", "SS", "FC"}} {
		for seed := range uint64(3) {
			w := NewWorld(seed, Weather{Delay: oneWay})
			w.AddServer(wanS, nil, "192.0.2.2")
			var clients [3]*Client
			var known [3]map[api.PeerHandle]*acquaintance
			code := ""
			for i, kind := range kinds {
				clients[i] = w.AddSite(kind, []string{wanA, wanB, "198.51.100.77"}[i]).AddClient(quick)
				known[i] = map[api.PeerHandle]*acquaintance{}
				clients[i].OnEvent = func(_ time.Time, ev *api.Event) {
					if ev.Kind == api.EventRoomJoined {
						code = string(ev.Data)
					}
					if ev.Peer == 0 {
						return
					}
					if known[i][ev.Peer] == nil {
						known[i][ev.Peer] = &acquaintance{}
					}
					switch who := known[i][ev.Peer]; ev.Kind {
					case api.EventPeerConnected:
						who.keys, who.route = true, ev.Route
					case api.EventRouteChanged:
						who.route = ev.Route
					case api.EventPeerClosed:
						who.lost = ev.Text
					}
				}
			}
			wrongPeer(w, clients)
			for i, c := range clients {
				c.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now) })
				w.Run(3 * time.Second) // and profiled
				c.Do(func(now time.Time, e *endpoint.Endpoint) {
					if i == 0 {
						_ = e.RoomCreate(now, 3, nil)
					} else {
						_ = e.RoomJoin(now, code)
					}
				})
				w.Run(500 * time.Millisecond)
			}
			w.Run(15 * time.Second)
			for i := range clients {
				directs := 0
				for h, who := range known[i] {
					if !who.keys || who.lost != "" || !who.route.Direct() {
						t.Errorf("%v seed %d: %s about its peer %d: %+v", kinds, seed, kinds[i], h, *who)
					}
					directs++
				}
				if directs != 2 || clients[i].Open > 2 {
					t.Errorf("%v seed %d: %s knows %d others and has %d sockets open", kinds, seed, kinds[i], directs, clients[i].Open)
				}
			}
		}
	}
}

// wrongPeer delivers small packets between two clients once more, as if from a third one's address, where one of the receiver's
// sockets was just opened to it: a third of them before they come themselves. Who did that to all of them could keep any two on
// the relay; there nobody can do more.
func wrongPeer(w *World, clients [3]*Client) {
	ways := map[*Client][]natsim.Packet{} // by receiver: packets of which source and destination pass its NAT
	w.tap = func(p natsim.Packet) {
		if len(p.Data) == 0 || len(p.Data) > 64 || p.TTL <= 3 || p.Src.Addr() == w.server.Addr().Addr() {
			return
		}
		for _, to := range clients {
			if p.Dst.Addr() != to.site.Public() {
				continue
			}
			kept := ways[to]
			if len(kept) > 0 {
				if way := kept[w.rng.IntN(len(kept))]; way.Src.Addr() != p.Src.Addr() {
					way.Data, way.TTL = bytes.Clone(p.Data), natsim.DefaultTTL
					after := time.Millisecond // before it comes by its own way, where it is a repetition then
					if w.rng.IntN(3) > 0 {
						after = 2 * oneWay
					}
					w.deliver(way, after)
				}
			}
			if len(kept) >= 8 {
				kept = kept[1:]
			}
			ways[to] = append(kept, natsim.Packet{Src: p.Src, Dst: p.Dst})
		}
	}
}
