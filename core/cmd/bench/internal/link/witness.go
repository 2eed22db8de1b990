//go:build linux

package link

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Witness sees what the link's thread can't, which is preferred to others: how long a thread like those of the programs
// under test waited for a processor. A thread on each processor sleeps for a moment at a time and looks how late it wakes.
// While others' work keeps it waiting, every connection of a program stands still at once, whatever library that is.
type Witness struct {
	stop  chan struct{}
	done  sync.WaitGroup
	began time.Time
	cpus  []starvation // one for each thread; read after it has ended
}

// starvation is what one processor kept its thread waiting.
type starvation struct{ sum, longest time.Duration }

const (
	witnessNap = 2 * time.Millisecond // costs about one per cent of a processor
	Starved    = 5 * time.Millisecond // later than that is not the scheduler's ordinary grain
)

// Watch starts a witness.
func Watch() *Witness {
	w := &Witness{stop: make(chan struct{}), began: time.Now(), cpus: make([]starvation, runtime.NumCPU())}
	for cpu := range w.cpus {
		w.done.Go(func() { w.watch(cpu) })
	}
	return w
}

func (w *Witness) watch(cpu int) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and with it where it may run
	var only unix.CPUSet
	only.Set(cpu)
	_ = unix.SchedSetaffinity(0, &only) // refused: then it sees some processor
	nap := unix.NsecToTimespec(int64(witnessNap))
	for last := monotonic(); ; {
		select {
		case <-w.stop:
			return
		default:
		}
		_ = unix.Nanosleep(&nap, nil)
		now := monotonic()
		w.cpus[cpu].woke(time.Duration(now-last) - witnessNap)
		last = now
	}
}

func (s *starvation) woke(late time.Duration) {
	if late > Starved {
		s.sum += late
		s.longest = max(s.longest, late)
	}
}

// End ends it and says for which share of the time a thread waited for the worse processor, and how long at most.
func (w *Witness) End() (share float64, longest time.Duration) {
	close(w.stop)
	w.done.Wait()
	sum := time.Duration(0)
	for _, s := range w.cpus {
		sum, longest = max(sum, s.sum), max(longest, s.longest)
	}
	return float64(sum) / float64(time.Since(w.began)), longest
}
