//go:build linux

// Package link is a bad network between two network namespaces, for programs that know nothing of it: whatever library
// they use, they send on ordinary sockets, and every packet crosses the same core/impair in real time.
//
//	namespace a ── TUN ── impair ──▶ TUN ── namespace b
//	namespace a ── TUN ◀── impair ── TUN ── namespace b
//
// One thread, the most preferred of the ordinary ones, reads, waits and writes. How late it was with each packet is measured,
// because that error is in every figure that comes out. It has no real-time priority: where Go's runtime spins for a lock
// that another thread of this process holds, such a thread would keep that one from its processor until the kernel's
// throttle ends it, 950 ms later, and stood everything still that was to be measured.
package link

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/impair"
)

// Side is one end.
type Side int

const (
	A Side = iota
	B
	sides = 2
)

// Address is where a side's programs are. The range is for benchmarks (RFC 2544).
func Address(s Side) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, byte(1 + s)}) }

const (
	mtu      = 1500
	binWidth = 10 * time.Millisecond  // of the byte counts
	burst    = 64                     // packets read from one side before what is due has its turn
	slice    = 100 * time.Microsecond // of its thread; the least that Linux gives
)

// Link carries packets until Close.
type Link struct {
	fds  [sides]int
	wake int
	done chan struct{}

	mu      sync.Mutex // guards all below; held for one packet at a time
	closing bool
	pipes   [sides]*impair.Pipe[struct{}] // by the side that sends
	zero    int64                         // clock at New, ns
	bins    []uint64                      // bytes that entered, both ways, by binWidth since zero
	late    []time.Duration               // of each packet since the last Lateness
}

// New builds the namespaces and starts the link, which changes nothing yet. What a killed one left behind goes.
func New() (*Link, error) {
	l := &Link{fds: [sides]int{-1, -1}, done: make(chan struct{}), zero: monotonic()}
	l.set(impair.Config{}, 1)
	sweep()
	err := l.build()
	if err == nil {
		l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the link: %w", err), l.remove())
	}
	go l.run()
	return l, nil
}

// Set starts afresh with this configuration in both directions; what was under way is gone. The same seed throws the same
// dice for whoever comes.
func (l *Link) Set(c impair.Config, seed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(c, seed)
}

func (l *Link) set(c impair.Config, seed uint64) {
	for s := range sides {
		l.pipes[s] = impair.New[struct{}](c, seed*sides+uint64(s))
	}
	l.late = l.late[:0]
}

// Bytes is what was sent into the link between two instants of CLOCK_MONOTONIC, both ways, IP headers included; lost
// packets count, since they were sent.
func (l *Link) Bytes(begin, end int64) (sum uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := (begin - l.zero) / int64(binWidth); i < (end-l.zero)/int64(binWidth); i++ {
		if i >= 0 && i < int64(len(l.bins)) {
			sum += l.bins[i]
		}
	}
	return sum
}

// Lost is the share of packets that the link lost since Set, both ways.
func (l *Link) Lost() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var pushed, lost uint64
	for _, p := range l.pipes {
		pushed, lost = pushed+p.Stats().Pushed, lost+p.Stats().Lost
	}
	return float64(lost) / float64(max(pushed, 1))
}

// Late is how long after its time a packet may leave before it counts as stalled: ten times what a thread with real-time
// priority is late on an idle machine, and a tenth of what the benchmark tells apart.
const Late = 2 * time.Millisecond

// Lateness is by how much packets left later than they were due since Set, the link's own error, and the share of those
// that were stalled: a virtual machine stops now and then, with everything in it.
func (l *Link) Lateness() (median, p99 time.Duration, stalled float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.late)
	if n == 0 {
		return
	}
	slices.Sort(l.late)
	first, _ := slices.BinarySearch(l.late, Late)
	return l.late[n/2], l.late[n*99/100], float64(n-first) / float64(n)
}

// Close ends the link and removes the namespaces.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	one := [8]byte{0: 1}
	_, _ = unix.Write(l.wake, one[:])
	<-l.done
	return errors.Join(l.remove(), unix.Close(l.wake))
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

// instant is a clock reading as core/impair wants it.
func instant(ns int64) time.Time { return time.Unix(0, ns) }

// run is the link's thread. It waits in ppoll with a deadline in nanoseconds; Go's own timers round to milliseconds.
func (l *Link) run() {
	defer close(l.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, _ := unix.SchedGetAttr(0, 0)
	// Refused or not, the lateness says how good it was. A short slice is served soon (EEVDF, Linux 6.12).
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: -20, Runtime: uint64(slice)}, 0)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0)
	if before != nil {
		defer func() { _ = unix.SchedSetAttr(0, before, 0) }()
	}
	fds := []unix.PollFd{
		{Fd: int32(l.fds[A]), Events: unix.POLLIN}, {Fd: int32(l.fds[B]), Events: unix.POLLIN}, {Fd: int32(l.wake), Events: unix.POLLIN},
	}
	var buf [mtu]byte
	for {
		wait, closing := l.writeDue()
		if closing {
			return
		}
		timeout := unix.NsecToTimespec(wait)
		if n, err := unix.Ppoll(fds, &timeout, nil); err != nil || n <= 0 {
			continue // a packet is due, or a signal of Go's
		}
		for s := range Side(sides) {
			if fds[s].Revents&unix.POLLIN != 0 {
				l.read(s, buf[:])
			}
		}
	}
}

func (l *Link) read(s Side, buf []byte) {
	for range burst {
		n, err := unix.Read(l.fds[s], buf)
		if err != nil || n <= 0 {
			return
		}
		now := monotonic()
		l.mu.Lock()
		bin := int((now - l.zero) / int64(binWidth))
		for len(l.bins) <= bin {
			l.bins = append(l.bins, 0)
		}
		l.bins[bin] += uint64(n)
		l.pipes[s].Push(instant(now), struct{}{}, buf[:n])
		l.mu.Unlock()
	}
}

// idleWait is the longest wait, ns.
const idleWait = int64(100 * time.Millisecond)

// writeDue writes what is due and returns how long there is to wait, in ns.
func (l *Link) writeDue() (wait int64, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait = idleWait
	for s, p := range l.pipes {
		for {
			due, now := p.NextTimeout(), monotonic()
			if due.IsZero() {
				break
			}
			if left := due.UnixNano() - now; left > 0 {
				wait = min(wait, left)
				break
			}
			_, b, _ := p.Pop(instant(now))
			_, _ = unix.Write(l.fds[1-s], b) // a device that is full drops it, as any device
			l.late = append(l.late, time.Duration(monotonic()-due.UnixNano()))
		}
	}
	return wait, l.closing
}
