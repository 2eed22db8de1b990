package matrix

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

const rtt, relayRTT = 40 * time.Millisecond, 80 * time.Millisecond

// The classes of docs/NAT.md have 33, 4, 3, 10 and 5 pairs, in whichever order a pair is named.
func TestClasses(t *testing.T) {
	count := map[Class]int{}
	for i, a := range Types {
		for _, b := range Types[i:] {
			count[ClassOf(a, b)]++
			if ClassOf(a, b) != ClassOf(b, a) {
				t.Errorf("%s × %s is %v one way and %v the other", a, b, ClassOf(a, b), ClassOf(b, a))
			}
		}
		if ClassOf(a, Blocked) != CUDP {
			t.Errorf("%s × %s: %v", a, Blocked, ClassOf(a, Blocked))
		}
	}
	for class, want := range map[Class]int{C1: 33, C2: 4, C3: 3, C4: 10, C5: 5} {
		if count[class] != want {
			t.Errorf("%v has %d pairs, want %d", class, count[class], want)
		}
	}
	for pair, want := range map[string]Class{"PRx:SS": C2, "SS:SS": C2, "FW:SB": C3, "PR:SR": C4, "SA:SR": C4, "SA:AR": C1, "SS:SB": C5, "SR:SR": C5, "SR:FC": C1} {
		a, b, _ := strings.Cut(pair, ":")
		if got := ClassOf(a, b); got != want {
			t.Errorf("%s: %v, want %v", pair, got, want)
		}
	}
}

func number(v float64) *float64 { return &v }

// Each goal is missed by what misses it and by nothing else.
func TestMisses(t *testing.T) {
	fine := Cell{A: "PR", B: "PR", Trials: 200, Direct: 199, Relay: 1, ProbeP50: number(90), ProbeP95: number(150), FirstByteP50: number(80), FirstByteP95: number(380)}
	if m := fine.Misses(rtt, relayRTT); len(m) > 0 {
		t.Errorf("a cell at its limits misses %v", m)
	}
	for name, spoil := range map[string]func(*Cell){
		"198.0":          func(c *Cell) { c.Direct = 198 },
		"p50":            func(c *Cell) { c.ProbeP50 = number(90.1) },
		"p95":            func(c *Cell) { c.ProbeP95 = number(151) },
		"first byte p50": func(c *Cell) { c.FirstByteP50 = number(81) },
		"first byte p95": func(c *Cell) { c.FirstByteP95 = number(381) },
		"gave up":        func(c *Cell) { c.GaveUpMax = number(10001) },
		"lost":           func(c *Cell) { c.Lost = 1 },
		"doubled":        func(c *Cell) { c.Dup = 1 },
		"failed":         func(c *Cell) { c.Failed = 1 },
	} {
		c := fine
		spoil(&c)
		m := strings.Join(c.Misses(rtt, relayRTT), ", ")
		if name == "198.0" {
			name = "99.0 % direct"
		}
		if !strings.Contains(m, name) || strings.Contains(m, "% direct") != strings.Contains(name, "direct") {
			t.Errorf("%s: missed %q", name, m)
		}
	}
}

func TestBroken(t *testing.T) {
	for _, c := range []struct {
		cell   Cell
		broken bool
	}{
		{Cell{A: "PR", B: "PR", Trials: 10, Direct: 9, Relay: 1}, false},
		{Cell{A: "PR", B: "PR", Trials: 10, Direct: 8, Relay: 2}, true},
		{Cell{A: "PR", B: "SR", Trials: 10, Direct: 7, Relay: 3}, false},
		{Cell{A: "PR", B: "SR", Trials: 10, Direct: 6, Relay: 4}, true},
		{Cell{A: "SR", B: "SR", Trials: 10, Relay: 10, GaveUpMax: number(9000)}, false},
		{Cell{A: "SR", B: "SR", Trials: 10, Relay: 10, GaveUpMax: number(11000)}, true},
		{Cell{A: "SR", B: "SR", Trials: 10, Relay: 9, Failed: 1}, true},
		{Cell{A: "SR", B: "SR", Trials: 10, Relay: 10, Reordered: 1}, true},
		{Cell{A: Blocked, B: "PR", Trials: 3, Failed: 3}, true},
		{Cell{A: Blocked, B: "PR", Trials: 3, Relay: 2, Direct: 1}, true},
		{Cell{A: Blocked, B: "PR", Trials: 3, Relay: 3}, false},
	} {
		if got := BrokenCells([]Cell{c.cell}); (got != nil) != c.broken {
			t.Errorf("%+v: %v", c.cell, got)
		}
	}
}

func TestPercentile(t *testing.T) {
	var values []time.Duration
	for n := range 100 {
		values = append(values, time.Duration(100-n)*time.Millisecond)
	}
	if p50, p95 := Percentile(values, 50), Percentile(values, 95); *p50 != 50 || *p95 != 95 || Percentile(nil, 50) != nil {
		t.Error(*p50, *p95)
	}
}

// What is written is read again, and every table and picture can be made of it.
func TestReports(t *testing.T) {
	cells := []Cell{
		{A: "PR", B: "SR", Trials: 200, Direct: 199, Relay: 1, ProbeP50: number(412), ProbeP95: number(1630), GaveUpMax: number(9000), Why: "<&>"},
		{A: "SR", B: "SR", Trials: 200, Relay: 200},
		{A: Blocked, B: "PR", Trials: 3, Failed: 3},
	}
	name := filepath.Join(t.TempDir(), "cells.json")
	if err := WriteJSON(name, cells); err != nil {
		t.Fatal(err)
	}
	picture := Heatmap{JSON: name, Out: name + ".svg", Title: "a & b", Note: "<note>"}
	if err := picture.Run(); err != nil {
		t.Fatal(err)
	}
	svg, _ := os.ReadFile(picture.Out)
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
	var table strings.Builder
	WriteGrid(&table, cells)
	WriteClasses(&table, cells, rtt, relayRTT)
	for _, want := range []string{"99.5 412", "relay", "failed", "C4", "mean direct over 2 pairs: 49.8 %"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	for _, want := range []string{"99.5 %", "412 ms · 1.6 s", "no way yet"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in the picture", want)
		}
	}
	if _, err := ReadJSON(strings.NewReader("{}\n")); err == nil {
		t.Error("a line without a pair was taken")
	}
	if _, err := ReadJSON(strings.NewReader("nonsense\n")); err == nil {
		t.Error("nonsense was taken")
	}
}
