package main

import (
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A message begins as in bindings/c/bench/measure.h: when it was sent (CLOCK_MONOTONIC, ns) and its number.
const headerSize = 16

// Go's monotonic clock is CLOCK_MONOTONIC with another zero.
var (
	clockZero = time.Now()
	clockBase = systemClock()
)

func systemClock() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

// nowNs is CLOCK_MONOTONIC, the same for all processes of the machine.
func nowNs() int64 { return clockBase + int64(time.Since(clockZero)) }

// sleepUntil waits in the system, as the C programs do: Go's own timers round to a millisecond.
func sleepUntil(at int64) {
	t := unix.NsecToTimespec(at)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &t, nil) == unix.EINTR {
	}
}

// cpuNs is this process's processor time so far.
func cpuNs() int64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func putHeader(b []byte, number uint32) {
	binary.LittleEndian.PutUint64(b, uint64(nowNs()))
	binary.LittleEndian.PutUint32(b[8:], number)
}

func readHeader(b []byte) (sent int64, number uint32) {
	return int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])
}

// quantile sorts nothing: values are sorted already.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// tally counts what arrives in bulk and rate.
type tally struct {
	first, begin, end, cpu    int64
	bytes, messages, disorder int64
	next                      uint32
}

func (t *tally) message(b []byte) {
	_, number := readHeader(b)
	if number != t.next {
		t.disorder++
	}
	t.next = number + 1
	if t.begin != 0 {
		t.bytes += int64(len(b))
		t.messages++
	}
}

// done looks at the clock and reports whether enough has been measured. Something has arrived.
func (t *tally) done(o *options) bool {
	now := nowNs()
	switch {
	case t.first == 0:
		t.first = now
	case t.begin == 0 && float64(now-t.first) >= o.warmup*1e9:
		t.begin, t.cpu = now, cpuNs()
	case t.begin != 0 && float64(now-t.begin) >= o.seconds*1e9:
		t.end, t.cpu = now, cpuNs()-t.cpu
	}
	return t.end != 0
}

func sorted(values []float64) []float64 {
	slices.Sort(values)
	return values
}
