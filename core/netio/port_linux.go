package netio

import (
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

// CanShare says whether several sockets may share one port here, each with its part of the senders.
const CanShare = true

// portBatch is how many datagrams one system call takes from a Port or gives to it. 64 of them fit the processor's
// second cache with all their headers, and a system call's own cost is no longer seen.
const portBatch = 64

// Port is one of several that share a UDP address (SO_REUSEPORT), for a goroutine that does nothing but send on what arrives, in
// the very memory where it arrived. Read, Send, Flush and Close belong to one goroutine.
//
// It has two sockets on the address. The kernel tells whoever watches a socket of each datagram that has left it, under a lock, and
// Go's poller watches for that whether one asks or not: of a relay's time that took a twelfth, and woke it for nothing. So
// what is sent leaves by a socket that nobody watches, and to which nothing is ever delivered (port_group_linux.go).
type Port struct {
	file  *os.File
	raw   syscall.RawConn
	fd    int // received from
	outFD int // sent through; fd where the system can't keep what arrives away from a second socket
	local netip.AddrPort
	name  uint32                // where datagrams say which port of the group they are for
	wait  func(fd uintptr) bool // made once: a closure per Read would allocate

	slept time.Duration // in all Reads so far
	since time.Time     // when this Read found nothing; zero: it did not have to wait

	n      int
	in     portHalf
	memory []byte // portBatch datagrams
	out    portOut

	received, truncated, recvError, sent, segmented, sendFull, sendError atomic.Uint64
	overflow                                                             atomic.Uint64 // when last asked
}

// portHalf is the memory of one recvmmsg or sendmmsg. The headers point at the other arrays, so it must not be copied.
type portHalf struct {
	hdrs  [portBatch]mmsghdr
	iovs  [portBatch]unix.Iovec
	names [portBatch]sockaddr
}

// Local is the address that is bound.
func (p *Port) Local() netip.AddrPort { return p.local }

// Read waits for datagrams and returns how many there are. They stay until the next Read. An error means that the port was
// stopped, or is unusable.
func (p *Port) Read() (int, error) {
	p.n = 0
	if err := p.raw.Read(p.wait); err != nil {
		return 0, err
	}
	if !p.since.IsZero() {
		p.slept += time.Since(p.since)
		p.since = time.Time{}
	}
	return p.n, nil
}

// Slept is how long all Reads so far have waited in sum. It belongs to Read's goroutine.
func (p *Port) Slept() time.Duration { return p.slept }

// Filled is how much of the socket's queue is taken, in percent.
func (p *Port) Filled() int {
	m, _ := socketMemory(p.fd)
	return int(uint64(m[memoryQueued]) * 100 / max(uint64(m[memoryRoom]), 1))
}

// receiveOrNote is receive for the system's poller, which calls it again when something may be there.
func (p *Port) receiveOrNote() bool {
	if p.receive() {
		return true
	}
	if p.since.IsZero() {
		p.since = time.Now()
	}
	return false
}

// receive takes what is there, and reports whether there was anything.
func (p *Port) receive() bool {
	for i := range portBatch {
		p.in.hdrs[i].hdr.Namelen = unix.SizeofSockaddrInet6
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.in.hdrs[0])), portBatch, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			p.n = int(n)
			p.received.Add(uint64(n))
			return true
		case unix.EAGAIN:
			return false
		case unix.EINTR:
		default: // an ICMP error, which the kernel reports once
			p.recvError.Add(1)
		}
	}
}

// Datagram is what arrived at place i of the last Read. Without ok it was none that can be used, and was counted. b may be changed.
func (p *Port) Datagram(i int) (from netip.AddrPort, b []byte, ok bool) {
	m := &p.in.hdrs[i]
	from, ok = addrPort(&p.in.names[i])
	if !ok || m.hdr.Flags&unix.MSG_TRUNC != 0 {
		p.truncated.Add(1)
		return from, nil, false
	}
	return from, p.memory[i*MaxDatagram:][:m.n], true
}

// Stats are the counters now; any goroutine may ask. Overflow is what the kernel dropped because the socket's queue was full.
func (p *Port) Stats() Stats {
	_ = p.raw.Control(func(fd uintptr) { // closed: what was known before stays
		if m, ok := socketMemory(int(fd)); ok {
			p.overflow.Store(uint64(m[memoryDrops]))
		}
	})
	return Stats{Received: p.received.Load(), Truncated: p.truncated.Load(), RecvError: p.recvError.Load(), Sent: p.sent.Load(), Segmented: p.segmented.Load(),
		SendFull: p.sendFull.Load(), SendError: p.sendError.Load(), Overflow: p.overflow.Load()}
}

// Stop ends a Read that waits, and all further ones; any goroutine may call it.
func (p *Port) Stop() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) }

// Close closes the sockets, through which nobody sends any more.
func (p *Port) Close() {
	p.file.Close()
	if p.outFD != p.fd {
		unix.Close(p.outFD)
	}
}

// Borrow lets the loop send through a port's socket under a number of its own. What arrives stays the port's.
func (l *Loop) Borrow(id api.SocketID, p *Port) error {
	if l.sockets[id] != nil {
		return fmt.Errorf("borrow UDP socket %d: %w", id, unix.EEXIST)
	}
	if err := l.begin(); err != nil {
		return err
	}
	l.sockets[id] = &socket{id: id, fd: p.outFD, v6: p.local.Addr().Is6(), borrowed: true}
	return nil
}
