package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// The benchmark lossy in virtual time, on the link with jitter: 24 connections of whole endpoints, found through a server,
// 1,500 reliable ordered messages of 100 bytes each at 60 Hz after 2 s of warm-up. Beside the goals no message may be late by
// anything but its own bad luck: what costs a third of a second on the real link is the machine (docs/BENCHMARKS.md).
func TestLossyLink(t *testing.T) {
	const (
		interval = time.Second / 60
		warm     = 120
		count    = 1500
	)
	connections := 24
	if raced || testing.Short() {
		connections = 4
	}
	var all []time.Duration
	for seed := range uint64(connections) {
		weather := Weather{Delay: 25 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.10}
		w, host, guest := pair(seed, "PUB", "PUB", weather, 100)
		if !w.Meet(host, guest, 10*time.Second) || !w.RunUntil(10*time.Second, func() bool { return guest.Route.Direct() }) {
			t.Fatalf("seed %d: host %v, guest %v", seed, host.Refused, guest.Refused)
		}
		began, n := w.Now(), 0
		host.OnEvent = func(now time.Time, ev *api.Event) {
			if ev.Kind == api.EventMessage {
				late := now.Sub(began) - time.Duration(n)*interval
				if n++; n > warm {
					all = append(all, late)
				}
				if late > 250*time.Millisecond {
					t.Errorf("seed %d: message %d came after %v", seed, n, late)
				}
			}
			host.note(now, ev)
		}
		guest.Stream(warm+count, interval, false)
		w.Run((warm+count)*interval + 2*time.Second)
		if len(host.Routes) != 1 || len(guest.Routes) != 1 {
			t.Errorf("seed %d: routes %v and %v", seed, host.Routes, guest.Routes)
		}
	}
	slices.Sort(all)
	if len(all) != connections*count {
		t.Fatalf("%d messages", len(all))
	}
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)))].Round(100 * time.Microsecond)
	}
	t.Logf("p50 %v, p95 %v, p99 %v, p99.9 %v, latest %v", at(.5), at(.95), at(.99), at(.999), all[len(all)-1])
	if at(.95) > 50*time.Millisecond || at(.99) > 65*time.Millisecond {
		t.Errorf("p95 %v, p99 %v, want at most 50 ms and 65 ms", at(.95), at(.99))
	}
}
