//go:build linux

package main

import (
	"fmt"
	"html"
	"strings"
)

// svg is a drawing that is readable on a light and on a dark page: no background, text in a colour of the page's scheme,
// lines in colours that stand out from both.
type svg struct {
	strings.Builder
	width, height float64
}

const svgStyle = `text{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:#24292f}` +
	`.small{font-size:12px}.dim{fill:#57606a}.title{font-size:15px;font-weight:600}.strong{font-weight:700}` +
	`.grid{stroke:#8c959f;stroke-opacity:.3;stroke-width:1}.axis{stroke:#8c959f;stroke-width:1}` +
	`@media (prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9da7b3}}`

func newSVG(width, height float64, about string) *svg {
	s := &svg{width: width, height: height}
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">`+"\n<style>%s</style>\n",
		width, height, width, height, html.EscapeString(about), svgStyle)
	return s
}

func (s *svg) done() string { return s.String() + "</svg>\n" }

// text writes at a place; anchor is start, middle or end.
func (s *svg) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, html.EscapeString(text))
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(s, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

func (s *svg) curve(colour string, width float64, points [][2]float64) {
	fmt.Fprintf(s, `<polyline fill="none" stroke="%s" stroke-width="%g" stroke-linejoin="round" points="`, colour, width)
	for i, p := range points {
		if i > 0 {
			s.WriteByte(' ')
		}
		fmt.Fprintf(s, "%.1f,%.1f", p[0], p[1])
	}
	s.WriteString("\"/>\n")
}

func (s *svg) bar(colour string, x, y, width, height float64) {
	fmt.Fprintf(s, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s"/>`+"\n", x, y, width, height, colour)
}
