//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sample is a small run in which every kind of result occurs.
func sample() results {
	tail := []any{[]any{1.0, 25.1}, []any{0.5, 25.2}, []any{0.01, 44.0}, []any{0.0001, 80.0}, []any{0.00001, 90.0}}
	lossy := func(lib string, p99 float64) result {
		return result{"bench": "lossy", "lib": lib, "loss": 5.0, "jitter": 0.0, "burst": 0.0, "p50": 25.2, "p95": 42.0, "p99": p99, "max": 90.0, "bytes_ratio": 2.3, "tail": tail}
	}
	return results{
		{"bench": "machine", "cpu": "C", "cores": 2.0, "kernel": "6", "go": "go", "date": "2026-01-01"},
		{"bench": "bulk", "lib": "musubi", "MBps": 700.0}, {"bench": "bulk", "lib": "raw-gso", "MBps": 1500.0}, {"bench": "bulk", "lib": "quic-go", "MBps": 60.0},
		{"bench": "rate", "lib": "musubi", "msgs_per_s": 2.5e6},
		{"bench": "ping", "lib": "musubi", "wait": "block", "us_p50": 50.0}, {"bench": "ping", "lib": "enet", "wait": "block", "us_p50": 10.0},
		lossy("musubi", 44), lossy("enet", 90),
		{"bench": "mixed", "lib": "musubi", "case": "a", "jain": 0.99}, {"bench": "mixed", "lib": "musubi", "case": "b", "jain": 0.9},
	}
}

// A line keeps its keys in order and its figures exact, and reads back as it was.
func TestResultLine(t *testing.T) {
	r := sample()[7]
	line := r.line()
	if !strings.HasPrefix(line, `{"bench":"lossy","lib":"musubi","loss":5,"jitter":0,"burst":0,"bytes_ratio":2.3,"max":90,`) {
		t.Error(line)
	}
	back, err := parseResult(line)
	if err != nil || back.line() != line || !back.same(r) || back.same(sample()[8]) {
		t.Errorf("%v %s", err, back.line())
	}
}

// The median is taken of each figure by itself, and the spread is that of the one that matters.
func TestMedian(t *testing.T) {
	m := median([]result{{"bench": "bulk", "MBps": 3.0, "cpu": 1.0}, {"bench": "bulk", "MBps": 1.0, "cpu": 9.0}, {"bench": "bulk", "MBps": 2.0, "cpu": 5.0}}, "MBps")
	if m.num("MBps") != 2 || m.num("cpu") != 5 || m.num("least") != 1 || m.num("most") != 3 || m.num("rounds") != 3 || m.text("bench") != "bulk" {
		t.Error(m.line())
	}
}

// Keeping replaces what was measured again and nothing else.
func TestKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := writeResults(path, sample(), true); err != nil {
		t.Fatal(err)
	}
	if err := writeResults(path, results{{"bench": "bulk", "lib": "musubi", "MBps": 1.0}}, true); err != nil {
		t.Fatal(err)
	}
	all, err := readResults(path)
	if v, _ := results(all).find("bulk", "musubi", "MBps", nil); err != nil || len(all) != len(sample()) || v != 1 {
		t.Errorf("%v, %d results, MB/s %v", err, len(all), v)
	}
}

// A goal is judged only if it was measured, against the rival of the same run, and the worst case counts.
func TestVerdicts(t *testing.T) {
	var b strings.Builder
	writeVerdicts(&b, sample(), false)
	for _, want := range []string{"GSO, MB/s ≥ 750 700 missed", "10 × quic-go, MB/s ≥ 600 700 reached", "rate, messages/s ≥ 2000000 2500000 reached",
		"ENet's p50, µs ≤ 10.0 50.0 missed", "lossy 5 %, p99 ms ≤ 45.0 44.0 reached", "Jain ≥ 0.950 0.900 missed"} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "mesh") || strings.Contains(b.String(), "10 % + jitter") {
		t.Errorf("a goal was judged that nobody measured:\n%s", b.String())
	}
}

// Both drawings are XML, the same for the same run, and none without anything to draw.
func TestDrawings(t *testing.T) {
	for name, draw := range map[string]func(results) string{"latency": drawLatency, "speed": drawSpeed} {
		drawing := draw(sample())
		for d := xml.NewDecoder(strings.NewReader(drawing)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !strings.Contains(drawing, "Musubi") || drawing != draw(sample()) || draw(nil) != "" || strings.Contains(drawing, "NaN") {
			t.Errorf("%s: %s", name, drawing)
		}
	}
}

// Only what stands between the marks is written anew, twice the same.
func TestDocuments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	text := "before\n<!-- bench:summary -->\nold\n<!-- /bench -->\nbetween\n<!-- bench:machine --><!-- /bench -->\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := renewDocuments([]string{path}, sample()); err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(path)
		got := string(b)
		if strings.Contains(got, "old") || !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter\n") || !strings.Contains(got, "\nbetween\n") ||
			strings.Count(got, "Musubi ") != 1 || strings.Count(got, "Measured on") != 1 {
			t.Error(got)
		}
	}
	_ = os.WriteFile(path, []byte("<!-- bench:tables --> never closed"), 0o644)
	if renewDocuments([]string{path}, sample()) == nil {
		t.Error("a mark without an end was taken")
	}
}

// The distribution goes from the fastest to the rarest, and never back.
func TestTail(t *testing.T) {
	var ms []float64
	for i := range 10_000 {
		ms = append(ms, float64(i))
	}
	points := tail(ms)
	share, value := 2.0, -1.0
	for _, p := range points {
		s, v := p.([]any)[0].(float64), p.([]any)[1].(float64)
		if s >= share || v < value {
			t.Fatalf("%v comes after %v, %v", p, share, value)
		}
		share, value = s, v
	}
	if share > 0.00015 || value < 9998 {
		t.Errorf("ends at %v, %v", share, value)
	}
	if got := (condition{loss: 10, jitter: 10 * time.Millisecond}).String(); got != " + 0-10 ms with reordering, 10 % lost" {
		t.Error(got)
	}
}
