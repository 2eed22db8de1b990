//go:build linux

package lab

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// sendTTL sends one datagram with a TTL of its own.
func sendTTL(t *testing.T, c *net.UDPConn, to netip.AddrPort, ttl int) {
	t.Helper()
	option(t, c, unix.IPPROTO_IP, unix.IP_TTL, ttl)
	send(t, c, to, "opener")
	option(t, c, unix.IPPROTO_IP, unix.IP_TTL, 64)
}

// sendSegmented hands the kernel count datagrams in one write; datagram i begins with byte i.
func sendSegmented(t *testing.T, c *net.UDPConn, to netip.AddrPort, size, count int) {
	t.Helper()
	option(t, c, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size)
	b := make([]byte, size*count)
	for i := range count {
		b[i*size] = byte(i)
	}
	send(t, c, to, string(b))
	option(t, c, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0)
}

func option(t *testing.T, c *net.UDPConn, level, name, value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, value) }); cerr != nil {
		t.Fatal(cerr)
	}
	if err != nil {
		t.Fatalf("socket option %d/%d = %d: %v", level, name, value, err)
	}
}
