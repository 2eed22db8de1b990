package matrix

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteGrid prints the cells as a table of types × types: % direct and p50 in ms until the first direct answer.
func WriteGrid(out io.Writer, cells []Cell) {
	names := Types
	for i := range cells {
		if ClassOf(cells[i].A, cells[i].B) == CUDP {
			names = append(append([]string{}, Types...), Blocked)
		}
	}
	fmt.Fprintf(out, "\n%% direct, p50 ms from keys on both sides to the first direct answer\n%-9s", "")
	for _, col := range Types {
		fmt.Fprintf(out, "%-10s", col)
	}
	fmt.Fprintln(out)
	for _, row := range names {
		line := fmt.Sprintf("%-9s", row)
		for _, col := range Types {
			text := short(find(cells, row, col))
			line += text + strings.Repeat(" ", max(10-utf8.RuneCountInString(text), 1))
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

func short(c *Cell) string {
	switch {
	case c == nil || c.Trials == 0:
		return "–"
	case c.Failed == c.Trials:
		return "failed"
	case c.Direct == 0:
		return "relay"
	}
	return strings.TrimSpace(percent(c.Share()) + " " + ms(c.ProbeP50))
}

// percent rounds down, so that 100 means all.
func percent(share float64) string {
	tenths := int(share*1000 + 1e-9)
	if tenths%10 == 0 {
		return fmt.Sprint(tenths / 10)
	}
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

func ms(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", *v)
}

// summary is a class's cells put together: sums, and the worst cell of each number.
type summary struct {
	cells, trials, direct, relay, failed int
	worst                                *Cell // lowest share
	p50, p95, first50, first95, gaveUp   *float64
	misses                               []string
}

func worse(to **float64, v *float64) {
	if v != nil && (*to == nil || *v > **to) {
		*to = v
	}
}

func summarize(cells []Cell, class Class, rtt, relayRTT time.Duration) (s summary) {
	for i := range cells {
		c := &cells[i]
		if ClassOf(c.A, c.B) != class {
			continue
		}
		s.cells++
		s.trials += c.Trials
		s.direct += c.Direct
		s.relay += c.Relay
		s.failed += c.Failed
		if s.worst == nil || c.Share() < s.worst.Share() {
			s.worst = c
		}
		worse(&s.p50, c.ProbeP50)
		worse(&s.p95, c.ProbeP95)
		worse(&s.first50, c.FirstByteP50)
		worse(&s.first95, c.FirstByteP95)
		worse(&s.gaveUp, c.GaveUpMax)
		if m := c.Misses(rtt, relayRTT); len(m) > 0 {
			s.misses = append(s.misses, fmt.Sprintf("%v: %s", c, strings.Join(m, ", ")))
		}
	}
	return s
}

// WriteClasses prints the classes with their goals and says which hold; it reports whether all do. A class holds if each
// of its cells does.
func WriteClasses(out io.Writer, cells []Cell, rtt, relayRTT time.Duration) bool {
	all := true
	fmt.Fprintf(out, "\nclass  pairs  direct            worst pair          p50/p95 ms   gave up ms  goal\n")
	for class := C1; class <= classes; class++ {
		s := summarize(cells, class, rtt, relayRTT)
		if s.cells == 0 {
			continue
		}
		mark := "✓"
		if len(s.misses) > 0 || s.failed > 0 {
			mark, all = "✗", false
		}
		share := fmt.Sprintf("%d/%d", s.direct, s.trials)
		fmt.Fprintf(out, "%-5s  %5d  %-6s%-12s%-20s%-13s%-12s%s %s\n", class, s.cells, percent(float64(s.direct)/float64(s.trials)),
			share, pad(fmt.Sprintf("%v %s", s.worst, percent(s.worst.Share())), 20), ms(s.p50)+"/"+ms(s.p95), dash(ms(s.gaveUp)), mark, GoalOf(class, rtt).Text)
		for _, m := range s.misses {
			fmt.Fprintf(out, "         ✗ %s\n", m)
		}
	}
	mean, n, first50, first95 := 0.0, 0, (*float64)(nil), (*float64)(nil)
	var connect50, connect95 *float64
	for i := range cells {
		worse(&connect50, cells[i].ConnectP50)
		worse(&connect95, cells[i].ConnectP95)
		if c := &cells[i]; ClassOf(c.A, c.B) != CUDP {
			mean += c.Share()
			n++
			worse(&first50, c.FirstByteP50)
			worse(&first95, c.FirstByteP95)
		}
	}
	if connect50 != nil {
		fmt.Fprintf(out, "UDP blocked, first byte from connect, worst pair: p50 %s ms, p95 %s ms (goals %d, %d)\n", ms(connect50), ms(connect95),
			(ConnectTrips * relayRTT).Milliseconds(), (ConnectTrips*relayRTT + FirstByteTail).Milliseconds())
	}
	if n == 0 {
		return all
	}
	mean /= float64(n)
	mark := "✓"
	if n == pairs && mean < MeanGoal {
		mark, all = "✗", false
	}
	fmt.Fprintf(out, "mean direct over %d pairs: %.1f %% (goal %.0f %% over %d) %s\n", n, 100*mean, 100*MeanGoal, pairs, mark)
	fmt.Fprintf(out, "first byte, worst pair: p50 %s ms, p95 %s ms (goals %d, %d)\n", dash(ms(first50)), dash(ms(first95)),
		relayRTT.Milliseconds(), (relayRTT + FirstByteTail).Milliseconds())
	return all
}

const pairs = 55

// pad is %-*s for text that is not ASCII.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 1))
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
