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

// Source is the address that packets to a destination leave from as things stand; ok is false without a way there.
// Nothing is sent: the system only looks the route up.
func Source(to netip.AddrPort) (from netip.Addr, ok bool) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return from, false
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return from, false
	}
	from = local.AddrPort().Addr().Unmap()
	return from, from.IsValid() && !from.IsUnspecified()
}
