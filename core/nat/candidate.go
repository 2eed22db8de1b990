package nat

import (
	"net/netip"

	"github.com/musubi-p2p/musubi/core/api"
)

// unmap makes IPv4-in-IPv6 addresses, as dual-stack sockets report them, plain IPv4.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// usable reports whether packets may be sent to an address that the other side named. What reaches more than one host,
// or only ourselves, is refused; so is a family that local has no address of.
func usable(a netip.AddrPort, local []netip.Addr) bool {
	ip := a.Addr()
	if !a.IsValid() || a.Port() == 0 || ip.IsUnspecified() || ip.IsMulticast() {
		return false
	}
	if ip.Is4() { // "this network" 0/8, reserved and broadcast 240/4
		if first := ip.As4()[0]; first == 0 || first >= 240 {
			return false
		}
	}
	family, loopback := len(local) == 0, false
	for _, l := range local {
		family = family || l.Unmap().Is4() == ip.Is4()
		loopback = loopback || l.Unmap().IsLoopback()
	}
	return family && (loopback || !ip.IsLoopback())
}

// routeOf says what a path to an address is.
func routeOf(ip netip.Addr, lan bool) api.Route {
	switch {
	case lan || ip.IsPrivate(): // without a server on the internet the attested addresses are private too
		return api.RouteLAN
	case ip.Is4():
		return api.RouteDirect4
	}
	return api.RouteDirect6
}
