//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type plotCmd struct {
	JSON string `name:"json" help:"File of a run." default:"docs/bench.json" type:"existingfile"`
	Out  string `help:"Directory for the SVGs." default:"docs" type:"existingdir"`

	Docs []string `help:"Documents whose tables between <!-- bench --> marks are renewed." default:"README.md,docs/BENCHMARKS.md"`
}

// Run draws bench-latency.svg and bench-speed.svg from what was measured, and renews the tables of the documents.
func (c *plotCmd) Run() error {
	all, err := readResults(c.JSON)
	if err != nil {
		return err
	}
	for _, d := range []struct{ name, drawing string }{{"bench-latency.svg", drawLatency(all)}, {"bench-speed.svg", drawSpeed(all)}} {
		path := filepath.Join(c.Out, d.name)
		if d.drawing == "" {
			fmt.Printf("%s has nothing to draw %s from\n", c.JSON, path)
			continue
		}
		if err := os.WriteFile(path, []byte(d.drawing), 0o644); err != nil {
			return err
		}
		fmt.Println("drew", path)
	}
	return renewDocuments(c.Docs, all)
}

// Colours stand out from white and from #0d1117, GitHub's two pages. Musubi's is the only warm one.
var colours = map[string]string{"musubi": "#e8590c", "enet": "#1c9a72", "quic-go": "#8457d4", "tcp": "#3b82c4", "raw": "#8c959f", "raw-gso": "#8c959f"}

// short names for the legend and the bars.
var short = map[string]string{"musubi": "Musubi", "enet": "ENet", "quic-go": "quic-go", "tcp": "TCP", "raw": "raw UDP + AES-GCM", "raw-gso": "raw UDP + AES-GCM, GSO"}

// panel is one diagram of latencies: x is logarithmic, milliseconds; y is the share of slower messages, logarithmic.
type panel struct{ left, top, width, height, fast, slow, rare float64 }

func (p panel) x(ms float64) float64 {
	return p.left + p.width*math.Log(min(max(ms, p.fast), p.slow)/p.fast)/math.Log(p.slow/p.fast)
}
func (p panel) y(share float64) float64 {
	return p.top + p.height*math.Log(max(share, p.rare))/math.Log(p.rare)
}

// drawLatency shows, for each link of lossy, how many messages were slower than so many milliseconds.
func drawLatency(all results) string {
	const width, height, perPanel = 900.0, 400.0, 300.0
	s := newSVG(width, height, "Share of messages slower than a given one-way latency, on three links that lose packets, by library")
	s.text(16, 24, "start", "title", "Reliable messages on a bad link: how many arrive later than …")
	s.text(16, 44, "start", "small dim", "100-byte messages, 60 a second, reliable and ordered; 25 ms each way; both axes logarithmic; lower and further left is better")
	drawn := map[string]bool{}
	for i, c := range conditions {
		p := panel{left: 52 + float64(i)*(perPanel-8), top: 96, width: perPanel - 48, height: 210, fast: 22, slow: 1500, rare: 1e-4}
		if i > 0 {
			p.left += 4
		}
		s.text(p.left, 82, "start", "strong", c.title())
		p.axes(s, i == 0)
		for _, lib := range drawOrder(all, c) {
			drawn[lib.text("lib")] = true
			width := 1.8
			if lib.text("lib") == "musubi" {
				width = 3
			}
			s.curve(colours[lib.text("lib")], width, p.points(lib))
		}
	}
	if len(drawn) == 0 {
		return ""
	}
	s.text(52+1.5*perPanel-24, 350, "middle", "small dim", "one-way latency, ms: from the send call to the return of the poll")
	x := 52.0
	for _, l := range libraries {
		if drawn[l.name] {
			s.bar(colours[l.name], x, 374, 22, 5)
			s.text(x+28, 381, "start", "small", short[l.name])
			x += 50 + 7.5*float64(len(short[l.name]))
		}
	}
	return s.done()
}

// title is a condition in few words.
func (c condition) title() string {
	switch {
	case c.jitter > 0:
		return fmt.Sprintf("%v %% lost, 0–%d ms jitter", c.loss, c.jitter.Milliseconds())
	case c.burst > 1:
		return fmt.Sprintf("%v %% lost, in runs of %v", c.loss, c.burst)
	}
	return fmt.Sprintf("%v %% lost", c.loss)
}

