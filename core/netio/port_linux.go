package netio

import (
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

// CanShare says whether several sockets may share one port here, each with its part of the senders.
const CanShare = true

// portBatch is how many datagrams one system call takes from a Port or gives to it. 64 of them fit the processor's
// second cache with all their headers, and a system call's own cost is no longer seen.
const portBatch = 64

// Port is a UDP socket for a goroutine that does nothing but send on what arrives, in the very memory where it arrived. Several
// may share an address (SO_REUSEPORT): the kernel gives each sender's datagrams to one of them. Read, Send, Flush and Close
// belong to one goroutine.
type Port struct {
	file  *os.File
	raw   syscall.RawConn
	fd    int
	local netip.AddrPort
	wait  func(fd uintptr) bool // made once: a closure per Read would allocate

	n      int
	in     portHalf
	memory []byte // portBatch datagrams
	out    portOut

	received, truncated, recvError, sent, segmented, sendFull, sendError atomic.Uint64
	overflow                                                             atomic.Uint32
}

// portHalf is the memory of one recvmmsg or sendmmsg. The headers point at the other arrays, so it must not be copied.
type portHalf struct {
	hdrs  [portBatch]mmsghdr
	iovs  [portBatch]unix.Iovec
	names [portBatch]sockaddr
	ctrls [portBatch]control
}

// OpenPort opens a socket on an address that further ones may share. buffer is what its buffers are asked to be, in bytes.
func OpenPort(bind netip.AddrPort, buffer int) (*Port, error) {
	fd, err := bindShared(bind, buffer)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket on %v: %w", bind, err)
	}
	p := &Port{fd: fd, file: os.NewFile(uintptr(fd), "musubi-port"), memory: make([]byte, portBatch*MaxDatagram)}
	if p.local, err = localAddr(fd); err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		p.file.Close()
		return nil, fmt.Errorf("watch UDP socket on %v: %w", bind, err)
	}
	for i := range portBatch {
		for _, half := range []*portHalf{&p.in, &p.out.portHalf} {
			h := &half.hdrs[i].hdr
			h.Name, h.Iov = (*byte)(unsafe.Pointer(&half.names[i])), &half.iovs[i]
			h.SetIovlen(1)
		}
		p.in.iovs[i].Base = &p.memory[i*MaxDatagram]
		p.in.iovs[i].SetLen(MaxDatagram)
		p.in.hdrs[i].hdr.Control = (*byte)(unsafe.Pointer(&p.in.ctrls[i]))
	}
	p.out.gso = tryOffload().gso
	p.wait = func(uintptr) bool { return p.receive() }
	return p, nil
}

// PortFree says with an error when somebody has the address already. Sockets that share an address can't tell: a second server
// of the same user would silently get half of the first one's players.
func PortFree(bind netip.AddrPort) error {
	fd, err := bindUDP(bind, 0)
	if err != nil {
		return fmt.Errorf("open UDP socket on %v: %w", bind, err)
	}
	unix.Close(fd)
	return nil
}

// bindShared binds a socket that counts what its queue could not hold. Port 0 is the system's choice.
func bindShared(bind netip.AddrPort, buffer int) (int, error) {
	share := func(fd int) {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) // refused: such drops are not seen
	}
	return bindUDP(bind, buffer, share)
}

// Local is the address that is bound.
func (p *Port) Local() netip.AddrPort { return p.local }

// Read waits for datagrams and returns how many there are. They stay until the next Read. An error means that the port is
// closed, or unusable.
func (p *Port) Read() (int, error) {
	p.n = 0
	if err := p.raw.Read(p.wait); err != nil {
		return 0, err
	}
	return p.n, nil
}

// receive takes what is there, and reports whether there was anything.
func (p *Port) receive() bool {
	for i := range portBatch {
		h := &p.in.hdrs[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(controlSize)
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.in.hdrs[0])), portBatch, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			p.n = int(n)
			p.received.Add(uint64(n))
			if n > 0 { // the newest datagram knows of all that were lost before it
				if lost, ok := p.in.ctrls[n-1].overflow(int(p.in.hdrs[n-1].hdr.Controllen)); ok {
					p.overflow.Store(lost)
				}
			}
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
	return Stats{Received: p.received.Load(), Truncated: p.truncated.Load(), RecvError: p.recvError.Load(), Sent: p.sent.Load(), Segmented: p.segmented.Load(),
		SendFull: p.sendFull.Load(), SendError: p.sendError.Load(), Overflow: uint64(p.overflow.Load())}
}

// Close ends a Read that waits, and closes the socket; any goroutine may call it, once nobody sends through it any more.
func (p *Port) Close() { p.file.Close() }

// Borrow lets the loop send through a port's socket under a number of its own. What arrives there stays the port's.
func (l *Loop) Borrow(id api.SocketID, p *Port) error {
	if l.sockets[id] != nil {
		return fmt.Errorf("borrow UDP socket %d: %w", id, unix.EEXIST)
	}
	if err := l.begin(); err != nil {
		return err
	}
	l.sockets[id] = &socket{id: id, fd: p.fd, v6: p.local.Addr().Is6(), borrowed: true}
	return nil
}
