package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/natsim"
)

// house is two players who met, with the world around them. Messages flow both ways until rest.
type house struct {
	*World
	t           *testing.T
	host, guest *Player
}

// lay makes a world with a server; the sites and players follow.
func lay(t *testing.T, seed uint64) *house {
	t.Helper()
	w := NewWorld(seed, Weather{Delay: oneWay})
	w.AddServer(wanS, nil, "192.0.2.2")
	return &house{World: w, t: t}
}

// meet lets the two meet and talk, 40 messages a second each, and gives them five seconds to settle.
func (h *house) meet(host, guest *Player) {
	h.t.Helper()
	h.host, h.guest = host, guest
	host.streamFromKeys(trialInterval)
	guest.streamFromKeys(trialInterval)
	if !h.Meet(host, guest, 20*time.Second) {
		h.t.Fatalf("no keys: %v, %v", host.Refused, guest.Refused)
	}
	h.Run(5 * time.Second)
}

// rest ends the streams and demands that all arrived, once and in order.
func (h *house) rest() {
	h.t.Helper()
	h.host.stopped, h.guest.stopped = true, true
	h.RunUntil(20*time.Second, func() bool { return h.host.Received == h.guest.Sent && h.guest.Received == h.host.Sent })
	for i, p := range []*Player{h.host, h.guest} {
		other := []*Player{h.guest, h.host}[i]
		if p.Received != other.Sent || len(p.Faults) > 0 || len(p.Refused) > 0 {
			h.t.Errorf("%s: %d of %d messages, faults %v, told %v", p.Name, p.Received, other.Sent, p.Faults, p.Refused)
		}
	}
}

func (h *house) direct() bool { return h.host.Route.Direct() && h.guest.Route.Direct() }

// mustBeDirect waits a while for direct routes on both sides and gives how long it took.
func (h *house) mustBeDirect(within time.Duration) time.Duration {
	h.t.Helper()
	from := h.now
	if !h.RunUntil(within, h.direct) {
		h.t.Errorf("not direct after %v: %v and %v, gave up %q, %q", within, h.host.Route, h.guest.Route, h.host.GaveUp, h.guest.GaveUp)
	}
	return h.now.Sub(from)
}

// A router behind a router, on one side and on both, of several kinds.
func TestDoubleNAT(t *testing.T) {
	for _, c := range []struct{ inner, outer, peer string }{
		{"PR", "FC", "PR"}, {"PR", "PR", "PR"}, {"PRx", "PR", "PR"}, {"PR", "PRx", "PRx"}, {"FC", "AR", "FC"}, {"AR", "PR", "PR"}, {"FC", "SR", "FC"},
	} {
		t.Run(c.inner+"-"+c.outer+"×"+c.peer, func(t *testing.T) {
			for seed := range uint64(6) {
				h := lay(t, seed)
				home := h.AddSite(c.outer, wanA).AddSite(c.inner, "100.64.0.9")
				other := h.AddSite(c.peer, wanB)
				if seed%3 == 2 { // on both sides
					other = other.AddSite(c.inner, "100.64.0.7")
				}
				a, b := home.AddPlayer("inside", 64, nil), other.AddPlayer("peer", 64, nil)
				if seed%2 == 1 {
					a, b = b, a
				}
				h.meet(a, b)
				h.mustBeDirect(0)
				h.rest()
			}
		})
	}
}

// Two players in one home, whose machines happen to use one local port, both play with somebody outside. The NAT can keep
// that port towards the server for one of them only: to the server the other one looks symmetric, and prediction finds the
// way past a peer's strict filter. Nothing is mixed up either way.
func TestSameLocalPort(t *testing.T) {
	for _, box := range []string{"PR", "PRx", "FC", "SR"} {
		for seed := range uint64(6) {
			h := lay(t, seed)
			home := h.AddSite(box, wanA)
			brother, sister := home.AddPlayer("brother", 64, nil), home.AddPlayer("sister", 64, nil)
			brother.SetPort(40000)
			sister.SetPort(40000)
			third, fourth := h.AddSite("PR", wanB).AddPlayer("third", 64, nil), h.AddSite("PR", "203.0.113.77").AddPlayer("fourth", 64, nil)
			h.meet(brother, third)
			first := *h
			h.meet(sister, fourth)
			if !brother.Route.Direct() || !sister.Route.Direct() {
				t.Errorf("%s seed %d: routes %v and %v", box, seed, brother.Route, sister.Route)
			}
			first.rest()
			h.rest()
		}
	}
}

