package wire

import "net/netip"

// Network is an address as logs and reports may hold it: IPv4 cut to /24, IPv6 to /48. Of an invalid one it says so.
func Network(a netip.Addr) string {
	n := 24
	if a = a.Unmap(); a.Is6() {
		n = 48
	}
	p, _ := a.WithZone("").Prefix(n)
	return p.String()
}
