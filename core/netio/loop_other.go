//go:build windows || darwin

package netio

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// Loop is the one place where an owner waits for its sockets, for a wake from another goroutine or thread, and for its
// deadline. Here that is one kernel object, Windows' completion port or the kqueue of macOS and iOS, on which one of Go's
// threads blocks. Datagrams are sent as they come and received one by one.
type Loop struct {
	// Buffer is what the buffers of sockets opened from now on are asked to be, in bytes.
	Buffer int
	// Plain has no effect here.
	Plain bool

	poller poller
	wake   wakeGuard
	woken  bool // a wake has come and no Wait has reported it yet

	sockets map[api.SocketID]*socket
	ready   []*socket // readable, as far as is known
	room    [MaxDatagram]byte
	in      [MaxDatagram + 1]byte // one more, so that a longer datagram shows
	stats   Stats
}

// socket is one UDP socket; what the system needs beside it is in sys.
type socket struct {
	id    api.SocketID
	v6    bool
	ready bool    // in Loop.ready
	twin  *socket // the same number's socket of the other family, or nil
	sys   sysSocket
}

// wakeIdent is what a wake is called on the completion port or the kqueue, as MUSUBI_WAKE_IDENT in capi.
const wakeIdent = 1

// recvShare is after how many datagrams one Read leaves a socket for later.
const recvShare = 128

// wakeGuard lets Wake be called after Close: without it a late one could hit whatever object got the number next.
type wakeGuard struct {
	mu     sync.Mutex
	closed bool
}

func (g *wakeGuard) do(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		f()
	}
}

func (g *wakeGuard) close(f func()) {
	g.do(func() {
		g.closed = true
		f()
	})
}

// NewLoop makes a loop with a port or queue of its own.
func NewLoop() (*Loop, error) {
	handle, err := newPort()
	if err != nil {
		return nil, fmt.Errorf("make a loop: %w", err)
	}
	return newLoop(handle, true), nil
}

// NewLoopWithWake makes a loop on a completion port or kqueue of the caller's. It stays the caller's: it must outlive the
// loop and is not closed here.
func NewLoopWithWake(handle int) (*Loop, error) { return newLoop(handle, false), nil }

func newLoop(handle int, ours bool) *Loop {
	l := &Loop{Buffer: DefaultBuffer, sockets: make(map[api.SocketID]*socket)}
	l.poller.init(l, handle, ours)
	return l
}

// Wake makes the Wait that is running, or else the next one, return at once. Any goroutine may call it, also after
// Close. It never blocks.
func (l *Loop) Wake() { l.wake.do(l.poller.signal) }

// Wait returns when a socket is readable, after a Wake, or at the deadline, whichever is first; zero means no deadline.
// It may return early. An error means that the loop is unusable.
func (l *Loop) Wait(deadline time.Time) (err error) {
	if len(l.ready) == 0 && !l.woken {
		err = l.poller.wait(l, deadline)
	}
	l.woken = false
	return err
}

// Linger is a Wait that does not sleep: until a time it looks whether a socket is readable, a Wake came or other says
// yes, and reports that. Between two looks other threads of the machine may run.
func (l *Loop) Linger(until time.Time, other func() bool) bool {
	for {
		if len(l.ready) > 0 || l.woken || other() || l.poller.look(l) {
			l.woken = false
			return true
		}
		yield()
		if !time.Now().Before(until) {
			return false
		}
	}
}

// markReady is called by the poller for each socket that has something to read.
func (l *Loop) markReady(s *socket) {
	if !s.ready {
		s.ready = true
		l.ready = append(l.ready, s)
	}
}

// Open makes a UDP socket with the caller's number and binds it; port 0 lets the system choose. It returns the address
// that was bound. An error wraps the system's (syscall.EADDRINUSE and so on).
func (l *Loop) Open(id api.SocketID, bind netip.AddrPort) (netip.AddrPort, error) {
	return l.open(id, bind, false)
}

func (l *Loop) open(id api.SocketID, bind netip.AddrPort, shared bool) (local netip.AddrPort, err error) {
	if l.sockets[id] != nil {
		return local, fmt.Errorf("open UDP socket %d: it is open", id)
	}
	s := &socket{id: id, v6: bind.Addr().Is6()}
	if local, err = l.begin(s, bind, shared); err != nil {
		return local, fmt.Errorf("open UDP socket on %v: %w", bind, err)
	}
	l.sockets[id] = s
	return local, nil
}

// OpenTwin opens an IPv6 socket on the port that an open IPv4 socket has, under the same number: what is sent to an IPv6
// address leaves by it. The system may refuse, where IPv6 is switched off or the port is taken.
func (l *Loop) OpenTwin(id api.SocketID) error {
	s := l.sockets[id]
	if s == nil || s.v6 || s.twin != nil {
		return fmt.Errorf("open IPv6 socket beside socket %d: there is no IPv4 socket without one", id)
	}
	local, err := s.localAddr()
	if err != nil {
		return err
	}
	twin := &socket{id: id, v6: true}
	if _, err = l.begin(twin, netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port()), false); err != nil {
		return fmt.Errorf("open UDP socket on [::]:%d: %w", local.Port(), err)
	}
	s.twin = twin
	return nil
}

