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

// control is room for one control message (cmsg(3)) with a number in it; as numbers, for the alignment it needs.
type control [3]uint64

const controlSize = int(unsafe.Sizeof(control{}))

// setTTL writes the TTL, or IPv6's hop limit, of one datagram and returns the control's length.
func (c *control) setTTL(v6 bool, ttl uint8) int {
	level, kind := int32(unix.IPPROTO_IP), int32(unix.IP_TTL)
	if v6 {
		level, kind = unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT
	}
	*(*int32)(c.begin(level, kind, 4)) = int32(ttl)
	return unix.CmsgSpace(4)
}

// setSegment writes the size of the datagrams in a row and returns the control's length.
func (c *control) setSegment(size int) int {
	*(*uint16)(c.begin(unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)) = uint16(size)
	return unix.CmsgSpace(2)
}

// begin writes the head of a message with size bytes of data and returns where those go.
func (c *control) begin(level, kind int32, size int) unsafe.Pointer {
	h := (*unix.Cmsghdr)(unsafe.Pointer(c))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	return unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))
}

// joined reads the size of the datagrams that the kernel joined to one, from length bytes that it wrote; 0 if it did not.
func (c *control) joined(length int) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(c))
	if length < unix.CmsgLen(4) || h.Level != unix.IPPROTO_UDP || h.Type != unix.UDP_GRO {
		return 0
	}
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))))
}