// Two homes behind one carrier's box see each other only by its outer address.
func TestSameCarrier(t *testing.T) {
	for _, hairpin := range []bool{false, true} {
		for _, kind := range []string{"FC", "AR", "PR"} {
			for seed := range uint64(4) {
				h := lay(t, seed)
				box, _ := natsim.Preset(kind)
				box.Hairpin = hairpin
				carrier := h.AddSiteBehind(box, wanA)
				a := carrier.AddSite("PR", "100.64.0.9").AddPlayer("a", 64, nil)
				b := carrier.AddSite("PR", "100.64.0.10").AddPlayer("b", 64, nil)
				h.meet(a, b)
				if h.direct() != hairpin {
					t.Errorf("%s hairpin %v seed %d: routes %v and %v, %q", kind, hairpin, seed, a.Route, b.Route, a.GaveUp)
				}
				h.rest()
			}
		}
	}
}

// Two players in one network need no box.
func TestSameNetwork(t *testing.T) {
	for _, hairpin := range []bool{false, true} {
		for _, kind := range []string{"PR", "SR", "FC"} {
			box, _ := natsim.Preset(kind)
			box.Hairpin = hairpin
			h := lay(t, 1)
			home := h.AddSiteBehind(box, wanA)
			h.meet(home.AddPlayer("a", 64, nil), home.AddPlayer("b", 64, nil))
			if h.host.Route != api.RouteLAN || h.guest.Route != api.RouteLAN {
				t.Errorf("%s: routes %v and %v", kind, h.host.Route, h.guest.Route)
			}
			h.rest()
		}
	}
}

// trouble lets something happen to the first of two who talk directly, and gives the longest silence and how long after it
// both routes were direct again. With again it demands that they are, 10 s after at the latest.
func (h *house) trouble(again bool, strike func(a *Player)) (gap, back time.Duration) {
	h.t.Helper()
	h.mustBeDirect(0)
	h.host.MaxGap, h.guest.MaxGap = 0, 0
	from := h.now
	strike(h.host)
	h.Run(600 * time.Millisecond) // until both know
	if again {
		h.mustBeDirect(10*time.Second - h.now.Sub(from))
		back = h.now.Sub(from)
	}
	h.Run(time.Second)
	gap = max(h.host.MaxGap, h.guest.MaxGap)
	h.rest()
	return gap, back
}

// A box that changes costs both the direct path and the place at the relay: to the gap of a cut path come a bind's two
// round trips to the relay.
const boxGap = 400*time.Millisecond + 4*oneWay + 4*oneWay

// A router loses its tables in the middle of play.
func TestReboot(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		again bool
	}{
		{"PR", "PR", true}, {"FC", "PR", true}, {"AR", "AR", true}, {"SR", "FC", true}, {"SR", "AR", true}, {"SS", "PUB", true}, {"FW", "FW", true},
		{"PRx", "PRx", true}, // the peer's packets are there first and poison the path: it takes fresh sockets, 5 s after
	} {
		var gap, back time.Duration
		for seed := range uint64(6) {
			h := lay(t, seed)
			h.meet(h.AddSite(c.a, wanA).AddPlayer("rebooted", 64, nil), h.AddSite(c.b, wanB).AddPlayer("peer", 64, nil))
			h.Run(time.Duration(seed) * 7 * time.Millisecond)
			g, b := h.trouble(c.again, func(a *Player) { a.site.Box.Reboot() })
			gap, back = max(gap, g), max(back, b)
		}
		t.Logf("%s × %s: gap %v, direct again after %v", c.a, c.b, gap, back)
		if gap > boxGap {
			t.Errorf("%s × %s: gap %v, want at most %v", c.a, c.b, gap, boxGap)
		}
	}
}

