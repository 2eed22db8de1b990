package netio

import (
	"fmt"
	"net"
	"net/netip"
)

// LocalAddrs lists the addresses under which this machine can be reached: those of interfaces that are up, IPv4 first,
// each family in the system's order. Loopback, link-local and multicast addresses are left out, because no other
// machine can use them as they stand.
func LocalAddrs() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var v4, v6 []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // the interface went away between the two calls
		}
		for _, a := range addrs {
			ip, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(ip.IP)
			if addr = addr.Unmap(); !ok || !addr.IsGlobalUnicast() { // true for private addresses too
				continue
			}
			if addr.Is4() {
				v4 = append(v4, addr)
			} else {
				v6 = append(v6, addr)
			}
		}
	}
	return append(v4, v6...), nil
}
