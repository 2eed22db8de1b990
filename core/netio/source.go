//go:build !windows

package netio

import (
	"net"
	"net/netip"
)

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
