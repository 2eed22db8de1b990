package netio

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/api"
)

// Loop is the one place where an owner waits for its sockets, for a wake from another goroutine or thread, and for its
// deadline:
//
//	sockets ──┐
//	          ├── private epoll ── os.File ── Go's netpoller ── the owner, parked as any goroutine
//	eventfd ──┘
//
// An epoll descriptor is itself pollable, so the runtime's own epoll watches ours. No operating-system thread blocks for
// a Loop, and the owner pays for one epoll_wait however many sockets there are.
type Loop struct {
	// Buffer is what the buffers of sockets opened from now on are asked to be, in bytes.
	Buffer int
	// Plain, set before the first Open, does without segmentation offload, as on a kernel that has none.
	Plain bool

	epoll    *os.File
	epollFD  int
	raw      syscall.RawConn
	pollOnce func(fd uintptr) bool // made once: a closure per Wait would allocate
	events   [64]unix.EpollEvent

	armed   time.Time // the read deadline that epoll has now
	isArmed bool

	wake  wakeFD
	woken bool // a wake was taken from the eventfd and no Wait has reported it yet

	network networkWatch

	sockets map[api.SocketID]*socket
	ready   []*socket  // readable, as far as is known
	recv    *recvBatch // from the first Open on
	send    *sendBatch
	gso     bool // rows of datagrams are sent in one piece
	gro     bool // and received
	stats   Stats
}

// wakeMark in an epoll event's spare field tells the eventfd from sockets, whose numbers are free.
const wakeMark = 1

// NewLoop makes a loop with a wake descriptor of its own.
func NewLoop() (*Loop, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	l, err := newLoop(fd, true)
	if err != nil {
		unix.Close(fd)
	}
	return l, err
}

// NewLoopWithWake makes a loop that is woken by writes to fd, an eventfd. fd stays the caller's: it must outlive the
// loop and is not closed here.
func NewLoopWithWake(fd int) (*Loop, error) { return newLoop(fd, false) }

func newLoop(wake int, ours bool) (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	// os.NewFile hands a descriptor to the netpoller only when it is nonblocking already.
	if err = unix.SetNonblock(fd, true); err == nil {
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake), Pad: wakeMark})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare epoll: %w", err)
	}
	l := &Loop{
		Buffer:  DefaultBuffer,
		epoll:   os.NewFile(uintptr(fd), "musubi-epoll"),
		epollFD: fd,
		wake:    wakeFD{fd: wake, ours: ours},
		sockets: make(map[api.SocketID]*socket),
		send:    newSendBatch(),
	}
	l.pollOnce = func(uintptr) bool { return l.poll() > 0 }
	if l.raw, err = l.epoll.SyscallConn(); err == nil {
		err = l.epoll.SetReadDeadline(time.Time{}) // fails if the netpoller did not take it
	}
	if err != nil {
		l.epoll.Close()
		return nil, fmt.Errorf("watch epoll: %w", err)
	}
	return l, nil
}

// Wake makes the Wait that is running, or else the next one, return at once. Any goroutine may call it, also after
// Close. It never blocks.
func (l *Loop) Wake() { l.wake.signal() }

// Wait returns when a socket is readable, after a Wake, or at the deadline, whichever is first; zero means no deadline.
// It may return early. An error means that the loop is unusable.
func (l *Loop) Wait(deadline time.Time) error {
	defer func() { l.woken = false }()
	if len(l.ready) > 0 || l.woken || l.network.news {
		return nil
	}
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		l.poll() // the netpoller would answer "deadline exceeded" without looking
		return nil
	}
	if !l.isArmed || l.armed != deadline {
		if err := l.epoll.SetReadDeadline(deadline); err != nil {
			return fmt.Errorf("set deadline: %w", err)
		}
		l.armed, l.isArmed = deadline, true
	}
	err := l.raw.Read(l.pollOnce)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.isArmed = false // it has fired: the same deadline would have to be set again
		return nil
	}
	return err
}

// Linger is a Wait that does not sleep: until a time it looks whether a socket is readable, a Wake came or other says
// yes, and reports that. Between two looks other threads of the machine may run.
func (l *Loop) Linger(until time.Time, other func() bool) bool {
	for {
		if len(l.ready) > 0 || l.woken || other() || l.poll() > 0 {
			l.woken = false
			return true
		}
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if !time.Now().Before(until) {
			return false
		}
	}
}

// The system calls of a loop never wait, so they are made raw: Go's scheduler need not hear of them, which would wake its
// monitor thread each time that an idle client gets a packet.

// poll asks the private epoll what is ready, without waiting, and returns how many descriptors are.
func (l *Loop) poll() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epollFD), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
	if errno != 0 { // EINTR, or closed: either way nothing is ready
		return 0
	}
	for _, e := range l.events[:n] {
		if e.Pad == wakeMark {
			l.wake.drain()
			l.woken = true
			continue
		}
		if e.Pad == networkMark {
			l.network.drain()
			continue
		}
		s := l.sockets[api.SocketID(e.Fd)]
		if s != nil && e.Pad == twinMark {
			s = s.twin
		}
		if s != nil && !s.ready {
			s.ready = true
			l.ready = append(l.ready, s)
		}
	}
	return int(n)
}

// Read hands what has arrived to fn and returns how many datagrams that were. It does not wait. One call reads a bounded
// number from each socket, so that a flood can't keep the owner from its other work; Wait returns at once while
// something may be left. b is valid during the call of fn, which may scribble in it but not open, close or read.
func (l *Loop) Read(fn func(id api.SocketID, from netip.AddrPort, b []byte)) int {
	if len(l.ready) == 0 {
		l.poll()
	}
	total, before := 0, l.ready
	l.ready = l.ready[:0]
	for _, s := range before {
		n, more := l.recv.drain(s, &l.stats, fn)
		total += n
		if s.ready = more; more {
			l.ready = append(l.ready, s)
		}
	}
	return total
}

// Stats returns the counters.
func (l *Loop) Stats() Stats { return l.stats }

// Close closes the sockets and gives everything back. The owner calls it, last.
func (l *Loop) Close() {
	for id := range l.sockets {
		l.CloseSocket(id)
	}
	if l.recv != nil {
		l.recv.close()
		l.recv = nil
	}
	l.network.close()
	l.epoll.Close()
	l.wake.close()
}
