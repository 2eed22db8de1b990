//go:build linux

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

// A meeting goes on until the way is decided, and not longer.
func TestDecided(t *testing.T) {
	const keys, direct, back = "t=10 peer_connected peer=1 route=relay", "t=10.3 route_changed route=direct4", "t=11 route_changed route=relay"
	const gaveUp = "t=13.7 punch peer=1 ok=0 text=x"
	for _, c := range []struct {
		name  string
		a, b  []string
		until time.Duration // from when on it is decided
	}{
		{"no keys yet", []string{keys}, nil, time.Hour},
		{"both direct, the later counts", []string{keys, direct}, []string{keys, "t=10.5 route_changed route=direct4"}, 12750 * time.Millisecond},
		{"one direct, the other silent", []string{keys, direct}, []string{keys}, 23 * time.Second},
		{"one fell back and found another way", []string{keys, direct, back, "t=12 route_changed route=direct4"}, []string{keys, direct}, 14250 * time.Millisecond},
		{"both gave up", []string{keys, "t=12 punch ok=0"}, []string{keys, gaveUp}, 14700 * time.Millisecond},
		{"one gave up, the other got an answer", []string{keys, gaveUp}, []string{keys, "t=10.1 punch ok=1"}, 23 * time.Second},
		{"gave up, then found a way", []string{keys, gaveUp, "t=15 punch ok=1", "t=15 route_changed route=direct4"}, []string{keys, "t=15 route_changed route=direct4"}, 17250 * time.Millisecond},
	} {
		logs := [2]harness.Log{transcript(t, c.a...), transcript(t, c.b...)}
		if decided(logs, c.until) && c.until < time.Hour || c.until < time.Hour && !decided(logs, c.until+time.Millisecond) || c.until == time.Hour && decided(logs, c.until) {
			t.Errorf("%s: not decided just after %v", c.name, c.until)
		}
	}
}

// The scores say what was reached, what was asked, and what is missing.
func TestScores(t *testing.T) {
	pairs, err := parsePairs("PR:PR,PR:SS,SR:SR")
	if err != nil {
		t.Fatal(err)
	}
	put := func(p *pair, n int, o outcome) {
		for range n {
			p.outcomes = append(p.outcomes, o)
		}
	}
	o := outcome{verdict: direct, probe: 50 * time.Millisecond, gaveUp: -1, firstByte: 41 * time.Millisecond}
	put(pairs[0], 20, o)
	o.probe = 200 * time.Millisecond
	put(pairs[1], 38, o)
	put(pairs[1], 2, outcome{verdict: relay, gaveUp: 4 * time.Second, firstByte: 41 * time.Millisecond})
	put(pairs[2], 1, outcome{verdict: relay, gaveUp: 11 * time.Second, firstByte: 81 * time.Millisecond, tally: tally{lost: 1}})
	var out bytes.Buffer
	missing := writeScores(&out, pairs, 20*time.Millisecond)
	want := `
Goals (docs/NAT.md)
  class  pairs  meetings   direct     goal  pong p50/p95       goal  first byte  gave up by  lost/dup/reordered
✓ C1         1        20    100 % ≥ 99.5 %         50/50     90/150       41/41           –               0/0/0
✗ C2         1        40     95 %   ≥ 98 %       200/200    190/350       41/41       4.0 s               0/0/0  95 % direct, goal 98 %; p50 200 ms, goal 190
✗ C5         1         1      0 %        –             –          –       81/81      11.0 s               1/0/0  gave up after 11000 ms, goal 10000
✗ first byte, slowest cell SR × SR: 81/81 ms, goal p50 ≤ 80, p95 ≤ 380
✗ reliable messages of all meetings: 1 lost, 0 doubled, 0 out of order, 0 corrupt
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if len(missing) != 4 || !strings.HasPrefix(missing[0], "C2: ") {
		t.Errorf("%q", missing)
	}
	if scoreOf(matrix.C1, []*pair{{a: lab.PR, b: lab.PR}}, 0).meetings != 0 {
		t.Error("a cell without meetings counts")
	}
}
