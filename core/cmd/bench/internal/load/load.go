//go:build linux

package load

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Plan is one measurement.
type Plan struct {
	Rate    float64 // packets/s over all flows; 0: each flow keeps Window packets under way
	Window  int
	Burst   int // at most so many packets of a flow leave together; 1 to 8
	Threads int
	Warmup  time.Duration // not counted
	Time    time.Duration
	// Begin and End are called when counting begins and ends.
	Begin, End func()
}

// Result is what was counted.
type Result struct {
	Sent, Received uint64
	Seconds        float64
	Late           []int64 // ns from before the send call to the kernel's stamp at the receiver, ascending
}

// At is a quantile in µs.
func (r *Result) At(share float64) float64 {
	if len(r.Late) == 0 {
		return 0
	}
	return float64(r.Late[min(int(share*float64(len(r.Late))), len(r.Late)-1)]) / 1e3
}

// Run loads the pairs in both directions.
func Run(pairs []Pair, plan Plan) Result {
	workers := make([]*worker, plan.Threads)
	for i := range workers {
		workers[i] = newWorker(plan, uint64(i))
	}
	for i, p := range pairs {
		workers[i%len(workers)].add(p)
	}
	begin := time.Now().Add(plan.Warmup)
	end := begin.Add(plan.Time)
	var done sync.WaitGroup
	for _, w := range workers {
		done.Go(func() { w.run(begin, end) })
	}
	time.Sleep(time.Until(begin))
	plan.Begin()
	time.Sleep(time.Until(end))
	plan.End()
	done.Wait()
	r := Result{Seconds: plan.Time.Seconds()}
	for _, w := range workers {
		r.Sent += w.sent
		r.Received += w.received
		r.Late = append(r.Late, w.late...)
		w.close()
	}
	slices.Sort(r.Late)
	return r
}

// worker is a thread with its pairs.
type worker struct {
	plan     Plan
	epoll    int
	flows    []*flow
	arrive   map[int32]*flow // by the descriptor it arrives at
	rng      *rand.Rand
	events   [256]unix.EpollEvent
	hdrs     [recvMost]mmsghdr
	iov      [recvMost]unix.Iovec
	buf      [recvMost][512]byte
	ctrl     [recvMost][4]uint64
	counting bool
	sent     uint64
	received uint64
	late     []int64
	interval time.Duration // of one flow
}

const (
	recvMost = 16
	lossTime = 50 * time.Millisecond // what is not there by then was dropped
)

func newWorker(plan Plan, seed uint64) *worker {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		panic(err)
	}
	w := &worker{plan: plan, epoll: fd, arrive: map[int32]*flow{}, rng: rand.New(rand.NewPCG(seed, 1)), late: make([]int64, 0, 4<<20)}
	for i := range w.hdrs {
		w.iov[i].Base = &w.buf[i][0]
		w.iov[i].SetLen(len(w.buf[i]))
		w.hdrs[i].hdr.Iov = &w.iov[i]
		w.hdrs[i].hdr.SetIovlen(1)
		w.hdrs[i].hdr.Control = (*byte)(unsafe.Pointer(&w.ctrl[i]))
	}
	return w
}

func (w *worker) close() { unix.Close(w.epoll) }

func (w *worker) add(p Pair) {
	for i := range p {
		f := newFlow(p[i], p[1-i])
		w.flows = append(w.flows, f)
		w.arrive[int32(f.to.fd)] = f
		if w.plan.Rate > 0 {
			// The kernel stamps what arrives: how late the load is to read it is not the relay's. At full load the stamps would cost.
			unix.SetsockoptInt(f.to.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
		unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, f.to.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(f.to.fd)})
	}
}

func (w *worker) run(begin, end time.Time) {
	runtime.LockOSThread()
	now := time.Now()
	if w.plan.Rate > 0 {
		w.interval = time.Duration(float64(len(w.flows)*w.plan.Threads) / w.plan.Rate * 1e9)
	}
	for _, f := range w.flows {
		f.since, f.due = now, now.Add(time.Duration(w.rng.Float64()*float64(w.interval)))
	}
	for now.Before(end) {
		w.counting = !now.Before(begin)
		wait := w.fill(now)
		if w.interval == 0 { // at full load it never sleeps: a relay that is kept waiting would be measured at less
			for _, f := range w.flows {
				w.drain(f)
			}
			now = time.Now()
			continue
		}
		n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(w.epoll), uintptr(unsafe.Pointer(&w.events[0])), uintptr(len(w.events)),
			uintptr(unsafe.Pointer(&unix.Timespec{Nsec: int64(wait)})), 0, 0)
		for i := range min(int(n), len(w.events)) {
			w.drain(w.arrive[w.events[i].Fd])
		}
		now = time.Now()
	}
}

// fill sends what is due and returns how long nothing will be.
func (w *worker) fill(now time.Time) time.Duration {
	next := now.Add(time.Millisecond)
	for _, f := range w.flows {
		n := 0
		switch {
		case w.interval == 0:
			if f.inFlight > 0 && now.Sub(f.since) > lossTime {
				f.inFlight, f.since = 0, now
			}
			n = min(w.plan.Window-f.inFlight, w.plan.Burst)
		case !now.Before(f.due):
			// Between half and one and a half intervals: players' clocks are not locked to each other.
			n, f.due = 1, f.due.Add(time.Duration((0.5+w.rng.Float64())*float64(w.interval)))
		}
		if n > 0 {
			sent := f.send(n)
			f.inFlight += sent
			if w.counting {
				w.sent += uint64(sent)
			}
		}
		if w.interval > 0 && f.due.Before(next) {
			next = f.due
		}
	}
	return max(0, next.Sub(now))
}

// drain takes what has arrived at one socket.
func (w *worker) drain(f *flow) {
	if f == nil {
		return
	}
	for i := range w.hdrs {
		w.hdrs[i].hdr.SetControllen(int(unsafe.Sizeof(w.ctrl[0])))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(f.to.fd), uintptr(unsafe.Pointer(&w.hdrs[0])), recvMost, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return
	}
	f.inFlight = max(0, f.inFlight-int(n))
	f.since = time.Now()
	if !w.counting {
		return
	}
	for i := range int(n) {
		b := w.buf[i][:min(int(w.hdrs[i].n), len(w.buf[i]))]
		if len(b) < f.to.skip+Payload || b[f.to.skip] != sessionByte {
			continue
		}
		w.received++
		if len(w.late) < cap(w.late) && w.hdrs[i].hdr.Controllen > 0 {
			// struct cmsghdr, then struct timespec
			at := int64(w.ctrl[i][2])*int64(time.Second) + int64(w.ctrl[i][3])
			w.late = append(w.late, at-int64(binary.LittleEndian.Uint64(b[f.to.skip+stampAt:])))
		}
	}
}
