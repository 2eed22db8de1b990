package view

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// scene is a chapter in the midst of things: direct, cut, relayed.
func scene() *State {
	s := &State{Of: 3}
	s.Begin(time.Second, "PR × PR", "two port-restricted NATs. 2000 reliable messages each way, the direct path is cut under them",
		[2]string{"port-restricted NAT", "port-restricted NAT"}, "linked", "profiled", "relayed", "direct", "cut", "relay takes over")
	for i := range s.Players {
		p := &s.Players[i]
		p.Linked, p.Room, p.Mapping, p.Filtering, p.Public = true, "ECWV3WTS", "endpoint-independent", "address-and-port-dependent", "198.51.100.1:52970"
		p.MoveTo(2*time.Second, "relay")
		p.MoveTo(3*time.Second, "direct4")
		p.MoveTo(6*time.Second, "relay")
		p.Loss, p.Resent = 0.032, 66
		for n := range 20 {
			p.Samples = append(p.Samples, Sample{2*time.Second + time.Duration(n)*cellTime, time.Duration(10*n) * time.Millisecond})
		}
	}
	s.Events = []Event{{At: 3 * time.Second, Text: "A  route is now direct4"}, {At: 5 * time.Second, Sign: '✂', Text: "the direct path is cut"}}
	for _, name := range []string{"linked", "profiled", "relayed", "direct", "cut"} {
		s.Reach(name)
	}
	s.Now, s.HeldAll = 7*time.Second, 12
	return s
}

// The whole picture at the usual size, without colour.
func TestPicture(t *testing.T) {
	want := strings.TrimPrefix(`
Musubi  1/3  PR × PR                                              ✓ 12    7.0 s
two port-restricted NATs. 2000 reliable messages each way, the direct path is …

A  port-restricted NAT  ● room ECWV3WTS B  port-restricted NAT  ● room ECWV3WTS
mapping  endpoint-independent           mapping  endpoint-independent
filter   address-and-port-dependent     filter   address-and-port-dependent
seen as  198.51.100.1:52970             seen as  198.51.100.1:52970
route    ◐ relay  190.0 ms  loss 3.2 %  route    ◐ relay  190.0 ms  loss 3.2 %
latency          ▁▁▂▃▄▅▅▆▇███████████   latency          ▁▁▂▃▄▅▅▆▇███████████

A ·······▒▒▒▒▒▒▒█████████████████████▒▒▒▒▒▒▒▒···························· route
B ·······▒▒▒▒▒▒▒█████████████████████▒▒▒▒▒▒▒▒····························
                              ✂                         ▒ relay  █ direct

✓ linked   ✓ profiled   ✓ relayed   ✓ direct   ✓ cut   ▶ relay takes over

  3.000  A  route is now direct4
  5.000  the direct path is cut`, "\n")
	got := strings.TrimRight(strings.Join(Render(scene(), 79, 24, Style{}), "\n"), "\n")
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Whatever the size, no line is too wide, there are not too many, and colour changes nothing but colour.
func TestEverySize(t *testing.T) {
	empty := &State{Of: 3}
	empty.Begin(0, "x", "", [2]string{"", ""})
	for _, s := range []*State{scene(), empty, {}} {
		for width := 1; width <= 200; width += 1 + width/30 {
			for _, height := range []int{1, 2, 5, 12, 18, 24, 60} {
				bare := Render(s, width, height, Style{})
				if len(bare) > height {
					t.Fatalf("%d lines in %d", len(bare), height)
				}
				coloured := Render(s, width, height, Style{Color: true})
				for i, l := range bare {
					if n := len([]rune(l)); n > width {
						t.Fatalf("%d × %d: line %d has %d cells: %q", width, height, i+1, n, l)
					}
					if strings.Contains(l, "\x1b") || strings.TrimRight(escape.ReplaceAllString(coloured[i], ""), " ") != l {
						t.Fatalf("%q is %q in colour", l, coloured[i])
					}
				}
			}
		}
	}
}

// Steps come in order; a chapter told once more begins anew; checks take the place of what happened.
func TestStory(t *testing.T) {
	s := scene()
	s.Reach("linked")
	if s.Steps[5].Done {
		t.Error("a step was reached out of order")
	}
	s.Checks = []Check{{Held, "this held"}, {Missed, "that did not"}}
	s.Wrong = 1
	text := strings.Join(Render(s, 79, 40, Style{}), "\n")
	for _, want := range []string{"✓ this held", "✗ that did not", "✗ 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "5.000") {
		t.Error("what happened stands among the checks")
	}
	s.Again(8 * time.Second)
	if s.Chapter != 1 || s.Steps[0].Done || len(s.Events)+len(s.Checks)+len(s.Players[0].Spans) > 0 || s.Players[1].NAT == "" {
		t.Errorf("%+v", s)
	}
}

// A low terminal loses gaps before it loses news, and news lose the oldest.
func TestLowTerminal(t *testing.T) {
	s := scene()
	for i := range 50 {
		s.Events = append(s.Events, Event{At: time.Duration(i) * time.Second, Text: fmt.Sprint("news ", i)})
	}
	lines := Render(s, 100, 20, Style{})
	if last := lines[len(lines)-1]; len(lines) != 20 || !strings.Contains(last, "news 49") {
		t.Errorf("%d lines, the last %q", len(lines), last)
	}
}

// What is drawn is one write, and nothing is written when nothing has changed; the terminal gets back what it had.
func TestScreen(t *testing.T) {
	var out writes
	s := NewScreen(&out)
	s.Draw([]string{"a", "b"}, false)
	s.Draw([]string{"a", "b"}, false)
	s.Draw([]string{"a", "b"}, true)
	s.Close()
	if len(out) != 4 || out[0] != enter || out[1] != begin+"a\x1b[K\r\nb\x1b[K"+end || out[2] != out[1] || out[3] != leave {
		t.Errorf("%q", out)
	}
}

type writes []string

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, string(b))
	return len(b), nil
}

func TestWrap(t *testing.T) {
	const in = "\n── short\n        ✓ one two three four five six\nunbreakable-word\n    x\n"
	const want = "\n── short\n        ✓ one two\n          three four\n          five six\nunbreakable-word\n    x\n"
	if got := Wrap(in, 20); got != want {
		t.Errorf("%q", got)
	}
}

// Colours take no room: a line of them that fits stays as it is.
func TestWrapOfColours(t *testing.T) {
	in := strings.Join(Routes(scene(), 79, Style{Color: true}), "\n") + "\n"
	if got := Wrap(in, 79); got != in {
		t.Errorf("%q became %q", in, got)
	}
}
