package netio

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

type socket struct {
	id    api.SocketID
	fd    int
	v6    bool
	ready bool    // in Loop.ready
	twin  *socket // the same number's socket of the other family, or nil

	borrowed bool // a Port's: only sent through, and not closed here
}

// twinMark in an epoll event's spare field: the number's IPv6 socket, beside an IPv4 one.
const twinMark = 3

// OpenTwin opens an IPv6 socket on the port that an open IPv4 socket has, under the same number: what is sent to an IPv6
// address leaves by it. The system may refuse, where IPv6 is switched off or the port is taken.
func (l *Loop) OpenTwin(id api.SocketID) error {
	s := l.sockets[id]
	if s == nil || s.v6 || s.twin != nil {
		return fmt.Errorf("open IPv6 socket beside socket %d: %w", id, unix.EINVAL)
	}
	local, err := localAddr(s.fd)
	if err != nil {
		return err
	}
	fd, err := bindUDP(netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port()), l.Buffer)
	if err != nil {
		return fmt.Errorf("open UDP socket on [::]:%d: %w", local.Port(), err)
	}
	if err = l.watch(id, fd, twinMark); err != nil {
		unix.Close(fd)
		return fmt.Errorf("watch UDP socket on [::]:%d: %w", local.Port(), err)
	}
	s.twin = &socket{id: id, fd: fd, v6: true}
	return nil
}

// Open makes a UDP socket with the caller's number and binds it; port 0 lets the system choose. It returns the address
// that was bound. An error wraps the system's (syscall.EADDRINUSE and so on).
func (l *Loop) Open(id api.SocketID, bind netip.AddrPort) (netip.AddrPort, error) {
	if l.sockets[id] != nil {
		return netip.AddrPort{}, fmt.Errorf("open UDP socket %d: %w", id, unix.EEXIST)
	}
	fd, err := bindUDP(bind, l.Buffer)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("open UDP socket on %v: %w", bind, err)
	}
	local, err := l.adopt(id, fd, bind.Addr().Is6())
	if err != nil {
		unix.Close(fd)
		return netip.AddrPort{}, fmt.Errorf("watch UDP socket on %v: %w", bind, err)
	}
	return local, nil
}

// adopt watches a bound socket; after an error it is still the caller's.
func (l *Loop) adopt(id api.SocketID, fd int, v6 bool) (local netip.AddrPort, err error) {
	if err := l.begin(); err != nil {
		return local, err
	}
	if local, err = localAddr(fd); err != nil {
		return local, err
	}
	if err = l.watch(id, fd, 0); err != nil {
		return local, err
	}
	l.sockets[id] = &socket{id: id, fd: fd, v6: v6}
	return local, nil
}

// watch adds a socket to the epoll.
func (l *Loop) watch(id api.SocketID, fd int, mark int32) error {
	if l.gro {
		unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) // refused: datagrams come one by one
	}
	return unix.EpollCtl(l.epollFD, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(id), Pad: mark})
}

// begin takes what the first socket needs.
func (l *Loop) begin() (err error) {
	if l.recv != nil {
		return nil
	}
	if !l.Plain {
		can := tryOffload()
		l.gso, l.gro = can.gso, can.gro
	}
	l.recv, err = newRecvBatch(l.gro)
	return err
}

// CloseSocket sends what is queued on a socket and closes it. Unknown numbers are ignored.
func (l *Loop) CloseSocket(id api.SocketID) {
	s := l.sockets[id]
	if s == nil {
		return
	}
	l.Flush()
	if l.send.last == s {
		l.send.last = nil
	}
	delete(l.sockets, id)
	for ; s != nil; s = s.twin {
		if i := slices.Index(l.ready, s); i >= 0 {
			l.ready = slices.Delete(l.ready, i, i+1)
		}
		if s.borrowed {
			continue
		}
		unix.Close(s.fd) // leaves the epoll by itself: nobody else holds the descriptor
	}
}

// bindUDP makes a socket and binds it; options, if any, are set before.
func bindUDP(bind netip.AddrPort, buffer int, options ...func(fd int)) (fd int, err error) {
	family := unix.AF_INET
	if bind.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return -1, err
	}
	dontFragment(fd, family)
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, buffer)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, buffer)
	for _, set := range options {
		set(fd)
	}
	if family == unix.AF_INET {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(bind.Port()), Addr: bind.Addr().As4()})
	} else {
		// IPv4 has its own sockets: mapped addresses would need a second form of every address above.
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet6{Port: int(bind.Port()), Addr: bind.Addr().As16()})
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// dontFragment has routers drop what is too large instead of cutting it (DF), and the system send whatever its own interface
// carries, whatever an ICMP message claimed: RUDP finds the size by probes. Where it can't be set, datagrams may be cut into
// fragments, which work, less often.
func dontFragment(fd, family int) {
	if family == unix.AF_INET {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	} else {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	}
}

// setBuffer asks past the system's limit first, which works with CAP_NET_ADMIN, and then within it. Both may fail: a
// small buffer loses packets in bursts, nothing worse.
func setBuffer(fd, force, plain, bytes int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, bytes)
	}
}

func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), err
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), err
	}
	return netip.AddrPort{}, err
}
