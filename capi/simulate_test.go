//go:build cgo

package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/impair"
	"github.com/musubi-p2p/musubi/core/node"
)

// A command's bytes become the two directions that were asked for; without any, none.
func TestSimulateCommand(t *testing.T) {
	g := newGame(t)
	both := [2]simulation{{loss: 50_000, burst: 3, latency: 25_000, jitter: 10_000, flags: simulateKeepOrder, reorder: 20_000, holdBack: 7000,
		duplicate: 1000, queueTime: 250_000, queueBytes: 5000, seed: 42, rate: 10_000_000}, {latency: 1}}
	g.send(cmdSimulate, unsafe.Slice((*byte)(unsafe.Pointer(&both)), unsafe.Sizeof(both)), false)
	var c node.Command
	if !g.h.NextCommand(&c) || c.Kind != node.CmdSimulate {
		t.Fatalf("got %+v", c)
	}
	want := impair.Config{Loss: 0.05, Burst: 3, Latency: 25 * time.Millisecond, Jitter: 10 * time.Millisecond, KeepOrder: true, Reorder: 0.02,
		HoldBack: 7 * time.Millisecond, Duplicate: 0.001, QueueTime: 250 * time.Millisecond, QueueBytes: 5000, Rate: 10_000_000}
	if s := c.Simulation; s.Out != want || s.OutSeed != 42 || s.In != (impair.Config{Latency: time.Microsecond}) || s.InSeed == 0 {
		t.Errorf("got %+v", s)
	}
	if none := simulationOf(make([]byte, unsafe.Sizeof(both))); none.Out != (impair.Config{}) || none.In != (impair.Config{}) {
		t.Errorf("got %+v", none)
	}
}

// The networks that simulate.c fills in are those of core/impair, all of them.
func TestSimulationPresetsAreImpairs(t *testing.T) {
	source, err := os.ReadFile("simulate.c")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(source), "presets[] = {")
	found := regexp.MustCompile(`\{"([^"]+)",\s*\{([^}]*)\},\s*([^,]+),\s*([^}]+)\}`).FindAllStringSubmatch(table, -1)
	for i, l := range impair.Presets() {
		if i >= len(found) || found[i][1] != l.Name {
			t.Fatalf("preset %d of core/impair is %s; simulate.c has %v", i, l.Name, found)
		}
		for _, field := range strings.Split(found[i][2]+", .rate = "+found[i][3], ",") {
			checkMember(t, l.Name, field, l.Out)
		}
		if got := cNumber(t, found[i][4]); got != uint64(l.In.Rate) {
			t.Errorf("%s: incoming rate %d, want %d", l.Name, got, l.In.Rate)
		}
		out := l.Out
		out.Rate = l.In.Rate
		if out != l.In || strings.Count(found[i][2], ",")+1 != members(l.Out) {
			t.Errorf("%s: members %s for %+v", l.Name, found[i][2], l.Out)
		}
	}
	if len(found) != len(impair.Presets()) {
		t.Errorf("%d presets in simulate.c, %d in core/impair", len(found), len(impair.Presets()))
	}
}

// checkMember compares ".latency_us = 25000" with the configuration.
func checkMember(t *testing.T, preset, member string, c impair.Config) {
	t.Helper()
	key, value, _ := strings.Cut(strings.TrimSpace(member), " = ")
	got := uint64(1)
	if key != ".flags" {
		got = cNumber(t, value)
	}
	order := uint64(0)
	if c.KeepOrder {
		order = 1
	}
	want, known := map[string]uint64{".flags": order, ".latency_us": uint64(c.Latency.Microseconds()), ".jitter_us": uint64(c.Jitter.Microseconds()),
		".loss_ppm": uint64(c.Loss*1e6 + 0.5), ".loss_burst": uint64(c.Burst), ".queue_us": uint64(c.QueueTime.Microseconds()), ".rate": uint64(c.Rate)}[key]
	if !known || got != want {
		t.Errorf("%s: %s, want %d", preset, member, want)
	}
}

// members counts the fields that a preset's initialiser must name.
func members(c impair.Config) (n int) {
	for _, set := range []bool{c.KeepOrder, c.Latency != 0, c.Jitter != 0, c.Loss != 0, c.Burst != 0, c.QueueTime != 0} {
		if set {
			n++
		}
	}
	return n
}

// cNumber reads "8 * MILLION" or "768000".
func cNumber(t *testing.T, text string) uint64 {
	t.Helper()
	product := uint64(1)
	for _, factor := range strings.Split(text, "*") {
		factor = strings.ReplaceAll(strings.TrimSpace(factor), "MILLION", "1000000")
		n, err := strconv.ParseUint(factor, 10, 64)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		product *= n
	}
	return product
}