// begin opens, binds and watches.
func (l *Loop) begin(s *socket, bind netip.AddrPort, shared bool) (local netip.AddrPort, err error) {
	if err = s.bind(bind, l.Buffer, shared); err != nil {
		return local, err
	}
	if local, err = s.localAddr(); err == nil {
		err = l.poller.add(l, s)
	}
	if err != nil {
		s.close()
	}
	return local, err
}

// CloseSocket closes a socket. Unknown numbers are ignored.
func (l *Loop) CloseSocket(id api.SocketID) {
	s := l.sockets[id]
	delete(l.sockets, id)
	for ; s != nil; s = s.twin {
		if i := slices.Index(l.ready, s); i >= 0 {
			l.ready = slices.Delete(l.ready, i, i+1)
		}
		s.close()
	}
}

// Read hands what has arrived to fn and returns how many datagrams that were. It does not wait. One call reads a bounded
// number from each socket, so that a flood can't keep the owner from its other work; Wait returns at once while
// something may be left. b is valid during the call of fn, which may scribble in it but not open, close or read.
func (l *Loop) Read(fn func(id api.SocketID, from netip.AddrPort, b []byte)) (total int) {
	if len(l.ready) == 0 {
		l.poller.look(l)
	}
	before := l.ready
	l.ready = l.ready[:0]
	for _, s := range before {
		n, more := l.drain(s, fn)
		total += n
		if s.ready = more; more {
			l.ready = append(l.ready, s)
		}
	}
	return total
}

// What a receive or a send came to.
type outcome uint8

const (
	done    outcome = iota
	empty           // nothing is there, or the send buffer is full
	tooLong         // a datagram that does not fit
	refused         // an error in place of a datagram
)

// drain reads from one socket until nothing is left or its share is used up; more says that something may be left.
func (l *Loop) drain(s *socket, fn func(api.SocketID, netip.AddrPort, []byte)) (total int, more bool) {
	for range recvShare {
		b, from, what := s.receive(l)
		switch {
		case what == empty:
			if !l.poller.again(l, s) {
				l.stats.RecvError++
				return total, true
			}
			return total, false
		case what == refused:
			l.stats.RecvError++
		case what == tooLong || len(b) > MaxDatagram:
			l.stats.Truncated++
		default:
			l.stats.Received++
			total++
			fn(s.id, from, b)
		}
	}
	return total, true
}

// Room is where the next datagram can be built, to be given to Send without being copied: no bytes, MaxDatagram of
// capacity. It is valid until the next call of Room, Send or Flush.
func (l *Loop) Room() []byte { return l.room[:0] }

// Send sends b. ttl 0 leaves the system's default, any other value is this datagram's TTL or hop limit. It does not wait:
// what the system refuses is dropped and counted.
func (l *Loop) Send(id api.SocketID, to netip.AddrPort, b []byte, ttl uint8) error {
	s := l.sockets[id]
	switch {
	case s == nil:
		return ErrNoSocket
	case len(b) > MaxDatagram:
		return ErrTooLarge
	case s.v6 != to.Addr().Is6():
		s = s.twin
	}
	if s == nil || !to.IsValid() {
		return ErrFamily
	}
	if ttl != 0 {
		s.setTTL(int(ttl))
		defer s.setTTL(defaultTTL)
	}
	switch s.send(b, to) {
	case done:
		l.stats.Sent++
	case empty:
		l.stats.SendFull++
	default:
		l.stats.SendError++
	}
	return nil
}

// defaultTTL is what sockets go back to after a datagram with a TTL of its own: macOS has 64, Windows 128; either is more
// than any path has hops.
const defaultTTL = 64

// Flush has nothing to do here: Send has sent.
func (l *Loop) Flush() {}

// DropOffload has nothing to do here.
func (l *Loop) DropOffload() {}

// Offload reports whether datagrams are sent and received in rows: never here.
func (l *Loop) Offload() (gso, gro bool) { return false, false }

// WatchNetwork says that the owner has to look from time to time.
func (l *Loop) WatchNetwork() error {
	return api.NewError(api.ErrSocket, "no news of the network here")
}

// NetworkNews reports nothing here.
func (l *Loop) NetworkNews() bool { return false }

// Stats returns the counters.
func (l *Loop) Stats() Stats { return l.stats }

// Close closes the sockets and gives everything back. The owner calls it, last.
func (l *Loop) Close() {
	for id := range l.sockets {
		l.CloseSocket(id)
	}
	l.wake.close(func() { l.poller.close(l) })
}
