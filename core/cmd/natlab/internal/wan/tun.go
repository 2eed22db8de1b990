//go:build linux

package wan

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// OpenTUN makes a TUN device in the network namespace of the calling thread and returns its descriptor, non-blocking.
// The device lives as long as the descriptor. Without IFF_VNET_HDR the kernel never hands over an offloaded packet:
// every read gives one packet that is segmented and has its checksums.
func OpenTUN(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("make TUN device %q: %w", name, err)
	}
	return fd, nil
}
