package view

import "strings"

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
	if len([]rune(body)) <= width {
		return l
	}
	margin := strings.Repeat(" ", len(body)-len(strings.TrimLeft(body, " "))) // its own
	var out strings.Builder
	row := margin
	for i, word := range strings.Fields(body) {
		if i > 0 && len([]rune(row))+1+len([]rune(word)) > width && strings.TrimSpace(row) != "" {
			out.WriteString(row + "\n")
			row = margin + "  "
		} else if i > 0 {
			row += " "
		}
		row += word
	}
	return out.String() + row + l[len(body):]
}
