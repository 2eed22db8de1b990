//go:build linux

package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// A matrix that was broken off in the middle of a line goes on where it was, with the same outcomes, and only under the same
// conditions.
func TestJournal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal")
	j, held, err := openJournal(name, "20 ms")
	if err != nil || len(held) != 0 {
		t.Fatal(held, err)
	}
	first := newPair(lab.PR, lab.SR)
	first.trials = 3
	was := []outcome{
		{verdict: direct, probe: 470 * time.Millisecond, route: time.Second, gaveUp: -1, firstByte: 41 * time.Millisecond, profiles: [2]string{"EI", "APD"}, stall: stall{time.Millisecond, "B"}},
		{verdict: failed, why: "lost", tally: tally{1, 2, 3, 4}, final: true},
	}
	for i, o := range was {
		if err := j.line(recordOf(first, 2-i, o, "/tmp/x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.line(record{A: "PR", B: "SR", Trial: 0, Disturbed: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.file.WriteString(`{"A":"PR","B":"SR","Tri`); err != nil {
		t.Fatal(err)
	}
	j.close()

	if j, held, err = openJournal(name, "20 ms"); err != nil {
		t.Fatal(err)
	}
	again := newPair(lab.PR, lab.SR)
	again.trials = 3
	if n := restore([]*pair{again, newPair(lab.SR, lab.SR)}, append(held, held...)); n != 2 || again.disturbed == 0 || !again.held[2] || !again.held[1] || again.held[0] ||
		!reflect.DeepEqual(again.outcomes, was) || len(again.misses) != 1 || !strings.Contains(again.misses[0], "/tmp/x") {
		t.Errorf("%d restored: %+v", n, again)
	}
	if err := j.line(recordOf(again, 0, was[0], "")); err != nil { // behind the last whole line
		t.Fatal(err)
	}
	j.close()
	if j, held, err = openJournal(name, "20 ms"); err != nil || len(held) != 4 {
		t.Errorf("%d meetings after the second run, %v", len(held), err)
	}
	j.close()
	if _, _, err := openJournal(name, "30 ms"); err == nil {
		t.Error("meetings of other conditions were taken")
	}
	if err := os.WriteFile(name, []byte("no journal\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openJournal(name, "20 ms"); err == nil {
		t.Error("another file was taken for a journal")
	}
	if j, held, err := openJournal("", ""); err != nil || held != nil || j.line("x") != nil {
		t.Error("a matrix without a journal", err)
	}
}

// In the gate a pair whose way is found by chance may be relayed once if it is then direct four times in a row; a failed
// meeting, a second relayed one, or a pair that needs no chance, is not asked again.
func TestAskAgain(t *testing.T) {
	for _, c := range []struct {
		kinds    string
		meetings []verdict
		again    bool
		further  []verdict
		holds    bool
	}{
		{"PR:SS", []verdict{direct, direct}, false, nil, true},
		{"PR:SS", []verdict{relay, direct}, true, []verdict{direct, direct, direct, direct}, true},
		{"PR:SS", []verdict{relay, direct}, true, []verdict{direct, relay, direct, direct}, false},
		{"PR:SS", []verdict{relay, relay}, false, nil, false},
		{"PR:SS", []verdict{failed, direct}, false, nil, false},
		{"PR:PR", []verdict{relay, direct}, false, nil, false},
		{"SR:SR", []verdict{direct, relay}, false, nil, false},
	} {
		cmd := &matrixCmd{Short: true, Trials: 2}
		pairs, err := parsePairs(c.kinds)
		if err != nil {
			t.Fatal(err)
		}
		cmd.share(pairs)
		p := pairs[0]
		for i, v := range c.meetings {
			p.add(i, outcome{verdict: v}, "")
		}
		if again := askAgain(pairs); again != c.again {
			t.Errorf("%s %v: asked again: %v", c.kinds, c.meetings, again)
		}
		for i, v := range c.further {
			p.add(len(c.meetings)+i, outcome{verdict: v}, "")
		}
		if held, all := progress(pairs); held != all || p.holds() != c.holds || (verify(pairs, nil) == nil) != c.holds {
			t.Errorf("%s %v %v: %d of %d, holds: %v", c.kinds, c.meetings, c.further, held, all, p.holds())
		}
	}
}

// The figures stand between their marks in NAT.md, and nothing is written where there is no place for them.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	c := &matrixCmd{Docs: dir, Trials: 1, Delay: 20 * time.Millisecond}
	p := newPair(lab.PR, lab.SR)
	c.share([]*pair{p})
	for i := range p.trials {
		p.add(i, outcome{verdict: direct, probe: 470 * time.Millisecond, firstByte: 41 * time.Millisecond}, "")
	}
	name := filepath.Join(dir, "NAT.md")
	if err := os.WriteFile(name, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.document([]*pair{p}); err == nil {
		t.Error("written into a document without a place")
	}
	if err := os.WriteFile(name, []byte("a\n"+figuresBegin+"old\n"+figuresEnd+"b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.document([]*pair{p}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil || !strings.HasPrefix(string(text), "a\n"+figuresBegin+"![Direct connections by pair of NAT types, Linux kernel](nat-kernel.svg)\n\n```\nkernel: 1 pairs, 2 meetings, direct RTT 40ms, relayed 80ms\n") ||
		!strings.HasSuffix(string(text), "```\n"+figuresEnd+"b\n") || strings.Contains(string(text), "old") || !strings.Contains(string(text), "✓ C4 ") {
		t.Errorf("%v\n%s", err, text)
	}
	for _, file := range []string{"nat-kernel.json", "nat-kernel.svg"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
}