// A router that forgets after 5 s: the path that data uses, an idle one, and the relay stay usable.
func TestShortMappings(t *testing.T) {
	for _, c := range [][2]string{{"PR", "PR"}, {"FC", "AR"}, {"SR", "FC"}, {"SR", "SR"}} {
		for seed := range uint64(3) {
			h := lay(t, seed)
			var players []*Player
			for i, kind := range c {
				box, _ := natsim.Preset(kind)
				box.Timeout = 5 * time.Second
				players = append(players, h.AddSiteBehind(box, []string{wanA, wanB}[i]).AddPlayer(kind, 64, nil))
			}
			h.meet(players[0], players[1])
			relayed := c[0] == "SR" && c[1] == "SR"
			if h.direct() == relayed {
				t.Errorf("%v: direct %v", c, h.direct())
			}
			h.rest()
			for range 4 { // silence, and a word
				h.Run(27 * time.Second)
				if took := h.word(); took > 2*oneWay {
					t.Errorf("%v seed %d: a word after silence took %v", c, seed, took)
				}
			}
			h.rest()
			if h.direct() == relayed {
				t.Errorf("%v: direct %v", c, h.direct())
			}
		}
	}
}

// word sends one message each way and gives how long the later one took.
func (h *house) word() time.Duration {
	h.t.Helper()
	from := h.now
	if h.host.SendReliable() != nil || h.guest.SendReliable() != nil {
		h.t.Fatal("a message was refused")
	}
	if !h.RunUntil(20*time.Second, func() bool { return h.host.Received == h.guest.Sent && h.guest.Received == h.host.Sent }) {
		h.t.Error("a word did not arrive within 20 s")
	}
	return h.now.Sub(from)
}

// The provider gives a home another address in the middle of play. Nobody tells the client; where the peer's filter lets its
// packets in all the same they show the new address, else somebody must tell it to the peer.
func TestAddressChange(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		again bool
	}{
		{"FC", "FC", true}, {"SR", "FC", true}, {"PR", "PUB", true}, {"PR", "PR", true}, {"FC", "PR", true}, {"AR", "AR", true}, {"PRx", "PR", true},
	} {
		var gap, back time.Duration
		for seed := range uint64(6) {
			h := lay(t, seed)
			h.meet(h.AddSite(c.a, wanA).AddPlayer("moved", 64, nil), h.AddSite(c.b, wanB).AddPlayer("peer", 64, nil))
			h.Run(time.Duration(seed) * 7 * time.Millisecond)
			g, b := h.trouble(c.again, func(a *Player) { a.site.SetWAN(netip.MustParseAddr("198.51.100.99")) })
			gap, back = max(gap, g), max(back, b)
		}
		t.Logf("%s × %s: gap %v, direct again after %v", c.a, c.b, gap, back)
		if gap > boxGap {
			t.Errorf("%s × %s: gap %v, want at most %v", c.a, c.b, gap, boxGap)
		}
	}
}

// Two seconds in which a third of all datagrams is lost.
func TestLossBurst(t *testing.T) {
	for seed := range uint64(20) {
		h := lay(t, seed)
		h.meet(h.AddSite("PR", wanA).AddPlayer("a", 64, nil), h.AddSite("AR", wanB).AddPlayer("b", 64, nil))
		h.mustBeDirect(0)
		h.SetWeather(Weather{Delay: oneWay, Loss: 0.3})
		h.Run(2 * time.Second)
		h.SetWeather(Weather{Delay: oneWay})
		h.Run(4 * time.Second)
		h.mustBeDirect(0)
		if n := len(h.host.Routes) + len(h.guest.Routes); n > 6 {
			t.Errorf("seed %d: %d route changes", seed, n)
		}
		h.rest()
	}
}

// Every third datagram is overtaken by those of the next 30 ms.
func TestReordering(t *testing.T) {
	for seed := range uint64(10) {
		h := lay(t, seed)
		h.SetWeather(Weather{Delay: oneWay, Reorder: 0.33, ReorderBy: 30 * time.Millisecond})
		h.meet(h.AddSite("PR", wanA).AddPlayer("a", 64, nil), h.AddSite("PRx", wanB).AddPlayer("b", 64, nil))
		h.mustBeDirect(0)
		h.Run(10 * time.Second)
		h.mustBeDirect(0)
		if n := len(h.host.Routes) + len(h.guest.Routes); n > 2 {
			t.Errorf("seed %d: %d route changes", seed, n)
		}
		h.rest()
	}
}
