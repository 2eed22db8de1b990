package netio

import (
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OpenPorts opens n ports on an address that they share. buffer is what their buffers are asked to be, in bytes. The four bytes at
// place name of a datagram say which port gets it; shorter datagrams go to the first.
func OpenPorts(bind netip.AddrPort, n, buffer int, name uint32) (ports []*Port, err error) {
	defer func() {
		if err != nil {
			for _, p := range ports {
				p.Close()
			}
			ports = nil
		}
	}()
	for range n {
		p, err := newPort(bind, buffer)
		if err != nil {
			return ports, err
		}
		bind, p.name = p.local, name // the system's choice of a port, if it was one
		ports = append(ports, p)
	}
	if Spread(ports, n) != nil {
		return ports, nil // the system spreads by the sender's address then, and over all sockets: there must be no further ones
	}
	for _, p := range ports {
		if p.outFD, err = bindShared(bind, buffer); err != nil {
			p.outFD = p.fd
			return ports, fmt.Errorf("open UDP socket on %v for sending: %w", bind, err)
		}
	}
	return ports, nil
}

// Spread has only the first n of the ports get what arrives from now on. An error means that all of them do, always. Any goroutine
// may call it.
func Spread(ports []*Port, n int) error {
	var err error
	if closed := ports[0].raw.Control(func(fd uintptr) { err = steer(int(fd), n, ports[0].name) }); closed != nil {
		return closed
	}
	return err
}

// newPort opens a port that sends through the socket that it receives from.
func newPort(bind netip.AddrPort, buffer int) (*Port, error) {
	fd, err := bindShared(bind, buffer)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket on %v: %w", bind, err)
	}
	p := &Port{fd: fd, outFD: fd, file: os.NewFile(uintptr(fd), "musubi-port"), memory: make([]byte, portBatch*MaxDatagram)}
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
	}
	p.out.gso = tryOffload().gso
	p.wait = func(uintptr) bool { return p.receiveOrNote() }
	return p, nil
}

// steer has the kernel choose among all sockets of a group, which are numbered as they were bound, one of the first n. It runs a
// classic BPF program for each datagram, which sees the UDP payload; every user may attach one (Linux 4.5).
func steer(fd, n int, name uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: name}, // of a shorter datagram: ends with 0
		{Code: unix.BPF_ALU | unix.BPF_MUL | unix.BPF_K, K: spread},
		{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 16},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(n)},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// spread is odd and near the golden ratio of 2³²: names that differ little lie far apart after it.
const spread = 0x9e3779b1

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

// bindShared binds a socket to an address that others of ours may have. Port 0 is the system's choice.
func bindShared(bind netip.AddrPort, buffer int) (int, error) {
	return bindUDP(bind, buffer, func(fd int) { unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
}

// memoryInfo is what SO_MEMINFO tells of a socket (linux/sock_diag.h, SK_MEMINFO_*).
type memoryInfo [9]uint32

// Places in it: bytes in the receive queue, what it may take, and how many datagrams it had no room for so far.
const (
	memoryQueued = 0
	memoryRoom   = 1
	memoryDrops  = 8
)

// socketMemory asks for it. SO_RXQ_OVFL tells of drops with each datagram, of whose time that takes a twentieth.
func socketMemory(fd int) (info memoryInfo, ok bool) {
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info, errno == 0 && size == uint32(unsafe.Sizeof(info))
}

// ProcessorTime is what all threads of this process have used so far.
func ProcessorTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
