package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// cellJSON is a pair's line in the JSON output (docs/NAT.md). Percentiles are over the meetings in which the thing
// happened, null if it never did.
type cellJSON struct {
	A            string   `json:"a"`
	B            string   `json:"b"`
	Trials       int      `json:"trials"`
	Direct       int      `json:"direct"`
	Relay        int      `json:"relay"`
	Failed       int      `json:"failed"`
	ProbeP50     *float64 `json:"ms_probe_p50"`
	ProbeP95     *float64 `json:"ms_probe_p95"`
	RouteP50     *float64 `json:"ms_route_p50"`
	RouteP95     *float64 `json:"ms_route_p95"`
	FirstByteP50 *float64 `json:"first_byte_ms_p50"`
	FirstByteP95 *float64 `json:"first_byte_ms_p95"`
	Lost         int      `json:"lost"`
	Dup          int      `json:"dup"`
	Reordered    int      `json:"reordered"`
	Corrupt      int      `json:"corrupt"`
}

func summarize(p *pair) cellJSON {
	var probe, route, first []time.Duration
	var t tally
	count := map[verdict]int{}
	for _, o := range p.outcomes {
		count[o.verdict]++
		t.add(o.tally)
		if o.verdict == direct {
			probe, route = append(probe, o.probe), append(route, o.route)
		}
		if o.verdict != failed && o.firstByte >= 0 {
			first = append(first, o.firstByte)
		}
	}
	return cellJSON{
		A: string(p.a), B: string(p.b), Trials: len(p.outcomes),
		Direct: count[direct], Relay: count[relay], Failed: count[failed],
		ProbeP50: percentile(probe, 50), ProbeP95: percentile(probe, 95),
		RouteP50: percentile(route, 50), RouteP95: percentile(route, 95),
		FirstByteP50: percentile(first, 50), FirstByteP95: percentile(first, 95),
		Lost: t.lost, Dup: t.dup, Reordered: t.reordered, Corrupt: t.corrupt,
	}
}

// percentile takes the nearest rank, in milliseconds with one decimal; nil without values.
func percentile(values []time.Duration, percent int) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*percent + 99) / 100
	ms := math.Round(float64(sorted[max(rank, 1)-1])/float64(time.Millisecond)*10) / 10
	return &ms
}

// cell describes a pair's meetings in one line.
func cell(p *pair) string {
	s := summarize(p)
	line := fmt.Sprintf("direct %3d  relay %3d  failed %3d of %d", s.Direct, s.Relay, s.Failed, s.Trials)
	if s.ProbeP50 != nil {
		line += fmt.Sprintf("   pong %4.0f/%4.0f  route %4.0f/%4.0f", *s.ProbeP50, *s.ProbeP95, *s.RouteP50, *s.RouteP95)
	} else {
		line += "   pong    –/   –  route    –/   –"
	}
	if s.FirstByteP50 != nil {
		line += fmt.Sprintf("  first byte %4.0f/%4.0f ms", *s.FirstByteP50, *s.FirstByteP95)
	}
	return line
}

// writeMatrix prints the pairs for people: ✓ every meeting was as demanded, ✗ not, – none was held.
func writeMatrix(out io.Writer, pairs []*pair) {
	fmt.Fprintf(out, "\nTimes in ms, p50/p95: "+
		"pong and route from the moment both have keys, first byte from keys at the sender\n\n")
	for _, p := range pairs {
		mark := "✓"
		if verify([]*pair{p}) != nil {
			mark = "✗"
		}
		if len(p.outcomes) == 0 {
			mark = "–"
		}
		fmt.Fprintf(out, "%s %-3s × %-3s %s\n", mark, p.a, p.b, cell(p))
	}
	writeTriangle(out, pairs)
}

// writeTriangle prints the cells as a table of row × column.
func writeTriangle(out io.Writer, pairs []*pair) {
	cells := map[[2]string]string{}
	var names []string
	for _, p := range pairs {
		s := summarize(p)
		text := fmt.Sprintf("D%d R%d", s.Direct, s.Relay)
		if s.Failed > 0 {
			text += fmt.Sprintf(" ✗%d", s.Failed)
		}
		cells[[2]string{s.A, s.B}] = text
		for _, n := range []string{s.A, s.B} {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	fmt.Fprintf(out, "\n%-5s", "")
	for _, col := range names {
		fmt.Fprintf(out, "%-12s", col)
	}
	for _, row := range names {
		fmt.Fprintf(out, "\n%-5s", row)
		for _, col := range names {
			fmt.Fprintf(out, "%-12s", cells[[2]string{row, col}])
		}
	}
	fmt.Fprintln(out)
}

// writeJSON writes one object per line.
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
