package netio

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wakeFD is an eventfd that any goroutine may signal. The lock is there for close alone: without it a late signal could
// write to whatever descriptor got the number next.
type wakeFD struct {
	mu     sync.Mutex
	fd     int
	ours   bool
	closed bool
	count  [8]byte // where drain reads to; the owner's
}

// eventOne is the eight bytes that an eventfd wants; any nonzero number does.
var eventOne = [8]byte{1}

func (w *wakeFD) signal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		unix.Write(w.fd, eventOne[:]) // EAGAIN: the counter is at its top, so the owner is being woken anyway
	}
}

func (w *wakeFD) drain() {
	unix.RawSyscall(unix.SYS_READ, uintptr(w.fd), uintptr(unsafe.Pointer(&w.count[0])), uintptr(len(w.count)))
}

func (w *wakeFD) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && w.ours {
		unix.Close(w.fd)
	}
	w.closed = true
}
