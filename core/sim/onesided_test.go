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
