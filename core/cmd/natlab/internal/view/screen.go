package view

import (
	"io"
	"strings"
)

// Screen shows pictures on a terminal's other screen, so that what was there before comes back at the end.
type Screen struct {
	out  io.Writer
	last string
}

// ECMA-48 and xterm: the other screen (1049), the cursor (25), lines that wrap (7), and pictures that appear at once (2026), which a terminal
// that doesn't know it ignores.
const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	begin = "\x1b[?2026h\x1b[H"
	end   = "\x1b[J\x1b[?2026l"
)

// NewScreen takes the terminal over. Close gives it back.
func NewScreen(out io.Writer) *Screen {
	io.WriteString(out, enter)
	return &Screen{out: out}
}

// Draw shows a picture over the last one, in one write: nothing is erased before something else stands there.
func (s *Screen) Draw(lines []string, resized bool) {
	picture := begin + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K" + end
	if picture == s.last && !resized {
		return
	}
	s.last = picture
	io.WriteString(s.out, picture)
}

// Close gives the terminal back as it was.
func (s *Screen) Close() { io.WriteString(s.out, leave) }
