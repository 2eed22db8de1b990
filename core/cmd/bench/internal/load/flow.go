//go:build linux

// Package load sends packets between pairs of sockets through a relay, as many as come back or at a rate, and measures how
// long they take. It speaks Musubi's relay protocol and TURN, as far as a client needs them.
package load

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// End is one player's socket, connected to where it sends: the relay, or what the relay gave it.
type End struct {
	fd    int
	local netip.AddrPort
	head  []byte // before each packet that it sends
	skip  int    // bytes before each packet that it receives
}

// Pair is two players who talk through the relay.
type Pair [2]*End

// Payload is the size of what the players send to each other, in bytes.
const Payload = 200

// Where in a payload: it begins as a session packet does, for relays that look.
const (
	sessionByte = 0x80
	stampAt     = 8 // CLOCK_REALTIME in ns at which it was sent
)

func newEnd() (*End, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make UDP socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	at := sa.(*unix.SockaddrInet4)
	return &End{fd: fd, local: netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))}, nil
}

func (e *End) connect(to netip.AddrPort) error {
	return unix.Connect(e.fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

// Close gives the sockets back.
func (p Pair) Close() {
	for _, e := range p {
		if e != nil {
			unix.Close(e.fd)
		}
	}
}

// ask sends a request until an answer is accepted.
func (e *End) ask(request []byte, accept func(answer []byte) bool) error {
	buf := make([]byte, 2048)
	for range 20 {
		if _, err := unix.Write(e.fd, request); err != nil {
			return err
		}
		for {
			fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
			if n, err := unix.Poll(fds, 250); err == nil && n == 0 {
				break
			}
			if n, err := unix.Read(e.fd, buf); err == nil && accept(buf[:n]) {
				return nil
			}
		}
	}
	return fmt.Errorf("no answer to a request of %d bytes", len(request))
}

// flow is one direction of a pair.
type flow struct {
	from, to *End
	inFlight int
	since    time.Time // of the last arrival; what is not back long after it is lost
	due      time.Time
	packet   []byte
	iov      [burstMost]unix.Iovec
	hdrs     [burstMost]mmsghdr
}

type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   uint32
}

// burstMost is how many packets of one flow may leave together.
const burstMost = 8

func newFlow(from, to *End) *flow {
	f := &flow{from: from, to: to, packet: append(append([]byte(nil), from.head...), make([]byte, Payload)...)}
	f.packet[len(from.head)] = sessionByte
	for i := range f.hdrs {
		f.iov[i].Base = &f.packet[0]
		f.iov[i].SetLen(len(f.packet))
		f.hdrs[i].hdr.Iov = &f.iov[i]
		f.hdrs[i].hdr.SetIovlen(1)
	}
	return f
}

// send sends n packets with the present time in them and returns how many left.
func (f *flow) send(n int) int {
	binary.LittleEndian.PutUint64(f.packet[len(f.from.head)+stampAt:], uint64(realtime()))
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(f.from.fd), uintptr(unsafe.Pointer(&f.hdrs[0])), uintptr(min(n, burstMost)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(sent)
}

func realtime() int64 { return time.Now().UnixNano() }
