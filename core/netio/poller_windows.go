package netio

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// poller is a completion port. Each socket has one receive under way, whose end tells that datagrams are there; the rest
// of them are then taken without waiting. A wake is a packet that is posted to the port, and so is the deadline: the port's
// own time limit is as coarse as the system's clock tick, 16 ms where no program asks for less, and Go's timers are not.
type poller struct {
	port    windows.Handle
	ours    bool
	entries [64]completion
	timer   *time.Timer
	armed   time.Time // what timer is set to; zero: nothing

	lastKey  uintptr
	sockets  map[uintptr]*socket  // by key
	receives map[uintptr]*receive // under way; the system writes to them until their packet has come
}

// completion is OVERLAPPED_ENTRY.
type completion struct {
	key        uintptr
	overlapped uintptr
	internal   uintptr
	bytes      uint32
}

// receive is a receive that the system ends when a datagram comes.
type receive struct {
	overlapped windows.Overlapped
	buf        windows.WSABuf
	from       windows.RawSockaddrAny
	fromSize   int32
	flags      uint32
	result     outcome
	size       uint32
	data       [MaxDatagram + 1]byte
}

// Keys of packets on the port, beside wakeIdent.
const (
	timerKey    = 2
	firstSocket = 16
)

const closePatience = 500 // ms that the end of a closed socket's receive is waited for, which takes microseconds

var (
	kernel32      = windows.NewLazySystemDLL("kernel32.dll")
	procDequeue   = kernel32.NewProc("GetQueuedCompletionStatusEx")
	procYield     = kernel32.NewProc("SwitchToThread")
	errNoProgress = fmt.Errorf("the completion port fails")
)

func yield() { syscall.SyscallN(procYield.Addr()) }

func newPort() (int, error) {
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	return int(port), os.NewSyscallError("CreateIoCompletionPort", err)
}

func (p *poller) init(l *Loop, handle int, ours bool) {
	p.port, p.ours, p.lastKey = windows.Handle(handle), ours, firstSocket
	p.sockets, p.receives = make(map[uintptr]*socket), make(map[uintptr]*receive)
	p.timer = time.AfterFunc(time.Hour, func() { l.wake.do(func() { p.post(timerKey) }) })
	p.timer.Stop()
}

func (p *poller) post(key uintptr) { windows.PostQueuedCompletionStatus(p.port, 0, key, nil) }

func (p *poller) signal() { p.post(wakeIdent) }

// wait blocks until a packet comes or the deadline.
func (p *poller) wait(l *Loop, deadline time.Time) error {
	switch {
	case deadline.IsZero():
		if !p.armed.IsZero() {
			p.timer.Stop()
		}
	default:
		left := time.Until(deadline)
		if left <= 0 {
			p.look(l)
			return nil
		}
		if p.armed != deadline {
			p.timer.Reset(left)
		}
	}
	p.armed = deadline
	if !p.take(l, windows.INFINITE) {
		return errNoProgress
	}
	return nil
}

// look takes the packets that are there and reports whether there were any.
func (p *poller) look(l *Loop) bool { return p.take(l, 0) }

func (p *poller) take(l *Loop, limit uint32) bool {
	var n uint32
	ok, _, _ := syscall.SyscallN(procDequeue.Addr(), uintptr(p.port), uintptr(unsafe.Pointer(&p.entries[0])),
		uintptr(len(p.entries)), uintptr(unsafe.Pointer(&n)), uintptr(limit), 0)
	if ok == 0 {
		return false
	}
	for i := range p.entries[:n] {
		e := &p.entries[i]
		switch e.key {
		case wakeIdent:
			l.woken = true
		case timerKey:
			p.armed = time.Time{}
		default:
			p.received(l, e)
		}
	}
	return true
}

// received takes the end of a receive. One of a socket that was closed meanwhile is forgotten.
func (p *poller) received(l *Loop, e *completion) {
	r := p.receives[e.key]
	delete(p.receives, e.key)
	s := p.sockets[e.key]
	if r == nil || s == nil {
		return
	}
	switch windows.NTStatus(r.overlapped.Internal) {
	case windows.STATUS_SUCCESS:
		r.result, r.size = done, e.bytes
	case windows.STATUS_BUFFER_OVERFLOW:
		r.result = tooLong
	default:
		r.result = refused
	}
	s.sys.arrived = r
	l.markReady(s)
}

// add watches a socket from now on.
func (p *poller) add(l *Loop, s *socket) error {
	p.lastKey++
	s.sys.key = p.lastKey
	if _, err := windows.CreateIoCompletionPort(s.sys.handle, p.port, s.sys.key, 0); err != nil {
		return os.NewSyscallError("CreateIoCompletionPort", err)
	}
	s.sys.poller, s.sys.spare = p, &receive{}
	p.sockets[s.sys.key] = s
	if !p.again(l, s) {
		l.markReady(s)
	}
	return nil
}

// again starts the receive that tells of the next datagram. false: an error is in its place, so look again.
func (p *poller) again(_ *Loop, s *socket) bool {
	r := s.sys.spare
	r.overlapped, r.flags, r.fromSize = windows.Overlapped{}, 0, int32(unsafe.Sizeof(r.from))
	r.buf = windows.WSABuf{Len: uint32(len(r.data)), Buf: &r.data[0]}
	err := windows.WSARecvFrom(s.sys.handle, &r.buf, 1, nil, &r.flags, &r.from, &r.fromSize, &r.overlapped, nil)
	// A datagram that is there and too long ends the receive with a warning, after which the packet comes all the same.
	if err != nil && err != windows.ERROR_IO_PENDING && err != windows.WSAEMSGSIZE {
		return false
	}
	s.sys.spare = nil
	p.receives[s.sys.key] = r
	return true
}

// close waits until the system has let go of the sockets' memory, since another loop may be made on the same port.
func (p *poller) close(l *Loop) {
	p.timer.Stop()
	for len(p.receives) > 0 && p.take(l, closePatience) {
	}
	if len(p.receives) > 0 {
		abandoned = append(abandoned, p.receives)
	}
	if p.ours {
		windows.CloseHandle(p.port)
	}
}

// abandoned keeps memory that the system may still write to.
var abandoned []map[uintptr]*receive
