//go:build linux

package wan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// Side names one of the three networks.
type Side uint8

const (
	A      Side = iota // the first peer's NAT
	B                  // the second peer's NAT
	Server             // the server
	Sides  = 3
)

func (s Side) String() string { return [...]string{"A", "B", "server"}[min(s, Server)] }

// Link is one network's end at the router.
type Link struct {
	FD     int          // TUN device or datagram socket, non-blocking; the router closes it
	Prefix netip.Prefix // addresses that live there: the route to it, and the only sources allowed from it
	NAT    *natsim.Box  // stands between the link and the router; nil: nothing does. The router calls it under its lock
}

// Shape says what happens to packets on the way from one side to another.
type Shape struct {
	Delay     time.Duration // one way
	Jitter    time.Duration // up to so much is added; order is kept, as a queue keeps it
	Loss      float64       // share of packets dropped, 0..1
	Duplicate float64       // share of packets delivered twice
	Reorder   float64       // share of packets held back by HoldBack while later ones pass
	HoldBack  time.Duration // zero: half the delay
}

// Limits of one router. A test that reaches one is told so by the drop counters.
const (
	queueLimit = 32768 // packets under way: 50,000 packets/s are 1,000 at 20 ms
	flowLimit  = 65536 // flows counted apart
	burst      = 64    // packets read from one link before the others and the clock have their turn
	packetSize = 2048  // the links' MTU is 1500
)

// Router forwards between the three sides until Close. One goroutine does all reading, waiting and writing; the methods
// may be called from any goroutine.
type Router struct {
	links [Sides]Link
	wake  int // eventfd that ends the wait
	done  chan struct{}

	mu       sync.Mutex // guards all below; held for one packet at a time
	closing  bool
	paths    [Sides][Sides]path
	queue    queue
	free     []*packet
	counters Counters
	flows    map[Flow]Count
	marker   []byte
	found    [Sides][Sides]Search
	late     Lateness // since it was last asked for
}

// path is the state of one direction between two sides.
type path struct {
	shape Shape
	cut   bool
	last  time.Duration // when the newest packet that keeps its order is due
	rng   *rand.Rand    // of its own, so that traffic elsewhere does not change what happens here
}

// New starts a router. It owns the descriptors from here on, also when it fails. Every direction gets the same shape.
func New(links [Sides]Link, shape Shape, seed uint64) (*Router, error) {
	r := &Router{links: links, done: make(chan struct{}), flows: make(map[Flow]Count)}
	for from := range Sides {
		for to := range Sides {
			r.paths[from][to] = path{shape: shape, rng: rand.New(rand.NewPCG(seed, uint64(from*Sides+to)))}
		}
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		r.closeLinks()
		return nil, fmt.Errorf("router eventfd: %w", err)
	}
	r.wake = wake
	go r.run()
	return r, nil
}

// Close stops the router and closes its descriptors; packets under way are gone.
func (r *Router) Close() error {
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		<-r.done
		return nil
	}
	r.closing = true
	r.mu.Unlock()
	one := [8]byte{0: 1}
	if _, err := unix.Write(r.wake, one[:]); err != nil {
		return fmt.Errorf("router wake: %w", err)
	}
	<-r.done
	err := r.closeLinks()
	return errors.Join(err, unix.Close(r.wake))
}

func (r *Router) closeLinks() error {
	var errs []error
	for _, l := range r.links {
		errs = append(errs, unix.Close(l.FD))
	}
	return errors.Join(errs...)
}

// SetShape changes one direction from now on; packets under way keep their times.
func (r *Router) SetShape(from, to Side, s Shape) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths[from][to].shape = s
}

// Cut stops (or with on=false heals) one direction. Packets under way on it at this moment are lost as well, as on a
// pulled cable.
func (r *Router) Cut(from, to Side, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths[from][to].cut = on
}

// CutDirect stops or heals both directions between the peers. The server stays reachable for both.
func (r *Router) CutDirect(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths[A][B].cut = on
	r.paths[B][A].cut = on
}

