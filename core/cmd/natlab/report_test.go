package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

func TestSummary(t *testing.T) {
	p := &pair{a: lab.PR, b: lab.SR}
	for i := range 20 {
		p.outcomes = append(p.outcomes, outcome{verdict: direct, probe: time.Duration(i+1) * time.Millisecond, route: time.Second, firstByte: 40 * time.Millisecond})
	}
	p.outcomes = append(p.outcomes, outcome{verdict: failed, probe: -1, route: -1, firstByte: -1, tally: tally{lost: 3, dup: 2, reordered: 1}})
	name := filepath.Join(t.TempDir(), "m.json")
	if err := writeJSON(name, []*pair{p, {a: lab.SR, b: lab.SR}}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":"PR","b":"SR","trials":21,"direct":20,"relay":0,"failed":1,"ms_probe_p50":10,"ms_probe_p95":19,"ms_route_p50":1000,"ms_route_p95":1000,` +
		`"first_byte_ms_p50":40,"first_byte_ms_p95":40,"lost":3,"dup":2,"reordered":1,"corrupt":0}
{"a":"SR","b":"SR","trials":0,"direct":0,"relay":0,"failed":0,"ms_probe_p50":null,"ms_probe_p95":null,"ms_route_p50":null,"ms_route_p95":null,` +
		`"first_byte_ms_p50":null,"first_byte_ms_p95":null,"lost":0,"dup":0,"reordered":0,"corrupt":0}
`
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var out bytes.Buffer
	writeMatrix(&out, []*pair{p})
	if !strings.Contains(out.String(), "✗ PR  × SR") || !strings.Contains(out.String(), "D20 R0 ✗1") {
		t.Errorf("matrix:\n%s", out.String())
	}
}

// A time over its goal holds up to three times the goal, and a time that was never measured does not.
func TestStoryGoals(t *testing.T) {
	var out bytes.Buffer
	s := newStory(&out)
	s.timed("a", 90*time.Millisecond, 100*time.Millisecond)
	s.timed("b", 300*time.Millisecond, 100*time.Millisecond)
	if s.missed != 0 || s.held != 2 {
		t.Errorf("%d missed:\n%s", s.missed, out.String())
	}
	s.timed("c", 301*time.Millisecond, 100*time.Millisecond)
	s.timed("d", -1, 100*time.Millisecond)
	if s.missed != 2 {
		t.Errorf("%d missed:\n%s", s.missed, out.String())
	}
}
