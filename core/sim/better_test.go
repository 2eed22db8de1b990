package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// Two ways are open, IPv4 and IPv6. When the one in use becomes slower by 5 ms and a tenth, data moves to the other one
// within a keepalive of that and some seconds, and nobody notices. A smaller difference, or one that comes and goes, moves
// nothing.
func TestFasterDirectPath(t *testing.T) {
	a6, b6 := netip.MustParseAddr("2001:db8:a::1"), netip.MustParseAddr("2001:db8:b::1")
	for seed := range uint64(12) {
		h := lay(t, seed)
		h.SetWeather(Weather{Delay: oneWay, Jitter: time.Duration(seed%3) * 3 * time.Millisecond})
		h.host, h.guest = h.AddSite("PR", wanA).AddPlayer("host", 100, nil), h.AddSite("PR", wanB).AddPlayer("guest", 100, nil)
		h.host.AddIPv6("FW", a6.String())
		h.guest.AddIPv6("FW", b6.String())
		h.meet(h.host, h.guest)
		h.mustBeDirect(0)
		slow := func(by time.Duration) { // the way that the host uses
			from, to := h.host.site.wan, h.guest.site.wan
			if h.host.Route == api.RouteDirect6 {
				from, to = a6, b6
			}
			h.Slow(from, to, by)
			h.Slow(to, from, by)
		}
		h.host.MaxGap, h.guest.MaxGap = 0, 0
		was, changes := h.host.Route, len(h.host.Routes)
		slow(2 * time.Millisecond)
		h.Run(40 * time.Second)
		for range 12 { // comes and goes
			slow(20 * time.Millisecond)
			h.Run(2 * time.Second)
			slow(0)
			h.Run(3 * time.Second)
		}
		if len(h.host.Routes) != changes {
			t.Errorf("seed %d: moved without need: %v", seed, h.host.Routes)
		}
		if h.guest.Route != was {
			continue // it chose the other way from the beginning
		}
		slow(20 * time.Millisecond)
		from := h.now
		if !h.RunUntil(25*time.Second, func() bool { return h.host.Route != was && h.guest.Route != was }) {
			t.Errorf("seed %d: routes %v and %v, 25 s after %v became slower", seed, h.host.Route, h.guest.Route, was)
		}
		t.Logf("seed %d: moved after %v, gap %v", seed, h.now.Sub(from), max(h.host.MaxGap, h.guest.MaxGap))
		h.Run(10 * time.Second)
		if len(h.host.Routes) != changes+1 || !h.direct() {
			t.Errorf("seed %d: %v", seed, h.host.Routes[changes-1:])
		}
		if gap := max(h.host.MaxGap, h.guest.MaxGap); gap > 100*time.Millisecond {
			t.Errorf("seed %d: nothing came for %v", seed, gap)
		}
		h.rest()
	}
}
