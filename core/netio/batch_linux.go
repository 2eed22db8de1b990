package netio

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

const (
	recvBatchSize = 32
	recvRounds    = 4 // batches that one socket may fill in one Read
	sendBatchSize = 64
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
	hdrs  [recvBatchSize]mmsghdr
	iovs  [recvBatchSize]unix.Iovec
	names [recvBatchSize]sockaddr
	bufs  [recvBatchSize][MaxDatagram]byte
}

func newRecvBatch() *recvBatch {
	b := new(recvBatch)
	for i := range b.hdrs {
		b.iovs[i].Base = &b.bufs[i][0]
		b.iovs[i].SetLen(MaxDatagram)
		b.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		b.hdrs[i].hdr.Iov = &b.iovs[i]
		b.hdrs[i].hdr.SetIovlen(1)
	}
	return b
}

// drain reads from one socket until nothing is left or its share is used up; more says that something may be left.
func (b *recvBatch) drain(s *socket, stats *Stats, fn func(api.SocketID, netip.AddrPort, []byte)) (total int, more bool) {
	for range recvRounds {
		for i := range b.hdrs {
			b.hdrs[i].hdr.Namelen = unix.SizeofSockaddrInet6
		}
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.hdrs[0])), recvBatchSize, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return total, false
		default: // EINTR, or an ICMP error that the kernel reports once: look again
			stats.RecvError++
			continue
		}
		for i := range b.hdrs[:n] {
			m := &b.hdrs[i]
			from, ok := addrPort(&b.names[i])
			if m.hdr.Flags&unix.MSG_TRUNC != 0 || !ok {
				stats.Truncated++
				continue
			}
			stats.Received++
			total++
			fn(s.id, from, b.bufs[i][:m.n])
		}
		if n < recvBatchSize {
			return total, false
		}
	}
	return total, true
}

// sendBatch is the memory of one sendmmsg. It holds datagrams for one socket at a time; a datagram for another flushes
// it. Every header points at fixed places, so a batch must not be copied.
type sendBatch struct {
	socket *socket
	n      int
	hdrs   [sendBatchSize]mmsghdr
	iovs   [sendBatchSize]unix.Iovec
	names  [sendBatchSize]sockaddr
	ctrls  [sendBatchSize]ttlControl
	bufs   [sendBatchSize][MaxDatagram]byte
}

func newSendBatch() *sendBatch {
	b := new(sendBatch)
	for i := range b.hdrs {
		b.iovs[i].Base = &b.bufs[i][0]
		b.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		b.hdrs[i].hdr.Iov = &b.iovs[i]
		b.hdrs[i].hdr.SetIovlen(1)
	}
	return b
}

// Send queues a copy of b for Flush. ttl 0 leaves the system's default, any other value is this datagram's TTL or hop
// limit. It does not wait: what the system refuses at Flush is dropped and counted.
func (l *Loop) Send(id api.SocketID, to netip.AddrPort, b []byte, ttl uint8) error {
	s := l.send.socket
	if s == nil || s.id != id {
		l.Flush()
		if s = l.sockets[id]; s == nil {
			return ErrNoSocket
		}
		l.send.socket = s
	}
	if len(b) > MaxDatagram {
		return ErrTooLarge
	}
	if s.v6 != to.Addr().Is6() || !to.IsValid() {
		return ErrFamily
	}
	if l.send.n == sendBatchSize {
		l.Flush()
	}
	l.send.add(s.v6, to, b, ttl)
	return nil
}

func (b *sendBatch) add(v6 bool, to netip.AddrPort, data []byte, ttl uint8) {
	i := b.n
	b.n++
	b.iovs[i].SetLen(copy(b.bufs[i][:], data))
	hdr := &b.hdrs[i].hdr
	hdr.Namelen = setAddrPort(&b.names[i], to)
	if ttl == 0 {
		hdr.Control = nil
		hdr.SetControllen(0)
		return
	}
	hdr.Control = (*byte)(unsafe.Pointer(&b.ctrls[i]))
	hdr.SetControllen(b.ctrls[i].set(v6, ttl))
}

// Flush hands the queued datagrams to the system. A datagram that it refuses (no route, a firewall's EPERM, news of an
// earlier ICMP error) is skipped. When the socket's buffer is full the rest is dropped: that queue is megabytes long, so
// a second one behind it would add delay and nothing else, and RUDP repeats what matters.
func (l *Loop) Flush() {
	b := l.send
	for i := 0; i < b.n; {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(b.socket.fd), uintptr(unsafe.Pointer(&b.hdrs[i])), uintptr(b.n-i), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			l.stats.Sent += uint64(sent)
			i += int(sent)
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			l.stats.SendFull += uint64(b.n - i)
			i = b.n
		default:
			l.stats.SendError++
			i++
		}
	}
	b.n = 0
}
