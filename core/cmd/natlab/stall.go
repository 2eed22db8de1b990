//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// stallLimit is how long the machine may keep a program waiting before a meeting that went wrong proves nothing. The
// library calls a direct path suspect after 350 ms of silence, and two waits of 100 ms beside a round trip come near it.
const stallLimit = 100 * time.Millisecond

// stall is a time for which the machine did not run what had to run. Nobody but the scheduler is to blame for it, and the
// programs under test can't tell it from a network that went silent.
type stall struct {
	took time.Duration
	what string // what it did to whom
}

// longer reports whether it could decide a test.
func (s stall) longer() bool { return s.took > stallLimit }

func (s stall) String() string {
	if s.took == 0 {
		return "no stall was measured"
	}
	return fmt.Sprintf("%s for %d ms", s.what, s.took.Milliseconds())
}

// waiter follows how long the threads of one process were kept waiting for a processor.
type waiter struct {
	name   string
	pid    int
	before map[string]time.Duration // by thread, at the last look
}

// look gives how long the worst thread waited since the last look. The kernel only adds the waits up; but where a look is
// taken every 100 ms, a sum that grew by more than that belongs to a thread that hardly ran, or to one long wait.
func (w *waiter) look(now map[string]time.Duration) (worst time.Duration) {
	for thread, total := range now {
		worst = max(worst, total-w.before[thread]) // a thread not seen before began at zero
	}
	w.before = now
	return worst
}

// runDelays reads how long each thread of a process has been runnable without running. Empty if the process is gone or the
// kernel does not say (CONFIG_SCHED_INFO).
func runDelays(pid int) map[string]time.Duration {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	delays := make(map[string]time.Duration, len(threads))
	for _, t := range threads {
		text, err := os.ReadFile(dir + "/" + t.Name() + "/schedstat")
		if d, ok := runDelay(string(text)); err == nil && ok {
			delays[t.Name()] = d
		}
	}
	return delays
}

// runDelay reads the second of schedstat's three numbers: nanoseconds run, nanoseconds waited in a run queue, turns
// (Documentation/scheduler/sched-stats.rst). A wait is added when it ends.
func runDelay(schedstat string) (time.Duration, bool) {
	fields := strings.Fields(schedstat)
	if len(fields) != 3 {
		return 0, false
	}
	ns, err := strconv.ParseInt(fields[1], 10, 64)
	return time.Duration(ns), err == nil && ns >= 0
}