// run is the router's only thread. It waits in ppoll with a deadline in nanoseconds: Go's own timers round to
// milliseconds, which would be a tenth of the delay that we promise. The timer slack is a thread's own, so that the
// goroutine keeps its thread.
func (r *Router) run() {
	defer close(r.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()                        // not left locked: a thread that ends would take children with Pdeathsig along
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0) // 1 µs in place of 50; only exactness is lost if refused

	fds := make([]unix.PollFd, 0, Sides+1)
	for _, l := range r.links {
		fds = append(fds, unix.PollFd{Fd: int32(l.FD), Events: unix.POLLIN})
	}
	fds = append(fds, unix.PollFd{Fd: int32(r.wake), Events: unix.POLLIN})
	slept := time.Duration(0) // of the last turn, as far as it had asked to
	for begun := Now(); ; {
		now := Now()
		r.turned(now - begun - slept)
		begun = now
		wait, closing := r.deliverDue()
		if closing {
			return
		}
		asked, asleep := tick, Now()
		if wait >= 0 {
			asked = min(wait, tick)
		}
		timeout := unix.NsecToTimespec(int64(asked))
		n, err := unix.Ppoll(fds, &timeout, nil)
		slept = min(Now()-asleep, asked)
		if err != nil || n == 0 {
			continue // EINTR (Go's preemption signals), a packet is due, or a tick
		}
		for side := range Side(Sides) {
			if fds[side].Revents&unix.POLLIN != 0 {
				r.readBurst(side)
			}
			if fds[side].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
				fds[side].Fd = -1 // its namespace is gone: ppoll skips it from now on, instead of spinning
			}
		}
	}
}

// readBurst takes what a link has, at most burst packets: a flood from one side must not keep back what is due elsewhere.
// The lock is held for one packet at a time, so that readers of counters never make the router late.
func (r *Router) readBurst(from Side) {
	for range burst {
		p := r.take()
		n, err := unix.Read(r.links[from].FD, p.buf[:])
		if err != nil || n <= 0 { // EAGAIN: it is empty
			r.giveBack(p)
			return
		}
		p.data = p.buf[:n]
		r.mu.Lock()
		r.forward(Now(), from, p)
		r.mu.Unlock()
	}
}

// deliverDue writes every packet whose time has come, and returns how long the next one has still to wait (negative:
// nothing is under way).
func (r *Router) deliverDue() (wait time.Duration, closing bool) {
	for {
		r.mu.Lock()
		now := Now()
		p, left := r.queue.next(now)
		if p == nil {
			closing = r.closing
			r.mu.Unlock()
			return left, closing
		}
		deliver := r.arrive(now, p)
		r.mu.Unlock()
		if deliver {
			if _, err := unix.Write(r.links[p.to].FD, p.data); err != nil {
				r.unwritten(p)
			}
		}
		r.giveBack(p)
	}
}

// arrive decides about a packet whose time has come. It counts as delivered when it reaches the far side's NAT, whatever
// becomes of it there: a kernel's NAT does not tell us either. r.mu is held.
func (r *Router) arrive(now time.Duration, p *packet) bool {
	if r.paths[p.from][p.to].cut {
		r.counters.Dropped[DropCut]++
		return false
	}
	// Counted before it is written, so that a receiver never sees counters older than its packet.
	c := &r.counters.Delivered[p.from][p.to]
	c.Packets++
	c.Bytes += uint64(len(p.data))
	r.late.Packet = max(r.late.Packet, now-p.due)
	if r.links[p.to].NAT != nil && !p.turned && !r.translateIn(now, p) {
		r.counters.Dropped[DropNAT]++
		return false
	}
	return true
}

// unwritten takes back the count of a packet that the far device refused: it is down, or the reader of a test's socket
// pair is slow.
func (r *Router) unwritten(p *packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.counters.Delivered[p.from][p.to]
	c.Packets--
	c.Bytes -= uint64(len(p.data))
	r.counters.Dropped[DropLinkDown]++
}

// take and giveBack keep packet buffers, so that a steady stream allocates nothing.
func (r *Router) take() *packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		p := r.free[n-1]
		r.free = r.free[:n-1]
		return p
	}
	return new(packet)
}

func (r *Router) giveBack(p *packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, p)
}
