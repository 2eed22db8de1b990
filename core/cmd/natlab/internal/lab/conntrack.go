//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Of linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h, which x/sys does not have.
const (
	subsysConntrack = 1
	conntrackDelete = 2
)

// Reboot makes a NAT forget every flow, as a power cut does. A delete request without attributes empties the table of the
// namespace that the socket belongs to.
func (l *Lab) Reboot(r Role) error {
	err := inNamespace(l.Namespace(r), func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		// struct nlmsghdr, then struct nfgenmsg: family, version, resource.
		request := make([]byte, unix.NLMSG_HDRLEN+4)
		binary.NativeEndian.PutUint32(request, uint32(len(request)))
		binary.NativeEndian.PutUint16(request[4:], subsysConntrack<<8|conntrackDelete)
		binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
		request[unix.NLMSG_HDRLEN] = unix.AF_INET
		if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		answer := make([]byte, 256)
		n, _, err := unix.Recvfrom(fd, answer, 0)
		if err != nil || n < unix.NLMSG_HDRLEN+4 {
			return err
		}
		if code := int32(binary.NativeEndian.Uint32(answer[unix.NLMSG_HDRLEN:])); code < 0 { // struct nlmsgerr
			return unix.Errno(-code)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("empty the conntrack table of %s: %w", l.Namespace(r), err)
	}
	return nil
}
