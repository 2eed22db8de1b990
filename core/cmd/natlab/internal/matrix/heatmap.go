package matrix

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// Heatmap is `natlab heatmap`: it draws a matrix that a laboratory wrote as JSON.
type Heatmap struct {
	JSON  string `arg:"" help:"What natlab sim or natlab matrix wrote." type:"existingfile"`
	Out   string `arg:"" help:"SVG file to write."`
	Title string `help:"Headline." default:"Direct connections by pair of NAT types"`
	Note  string `help:"Line below the headline." default:""`
}

// Run draws.
func (h *Heatmap) Run() error {
	f, err := os.Open(h.JSON)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	cells, err := ReadJSON(f)
	if err != nil {
		return fmt.Errorf("%s: %w", h.JSON, err)
	}
	return h.Write(cells)
}

// Write draws cells into the file Out.
func (h *Heatmap) Write(cells []Cell) error { return os.WriteFile(h.Out, []byte(h.draw(cells)), 0o644) }

// Measures of the picture in its own units, which browsers show as pixels.
const (
	cellWide, cellHigh = 74, 46
	leftEdge, topEdge  = 92, 128 // of the cells
	rightEdge          = 24
	below              = 76 // legend
)

// explained says under each column what its type stands for.
var explained = map[string]string{
	"PUB": "public", "FW": "firewall", "FC": "full cone", "AR": "address-r.", "PR": "port-restr.", "PRx": "poisonable",
	"SA": "sym. addr.", "SS": "sym. count.", "SB": "sym. block", "SR": "sym. random", Blocked: "no UDP",
}

func (h *Heatmap) draw(cells []Cell) string {
	rows := append([]string{}, Types...)
	for i := range cells {
		if ClassOf(cells[i].A, cells[i].B) == CUDP {
			rows = append(append([]string{}, Types...), Blocked)
		}
	}
	wide, high := leftEdge+len(Types)*cellWide+rightEdge, topEdge+len(rows)*cellHigh+below
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Helvetica, Arial, sans-serif" role="img">
<title>%s</title>
<rect width="100%%" height="100%%" fill="#ffffff"/>
`, wide, high, wide, high, html.EscapeString(h.Title))
	text(&b, 24, 36, 19, "start", "#14213d", "bold", h.Title)
	text(&b, 24, 58, 12.5, "start", "#5c677d", "normal", h.subtitle(cells))
	for i, col := range Types {
		x := float64(leftEdge + i*cellWide + cellWide/2)
		text(&b, x, topEdge-24, 14, "middle", "#14213d", "bold", col)
		text(&b, x, topEdge-9, 10.5, "middle", "#5c677d", "normal", explained[col])
	}
	for j, row := range rows {
		y := topEdge + j*cellHigh
		text(&b, leftEdge-12, float64(y+cellHigh/2+5), 14, "end", "#14213d", "bold", rowName(row))
		for i, col := range Types {
			if i > j { // the matrix is symmetric: one half says it all, and the eye finds a pair at once
				continue
			}
			drawCell(&b, leftEdge+i*cellWide, y, find(cells, row, col))
		}
	}
	if len(rows) > len(Types) { // the row without UDP is whole
		for i := range Types {
			drawCell(&b, leftEdge+i*cellWide, topEdge+len(Types)*cellHigh, find(cells, Blocked, Types[i]))
		}
	}
	standings(&b, cells)
	legend(&b, topEdge+len(rows)*cellHigh+30)
	b.WriteString("</svg>\n")
	return b.String()
}

// standings puts the classes and their goals into the half of the matrix that is empty.
func standings(b *strings.Builder, cells []Cell) {
	x, y := float64(leftEdge+5*cellWide+cellWide/2+8), float64(topEdge+28)
	column := func(at float64, y float64, anchor, weight, s string) {
		text(b, x+at, y, 11.5, anchor, "#44546a", weight, s)
	}
	column(0, y, "start", "bold", "class")
	column(190, y, "end", "bold", "pairs")
	column(246, y, "end", "bold", "direct")
	column(308, y, "end", "bold", "goal")
	for class := C1; class <= classes; class++ {
		s := summarize(cells, class, 0, 0)
		if s.cells == 0 {
			continue
		}
		goal := "relay"
		if g := GoalOf(class, 0); g.Direct > 0 {
			goal = percent(g.Direct) + " %"
		}
		y += 21
		column(0, y, "start", "bold", class.String())
		column(34, y, "start", "normal", classMeans[class])
		column(190, y, "end", "normal", fmt.Sprint(s.cells))
		column(246, y, "end", "bold", percent(float64(s.direct)/float64(max(s.trials, 1)))+" %")
		column(308, y, "end", "normal", goal)
	}
}

// classMeans says in a word or two what a class needs.
var classMeans = [...]string{"", "punching", "counting NAT", "carrier's block", "random ports", "hard × hard", "relay over TLS"}

func rowName(row string) string {
	if row == Blocked {
		return "no UDP"
	}
	return row
}

// subtitle gives the number that counts, and what the caller wants said.
func (h *Heatmap) subtitle(cells []Cell) string {
	mean, n, least, most := 0.0, 0, 0, 0
	for i := range cells {
		if c := &cells[i]; ClassOf(c.A, c.B) != CUDP {
			mean += c.Share()
			if n++; n == 1 {
				least = c.Trials
			}
			least, most = min(least, c.Trials), max(most, c.Trials)
		}
	}
	trials := fmt.Sprint(most)
	if least < most {
		trials = fmt.Sprintf("%d or %d", least, most)
	}
	line := fmt.Sprintf("mean %.1f %% direct over %d pairs, %s meetings each", 100*mean/float64(max(n, 1)), n, trials)
	if h.Note != "" {
		line += " · " + h.Note
	}
	return line
}

func drawCell(b *strings.Builder, x, y int, c *Cell) {
	if c == nil || c.Trials == 0 {
		return
	}
	fill, ink := colour(c)
	fmt.Fprintf(b, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s"/>`+"\n", html.EscapeString(tip(c)), x+2, y+2, cellWide-4, cellHigh-4, fill)
	middle := float64(x + cellWide/2)
	switch {
	case c.Failed == c.Trials:
		text(b, middle, float64(y+cellHigh/2+4), 11.5, "middle", ink, "normal", "no way yet")
	case c.Direct == 0:
		text(b, middle, float64(y+cellHigh/2+4), 12.5, "middle", ink, "normal", "relay")
	default:
		text(b, middle, float64(y+21), 14, "middle", ink, "bold", percent(c.Share())+" %")
		text(b, middle, float64(y+36), 10.5, "middle", ink, "normal", paces(c))
	}
	b.WriteString("</g>\n")
}

