//go:build linux

package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// terminal opens a pair of pseudo-terminals: what a program writes to the one is read from the other.
func terminal(t *testing.T, columns, rows uint16) (program *os.File, written <-chan string) {
	t.Helper()
	reader, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { reader.Close() })
	fd := int(reader.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
	chunks := make(chan string, 1<<16) // more than a test's pictures: whoever draws never waits for the test
	go func() {
		defer close(chunks)
		b := make([]byte, 4096)
		for {
			n, err := reader.Read(b)
			if err != nil {
				return // closed
			}
			chunks <- string(b[:n])
		}
	}()
	return program, chunks
}

// until takes what the program writes until something has come.
func until(t *testing.T, written <-chan string, want string) (all string) {
	t.Helper()
	for !strings.Contains(all, want) {
		chunk, ok := <-written
		if !ok {
			t.Fatalf("the end, waiting for %q behind %q", want, all)
		}
		all += chunk
	}
	return all
}

// On a terminal the story is a picture, and its checks stay when that has gone.
func TestStoryOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	out, in := terminal(t, 100, 30)
	s := newStory(out)
	if s.live = newLive(out, s.began, 3); s.live == nil {
		t.Fatal("no picture")
	}
	s.open(chapter{"PR × PR", "two NATs", [2]lab.Kind{lab.PR, lab.PR}, demoSteps[0]})
	for _, side := range []wan.Side{wan.A, wan.B} {
		s.hear(side, harness.Event{At: s.began, Name: harness.ServerConnected})
		s.hear(side, harness.Event{At: s.began, Name: harness.Profiled, Fields: map[string]string{"mapping": "m", "filtering": "f", "public": "192.0.2.9:1"}})
	}
	picture := until(t, in, "▶ in one room")
	for _, want := range []string{"\x1b[?1049h", "1/3  PR × PR", "✓ linked   ✓ profiled", "192.0.2.9:1"} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %q in %q", want, picture)
		}
	}
	if strings.Contains(picture, "\x1b[3") {
		t.Errorf("colours, in spite of NO_COLOR: %q", picture)
	}
	s.check(true, "it held")
	s.live.finish()
	s.live.close()
	s.live.close()
	s.print("later\n")
	paper := until(t, in, "later")
	_, paper, _ = strings.Cut(paper, "\x1b[?1049l")
	for _, want := range []string{"── PR × PR: two NATs", "✓ it held", "A ···"} {
		if !strings.Contains(paper, want) {
			t.Errorf("no %q in %q", want, paper)
		}
	}
}

// Elsewhere the lines are plain: no terminal, or one that can only print.
func TestStoryElsewhere(t *testing.T) {
	t.Setenv("TERM", "dumb")
	out, _ := terminal(t, 100, 30)
	if newLive(out, 0, 3) != nil {
		t.Error("a picture on TERM=dumb")
	}
	t.Setenv("TERM", "xterm")
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newLive(file, 0, 3) != nil || newLive(new(bytes.Buffer), 0, 3) != nil {
		t.Error("a picture in a file")
	}
}
