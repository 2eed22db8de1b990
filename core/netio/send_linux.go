package netio

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

const (
	sendRuns   = 64        // runs of one flush
	sendMemory = 128 << 10 // bytes of one flush: two runs of full length, and small enough for the processor's cache

	// Bounds of one segmented send. The kernel takes 64 segments in every version that knows UDP_SEGMENT (128 in newer),
	// and 65,507 bytes behind the headers of IPv4.
	runSegments = 64
	runBytes    = 65_000
)

// run is a row of queued datagrams that the kernel may take as one: same socket, same destination, no TTL of their own,
// all of one size except that the last may be shorter.
type run struct {
	socket *socket
	to     netip.AddrPort
	start  int // in memory
	bytes  int
	size   int // of the first datagram
	count  int
	ttl    uint8
	open   bool // another datagram may join
}

// sendBatch is the memory of one sendmmsg. Datagrams lie in it one behind the other. The headers point at fixed places,
// so a batch must not be copied.
type sendBatch struct {
	runs  [sendRuns]run
	n     int
	used  int // bytes of memory
	last  *socket
	hdrs  [sendRuns]mmsghdr
	iovs  [sendRuns]unix.Iovec
	names [sendRuns]sockaddr
	ctrls [sendRuns]control

	memory []byte
}

func newSendBatch() *sendBatch {
	b := &sendBatch{memory: make([]byte, sendMemory)}
	for i := range b.hdrs {
		b.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		b.hdrs[i].hdr.Iov = &b.iovs[i]
		b.hdrs[i].hdr.SetIovlen(1)
	}
	return b
}

// Room is where the next datagram can be built, to be given to Send without being copied: no bytes, MaxDatagram of
// capacity. It is valid until the next call of Room, Send or Flush.
func (l *Loop) Room() []byte {
	b := l.send
	if b.n == sendRuns || len(b.memory)-b.used < MaxDatagram {
		l.Flush()
	}
	return b.memory[b.used : b.used : b.used+MaxDatagram]
}

// Send queues b for Flush; b is copied unless it lies in Room. ttl 0 leaves the system's default, any other value is this
// datagram's TTL or hop limit. It does not wait: what the system refuses at Flush is dropped and counted.
func (l *Loop) Send(id api.SocketID, to netip.AddrPort, b []byte, ttl uint8) error {
	s := l.send.last
	if s == nil || s.id != id {
		if s = l.sockets[id]; s == nil {
			return ErrNoSocket
		}
		l.send.last = s
	}
	if len(b) > MaxDatagram {
		return ErrTooLarge
	}
	if s.v6 != to.Addr().Is6() {
		s = s.twin
	}
	if s == nil || !to.IsValid() {
		return ErrFamily
	}
	if !l.send.holds(b) {
		copy(l.Room()[:len(b)], b)
	}
	l.send.add(s, to, len(b), ttl, l.gso)
	return nil
}

// holds reports whether b was built in Room.
func (b *sendBatch) holds(data []byte) bool {
	return b.used < len(b.memory) && b.n < sendRuns && len(data) > 0 && &data[0] == &b.memory[b.used]
}

// add queues the next size bytes of memory.
func (b *sendBatch) add(s *socket, to netip.AddrPort, size int, ttl uint8, gso bool) {
	start := b.used
	b.used += size
	if b.n > 0 {
		r := &b.runs[b.n-1]
		if r.open && size <= r.size && r.socket == s && r.to == to && ttl == 0 && r.bytes+size <= runBytes {
			r.count++
			r.bytes += size
			r.open = size == r.size && r.count < runSegments
			return
		}
	}
	b.runs[b.n] = run{socket: s, to: to, start: start, bytes: size, size: size, count: 1, ttl: ttl, open: gso && ttl == 0 && size > 0}
	b.n++
}

// prepare points the header of run i at its bytes.
func (b *sendBatch) prepare(i int) {
	r := &b.runs[i]
	b.iovs[i].Base = &b.memory[r.start] // inside, also of an empty datagram: Room had MaxDatagram bytes left
	b.iovs[i].SetLen(r.bytes)
	h := &b.hdrs[i].hdr
	h.Namelen = setAddrPort(&b.names[i], r.to)
	h.Control = (*byte)(unsafe.Pointer(&b.ctrls[i]))
	switch {
	case r.count > 1:
		h.SetControllen(b.ctrls[i].setSegment(r.size))
	case r.ttl != 0:
		h.SetControllen(b.ctrls[i].setTTL(r.socket.v6, r.ttl))
	default:
		h.Control = nil
		h.SetControllen(0)
	}
}

// Flush hands the queued datagrams to the system. A datagram that it refuses (no route, a firewall's EPERM, news of an
// earlier ICMP error) is skipped. When the socket's buffer is full the rest is dropped: that queue is megabytes long, so
// a second one behind it would add delay and nothing else, and RUDP repeats what matters.
func (l *Loop) Flush() {
	b := l.send
	for i := range b.n {
		b.prepare(i)
	}
	for i := 0; i < b.n; {
		s, end := b.runs[i].socket, i+1
		for end < b.n && b.runs[end].socket == s {
			end++
		}
		i = l.flushTo(s, i, end)
	}
	b.n, b.used = 0, 0
}

// flushTo sends runs [i, end), all of one socket, or finds out why it can't, and returns the first that is left.
func (l *Loop) flushTo(s *socket, i, end int) int {
	b := l.send
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.hdrs[i])), uintptr(end-i), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == 0:
		for _, r := range b.runs[i : i+int(sent)] {
			l.stats.Sent += uint64(r.count)
			if r.count > 1 {
				l.stats.Segmented++
			}
		}
		return i + int(sent)
	case errno == unix.EINTR:
		return i
	case errno == unix.EAGAIN || errno == unix.ENOBUFS:
		for _, r := range b.runs[i:end] {
			l.stats.SendFull += uint64(r.count)
		}
		return end
	case b.runs[i].count > 1:
		// What is refused singly as well is this destination's fault (no such port, a smaller MTU), not the rows'.
		if l.sendSingly(i) && endsGSO(errno) {
			l.gso = false
		}
	default:
		l.stats.SendError++
	}
	return i + 1
}

// sendSingly sends the datagrams of a run that the system did not take as one, each by itself, and reports whether it
// took any.
func (l *Loop) sendSingly(i int) (any bool) {
	b := l.send
	r, h := &b.runs[i], &b.hdrs[i].hdr
	h.Control = nil
	h.SetControllen(0)
	for at := r.start; at < r.start+r.bytes; at += r.size {
		b.iovs[i].Base = &b.memory[at]
		b.iovs[i].SetLen(min(r.size, r.start+r.bytes-at))
		switch _, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(r.socket.fd), uintptr(unsafe.Pointer(h)), unix.MSG_DONTWAIT); errno {
		case 0:
			l.stats.Sent++
			any = true
		case unix.EAGAIN, unix.ENOBUFS:
			l.stats.SendFull++
		default:
			l.stats.SendError++
		}
	}
	return any
}
