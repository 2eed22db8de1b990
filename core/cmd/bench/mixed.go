//go:build linux

package main

import (
	"fmt"
	"math"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/sim"
)

// mixed plays core/sim's scenarios of congestion control under a virtual clock: the result depends on the seeds, not on the
// machine. Of several seeds the worst is told.
func (c *runCmd) mixed() (all []result) {
	seeds := uint64(3)
	if c.Quick {
		seeds = 1
	}
	ms := func(d time.Duration) float64 { return round(d.Seconds()*1e3, 1) }
	for _, mode := range []api.Mode{api.ReliableOrdered, api.Unreliable} {
		r := mixedResult(map[api.Mode]string{api.ReliableOrdered: "reliable", api.Unreliable: "unreliable"}[mode]+" state beside bulk", seeds)
		rise, share, queue := 0.0, math.Inf(1), 0.0
		for seed := range seeds {
			s := sim.StateBesideBulk(seed+1, mode)
			rise, share = max(rise, ms(s.With.At(0.99)-s.Alone.At(0.99))), min(share, s.BulkShare)
			queue = max(queue, ms(s.Queue.At(0.99)))
		}
		r["p99_rise_ms"], r["bulk_share"], r["queue_p99_ms"] = rise, round(share, 3), queue
		all = append(all, r)
	}
	for _, two := range sim.TwoFlowCases {
		r := mixedResult("two bulk flows, "+two.Name, seeds)
		jain := 1.0
		for seed := range seeds {
			jain = min(jain, sim.TwoFlows(seed+1, two).Jain)
		}
		r["jain"] = round(jain, 3)
		all = append(all, r)
	}
	for _, buffer := range []time.Duration{40 * time.Millisecond, 250 * time.Millisecond} {
		r := mixedResult(fmt.Sprintf("against CUBIC, buffer %v", buffer), seeds)
		least, most := 1.0, 0.0
		for seed := range seeds {
			share := sim.AgainstCubic(seed+1, buffer, false).Share
			least, most = min(least, share), max(most, share)
		}
		r["share_least"], r["share_most"] = round(least, 3), round(most, 3)
		all = append(all, r)
	}
	fill := sim.FillGigabit(1)
	r := mixedResult("1 Gbit/s, 40 ms", 1)
	r["filled_after_s"], r["third_second"] = fill.Filled.Seconds(), round(fill.Third, 3)
	all = append(all, r)
	for _, r := range all {
		fmt.Println("mixed ", r.line())
	}
	return all
}

func mixedResult(name string, seeds uint64) result {
	return result{"bench": "mixed", "lib": "musubi", "case": name, "seeds": float64(seeds)}
}
