package netio

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// poller is a kqueue. Sockets are watched level-triggered; a wake is a user event.
type poller struct {
	queue  int
	ours   bool
	events [64]unix.Kevent_t
}

func yield() { runtime.Gosched() }

// userEvent are the fields of a user event: cleared when it is taken.
func userEvent(flags uint16, fflags uint32) []unix.Kevent_t {
	return []unix.Kevent_t{{Ident: wakeIdent, Filter: unix.EVFILT_USER, Flags: flags, Fflags: fflags}}
}

func newPort() (int, error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return 0, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(queue)
	if _, err = unix.Kevent(queue, userEvent(unix.EV_ADD|unix.EV_CLEAR, 0), nil, nil); err != nil {
		unix.Close(queue)
		return 0, os.NewSyscallError("kevent", err)
	}
	return queue, nil
}

func (p *poller) init(_ *Loop, handle int, ours bool) { p.queue, p.ours = handle, ours }

func (p *poller) signal() { unix.Kevent(p.queue, userEvent(0, unix.NOTE_TRIGGER), nil, nil) }

// wait blocks until something happens or the deadline.
func (p *poller) wait(l *Loop, deadline time.Time) error {
	var limit *unix.Timespec
	if !deadline.IsZero() {
		t := unix.NsecToTimespec(int64(max(time.Until(deadline), 0)))
		limit = &t
	}
	_, err := p.take(l, limit)
	return err
}

// look takes what has happened and reports whether that was anything.
func (p *poller) look(l *Loop) bool {
	n, _ := p.take(l, &unix.Timespec{})
	return n > 0
}

func (p *poller) take(l *Loop, limit *unix.Timespec) (int, error) {
	n, err := unix.Kevent(p.queue, nil, p.events[:], limit)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, os.NewSyscallError("kevent", err)
	}
	for _, e := range p.events[:n] {
		if e.Filter == unix.EVFILT_USER {
			l.woken = true
			continue
		}
		for _, s := range l.sockets {
			for ; s != nil; s = s.twin {
				if s.sys.fd == int(e.Ident) {
					l.markReady(s)
				}
			}
		}
	}
	return n, nil
}

// add watches a socket from now on; closing it ends that.
func (p *poller) add(_ *Loop, s *socket) error {
	_, err := unix.Kevent(p.queue, []unix.Kevent_t{{Ident: uint64(s.sys.fd), Filter: unix.EVFILT_READ, Flags: unix.EV_ADD}}, nil, nil)
	return os.NewSyscallError("kevent", err)
}

// again has nothing to do: the kqueue goes on to watch.
func (p *poller) again(*Loop, *socket) bool { return true }

func (p *poller) close(*Loop) {
	if p.ours {
		unix.Close(p.queue)
	}
}
