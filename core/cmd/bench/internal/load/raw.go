//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/wire"
)

// What a relay can't be better than, and what the load measures of itself.

// Raw is a pair at ServeRaw: packets are as long as Musubi's, and where a leg's handle would be they say the port they go to.
func Raw(at netip.AddrPort) (p Pair, err error) {
	if p, err = newPair(at, at); err != nil {
		return p, err
	}
	for i := range p {
		p[i].head, p[i].skip = wire.AppendRelayed(nil, uint32(p[1-i].local.Port())), wire.RelayHeader
	}
	return p, nil
}

// Direct is a pair without a relay.
func Direct() (p Pair, err error) {
	if p, err = newPair(netip.AddrPort{}, netip.AddrPort{}); err != nil {
		return p, err
	}
	for i := range p {
		if err = p[i].connect(p[1-i].local); err != nil {
			return p, err
		}
	}
	return p, nil
}

// newPair makes two sockets and connects them to where they send, if that is known.
func newPair(to ...netip.AddrPort) (p Pair, err error) {
	for i := range p {
		if p[i], err = newEnd(); err != nil {
			return p, err
		}
		if to[i].IsValid() {
			if err = p[i].connect(to[i]); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// rawBatch is what ServeRaw reads and sends at a time, as many as core/netio does.
const rawBatch = 64

// ServeRaw sends on what it gets without looking at who may, for ever: one thread that sleeps in recvmmsg. It tells its address first.
func ServeRaw(out io.Writer) error {
	e, err := newEnd()
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(e.fd, false); err != nil {
		return err
	}
	const buffer = 7 << 20 // as the server's
	_ = unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer)
	_ = unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, buffer)
	if _, err := fmt.Fprintln(out, e.local); err != nil {
		return err
	}
	runtime.LockOSThread()
	var (
		hdrs  [rawBatch]mmsghdr
		iovs  [rawBatch]unix.Iovec
		names [rawBatch]unix.RawSockaddrInet4
		bufs  [rawBatch][2048]byte
	)
	for {
		for i := range hdrs {
			iovs[i].Base = &bufs[i][0]
			iovs[i].SetLen(len(bufs[i]))
			h := &hdrs[i].hdr
			h.Name, h.Namelen, h.Iov = (*byte)(unsafe.Pointer(&names[i])), unix.SizeofSockaddrInet4, &iovs[i]
			h.SetIovlen(1)
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(e.fd), uintptr(unsafe.Pointer(&hdrs[0])), rawBatch, unix.MSG_WAITFORONE, 0, 0)
		if errno != 0 {
			continue // EINTR
		}
		for i := range int(n) {
			if handle, _, ok := wire.ParseRelayed(bufs[i][:hdrs[i].n]); ok {
				binary.BigEndian.PutUint16(bytesOf(&names[i].Port), uint16(handle))
			}
			iovs[i].SetLen(int(hdrs[i].n))
		}
		for k := 0; k < int(n); {
			sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(e.fd), uintptr(unsafe.Pointer(&hdrs[k])), n-uintptr(k), unix.MSG_DONTWAIT, 0, 0)
			if errno != 0 {
				sent = 1 // dropped
			}
			k += int(sent)
		}
	}
}

func bytesOf(port *uint16) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(port)), 2) }
