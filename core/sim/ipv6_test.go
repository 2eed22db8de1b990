package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// Two players whose IPv4 NATs can't be opened, with IPv6 behind ordinary firewalls: they talk directly over that.
func TestIPv6BesideHopelessIPv4(t *testing.T) {
	h := lay(t, 1)
	host := h.AddSite("SB", "198.51.100.1").AddPlayer("host", 100, nil)
	guest := h.AddSite("SR", "203.0.113.1").AddPlayer("guest", 100, nil)
	host.Client.AddIPv6("FW", "2001:db8::1")
	guest.Client.AddIPv6("FW", "2001:db8::2")
	h.meet(host, guest)
	took := h.mustBeDirect(time.Second)
	if host.Route != api.RouteDirect6 || guest.Route != api.RouteDirect6 {
		t.Errorf("routes %v and %v", host.Route, guest.Route)
	}
	t.Logf("direct over IPv6, %v after five seconds", took)
	h.rest()
}

// A player with IPv6 meets one without: the address is of no use, and does no harm.
func TestIPv6OnOneSide(t *testing.T) {
	h := lay(t, 2)
	host := h.AddSite("PR", "198.51.100.1").AddPlayer("host", 100, nil)
	guest := h.AddSite("PR", "203.0.113.1").AddPlayer("guest", 100, nil)
	host.Client.AddIPv6("FW", "2001:db8::1")
	h.meet(host, guest)
	if h.mustBeDirect(time.Second); host.Route != api.RouteDirect4 {
		t.Errorf("route %v", host.Route)
	}
	h.rest()
}
