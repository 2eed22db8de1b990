package view

import (
	"fmt"
	"strings"
	"time"
)

// Style is how text is told apart. The zero value writes none: NO_COLOR.
type Style struct{ Color bool }

// ANSI's colours, which every terminal has in its own palette.
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// piece is text in one style.
type piece struct {
	style, text string
}

// line is a line of a picture. Every rune is one cell wide.
type line []piece

func (l line) width() (n int) {
	for _, p := range l {
		n += len([]rune(p.text))
	}
	return n
}

// cut leaves width cells at most; what is missing shows as an ellipsis.
func (l line) cut(width int) line {
	if l.width() <= width {
		return l
	}
	var out line
	for _, p := range l {
		runes := []rune(p.text)
		if len(runes) < width {
			out, width = append(out, p), width-len(runes)
			continue
		}
		if width > 0 {
			out = append(out, piece{p.style, string(runes[:width-1]) + "…"})
		}
		return out
	}
	return out
}

// fill makes the line width cells wide.
func (l line) fill(width int) line {
	l = l.cut(width)
	if n := width - l.width(); n > 0 {
		l = append(l, piece{plain, strings.Repeat(" ", n)})
	}
	return l
}

func (l line) write(s Style) string {
	var b strings.Builder
	for _, p := range l {
		if !s.Color || p.style == plain {
			b.WriteString(p.text)
		} else {
			b.WriteString("\x1b[" + p.style + "m" + p.text + "\x1b[m")
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// sideBySide is the least width at which the players stand beside each other.
const sideBySide = 72

// Render draws a state: at most height lines of at most width cells.
func Render(s *State, width, height int, style Style) []string {
	width, height = max(width, 1), max(height, 1)
	lines := []line{s.head(width), {{dim, s.About}}, nil}
	lines = append(lines, s.players(width)...)
	lines = append(lines, nil)
	lines = append(lines, s.timeline(width)...)
	lines = append(lines, nil)
	lines = append(lines, s.steps(width)...)
	lines = append(lines, nil)
	lines = append(lines, s.news(height-len(lines))...)
	if len(lines) > height {
		lines = withoutGaps(lines)
	}
	lines = lines[:min(len(lines), height)]
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.cut(width).write(style)
	}
	return out
}

// withoutGaps saves room in a low terminal.
func withoutGaps(lines []line) (out []line) {
	for _, l := range lines {
		if l.width() > 0 {
			out = append(out, l)
		}
	}
	return out
}

func (s *State) head(width int) line {
	left := line{{bold, "Musubi"}, {plain, fmt.Sprintf("  %d/%d  ", s.Chapter, s.Of)}, {bold, s.Title}}
	right := line{{green, fmt.Sprintf("%c %d", Held, s.HeldAll)}}
	if s.Wrong > 0 {
		right = append(right, piece{red, fmt.Sprintf("  %c %d", Missed, s.Wrong)})
	}
	right = append(right, piece{dim, fmt.Sprintf("  %5.1f s", s.Now.Seconds())})
	return append(left.fill(max(width-right.width()-1, 0)), append(line{{plain, " "}}, right...)...)
}

// players are what both see, side by side where there is room.
func (s *State) players(width int) []line {
	if width < sideBySide {
		return append(s.Players[0].card(s, width), s.Players[1].card(s, width)...)
	}
	half := (width + 1) / 2
	a, b := s.Players[0].card(s, half-1), s.Players[1].card(s, width-half)
	out := make([]line, len(a))
	for i := range a {
		out[i] = append(a[i].fill(half), b[i]...)
	}
	return out
}

// Labels on the left of a card are as wide as the longest one.
const label = 9

func labelled(name string, rest ...piece) line {
	return append(line{{dim, fmt.Sprintf("%-*s", label, name)}}, rest...)
}

// card is what one player sees; always as many lines.
func (p *Player) card(s *State, width int) []line {
	place := piece{dim, "○ no link"}
	switch {
	case p.Room != "":
		place = piece{green, "● room " + p.Room}
	case p.Linked:
		place = piece{green, "● linked"}
	}
	last := labelled("latency", sparkline(p.Samples, s.Now, max(width-label-1, 1)))
	if p.Done != "" {
		last = labelled("result", piece{plain, p.Done})
	}
	out := []line{
		{{bold, p.Name}, {plain, "  " + p.NAT + "  "}, place},
		labelled("mapping", known(p.Mapping)), labelled("filter", known(p.Filtering)), labelled("seen as", known(p.Public)),
		p.route(width), last,
	}
	for i := range out {
		out[i] = out[i].cut(width)
	}
	return out
}

// route is the way that the player's messages take now, and how good it is.
func (p *Player) route(width int) line {
	l := labelled("route", routeName(p.Route()))
	if n := len(p.Samples); n > 0 && p.Route() != "" {
		l = append(l, piece{plain, fmt.Sprintf("  %.1f ms", ms(p.Samples[n-1].RTT))}, piece{dim, fmt.Sprintf("  loss %.1f %%", 100*p.Loss)})
	}
	more := fmt.Sprintf("  resent %d", p.Resent)
	if p.Resent > 0 && l.width()+len(more) <= width {
		l = append(l, piece{dim, more})
	}
	return l
}

func known(s string) piece {
	if s == "" {
		return piece{dim, "…"}
	}
	return piece{plain, s}
}

func routeName(route string) piece {
	switch {
	case route == "":
		return piece{dim, "○ none"}
	case route == "relay":
		return piece{yellow, "◐ " + route}
	default:
		return piece{green, "● " + route}
	}
}

// Of the sparkline: how much time a cell stands for, and the latency that fills it.
const (
	cellTime = 250 * time.Millisecond
	fullRTT  = 100 * time.Millisecond
)

var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline shows the latest samples, one cell each cellTime, the newest on the right. Where nothing was measured stays empty.
func sparkline(samples []Sample, now time.Duration, width int) piece {
	cells := make([]rune, width)
	for i := range cells {
		cells[i] = ' '
	}
	last := int(now / cellTime)
	for _, x := range samples {
		if i := width - 1 - (last - int(x.At/cellTime)); i >= 0 && i < width {
			cells[i] = bars[min(int(x.RTT*time.Duration(len(bars))/fullRTT), len(bars)-1)]
		}
	}
	return piece{cyan, string(cells)}
}

// timeline shows each player's route over the chapter, and below what was done to the path.
func (s *State) timeline(width int) []line {
	took := max(s.Now-s.Began, 10*time.Second)
	cells := max(width-8, 1)
	at := func(t time.Duration) int { return min(max(int((t-s.Began)*time.Duration(cells)/took), 0), cells-1) }
	signs := []rune(strings.Repeat(" ", cells))
	for _, e := range s.Events {
		if e.Sign != 0 {
			signs[at(e.At)] = e.Sign
		}
	}
	out := make([]line, 0, 3)
	for i := range s.Players {
		out = append(out, append(line{{bold, s.Players[i].Name}, {plain, " "}}, s.Players[i].track(s, cells, at)...))
	}
	out[0] = append(out[0], piece{dim, " route"})
	below := line{{plain, "  "}, {red, strings.TrimRight(string(signs), " ")}}
	legend := line{{yellow, "▒"}, {dim, " relay  "}, {green, "█"}, {dim, " direct"}}
	if room := cells + 2 - below.width() - legend.width(); room > 0 {
		below = append(append(below, piece{plain, strings.Repeat(" ", room)}), legend...)
	}
	return append(out, below)
}

// Routes is what remains of a chapter when its picture is gone: who was on which route when.
func Routes(s *State, width int, style Style) (out []string) {
	for _, l := range s.timeline(width) {
		out = append(out, l.cut(width).write(style))
	}
	return out
}

// track is one player's route: a cell shows what it was in the end of its time.
func (p *Player) track(s *State, cells int, at func(time.Duration) int) (l line) {
	track := make([]piece, cells)
	for i := range track {
		track[i] = piece{dim, "·"}
	}
	for _, x := range p.Spans {
		to := x.To
		if to == 0 {
			to = s.Now
		}
		look := piece{green, "█"}
		switch x.Route {
		case "":
			look = piece{dim, "·"}
		case "relay":
			look = piece{yellow, "▒"}
		}
		for i := at(x.From); i <= at(to); i++ {
			track[i] = look
		}
	}
	for _, c := range track { // neighbours of one look are one piece
		if n := len(l); n > 0 && l[n-1].style == c.style {
			l[n-1].text += c.text
		} else {
			l = append(l, c)
		}
	}
	return l
}

// steps shows which steps held, and which one runs.
func (s *State) steps(width int) (out []line) {
	var l line
	running := true
	for _, step := range s.Steps {
		p := []piece{{dim, "○ " + step.Name}}
		switch {
		case step.Done:
			p = []piece{{green, "✓ "}, {plain, step.Name}}
		case running:
			p, running = []piece{{cyan, "▶ "}, {bold, step.Name}}, false
		}
		if l.width() > 0 && l.width()+3+line(p).width() > width {
			out, l = append(out, l), nil
		}
		if l.width() > 0 {
			l = append(l, piece{plain, "   "})
		}
		l = append(l, p...)
	}
	return append(out, l)
}

// news are the chapter's checks once they come, until then what happened last.
func (s *State) news(most int) (out []line) {
	for _, c := range s.Checks {
		style := map[Mark]string{Held: green, Missed: red, Noted: dim}[c.Mark]
		out = append(out, line{{style, string(c.Mark) + " "}, {plain, c.Text}})
	}
	if len(out) == 0 {
		for _, e := range s.Events {
			out = append(out, line{{dim, fmt.Sprintf("%7.3f  ", e.At.Seconds())}, {plain, e.Text}})
		}
	}
	return out[max(0, len(out)-max(most, 0)):]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
