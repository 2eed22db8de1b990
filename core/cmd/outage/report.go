//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// quantile of durations, zero of none.
func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[min(int(q*float64(len(list))), len(list)-1)]
}

// spread is what the table and the file show of a list.
type spread struct {
	Count         int     `json:"count"`
	P50, P99, Max float64 // ms
}

func spreadOf(list []time.Duration) spread {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return spread{len(list), ms(quantile(list, 0.5)), ms(quantile(list, 0.99)), ms(quantile(list, 1))}
}

func (s spread) String() string {
	if s.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f / %.0f / %.0f", s.P50, s.P99, s.Max)
}

// row is a chapter in the file.
type row struct {
	Name     string   `json:"name"`
	Direct   spread   `json:"direct_outage_ms"`
	Relayed  spread   `json:"relayed_outage_ms"`
	Switched int      `json:"flows_that_changed_route"`
	Resumed  spread   `json:"links_resumed_ms"`
	Moved    int      `json:"links_moved"`
	Joined   float64  `json:"newcomer_in_ms"` // negative: never
	Took     float64  `json:"watched_s"`
	Faults   []string `json:"faults"`
	Missed   []string `json:"goals_missed"`
}

func rowOf(o *outcome) row {
	r := row{Name: o.name, Direct: spreadOf(o.direct), Relayed: spreadOf(o.relayed), Switched: o.switched, Resumed: spreadOf(o.resumes),
		Moved: o.moves, Joined: float64(o.joined.Milliseconds()), Took: o.took.Seconds(), Faults: o.faults}
	miss := func(what string, got float64, goal time.Duration) {
		if most := float64(goal.Milliseconds()); goal > 0 && got > most {
			r.Missed = append(r.Missed, fmt.Sprintf("%s: %.0f ms, at most %.0f are promised", what, got, most))
		}
	}
	miss("p99 of the relayed flows' outage", r.Relayed.P99, o.goal.relayed)
	miss("p99 of the links' return after their loss was noticed", r.Resumed.P99, o.goal.resumed)
	if o.goal.joined > 0 && o.joined > 0 {
		miss("a newcomer's wait for a room of that node", r.Joined, o.goal.joined)
	}
	return r
}

// report is the file.
type report struct {
	Bus     string `json:"bus"`
	Nodes   int    `json:"nodes"`
	Players int    `json:"players"`
	Rooms   int    `json:"rooms"`
	Rows    []row  `json:"chapters"`
	Whole   string `json:"whole"` // empty: every message arrived once and in order
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%d players in %d rooms on %d nodes, %s\n", r.Players, r.Rooms, r.Nodes, r.Bus)
	fmt.Fprintf(w, "%-9s %-20s %-20s %-8s %-20s %-6s %-8s\n", "", "direct outage", "relayed outage", "switched", "links resumed", "moved", "newcomer")
	fmt.Fprintf(w, "%-9s %-20s %-20s %-8s %-20s %-6s %-8s\n", "chapter", "p50/p99/max ms", "p50/p99/max ms", "flows", "p50/p99/max ms", "links", "in, ms")
	for i := range r.Rows {
		x := &r.Rows[i]
		fmt.Fprintf(w, "%-9s %-20s %-20s %-8d %-20s %-6d %-8.0f\n", x.Name, x.Direct, x.Relayed, x.Switched, fmt.Sprintf("%v (%d)", x.Resumed, x.Resumed.Count), x.Moved, x.Joined)
	}
	for i := range r.Rows {
		for _, m := range r.Rows[i].Missed {
			fmt.Fprintf(w, "  missed in %s: %s\n", r.Rows[i].Name, m)
		}
		for _, m := range r.Rows[i].Faults {
			fmt.Fprintf(w, "  FAULT in %s: %s\n", r.Rows[i].Name, m)
		}
	}
	if r.Whole != "" {
		fmt.Fprintln(w, "  FAULT:", strings.TrimSpace(r.Whole))
	}
}

// broken reports whether anything happened that never may.
func (r *report) broken() bool {
	return r.Whole != "" || slices.ContainsFunc(r.Rows, func(x row) bool { return len(x.Faults) > 0 })
}

func (r *report) missed() bool {
	return slices.ContainsFunc(r.Rows, func(x row) bool { return len(x.Missed) > 0 })
}
