//go:build linux

package main

import (
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

func TestRunDelay(t *testing.T) {
	if d, ok := runDelay("220019195 930025261 285\n"); !ok || d != 930025261*time.Nanosecond {
		t.Errorf("%v %v", d, ok)
	}
	for _, bad := range []string{"", "1 2", "1 2 3 4", "1 x 3", "1 -2 3"} {
		if _, ok := runDelay(bad); ok {
			t.Errorf("%q passes", bad)
		}
	}
	if d := runDelays(0); len(d) != 0 {
		t.Errorf("a process that does not exist waited: %v", d)
	}
}

// The kernel knows this very thread.
func TestRunDelaysOfOurselves(t *testing.T) {
	if _, err := os.Stat("/proc/thread-self/schedstat"); err != nil {
		t.Skip("this kernel does not count waits for a processor: ", err)
	}
	if _, ok := runDelays(os.Getpid())[strconv.Itoa(os.Getpid())]; !ok {
		t.Error("the main thread is missing")
	}
}

// The worst thread counts, not the sum of all; a thread that is new has waited since it was made.
func TestWaiter(t *testing.T) {
	const ms = time.Millisecond
	w := &waiter{}
	for i, look := range []struct {
		now  map[string]time.Duration
		want time.Duration
	}{
		{map[string]time.Duration{"1": 5 * ms}, 5 * ms},
		{map[string]time.Duration{"1": 65 * ms, "2": 60 * ms}, 60 * ms},
		{map[string]time.Duration{"1": 65 * ms, "2": 360 * ms, "3": 10 * ms}, 300 * ms},
		{map[string]time.Duration{"1": 66 * ms, "3": 10 * ms}, ms},
		{nil, 0},
	} {
		if got := w.look(look.now); got != look.want {
			t.Errorf("look %d: %v, want %v", i, got, look.want)
		}
	}
}

// A watch gives the counters of its beginning and its end, however short it was, and the longest stall that it met.
func TestWatch(t *testing.T) {
	var links [wan.Sides]wan.Link
	for i := range links {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		links[i].FD = pair[0]
		t.Cleanup(func() { unix.Close(pair[1]) })
	}
	r, err := wan.New(links, wan.Shape{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	before := wan.Now()
	w := startWatch(r)
	w.follow("the test", os.Getpid())
	saw := w.stop()
	if n := len(saw.samples); n < 2 || saw.samples[0].at < before || saw.samples[n-1].at > wan.Now() {
		t.Errorf("%+v", saw.samples)
	}

	w = &watch{router: r}
	w.met(20*time.Millisecond, "a")
	w.met(300*time.Millisecond, "b")
	w.met(30*time.Millisecond, "c")
	if w.seen.stall != (stall{300 * time.Millisecond, "b"}) || w.seen.stall.String() != "b for 300 ms" {
		t.Errorf("%v", w.seen.stall)
	}
}
