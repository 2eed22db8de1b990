package netio

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

const (
	recvMemory = 1 << 20 // bytes of one recvmmsg; the system gives pages only as datagrams touch them
	recvShare  = 128     // datagrams after which one Read leaves a socket for later

	// What the kernel may join to one buffer with GRO, and as many such buffers as the memory holds.
	joinedSize  = 64 << 10
	joinedSlots = recvMemory / joinedSize
	plainSlots  = 32 // without GRO
)

// mmsghdr is struct mmsghdr of recvmmsg(2): a message header and the length that the kernel fills in.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// sockaddr holds either family; the IPv6 form is the larger.
type sockaddr = unix.RawSockaddrInet6

// recvBatch is the memory of one recvmmsg, shared by all sockets of a loop: datagrams are handed on before the next
// call. The headers point at the other arrays, so a batch must not be copied.
type recvBatch struct {
	slots int // in use; each has an equal part of memory
	part  int // bytes
	ask   int // slots offered to the next recvmmsg: about recvShare datagrams, by how many the last ones held

	hdrs   [plainSlots]mmsghdr
	iovs   [plainSlots]unix.Iovec
	names  [plainSlots]sockaddr
	ctrls  [plainSlots]control
	memory []byte
}

// newRecvBatch takes the memory from the system itself: Go may have touched its own before, and then all of it is resident.
func newRecvBatch(gro bool) (*recvBatch, error) {
	memory, err := unix.Mmap(-1, 0, recvMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("take receive memory: %w", err)
	}
	b := &recvBatch{slots: plainSlots, part: MaxDatagram, memory: memory}
	if gro {
		b.slots, b.part = joinedSlots, joinedSize
	}
	b.ask = b.slots
	for i := range b.slots {
		b.iovs[i].Base = &b.memory[i*b.part]
		b.iovs[i].SetLen(b.part)
		h := &b.hdrs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&b.ctrls[i]))
	}
	return b, nil
}

func (b *recvBatch) close() { unix.Munmap(b.memory) }

// drain reads from one socket until nothing is left or its share is used up; more says that something may be left.
func (b *recvBatch) drain(s *socket, stats *Stats, fn func(api.SocketID, netip.AddrPort, []byte)) (total int, more bool) {
	for total < recvShare {
		asked := b.ask
		for i := range asked {
			h := &b.hdrs[i].hdr
			h.Namelen = unix.SizeofSockaddrInet6
			h.SetControllen(controlSize)
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.hdrs[0])), uintptr(asked), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return total, false
		default: // EINTR, or an ICMP error that the kernel reports once: look again
			stats.RecvError++
			total++ // so that a stream of errors ends the turn as well
			continue
		}
		before := total
		for i := range int(n) {
			total += b.hand(i, s, stats, fn)
		}
		b.ask = min(max(recvShare*int(n)/max(total-before, 1), 1), b.slots)
		if int(n) < asked {
			return total, false
		}
	}
	return total, true
}

// hand passes on what lies in slot i: one datagram, or several of equal size from one sender, the last perhaps shorter.
func (b *recvBatch) hand(i int, s *socket, stats *Stats, fn func(api.SocketID, netip.AddrPort, []byte)) (count int) {
	m := &b.hdrs[i]
	from, ok := addrPort(&b.names[i])
	data := b.memory[i*b.part:][:min(int(m.n), b.part)]
	size := b.ctrls[i].joined(int(m.hdr.Controllen))
	if size <= 0 {
		size = len(data)
	}
	if m.hdr.Flags&unix.MSG_TRUNC != 0 || !ok || size > MaxDatagram {
		stats.Truncated++
		return 0
	}
	if stats.Received++; len(data) <= size { // an empty datagram is one too
		fn(s.id, from, data)
		return 1
	}
	stats.Joined++
	for count = 1; len(data) > size; count++ {
		fn(s.id, from, data[:size:size])
		data = data[size:]
	}
	fn(s.id, from, data)
	stats.Received += uint64(count - 1)
	return count
}
