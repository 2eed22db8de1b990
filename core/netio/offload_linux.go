package netio

import (
	"bytes"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Segmentation offload: with UDP_SEGMENT (GSO) the kernel takes a row of datagrams to one destination in one call and
// cuts it late, or never on the way to a receiver on the same machine; with UDP_GRO it hands a row over in one piece.
// Both came with Linux 5.0. Some kernels and drivers refuse or spoil such rows, so it is used only where a trial worked,
// is given up for good when the system refuses a row, and by DropOffload when the owner sees datagrams arrive spoiled.

// offload is what this machine can do.
type offload struct{ gso, gro bool }

// tryOffload is found out once in a process: it is a property of the kernel.
var tryOffload = sync.OnceValue(func() offload {
	sender, receiver, err := trialSockets()
	if err != nil {
		return offload{}
	}
	defer unix.Close(sender)
	defer unix.Close(receiver)
	can := offload{gso: trial(sender, receiver, trialSize)}
	if can.gso && unix.SetsockoptInt(receiver, unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil {
		can.gro = trial(sender, receiver, 2*trialSize+trialTail)
	}
	return can
})

// The row of a trial: two datagrams and a shorter one.
const (
	trialSize = 1200 // as most of ours
	trialTail = 700
)

// trialSockets makes a pair that is connected over the loopback interface and does not wait.
func trialSockets() (sender, receiver int, err error) {
	receiver, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return -1, -1, err
	}
	sender, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		unix.Close(receiver)
		return -1, -1, err
	}
	var at unix.Sockaddr
	if err = unix.Bind(receiver, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		at, err = unix.Getsockname(receiver)
	}
	if err == nil {
		err = unix.Connect(sender, at)
	}
	if err != nil {
		unix.Close(receiver)
		unix.Close(sender)
	}
	return sender, receiver, err
}

// trial sends one row and reports whether it arrived whole, in pieces that begin with one of first bytes.
func trial(sender, receiver, first int) bool {
	row := make([]byte, 2*trialSize+trialTail)
	for i := range row {
		row[i] = byte(i * 7 >> 3)
	}
	var ctrl control
	oob := unsafe.Slice((*byte)(unsafe.Pointer(&ctrl)), controlSize)
	if _, err := unix.SendmsgN(sender, row, oob[:ctrl.setSegment(trialSize)], nil, 0); err != nil {
		return false
	}
	got := make([]byte, len(row)+1)
	for at := 0; at < len(row); {
		// A packet over loopback is in the receiver's queue when the call that sent it returns, or a moment later when
		// another thread of the kernel had to do it.
		fds := []unix.PollFd{{Fd: int32(receiver), Events: unix.POLLIN}}
		if ready, err := unix.Poll(fds, trialWait); err == unix.EINTR {
			continue
		} else if err != nil || ready == 0 {
			return false
		}
		n, length, flags, _, err := unix.Recvmsg(receiver, got, oob[:controlSize], 0)
		if err != nil || flags&unix.MSG_TRUNC != 0 || n != min(first, len(row)-at) || !bytes.Equal(got[:n], row[at:at+n]) {
			return false
		}
		if n > trialSize && ctrl.joined(length) != trialSize {
			return false
		}
		at += n
	}
	return true
}

const trialWait = 100 // ms; nothing takes it unless the row was lost

// endsGSO reports whether a refusal says that rows don't work here at all: drivers without checksum offload answer EIO,
// kernels that don't know the option EINVAL. EMSGSIZE is about one path only, whose MTU is smaller than the datagrams.
func endsGSO(errno unix.Errno) bool {
	return errno == unix.EIO || errno == unix.EINVAL || errno == unix.EOPNOTSUPP || errno == errNotSupported
}

const errNotSupported = unix.Errno(524) // the kernel's own ENOTSUPP, which has leaked out of some drivers

// DropOffload ends the use of segmentation offload in both directions for the life of the loop. Its owner calls it when
// arriving datagrams look spoiled.
func (l *Loop) DropOffload() {
	l.gso = false
	if !l.gro {
		return
	}
	l.gro = false
	for _, s := range l.sockets {
		// Rows that wait already come joined and unmarked from here on: they are dropped as overlong.
		unix.SetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 0)
	}
}

// Offload reports whether datagrams are sent and received in rows.
func (l *Loop) Offload() (gso, gro bool) { return l.gso, l.gro }
