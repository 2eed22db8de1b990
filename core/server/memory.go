package server

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go's collector waits until garbage is as much as what lives. For a server whose heap is links that rest that is wrong twice: with
// 100,000 of them (240 MB) as much again lies there as garbage, and what a crowd's arrival left behind is not looked at for two
// minutes, since links at rest leave next to none. So the share that may be garbage falls as the heap grows, and when it is calm after
// a storm the collector runs once and what it finds goes back to the system.
const (
	garbage      = 64 << 20 // bytes that are always allowed: 10,000 links come and go between two runs of the collector
	garbageShare = 25       // per cent of what lives: with more than 256 MB that is more
	mostPercent  = 200      // while hardly anything lives

	storm     = 4 << 20          // bytes allocated in a lookEvery: a hundred new links or so
	calmAfter = 10 * time.Second // of less
	lookEvery = time.Second
)

// keeper is that rule, fed once a lookEvery.
type keeper struct {
	percent   int
	allocated uint64    // so far
	stormy    time.Time // the last time; zero: never, or all is given back
}

// look takes what lives and what was allocated so far, in bytes, and says what Go is to be told: a new percentage (0: the old one
// will do), and whether to collect now.
func (k *keeper) look(now time.Time, live, allocated uint64) (percent int, collect bool) {
	want := int(min(max(garbage*100/max(live, 1), garbageShare), mostPercent))
	if off := want - k.percent; off*off*100 > k.percent*k.percent { // by a tenth: the world stops for a change
		k.percent, percent = want, want
	}
	if allocated-k.allocated >= storm {
		k.stormy = now
	}
	k.allocated = allocated
	if !k.stormy.IsZero() && now.Sub(k.stormy) >= calmAfter {
		k.stormy, collect = time.Time{}, true
	}
	return percent, collect
}

// keepMemory applies the rule until stop is closed. An operator who sets GOGC knows better.
func keepMemory(stop <-chan struct{}) {
	if os.Getenv("GOGC") != "" {
		return
	}
	before := debug.SetGCPercent(mostPercent)
	defer debug.SetGCPercent(before)
	k := keeper{percent: mostPercent}
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			metrics.Read(samples)
			percent, collect := k.look(now, samples[0].Value.Uint64(), samples[1].Value.Uint64())
			if percent > 0 {
				debug.SetGCPercent(percent)
			}
			if collect {
				debug.FreeOSMemory()
			}
		}
	}
}
