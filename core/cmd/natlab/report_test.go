//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

func TestSummary(t *testing.T) {
	p := newPair(lab.AR, lab.SR)
	p.disturbed = 2
	for i := range 20 {
		p.outcomes = append(p.outcomes, outcome{verdict: direct, probe: time.Duration(i+1) * time.Millisecond, route: time.Second, firstByte: 40 * time.Millisecond})
	}
	p.outcomes = append(p.outcomes, outcome{verdict: failed, probe: -1, route: -1, firstByte: -1, tally: tally{lost: 3, dup: 2, reordered: 1}})
	name := filepath.Join(t.TempDir(), "m.json")
	if err := matrix.WriteJSON(name, cells([]*pair{p, {a: lab.SR, b: lab.SR}})); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":"AR","b":"SR","trials":21,"direct":20,"relay":0,"failed":1,"ms_probe_p50":10,"ms_probe_p95":19,"ms_route_p50":1000,"ms_route_p95":1000,` +
		`"first_byte_ms_p50":40,"first_byte_ms_p95":40,"ms_gave_up_max":null,"lost":3,"dup":2,"reordered":1,"corrupt":0,"disturbed":2}
{"a":"SR","b":"SR","trials":0,"direct":0,"relay":0,"failed":0,"ms_probe_p50":null,"ms_probe_p95":null,"ms_route_p50":null,"ms_route_p95":null,` +
		`"first_byte_ms_p50":null,"first_byte_ms_p95":null,"ms_gave_up_max":null,"lost":0,"dup":0,"reordered":0,"corrupt":0}
`
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := row(p), "✗ AR  × SR       20      0       1       10/19   1000/1000       40/40   2 disturbed"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if rows := strings.Split(columns, "\n"); utf8.RuneCountInString(rows[len(rows)-1]) != utf8.RuneCountInString(row(&pair{})) {
		t.Errorf("heading and row differ in width:\n%s\n%s", columns, row(&pair{}))
	}
}

// The end of a matrix: only what was not as demanded, with its logs, and the grid with a share rounded down, a relay where
// it is demanded, a cell without meetings, and a direct path where there can be none.
func TestMatrixText(t *testing.T) {
	with := func(a, b lab.Kind, ms time.Duration, verdicts ...verdict) *pair {
		p := newPair(a, b)
		for i, v := range verdicts {
			p.add(i, outcome{verdict: v, probe: ms * time.Millisecond}, "/tmp/x")
		}
		return p
	}
	var out bytes.Buffer
	writeMatrix(&out, []*pair{
		with(lab.FC, lab.FC, 51, direct), with(lab.FC, lab.PR, 48, direct, direct, failed), with(lab.FC, lab.SR, 0),
		with(lab.PR, lab.PR, 0, failed), with(lab.PR, lab.SR, 99, relay, relay), with(lab.SR, lab.SR, 99, direct),
	})
	want := `
Not as demanded:
✗ FC  × PR   meeting 3: failed, demanded direct
             logs: /tmp/x
✗ PR  × PR   meeting 1: failed, demanded direct
             logs: /tmp/x
✗ SR  × SR   meeting 1: direct, demanded relay
             logs: /tmp/x

     FC          PR          SR
FC   100% 51     66% 48 ✗1   –
PR               ✗1          relay
SR                           100% 99 ✗1

% direct and p50 ms from keys on both sides to the first direct pong; ✗n: n meetings not as demanded; –: none held
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// On a terminal the counting line stands below the others and is taken back before each; elsewhere it does not exist.
func TestBoard(t *testing.T) {
	for _, live := range []bool{false, true} {
		var out bytes.Buffer
		b := newBoard(&out)
		if b.live {
			t.Fatal("a buffer is no terminal")
		}
		b.live = live
		b.status("1 of 2")
		b.line("a %s", "line")
		b.status("")
		want := "a line\n"
		if live {
			want = "\r\x1b[K1 of 2" + "\r\x1b[K" + "a line\n" + "\r\x1b[K1 of 2" + "\r\x1b[K"
		}
		if out.String() != want {
			t.Errorf("live %v: %q, want %q", live, out.String(), want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 20 * time.Millisecond: "20 ms", 2500 * time.Microsecond: "2.5 ms", 4 * time.Second: "4 s", 1500 * time.Millisecond: "1500 ms",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
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

// A chapter is told again only if nothing but time was missed, and the machine stood still. What it counted is forgotten.
func TestStoryToldAgain(t *testing.T) {
	long, brief := stall{stallLimit + 1, "x"}, stall{stallLimit, "x"}
	var out bytes.Buffer
	s := newStory(&out)
	s.check(true, "an earlier chapter")
	s.begin()
	if s.disturbed(long) {
		t.Error("told again though nothing was missed")
	}
	s.check(true, "delivery")
	s.timed("takeover", 301*time.Millisecond, 100*time.Millisecond)
	if s.disturbed(brief) || s.disturbed(stall{}) {
		t.Error("told again without a stall")
	}
	if !s.disturbed(long) {
		t.Error("not told again")
	}
	s.forget()
	if s.held != 1 || s.missed != 0 || s.late != 0 || s.chapter != (counts{}) {
		t.Errorf("not forgotten: %+v, chapter %+v", s.counts, s.chapter)
	}
	s.timed("takeover", -1, 100*time.Millisecond)
	s.check(false, "delivery")
	if s.disturbed(long) {
		t.Error("a stall excuses a lost message")
	}
	if s.missed != 2 || s.chapter.missed != 2 || s.late != 1 {
		t.Errorf("%+v", s.counts)
	}
}
