package netio

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// sysSocket is what macOS and iOS need beside a socket.
type sysSocket struct {
	fd int
}

const (
	dontFragmentV4 = 28 // IP_DONTFRAG of netinet/in.h
	dontFragmentV6 = 62 // IPV6_DONTFRAG of netinet6/in6.h
)

func (s *socket) bind(at netip.AddrPort, buffer int, shared bool) (err error) {
	family := unix.AF_INET
	if s.v6 {
		family = unix.AF_INET6
	}
	if s.sys.fd, err = unix.Socket(family, unix.SOCK_DGRAM, unix.IPPROTO_UDP); err != nil {
		return os.NewSyscallError("socket", err)
	}
	fd := s.sys.fd
	unix.CloseOnExec(fd)
	// The system grants less than what is asked for by refusing more: half as much is asked for until it agrees.
	for _, option := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
		for size := buffer; size >= 64<<10 && unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, size) != nil; size /= 2 {
		}
	}
	if shared {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	err = unix.SetNonblock(fd, true)
	if s.v6 && err == nil {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, dontFragmentV6, 1)
		// IPv4 has its own sockets: mapped addresses would need a second form of every address above.
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	} else {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, dontFragmentV4, 1)
	}
	if err == nil {
		err = unix.Bind(fd, sockaddrOf(at))
	}
	if err != nil {
		unix.Close(fd)
	}
	return os.NewSyscallError("bind", err)
}

func (s *socket) localAddr() (netip.AddrPort, error) {
	sa, err := unix.Getsockname(s.sys.fd)
	return addrPort(sa), os.NewSyscallError("getsockname", err)
}

func (s *socket) close() { unix.Close(s.sys.fd) }

func (s *socket) receive(l *Loop) (b []byte, from netip.AddrPort, what outcome) {
	n, sa, err := unix.Recvfrom(s.sys.fd, l.in[:], unix.MSG_DONTWAIT)
	switch err {
	case nil:
		return l.in[:n], addrPort(sa), done
	case unix.EAGAIN:
		return nil, from, empty
	}
	return nil, from, refused
}

func (s *socket) send(b []byte, to netip.AddrPort) outcome {
	switch unix.Sendto(s.sys.fd, b, unix.MSG_DONTWAIT, sockaddrOf(to)) {
	case nil:
		return done
	case unix.EAGAIN, unix.ENOBUFS:
		return empty
	}
	return refused
}

func (s *socket) setTTL(ttl int) {
	if s.v6 {
		unix.SetsockoptInt(s.sys.fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl)
	} else {
		unix.SetsockoptInt(s.sys.fd, unix.IPPROTO_IP, unix.IP_TTL, ttl)
	}
}

// join joins a multicast group on one interface.
func (s *socket) join(group netip.Addr, i net.Interface) {
	unix.SetsockoptIPMreqn(s.sys.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(i.Index)})
}

func (s *socket) multicastFrom(i net.Interface) {
	unix.SetsockoptIPMreqn(s.sys.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(i.Index)})
}

func (s *socket) allowBroadcast() {
	unix.SetsockoptInt(s.sys.fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	unix.SetsockoptInt(s.sys.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1)
}

func sockaddrOf(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// addrPort takes an address of the system's apart. The scope of a link-local IPv6 address is left out.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
