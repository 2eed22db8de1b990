//go:build linux

package main

import (
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

const (
	watchTick    = 10 * time.Millisecond  // how often the watch looks whether it is on time itself
	waitersEvery = 100 * time.Millisecond // how often it asks the kernel about the programs under test
)

// seen is what a watch gives at the end.
type seen struct {
	samples samples
	stall   stall // the longest
}

// watch follows one meeting from beside: it samples the router's counters for the judge, and it looks for stalls of the
// machine in all three places where they hurt: in this process, in the router's thread, and in the programs under test.
type watch struct {
	router *wan.Router
	end    chan struct{}
	result chan seen
	seen   seen // the goroutine's own until it ends

	mu      sync.Mutex
	waiters []*waiter
}

// startWatch starts the watch; the caller stops it before it closes the router.
func startWatch(r *wan.Router) *watch {
	w := &watch{router: r, end: make(chan struct{}), result: make(chan seen)}
	go w.run()
	return w
}

// follow adds a program under test.
func (w *watch) follow(name string, pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiters = append(w.waiters, &waiter{name: name, pid: pid})
}

// stop ends the watch and gives what it saw.
func (w *watch) stop() seen {
	close(w.end)
	return <-w.result
}

func (w *watch) run() {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	w.router.Lateness() // what was before the meeting does not count
	last := wan.Now()
	sampled, asked := last, last
	w.sample(last)
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-w.end:
			ended = true
		}
		now := wan.Now()
		w.met(now-last-watchTick, "the laboratory overslept")
		last = now
		if ended || now-sampled >= sampleEvery {
			sampled = now
			w.sample(now)
		}
		if ended || now-asked >= waitersEvery {
			asked = now
			w.ask()
		}
	}
	w.result <- w.seen
}

// sample reads the router's counters, and how late it was since the last time.
func (w *watch) sample(now time.Duration) {
	w.seen.samples = append(w.seen.samples, sample{now, w.router.Counters()})
	late := w.router.Lateness()
	w.met(late.Turn, "the router's thread stood still")
	w.met(late.Packet, "a packet was kept back in the router")
}

// ask looks at the programs under test. It reads some twenty small files: 100 ms apart that costs a busy machine little.
func (w *watch) ask() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.waiters {
		w.met(p.look(runDelays(p.pid)), p.name+" waited for a processor")
	}
}

// met remembers the longest stall.
func (w *watch) met(took time.Duration, what string) {
	if took > w.seen.stall.took {
		w.seen.stall = stall{took, what}
	}
}
