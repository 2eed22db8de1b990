package view

import (
	"regexp"
	"strings"
)

// colours are what Style writes, which takes no room.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func cells(s string) int { return len([]rune(colours.ReplaceAllString(s, ""))) }

// Wrap breaks the lines of a text between words, so that none is wider than width cells where that can be; what is continued stands
// under the text of its first line, two cells further in.
func Wrap(text string, width int) string {
	var out strings.Builder
	for l := range strings.Lines(text) {
		out.WriteString(wrapLine(l, width))
	}
	return out.String()
}

func wrapLine(l string, width int) string {
	body := strings.TrimRight(l, "\n")
	if cells(body) <= width {
		return l
	}
	margin := strings.Repeat(" ", len(body)-len(strings.TrimLeft(body, " "))) // its own
	var out strings.Builder
	row := margin
	for i, word := range strings.Fields(body) {
		if i > 0 && cells(row)+1+cells(word) > width && strings.TrimSpace(row) != "" {
			out.WriteString(row + "\n")
			row = margin + "  "
		} else if i > 0 {
			row += " "
		}
		row += word
	}
	return out.String() + row + l[len(body):]
}
