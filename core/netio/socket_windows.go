package netio

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The sockets are our own: Go's net package opens none where the system refuses SIO_UDP_NETRESET, as Wine 8 does.

// sysSocket is what Windows needs beside a socket.
type sysSocket struct {
	handle  windows.Handle
	key     uintptr
	poller  *poller
	arrived *receive // has ended, and its datagram was not handed on
	spare   *receive // not under way
}

var (
	winsock      = windows.NewLazySystemDLL("ws2_32.dll")
	procRecvFrom = winsock.NewProc("recvfrom")
	procSendTo   = winsock.NewProc("sendto")
	procIoctl    = winsock.NewProc("ioctlsocket")
)

// Options that golang.org/x/sys does not name (ws2ipdef.h, ws2def.h, winsock2.h).
const (
	ipDontFragment   = 14
	ipv6DontFragment = 14
	ipv6MTUDiscover  = 71
	pmtuProbe        = 3 // IP_PMTUDISC_PROBE
	ipv6UnicastHops  = 4
	fionbio          = 0x8004667e
	socketError      = ^uintptr(0)
)

var startWinsock = sync.OnceValue(func() error {
	var data windows.WSAData
	return os.NewSyscallError("WSAStartup", windows.WSAStartup(0x0202, &data))
})

// openUDP makes a socket that does not wait.
func openUDP(v6 bool) (windows.Handle, error) {
	if err := startWinsock(); err != nil {
		return 0, err
	}
	family := int32(windows.AF_INET)
	if v6 {
		family = windows.AF_INET6
	}
	h, err := windows.WSASocket(family, windows.SOCK_DGRAM, windows.IPPROTO_UDP, nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return 0, os.NewSyscallError("WSASocket", err)
	}
	on := uint32(1)
	if r, _, errno := syscall.SyscallN(procIoctl.Addr(), uintptr(h), fionbio, uintptr(unsafe.Pointer(&on))); r != 0 {
		windows.Closesocket(h)
		return 0, os.NewSyscallError("ioctlsocket", errno)
	}
	return h, nil
}

func (s *socket) bind(at netip.AddrPort, buffer int, shared bool) (err error) {
	if s.sys.handle, err = openUDP(s.v6); err != nil {
		return err
	}
	h := s.sys.handle
	// What may be refused: news from ICMP would come in place of datagrams; buffers lose packets in bursts when small.
	for _, code := range []uint32{windows.SIO_UDP_CONNRESET, windows.SIO_UDP_NETRESET} {
		var off, size uint32
		windows.WSAIoctl(h, code, (*byte)(unsafe.Pointer(&off)), 4, nil, 0, &size, nil, 0)
	}
	windows.SetsockoptInt(h, windows.SOL_SOCKET, windows.SO_RCVBUF, buffer)
	windows.SetsockoptInt(h, windows.SOL_SOCKET, windows.SO_SNDBUF, buffer)
	s.dontFragment()
	if shared {
		windows.SetsockoptInt(h, windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
	}
	if s.v6 {
		// IPv4 has its own sockets: mapped addresses would need a second form of every address above.
		err = windows.SetsockoptInt(h, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = windows.Bind(h, sockaddrOf(at))
	}
	if err != nil {
		windows.Closesocket(h)
	}
	return os.NewSyscallError("bind", err)
}

// dontFragment has routers drop what is too large instead of cutting it, and the system send whatever its own interface
// carries; where only the old option is known, it sends what it believes the path to carry.
func (s *socket) dontFragment() {
	if s.v6 {
		if windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IPV6, ipv6MTUDiscover, pmtuProbe) != nil {
			windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IPV6, ipv6DontFragment, 1)
		}
		return
	}
	if windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IP, windows.IP_MTU_DISCOVER, pmtuProbe) != nil {
		windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IP, ipDontFragment, 1)
	}
}

func (s *socket) localAddr() (netip.AddrPort, error) { return localAddr(s.sys.handle) }

func localAddr(h windows.Handle) (netip.AddrPort, error) {
	sa, err := windows.Getsockname(h)
	switch a := sa.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *windows.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
}

// close leaves the memory of a receive under way to the poller, until the system has let go of it.
func (s *socket) close() {
	windows.Closesocket(s.sys.handle)
	if s.sys.poller != nil {
		delete(s.sys.poller.sockets, s.sys.key)
	}
}

