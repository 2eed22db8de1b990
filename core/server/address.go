package server

import (
	"fmt"
	"net"
	"net/netip"
)

// notPublic lists ranges, beside the private ones, that the internet does not route: documentation (RFC 5737, 3849),
// benchmarks (RFC 2544), carrier-grade NAT and overlay networks (RFC 6598).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("100.64.0.0/10"),
}

// isPublic reports whether strangers could reach an address.
func isPublic(a netip.Addr) bool {
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// publicReason says why strangers could reach a server, or nothing if they can't. public is host:port or empty.
func publicReason(listen netip.Addr, public string, local []netip.Addr) string {
	if public != "" {
		host, _, _ := net.SplitHostPort(public)
		addr, err := netip.ParseAddr(host)
		switch {
		case err != nil:
			return fmt.Sprintf("--public %s is a name, which may be public", host)
		case isPublic(addr):
			return fmt.Sprintf("--public %s is a public address", host)
		}
	}
	if !listen.IsUnspecified() {
		if isPublic(listen) {
			return fmt.Sprintf("%s is a public address", listen)
		}
		return ""
	}
	for _, a := range local {
		if isPublic(a) && a.Is4() == listen.Is4() {
			return fmt.Sprintf("this machine has the public address %s; listen on a private one, as in --listen 127.0.0.1", a)
		}
	}
	return ""
}

// advertised is the host:port that players are given: what the operator said, else the address bound, else the first
// one of this machine.
func advertised(public string, bound netip.AddrPort, local []netip.Addr) string {
	if public != "" {
		return public
	}
	if !bound.Addr().IsUnspecified() {
		return bound.String()
	}
	for _, a := range local {
		if a.Is4() == bound.Addr().Is4() {
			return netip.AddrPortFrom(a, bound.Port()).String()
		}
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if bound.Addr().Is6() {
		loopback = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(loopback, bound.Port()).String()
}