// drawOrder is the results of one link, Musubi's last, which is on top.
func drawOrder(all results, c condition) (found []result) {
	for _, r := range all {
		if c.is(r) && r["tail"] != nil {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b result) int {
		rank := map[bool]int{true: 1}
		return rank[a.text("lib") == "musubi"] - rank[b.text("lib") == "musubi"]
	})
	return found
}

func (p panel) axes(s *svg, labels bool) {
	for i, text := range []string{"100 %", "10 %", "1 %", "0.1 %", "0.01 %"} {
		share := math.Pow10(-i)
		s.line("grid", p.left, p.y(share), p.left+p.width, p.y(share))
		if labels {
			s.text(p.left-6, p.y(share)+4, "end", "small dim", text)
		}
	}
	for _, ms := range []float64{25, 50, 100, 200, 500, 1000} {
		s.line("grid", p.x(ms), p.top, p.x(ms), p.top+p.height)
		s.text(p.x(ms), p.top+p.height+18, "middle", "small dim", strconv.Itoa(int(ms)))
	}
	s.line("axis", p.left, p.top+p.height, p.left+p.width, p.top+p.height)
	s.line("axis", p.left, p.top, p.left, p.top+p.height)
}

// points are the distribution that was kept, down to one message in ten thousand.
func (p panel) points(r result) (points [][2]float64) {
	list, _ := r["tail"].([]any)
	for _, entry := range list {
		pair, _ := entry.([]any)
		if len(pair) != 2 {
			continue
		}
		share, _ := pair[0].(float64)
		ms, _ := pair[1].(float64)
		if share >= p.rare && ms > 0 {
			points = append(points, [2]float64{p.x(ms), p.y(share)})
		}
	}
	return points
}

// group is one set of bars.
type group struct {
	title, sub string
	bench, key string
	more       func(r result) bool
	format     func(v float64) string
}

var groups = []group{
	{"Bulk transfer", "MB/s delivered, 1 KiB messages, reliable and ordered; higher is better", "bulk", "MBps", nil, func(v float64) string { return fmt.Sprintf("%.0f", v) }},
	{"Small messages", "million a second delivered, 64 bytes, unreliable; higher is better", "rate", "msgs_per_s", nil, func(v float64) string { return fmt.Sprintf("%.2f", v/1e6) }},
	{"There and back", "µs for 64 bytes, reliable, both ends block, median; lower is better", "ping", "us_p50",
		func(r result) bool { return r.text("wait") == "block" }, func(v float64) string { return fmt.Sprintf("%.0f", v) }},
}

// drawSpeed shows the three figures of loopback as bars.
func drawSpeed(all results) string {
	const width, labels, most, rowHeight = 900.0, 196.0, 560.0, 25.0
	s := newSVG(width, 0, "Throughput, message rate and round trip over loopback, by library")
	y := 8.0
	for _, g := range groups {
		var rows []result
		top := 0.0
		for _, r := range all {
			if _, has := r[g.key]; has && r.text("bench") == g.bench && (g.more == nil || g.more(r)) {
				rows = append(rows, r)
				top = max(top, r.num(g.key))
			}
		}
		if len(rows) == 0 {
			continue
		}
		y += 20
		s.text(16, y, "start", "title", g.title)
		s.text(labels, y, "start", "small dim", g.sub)
		y += 12
		for _, r := range rows {
			lib, size := r.text("lib"), max(most*r.num(g.key)/top, 1.5)
			class := map[bool]string{true: "small strong", false: "small"}[lib == "musubi"]
			s.text(labels-10, y+14, "end", class, short[lib])
			s.bar(colours[lib], labels, y+2, size, rowHeight-8)
			s.text(labels+size+8, y+14, "start", class, g.format(r.num(g.key)))
			y += rowHeight
		}
		y += 12
	}
	if y == 8 {
		return ""
	}
	s.text(16, y+12, "start", "small dim", "Two processes on one machine with two cores. Musubi, quic-go and raw UDP encrypt; ENet and TCP do not. Raw UDP may lose and reorder.")
	return resize(s, y+24)
}

// resize sets the height, which is known last.
func resize(s *svg, height float64) string {
	done := s.done()
	from := fmt.Sprintf(`viewBox="0 0 %g 0" width="%g" height="0"`, s.width, s.width)
	to := fmt.Sprintf(`viewBox="0 0 %g %g" width="%g" height="%g"`, s.width, height, s.width, height)
	return strings.Replace(done, from, to, 1)
}
