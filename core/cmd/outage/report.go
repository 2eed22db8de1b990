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
	Count int     `json:"count"`
	P50   float64 `json:"p50"` // ms, as all here
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
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
	Name      string   `json:"name"`
	What      string   `json:"what"`
	Node      int      `json:"node"`
	Rooms     int      `json:"rooms_of_that_node"`
	Direct    spread   `json:"direct_outage_ms"`
	Disturbed int      `json:"direct_flows_that_changed_route"`
	Relayed   spread   `json:"relayed_outage_ms"`
	Switched  int      `json:"relayed_flows_that_changed_route"`
	Resumed   spread   `json:"links_resumed_ms"`
	Moved     int      `json:"links_moved"`
	Joined    spread   `json:"newcomers_in_ms"`
	Made      float64  `json:"room_made_again_after_ms"`
	Took      float64  `json:"watched_s"`
	Stall     float64  `json:"machine_stood_still_ms"`
	Faults    []string `json:"faults"`
	kind      kind
}

func rowOf(o *outcome) row {
	return row{Name: o.name, What: o.what, Node: o.node, Rooms: o.rooms, Direct: spreadOf(o.direct), Disturbed: o.disturbed, Relayed: spreadOf(o.relayed),
		Switched: o.switched, Resumed: spreadOf(o.resumes), Moved: o.moves, Joined: spreadOf(o.joined), Made: float64(o.made.Milliseconds()), Took: o.took.Seconds(), Stall: float64(o.stall.Microseconds()) / 1000,
		Faults: o.faults, kind: o.kind}
}

// report is the file.
type report struct {
	Bus      string    `json:"bus"`
	Nodes    int       `json:"nodes"`
	Players  int       `json:"players"`
	Rooms    int       `json:"rooms"`
	Owners   int       `json:"changes_of_owner"`
	Contract []promise `json:"contract"`
	Kept     bool      `json:"kept"`
	Verdict  string    `json:"verdict"`
	Rows     []row     `json:"chapters"`
	Crowd    *crowded  `json:"crowd,omitempty"`
	Whole    string    `json:"whole"` // empty: every message arrived once and in order
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d players in %d rooms on %d nodes, %s; ms: p50 / p99 / max\n", r.Players, r.Rooms, r.Nodes, r.Bus)
	fmt.Fprintf(w, "%-8s %4s %5s  %-18s %-18s %8s  %-24s %5s  %-22s %4s %5s\n", "chapter", "node", "rooms", "direct outage", "relayed outage", "switched", "links resumed", "moved", "newcomers in", "s", "stall")
	for i := range r.Rows {
		x := &r.Rows[i]
		fmt.Fprintf(w, "%-8s %4d %5d  %-18v %-18v %8d  %-24s %5d  %-22s %4.0f %5.0f\n", x.Name, x.Node, x.Rooms, x.Direct, x.Relayed, x.Switched, x.Resumed.counted(), x.Moved, x.Joined.counted(), x.Took, x.Stall)
	}
	if x := r.Crowd; x != nil {
		fmt.Fprintf(w, "crowd of %d links: a signal from node to node %.2f / %.2f ms (p50, p99 of %d); %d of %d links of the dead node back after %.0f / %.0f / %.0f ms, %d answers \"come again later\"\n",
			x.Links, x.SignalP50, x.SignalP99, x.Calls, x.Back, x.Lost, x.BackP50, x.BackP99, x.BackMax, x.Waited)
	}
	fmt.Fprintf(w, "\n%-28s %-64s %10s %10s\n", "contract", "promise", "measured", "at most")
	for _, p := range r.Contract {
		mark := "kept"
		if !p.Kept {
			mark = "MISSED"
		}
		fmt.Fprintf(w, "%-28s %-64s %10s %10s  %s\n", p.Event, p.What, p.number(p.Measured), p.number(p.Most), mark)
	}
	for i := range r.Rows {
		for _, m := range r.Rows[i].Faults {
			fmt.Fprintf(w, "  FAULT in %s: %s\n", r.Rows[i].Name, m)
		}
	}
	if r.Whole != "" {
		fmt.Fprintln(w, "  FAULT:", strings.TrimSpace(r.Whole))
	}
}

// counted is a spread with how many there were.
func (s spread) counted() string {
	if s.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("%v (%d)", s, s.Count)
}