// paces writes p50 and p95 with one unit if they have it in common.
func paces(c *Cell) string {
	first, second := pace(c.ProbeP50), pace(c.ProbeP95)
	number, unit, _ := strings.Cut(first, " ")
	if strings.HasSuffix(second, " "+unit) {
		first = number
	}
	return first + " · " + second
}

// pace writes a time with its unit: milliseconds, from a second on seconds.
func pace(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v >= 1000:
		return fmt.Sprintf("%.1f s", *v/1000)
	}
	return fmt.Sprintf("%.0f ms", *v)
}

func tip(c *Cell) string {
	return fmt.Sprintf("%v (%v): %d of %d direct, first answer p50 %s p95 %s, first byte p50 %s p95 %s",
		c, ClassOf(c.A, c.B), c.Direct, c.Trials, pace(c.ProbeP50), pace(c.ProbeP95), pace(c.FirstByteP50), pace(c.FirstByteP95))
}

// Colours: relay is a calm grey-blue, since it works; direct goes from amber over light green to deep green, which also
// those who can't tell red from green see by its darkness; what failed is red.
var (
	relayFill, relayInk   = "#dfe6ee", "#44546a"
	failedFill, failedInk = "#f3d3d0", "#8c1c13"
	steps                 = []struct {
		from      float64 // share
		fill, ink string
		text      string
	}{
		{0.995, "#1a7f4b", "#ffffff", "≥ 99.5 %"},
		{0.97, "#4caf7a", "#06351d", "≥ 97 %"},
		{0.90, "#a3d9b1", "#14432a", "≥ 90 %"},
		{0.50, "#f2d57e", "#5a4500", "≥ 50 %"},
		{0, "#f0ae6b", "#5b2c00", "below"},
	}
)

func colour(c *Cell) (fill, ink string) {
	switch {
	case c.Failed == c.Trials:
		return failedFill, failedInk
	case c.Direct == 0:
		return relayFill, relayInk
	}
	for _, s := range steps {
		if c.Share() >= s.from {
			return s.fill, s.ink
		}
	}
	return failedFill, failedInk
}

func legend(b *strings.Builder, y int) {
	x := leftEdge
	entry := func(fill, label string, wide int) {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="18" height="14" rx="3" fill="%s"/>`+"\n", x, y-11, fill)
		text(b, float64(x+24), float64(y), 11.5, "start", "#44546a", "normal", label)
		x += wide
	}
	for _, s := range steps {
		entry(s.fill, s.text, 96)
	}
	entry(relayFill, "relayed", 84)
	entry(failedFill, "not connected", 120)
	text(b, leftEdge, float64(y+28), 11.5, "start", "#5c677d", "normal",
		"In a cell: meetings whose route stayed direct for 2 s with data both ways; p50 · p95 from keys on both sides to the first direct answer.")
}

func text(b *strings.Builder, x, y, size float64, anchor, fill, weight, s string) {
	fmt.Fprintf(b, `<text x="%g" y="%g" font-size="%g" text-anchor="%s" fill="%s" font-weight="%s">%s</text>`+"\n", x, y, size, anchor, fill, weight, html.EscapeString(s))
}
