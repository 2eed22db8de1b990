//go:build linux

package main

import (
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

// summarize adds a pair's meetings up.
func summarize(p *pair) matrix.Cell {
	var probe, route, gaveUp, first, connect []time.Duration
	var t tally
	why := ""
	count := map[verdict]int{}
	for _, o := range p.outcomes {
		count[o.verdict]++
		if why == "" && o.verdict != direct {
			why = o.why
		}
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
		if o.verdict != failed && o.connect >= 0 && classOf(p.a, p.b) == matrix.CUDP {
			connect = append(connect, o.connect)
		}
	}
	return matrix.Cell{
		A: string(p.a), B: string(p.b), Trials: len(p.outcomes),
		Direct: count[direct], Relay: count[relay], Failed: count[failed], Disturbed: p.disturbed,
		ProbeP50: matrix.Percentile(probe, 50), ProbeP95: matrix.Percentile(probe, 95),
		RouteP50: matrix.Percentile(route, 50), RouteP95: matrix.Percentile(route, 95), GaveUpMax: matrix.Percentile(gaveUp, 100),
		FirstByteP50: matrix.Percentile(first, 50), FirstByteP95: matrix.Percentile(first, 95),
		ConnectP50: matrix.Percentile(connect, 50), ConnectP95: matrix.Percentile(connect, 95),
		Lost: t.lost, Dup: t.dup, Reordered: t.reordered, Corrupt: t.corrupt, Why: why,
	}
}

// cells is the whole matrix as both laboratories report it.
func cells(pairs []*pair) (list []matrix.Cell) {
	for _, p := range pairs {
		list = append(list, summarize(p))
	}
	return list
}