// receive takes the datagram that ended the receive under way, and after it those that wait.
func (s *socket) receive(l *Loop) (b []byte, from netip.AddrPort, what outcome) {
	if r := s.sys.arrived; r != nil {
		s.sys.arrived, s.sys.spare = nil, r
		if r.result == done {
			from = addrPort(&r.from)
		}
		return r.data[:r.size], from, r.result
	}
	var name windows.RawSockaddrAny
	size := int32(unsafe.Sizeof(name))
	n, _, errno := syscall.SyscallN(procRecvFrom.Addr(), uintptr(s.sys.handle), uintptr(unsafe.Pointer(&l.in[0])), uintptr(len(l.in)), 0,
		uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)))
	switch {
	case int32(n) >= 0:
		return l.in[:n], addrPort(&name), done
	case errno == windows.WSAEWOULDBLOCK:
		return nil, from, empty
	case errno == windows.WSAEMSGSIZE:
		return nil, from, tooLong
	}
	return nil, from, refused
}

func (s *socket) send(b []byte, to netip.AddrPort) outcome {
	var name windows.RawSockaddrAny
	size := setAddrPort(&name, to)
	var data unsafe.Pointer
	if len(b) > 0 {
		data = unsafe.Pointer(&b[0])
	}
	n, _, errno := syscall.SyscallN(procSendTo.Addr(), uintptr(s.sys.handle), uintptr(data), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(&name)), size)
	switch {
	case int32(n) >= 0:
		return done
	case errno == windows.WSAEWOULDBLOCK || errno == windows.WSAENOBUFS:
		return empty
	}
	return refused
}

func (s *socket) setTTL(ttl int) {
	if s.v6 {
		windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IPV6, ipv6UnicastHops, ttl)
	} else {
		windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IP, windows.IP_TTL, ttl)
	}
}

// join joins a multicast group on one interface, which may be named by its number in place of its address.
func (s *socket) join(group netip.Addr, i net.Interface) {
	windows.SetsockoptIPMreq(s.sys.handle, windows.IPPROTO_IP, windows.IP_ADD_MEMBERSHIP,
		&windows.IPMreq{Multiaddr: group.As4(), Interface: numbered(i)})
}

func (s *socket) multicastFrom(i net.Interface) {
	windows.SetsockoptInet4Addr(s.sys.handle, windows.IPPROTO_IP, windows.IP_MULTICAST_IF, numbered(i))
}

func numbered(i net.Interface) (address [4]byte) {
	binary.BigEndian.PutUint32(address[:], uint32(i.Index))
	return address
}

func (s *socket) allowBroadcast() {
	windows.SetsockoptInt(s.sys.handle, windows.SOL_SOCKET, windows.SO_BROADCAST, 1)
	windows.SetsockoptInt(s.sys.handle, windows.IPPROTO_IP, windows.IP_MULTICAST_LOOP, 1)
}

func sockaddrOf(a netip.AddrPort) windows.Sockaddr {
	if a.Addr().Is4() {
		return &windows.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &windows.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// addrPort reads what the system wrote. The scope of a link-local IPv6 address is left out.
func addrPort(a *windows.RawSockaddrAny) netip.AddrPort {
	switch a.Addr.Family {
	case windows.AF_INET:
		v4 := (*windows.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swapPort(v4.Port))
	case windows.AF_INET6:
		v6 := (*windows.RawSockaddrInet6)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom16(v6.Addr), swapPort(v6.Port))
	}
	return netip.AddrPort{}
}

// setAddrPort writes an address for the system and returns its length.
func setAddrPort(a *windows.RawSockaddrAny, to netip.AddrPort) uintptr {
	if to.Addr().Is4() {
		*(*windows.RawSockaddrInet4)(unsafe.Pointer(a)) = windows.RawSockaddrInet4{
			Family: windows.AF_INET, Port: swapPort(to.Port()), Addr: to.Addr().As4()}
		return unsafe.Sizeof(windows.RawSockaddrInet4{})
	}
	*(*windows.RawSockaddrInet6)(unsafe.Pointer(a)) = windows.RawSockaddrInet6{
		Family: windows.AF_INET6, Port: swapPort(to.Port()), Addr: to.Addr().As16()}
	return unsafe.Sizeof(windows.RawSockaddrInet6{})
}

// swapPort turns a port between the host's byte order and the network's.
func swapPort(p uint16) uint16 { return p<<8 | p>>8 } // Windows runs on little-endian processors only

// Source is the address that packets to a destination leave from as things stand; ok is false without a way there.
// Nothing is sent: the system only looks the route up.
func Source(to netip.AddrPort) (from netip.Addr, ok bool) {
	h, err := openUDP(to.Addr().Is6())
	if err != nil {
		return from, false
	}
	defer windows.Closesocket(h)
	if err = windows.Connect(h, sockaddrOf(to)); err != nil && !errors.Is(err, windows.WSAEWOULDBLOCK) {
		return from, false
	}
	local, err := localAddr(h)
	return local.Addr(), err == nil && local.Addr().IsValid() && !local.Addr().IsUnspecified()
}
