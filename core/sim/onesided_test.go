package sim

import (
	"net/netip"
	"testing"
	"time"
)

// Behind address-dependent NATs the two sides may settle on different pairs of sockets, each validated by one side only. The
// ACKs of such a packet travel directly all the same: once both routes are direct, hardly anything goes to the server.
func TestDirectIsDirectInBothDirections(t *testing.T) {
	server := netip.MustParseAddr(wanS)
	for _, pair := range [][2]string{{"SA", "SA"}, {"FW", "SA"}, {"SA", "SR"}} {
		for seed := range uint64(12) {
			h := lay(t, seed)
			host := h.AddSite(pair[0], "198.51.100.1").AddPlayer("host", 100, nil)
			guest := h.AddSite(pair[1], "203.0.113.1").AddPlayer("guest", 100, nil)
			h.meet(host, guest)
			h.mustBeDirect(10 * time.Second)
			h.Run(3 * time.Second)
			var before [2]int
			for i, p := range []*Player{host, guest} {
				before[i] = h.Carried(p.site.Public(), server)
			}
			h.Run(2 * time.Second)
			for i, p := range []*Player{host, guest} {
				if n := h.Carried(p.site.Public(), server) - before[i]; n > 6 {
					t.Errorf("%v, seed %d: %s sent %d datagrams to the server in 2 s", pair, seed, p.Name, n)
				}
			}
			h.rest()
		}
	}
}

// Two ways are open, IPv4 and IPv6, and heavy loss while they are checked makes each player choose another one. What one
// sends on a way that the other has not chosen is acknowledged on the other's own route, not over the relay. (When that
// went over the relay, it was half of all packets, in 36 of 100 worlds.)
func TestEachMayChooseAnotherWay(t *testing.T) {
	server, differ := netip.MustParseAddr(wanS), 0
	for seed := range uint64(30) {
		h := lay(t, seed)
		h.host, h.guest = h.AddSite("PR", wanA).AddPlayer("host", 100, nil), h.AddSite("PR", wanB).AddPlayer("guest", 100, nil)
		h.host.AddIPv6("FW", "2001:db8:a::1")
		h.guest.AddIPv6("FW", "2001:db8:b::1")
		h.host.streamFromKeys(trialInterval)
		h.guest.streamFromKeys(trialInterval)
		if !h.Meet(h.host, h.guest, 20*time.Second) {
			t.Fatalf("seed %d: no keys", seed)
		}
		h.SetWeather(Weather{Delay: oneWay, Loss: 0.3})
		h.RunUntil(5*time.Second, h.direct)
		h.SetWeather(Weather{Delay: oneWay})
		h.Run(5 * time.Second)
		h.mustBeDirect(10 * time.Second)
		if h.host.Route != h.guest.Route {
			differ++
		}
		var before [2]int
		for i, p := range []*Player{h.host, h.guest} {
			before[i] = h.Carried(p.site.Public(), server)
		}
		h.Run(2 * time.Second)
		for i, p := range []*Player{h.host, h.guest} {
			if n := h.Carried(p.site.Public(), server) - before[i]; n > 6 {
				t.Errorf("seed %d: %s sent %d datagrams to the server in 2 s; routes %v and %v", seed, p.Name, n, h.host.Route, h.guest.Route)
			}
		}
		h.rest()
	}
	if differ == 0 {
		t.Error("both always chose the same way: nothing was tested")
	}
}
