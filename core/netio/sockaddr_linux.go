package netio

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// addrPort reads what the kernel wrote. The scope of a link-local IPv6 address is left out.
func addrPort(a *sockaddr) (netip.AddrPort, bool) {
	switch a.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swapPort(v4.Port)), true
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), swapPort(a.Port)), true
	}
	return netip.AddrPort{}, false
}

// setAddrPort writes an address for the kernel and returns its length.
func setAddrPort(a *sockaddr, to netip.AddrPort) uint32 {
	if to.Addr().Is4() {
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(a)) = unix.RawSockaddrInet4{
			Family: unix.AF_INET, Port: swapPort(to.Port()), Addr: to.Addr().As4()}
		return unix.SizeofSockaddrInet4
	}
	*a = sockaddr{Family: unix.AF_INET6, Port: swapPort(to.Port()), Addr: to.Addr().As16()}
	return unix.SizeofSockaddrInet6
}

// swapPort turns a port between the host's byte order and the network's.
func swapPort(p uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], p)
	return binary.BigEndian.Uint16(b[:])
}

// ttlControl is room for one control message (cmsg(3)) with an int; as numbers, for the alignment it needs.
type ttlControl [3]uint64

// set writes the TTL, or IPv6's hop limit, of one datagram and returns the control's length.
func (c *ttlControl) set(v6 bool, ttl uint8) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(c))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_TTL
	if v6 {
		h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT
	}
	h.SetLen(unix.CmsgLen(4))
	*(*int32)(unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))) = int32(ttl)
	return unix.CmsgSpace(4)
}
