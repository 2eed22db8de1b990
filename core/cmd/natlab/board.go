//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// board prints lines as meetings end and, on a terminal, one line below them that counts: meetings are held in rounds over
// all pairs, so that for most of the time no pair is complete. Not for concurrent use.
type board struct {
	out    io.Writer
	live   bool      // a terminal, where a line can be taken back
	last   string    // the counting line as it stands there
	began  time.Time // of the meetings
	before int       // meetings that were held by then
	said   time.Time // elsewhere than on a terminal: when the counting line was printed last
}

// sayEvery is how often the counting line is printed where it can't be taken back: a file, a pipe.
const sayEvery = 30 * time.Second

func newBoard(out io.Writer) *board {
	b := &board{out: out}
	if f, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		b.live = err == nil
	}
	return b
}

// line prints a line that stays.
func (b *board) line(format string, args ...any) {
	below := b.last
	b.status("")
	fmt.Fprintf(b.out, format+"\n", args...)
	b.status(below)
}

// status replaces the counting line; empty takes it away.
func (b *board) status(text string) {
	if b.live && text != b.last {
		fmt.Fprintf(b.out, "\r\x1b[K%s", text) // back to the first column, and erase to the end of the line
		b.last = text
	}
	if !b.live && text != "" && !b.said.IsZero() && time.Since(b.said) > sayEvery {
		fmt.Fprintln(b.out, "  …", text)
		b.said = time.Now()
	}
}

// note prints an error that ends nothing.
func (b *board) note(err error) {
	if err != nil {
		b.line("%v", err)
	}
}

// start is told that meetings begin.
func (b *board) start(pairs []*pair) {
	b.began, b.said = time.Now(), time.Now()
	b.before, _ = progress(pairs)
}

// progress counts meetings that are over, and all.
func progress(pairs []*pair) (held, all int) {
	for _, p := range pairs {
		held += len(p.outcomes)
		all += p.trials
	}
	return held, all
}

// remaining estimates how long the rest takes, by what was held since the start.
func (b *board) remaining(pairs []*pair) string {
	held, all := progress(pairs)
	if held <= b.before || held == all {
		return ""
	}
	rest := time.Since(b.began) * time.Duration(all-held) / time.Duration(held-b.before)
	return fmt.Sprintf(", about %v left", rest.Round(10*time.Second))
}

// count says how far a matrix is.
func (b *board) count(pairs []*pair) string {
	var missed, disturbed int
	held, all := progress(pairs)
	for _, p := range pairs {
		missed += p.missed()
		disturbed += p.disturbed
	}
	text := fmt.Sprintf("%d of %d meetings, %d not as demanded", held, all, missed)
	if disturbed > 0 {
		text += fmt.Sprintf(", %d more disturbed and held again", disturbed)
	}
	return text
}

// The columns of row, in the same widths.
const (
	columns = `
Times in ms, p50/p95. Pong (first direct answer) and route (first direct route) count from when both have keys,
first byte from when its sender has.

  pair       direct  relay  failed        pong       route  first byte`
	indent = "             " // under the text behind a pair's name
)

// row describes a pair's meetings in one line: ✓ all were as demanded, ✗ not all.
func row(p *pair) string {
	mark := "✓"
	if !p.holds() {
		mark = "✗"
	}
	s := summarize(p)
	line := fmt.Sprintf("%s %v  %6d  %5d  %6d  %10s  %10s  %10s", mark, p, s.Direct, s.Relay, s.Failed,
		times(s.ProbeP50, s.ProbeP95), times(s.RouteP50, s.RouteP95), times(s.FirstByteP50, s.FirstByteP95))
	if p.disturbed > 0 {
		line += fmt.Sprintf("   %d disturbed", p.disturbed)
	}
	return line
}

func times(p50, p95 *float64) string {
	if p50 == nil || p95 == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f/%.0f", *p50, *p95)
}

// writeMatrix prints what was not as demanded, once more after the pages of progress, and the matrix.
func writeMatrix(out io.Writer, pairs []*pair) {
	heading := "\nNot as demanded:\n"
	for _, p := range pairs {
		for _, miss := range p.misses {
			fmt.Fprint(out, heading, miss, "\n")
			heading = ""
		}
	}
	writeGrid(out, pairs)
	fmt.Fprintln(out, "\n% direct and p50 ms from keys on both sides to the first direct pong; ✗n: n meetings not as demanded; –: none held")
}

// cell is a pair's field in the grid.
func cell(p *pair) string {
	s := summarize(p)
	var text string
	switch {
	case s.Trials == 0:
		return "–"
	case s.Direct > 0:
		text = fmt.Sprintf("%d%% %.0f", 100*s.Direct/s.Trials, *s.ProbeP50) // rounded down: 100 % means all
	case s.Relay > 0:
		text = "relay"
	}
	if n := p.missed(); n > 0 {
		text = strings.TrimSpace(text + fmt.Sprintf(" ✗%d", n))
	}
	return text
}

// writeGrid prints the cells as a table of row × column in the matrix's order, each column as wide as it must be.
func writeGrid(out io.Writer, pairs []*pair) {
	cells := map[[2]string]string{}
	var names []string
	width := 0
	order := append(slices.Clone(lab.Kinds), lab.Blocked)
	for _, p := range pairs {
		a, b, text := string(p.a), string(p.b), cell(p)
		if slices.Index(order, p.a) > slices.Index(order, p.b) {
			a, b = b, a
		}
		cells[[2]string{a, b}] = text
		width = max(width, utf8.RuneCountInString(text))
		for _, n := range []string{a, b} {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		return slices.Index(order, lab.Kind(x)) - slices.Index(order, lab.Kind(y))
	})
	print := func(first string, field func(col string) string) {
		line := fmt.Sprintf("%-5s", first)
		for _, col := range names {
			line += fmt.Sprintf("%-*s  ", max(width, 4), field(col))
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	fmt.Fprintln(out)
	print("", func(col string) string { return col })
	for _, row := range names {
		print(row, func(col string) string { return cells[[2]string{row, col}] })
	}
}

// brief writes a duration as one number with its unit, for people.
func brief(d time.Duration) string {
	if d >= time.Second && d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	tenths := math.Round(float64(d)/float64(time.Millisecond)*10) / 10
	return strconv.FormatFloat(tenths, 'f', -1, 64) + " ms"
}
