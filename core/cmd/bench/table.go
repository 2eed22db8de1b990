//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
)

// view is a table of one benchmark: rows are libraries, or cases.
type view struct {
	title   string
	select_ func(r result) bool
	row     func(r result) string
	columns []column
}

type column struct{ title, key, format string }

func of(bench string) func(result) bool {
	return func(r result) bool { return r.text("bench") == bench }
}

func byLibrary(r result) string { return about[r.text("lib")] }

// views are all tables, in the order in which they are shown.
func views() []view {
	v := []view{
		{"bulk: 1 KiB messages, reliable and ordered, loopback", of("bulk"), byLibrary, []column{
			{"MB/s", "MBps", "%.0f"}, {"CPU s/GB receiver", "cpu_s_per_GB", "%.2f"}, {"CPU s/GB sender", "sender_cpu_s_per_GB", "%.2f"}, {"least", "least", "%.0f"}, {"most", "most", "%.0f"}}},
		{"rate: 64-byte messages, unreliable, delivered", of("rate"), byLibrary, []column{
			{"messages/s", "msgs_per_s", "%.0f"}, {"CPU s/GB receiver", "cpu_s_per_GB", "%.2f"}, {"least", "least", "%.0f"}, {"most", "most", "%.0f"}}},
	}
	for _, wait := range []string{"block", "spin"} {
		how := map[string]string{"block": "both ends block", "spin": "both ends spin"}[wait]
		v = append(v, view{"ping: 64 bytes there and back, reliable, " + how, func(r result) bool { return r.text("bench") == "ping" && r.text("wait") == wait }, byLibrary,
			[]column{{"p50 µs", "us_p50", "%.1f"}, {"p99 µs", "us_p99", "%.1f"}, {"CPU µs a ping", "cpu_us_per_ping", "%.1f"}, {"least p50", "least", "%.1f"}, {"most p50", "most", "%.1f"}}})
	}
	for _, c := range conditions {
		v = append(v, view{"lossy: 100 bytes at 60 Hz, reliable and ordered, one way in ms, 25 ms" + c.String(), c.is, byLibrary, []column{
			{"p50", "p50", "%.1f"}, {"p95", "p95", "%.1f"}, {"p99", "p99", "%.1f"}, {"p99.9", "p999", "%.1f"}, {"max", "max", "%.1f"}, {"wire bytes over plain", "bytes_ratio", "%.2f"}}})
	}
	byCase := func(r result) string { return r.text("case") }
	return append(v,
		view{"mixed: 10 Mbit/s, buffer 250 ms, 40 ms, simulated; the worst of the seeds", of("mixed"), byCase, []column{
			{"state p99 rises by ms", "p99_rise_ms", "%.1f"}, {"bulk's share of the rest", "bulk_share", "%.3f"}, {"Jain", "jain", "%.3f"}, {"share least", "share_least", "%.3f"},
			{"share most", "share_most", "%.3f"}, {"filled after s", "filled_after_s", "%.1f"}}},
		view{"api: ns a call, 64 bytes", of("api"), byLibrary, []column{
			{"send", "send_ns", "%.0f"}, {"send, library awake", "send_wake_ns", "%.0f"}, {"empty poll", "poll_empty_ns", "%.1f"}, {"message polled", "poll_msg_ns", "%.1f"}}},
		view{"mesh: 16 processes, each sends 60 Hz unreliable and 10 Hz reliable to the 15 others", of("mesh"), byLibrary, []column{
			{"CPU % of a core", "cpu_pct", "%.1f"}, {"most", "cpu_pct_max", "%.1f"}, {"RSS MB", "rss_MB", "%.1f"}, {"most", "rss_MB_max", "%.1f"}, {"received/s", "unreliable_per_s", "%.0f"}}},
		view{"relay: 64 pairs, 200 bytes both ways, loopback; all that comes back, then half of it", of("relay"),
			func(r result) string { return byLibrary(r) + ", " + r.text("case") }, []column{
				{"packets per CPU s", "packets_per_cpu_s", "%.0f"}, {"least", "least", "%.0f"}, {"most", "most", "%.0f"}, {"packets/s", "packets_per_s", "%.0f"},
				{"server's cores", "server_cores", "%.2f"}, {"others' cores", "others_cores", "%.2f"}, {"lost %", "lost_pct", "%.2f"}, {"half: packets/s", "half_per_s", "%.0f"}, {"p50 µs", "us_p50", "%.1f"},
				{"p99 µs", "us_p99", "%.1f"}, {"others' cores", "half_others_cores", "%.2f"}, {"bytes a pair", "pair_bytes", "%.0f"}}})
}

func (c condition) is(r result) bool {
	return r.text("bench") == "lossy" && r.num("loss") == c.loss && r.num("jitter") == float64(c.jitter.Milliseconds()) && r.num("burst") == c.burst
}

// String continues a sentence that ends in "25 ms".
func (c condition) String() string {
	s := ""
	if c.jitter > 0 {
		s = fmt.Sprintf(" + 0-%d ms with reordering", c.jitter.Milliseconds())
	}
	s += fmt.Sprintf(", %v %% lost", c.loss)
	if c.burst > 1 {
		s += fmt.Sprintf(" in runs of %v", c.burst)
	}
	return s
}

// writeTable shows everything that was measured, and then what became of the goals.
func writeTable(w io.Writer, all []result, markdown bool) {
	for _, v := range views() {
		var rows []result
		for _, r := range all {
			if v.select_(r) {
				rows = append(rows, r)
			}
		}
		if len(rows) > 0 {
			v.write(w, rows, markdown)
		}
	}
	writeVerdicts(w, all, markdown)
}

func (v view) write(w io.Writer, rows []result, markdown bool) {
	var columns []column
	for _, c := range v.columns { // without those that nobody has
		for _, r := range rows {
			if _, ok := r[c.key]; ok {
				columns = append(columns, c)
				break
			}
		}
	}
	lines := [][]string{{""}}
	for _, c := range columns {
		lines[0] = append(lines[0], c.title)
	}
	for _, r := range rows {
		line := []string{v.row(r)}
		for _, c := range columns {
			cell := ""
			if _, ok := r[c.key]; ok {
				cell = fmt.Sprintf(c.format, r.num(c.key))
			}
			line = append(line, cell)
		}
		lines = append(lines, line)
	}
	if markdown {
		fmt.Fprintf(w, "\n**%s**\n\n", v.title)
	} else {
		fmt.Fprintf(w, "\n%s\n", v.title)
	}
	writeCells(w, lines, markdown)
}

// writeCells lines columns up, the first to the left and the others to the right.
func writeCells(w io.Writer, lines [][]string, markdown bool) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			space := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			switch {
			case markdown && i == 0:
				b.WriteString("| " + cell + space + " |")
			case markdown:
				b.WriteString(" " + space + cell + " |")
			case i == 0:
				b.WriteString("  " + cell + space)
			default:
				b.WriteString("  " + space + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
		if markdown && n == 0 {
			fmt.Fprintln(w, "|---|"+strings.Repeat("---:|", len(line)-1))
		}
	}
}
