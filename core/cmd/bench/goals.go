//go:build linux

package main

import (
	"fmt"
	"io"
)

// goal is a figure that Musubi promises itself, and what it is measured against.
type goal struct {
	what string
	get  func(all results) (value float64, ok bool) // ok: it was measured
	most bool                                       // value must be at most limit, else at least
	// limit is a number, or somebody else's figure in the same run.
	limit  func(all results) (float64, bool)
	format string
}

type results []result

// find gives one figure of a library.
func (all results) find(bench, lib, key string, more func(r result) bool) (float64, bool) {
	for _, r := range all {
		if _, has := r[key]; has && r.text("bench") == bench && r.text("lib") == lib && (more == nil || more(r)) {
			return r.num(key), true
		}
	}
	return 0, false
}

func number(v float64) func(results) (float64, bool) {
	return func(results) (float64, bool) { return v, true }
}

// times is a multiple of a library's figure.
func times(factor float64, bench, lib, key string, more func(r result) bool) func(results) (float64, bool) {
	return func(all results) (float64, bool) {
		v, ok := all.find(bench, lib, key, more)
		return factor * v, ok
	}
}

func goals() (all []goal) {
	own := func(bench, key string, more func(r result) bool) func(results) (float64, bool) {
		return times(1, bench, "musubi", key, more)
	}
	add := func(what string, get func(results) (float64, bool), most bool, limit func(results) (float64, bool), format string) {
		all = append(all, goal{what, get, most, limit, format})
	}
	add("bulk, half of raw UDP + AES-GCM with GSO, MB/s", own("bulk", "MBps", nil), false, times(0.5, "bulk", "raw-gso", "MBps", nil), "%.0f")
	add("bulk, 10 × quic-go, MB/s", own("bulk", "MBps", nil), false, times(10, "bulk", "quic-go", "MBps", nil), "%.0f")
	add("rate, messages/s", own("rate", "msgs_per_s", nil), false, number(2_000_000), "%.0f")
	add("rate, 3 × ENet, messages/s", own("rate", "msgs_per_s", nil), false, times(3, "rate", "enet", "msgs_per_s", nil), "%.0f")
	for _, wait := range []string{"block", "spin"} {
		how := func(r result) bool { return r.text("wait") == wait }
		add("ping, "+wait+", p50 µs", own("ping", "us_p50", how), true, number(60), "%.1f")
		add("ping, "+wait+", ENet's p50, µs", own("ping", "us_p50", how), true, times(1, "ping", "enet", "us_p50", how), "%.1f")
	}
	plain, rough := conditions[0].is, conditions[1].is
	add("lossy 5 %, p95 ms", own("lossy", "p95", plain), true, number(43), "%.1f")
	add("lossy 5 %, p99 ms", own("lossy", "p99", plain), true, number(45), "%.1f")
	add("lossy 5 %, p99 ms, stretch", own("lossy", "p99", plain), true, number(35), "%.1f")
	add("lossy 5 %, wire bytes over plain", own("lossy", "bytes_ratio", plain), true, number(2.5), "%.2f")
	add("lossy 10 % + jitter, p95 ms", own("lossy", "p95", rough), true, number(50), "%.1f")
	add("lossy 10 % + jitter, p99 ms", own("lossy", "p99", rough), true, number(65), "%.1f")
	worst := func(key string, most bool) func(results) (float64, bool) {
		return func(all results) (value float64, ok bool) {
			for _, r := range all {
				if _, has := r[key]; has && r.text("bench") == "mixed" && (!ok || (r.num(key) > value) == most) {
					value, ok = r.num(key), true
				}
			}
			return value, ok
		}
	}
	add("mixed, state's p99 rises by, ms", worst("p99_rise_ms", true), true, number(15), "%.1f")
	add("mixed, bulk's share of the rest", worst("bulk_share", false), false, number(0.85), "%.3f")
	add("mixed, two bulk flows, Jain", worst("jain", false), false, number(0.95), "%.3f")
	add("mixed, against CUBIC, least share", worst("share_least", false), false, number(0.2), "%.3f")
	add("mixed, against CUBIC, most share", worst("share_most", true), true, number(0.8), "%.3f")
	add("mixed, 1 Gbit/s filled after, s", worst("filled_after_s", true), true, number(2), "%.1f")
	add("api, send, ns", own("api", "send_ns", nil), true, number(50), "%.0f")
	add("api, empty poll, ns", own("api", "poll_empty_ns", nil), true, number(10), "%.1f")
	add("api, message polled, ns", own("api", "poll_msg_ns", nil), true, number(20), "%.1f")
	add("mesh, CPU of a process, % of a core", own("mesh", "cpu_pct", nil), true, number(3), "%.1f")
	add("mesh, RSS of a process, MB", own("mesh", "rss_MB", nil), true, number(25), "%.1f")
	for _, how := range relayCases {
		is := func(r result) bool { return r.text("case") == how.name }
		add("relay, "+how.name+", 1.5 × coturn, packets per CPU s", own("relay", "packets_per_cpu_s", is), false, times(1.5, "relay", "coturn", "packets_per_cpu_s", is), "%.0f")
	}
	single := func(r result) bool { return r.text("case") == relayCases[0].name }
	add("relay, added at half load, p50 µs", own("relay", "us_p50", single), true, number(40), "%.1f")
	add("relay, added at half load, p99 µs", own("relay", "us_p99", single), true, number(250), "%.1f")
	add("relay, resident bytes a pair", own("relay", "pair_bytes", single), true, number(1500), "%.0f")
	return all
}

// writeVerdicts shows what was measured against each goal. Nothing depends on it: a busy machine is no bug.
func writeVerdicts(w io.Writer, all results, markdown bool) {
	lines := [][]string{{"goal", "wanted", "measured", ""}}
	for _, g := range goals() {
		value, ok := g.get(all)
		limit, known := g.limit(all)
		if !ok || !known {
			continue
		}
		sign, verdict := "≥ ", "missed"
		if g.most {
			sign = "≤ "
		}
		if g.most && value <= limit || !g.most && value >= limit {
			verdict = "reached"
		}
		lines = append(lines, []string{g.what, sign + fmt.Sprintf(g.format, limit), fmt.Sprintf(g.format, value), verdict})
	}
	if len(lines) == 1 {
		return
	}
	fmt.Fprintln(w)
	writeCells(w, lines, markdown)
}
