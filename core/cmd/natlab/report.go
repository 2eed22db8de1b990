//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// cellJSON is a pair's line in the JSON output; its keys are a promise to whoever reads it. Percentiles are over the
// meetings in which the thing happened, null if it never did. Meetings held again because the machine stood still count
// as disturbed and as nothing else: a trial has one outcome.
type cellJSON struct {
	A            string   `json:"a"`
	B            string   `json:"b"`
	Class        string   `json:"class"`
	Trials       int      `json:"trials"`
	Direct       int      `json:"direct"`
	Relay        int      `json:"relay"`
	Failed       int      `json:"failed"`
	Disturbed    int      `json:"disturbed"`
	ProbeP50     *float64 `json:"ms_probe_p50"`
	ProbeP95     *float64 `json:"ms_probe_p95"`
	RouteP50     *float64 `json:"ms_route_p50"`
	RouteP95     *float64 `json:"ms_route_p95"`
	GaveUpMax    *float64 `json:"ms_gave_up_max"`
	FirstByteP50 *float64 `json:"first_byte_ms_p50"`
	FirstByteP95 *float64 `json:"first_byte_ms_p95"`
	Lost         int      `json:"lost"`
	Dup          int      `json:"dup"`
	Reordered    int      `json:"reordered"`
	Corrupt      int      `json:"corrupt"`
}

// summarize adds a pair's meetings up.
func summarize(p *pair) cellJSON {
	var probe, route, gaveUp, first []time.Duration
	var t tally
	count := map[verdict]int{}
	for _, o := range p.outcomes {
		count[o.verdict]++
		t.add(o.tally)
		if o.verdict == direct {
			probe, route = append(probe, o.probe), append(route, o.route)
		}
		if o.verdict == relay && o.gaveUp >= 0 {
			gaveUp = append(gaveUp, o.gaveUp)
		}
		if o.verdict != failed && o.firstByte >= 0 {
			first = append(first, o.firstByte)
		}
	}
	return cellJSON{
		A: string(p.a), B: string(p.b), Class: classOf(p.a, p.b).String(), Trials: len(p.outcomes),
		Direct: count[direct], Relay: count[relay], Failed: count[failed], Disturbed: p.disturbed,
		ProbeP50: percentile(probe, 50), ProbeP95: percentile(probe, 95),
		RouteP50: percentile(route, 50), RouteP95: percentile(route, 95), GaveUpMax: percentile(gaveUp, 100),
		FirstByteP50: percentile(first, 50), FirstByteP95: percentile(first, 95),
		Lost: t.lost, Dup: t.dup, Reordered: t.reordered, Corrupt: t.corrupt,
	}
}

// percentile takes the nearest rank, in milliseconds with one decimal; nil without values. Nothing is interpolated: each
// number in a report was measured once.
func percentile(values []time.Duration, percent int) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*percent + 99) / 100
	ms := math.Round(float64(sorted[max(rank, 1)-1])/float64(time.Millisecond)*10) / 10
	return &ms
}

// writeJSON writes one object per line, so that runs can be joined and searched without a parser.
func writeJSON(name string, pairs []*pair) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	enc := json.NewEncoder(f)
	for _, p := range pairs {
		if err := enc.Encode(summarize(p)); err != nil {
			_ = f.Close()
			return fmt.Errorf("write the matrix to %s: %w", name, err)
		}
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the matrix to %s: %w", name, err)
	}
	return nil
}
