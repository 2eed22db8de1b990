//go:build cgo

package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// The runtime is a guest: two processors and 64 MiB unless the game says otherwise; the last value set wins, and a client that
// says nothing changes nothing.
func TestProcessBounds(t *testing.T) {
	threads, memory := runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1)
	defer func() {
		runtime.GOMAXPROCS(threads)
		debug.SetMemoryLimit(memory)
	}()
	debug.SetMemoryLimit(math.MaxInt64)
	var b processBounds
	for _, c := range []struct{ threads, memory, wantThreads, wantMiB uint32 }{
		{0, 0, 2, 64},
		{1, 0, 1, 64},
		{0, 0, 1, 64},
		{0, 300, 1, 300},
		{64, 16, 64, 16},
		{2, 64, 2, 64},
	} {
		b.set(c.threads, c.memory)
		want := min(int(c.wantThreads), runtime.NumCPU())
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("max_threads %d: GOMAXPROCS %d, want %d", c.threads, got, want)
		}
		if got := debug.SetMemoryLimit(-1) >> 20; got != int64(c.wantMiB) {
			t.Errorf("memory_mib %d: limit %d MiB, want %d", c.memory, got, c.wantMiB)
		}
	}
}
