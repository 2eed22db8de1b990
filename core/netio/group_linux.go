package netio

import (
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

// OpenShared opens an IPv4 socket on a port that other programs of this machine may share, and joins a multicast group on
// every interface that has one. Its owner hears what is sent to the group, to broadcast, or to the port.
func (l *Loop) OpenShared(id api.SocketID, port uint16, group netip.Addr) error {
	if l.sockets[id] != nil {
		return fmt.Errorf("open UDP socket %d: %w", id, unix.EEXIST)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return fmt.Errorf("open UDP port %d: %w", port, err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port)}); err == nil {
		_, err = l.adopt(id, fd, false)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("share UDP port %d: %w", port, err)
	}
	for _, i := range broadcastInterfaces() { // an interface that refuses is one network less
		unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(i.Index)})
	}
	return nil
}

// SendEverywhere sends b at once to a multicast group and to the broadcast address on every interface, and to this machine
// itself. It returns how many of these the system took.
func (l *Loop) SendEverywhere(id api.SocketID, group netip.Addr, port uint16, b []byte) (sent int) {
	s := l.sockets[id]
	if s == nil || s.v6 {
		return 0
	}
	unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1) // a second copy of the game on this machine
	try := func(to [4]byte, control []byte) {
		if unix.Sendmsg(s.fd, b, control, &unix.SockaddrInet4{Port: int(port), Addr: to}, unix.MSG_DONTWAIT) == nil {
			sent++
		}
	}
	for _, i := range broadcastInterfaces() {
		control := interfaceControl(i.Index)
		try(group.As4(), control)
		try([4]byte{255, 255, 255, 255}, control)
	}
	try([4]byte{127, 0, 0, 1}, nil)
	return sent
}

func broadcastInterfaces() (out []net.Interface) {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 && i.Flags&(net.FlagBroadcast|net.FlagMulticast) != 0 {
			out = append(out, i)
		}
	}
	return out
}

// interfaceControl is the control message that sends a datagram out of one interface; ip(7), IP_PKTINFO.
func interfaceControl(index int) []byte {
	b := make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
	(*unix.Inet4Pktinfo)(unsafe.Pointer(&b[unix.CmsgLen(0)])).Ifindex = int32(index)
	return b
}
