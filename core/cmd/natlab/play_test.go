//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestGameLines(t *testing.T) {
	for line, want := range map[string]struct{ name, key, value string }{
		"room E4K7Q2XM": {gameRoom, "code", "E4K7Q2XM"},
		"route DIRECT IPv4, Bob: direct path validated": {gameRoute, "text", "DIRECT IPv4, Bob: direct path validated"},
		"cut":    {gameCut, "text", "cut"},
		"healed": {gameHealed, "text", "healed"},
		"Ann said 7 lines, met 1; all routes were direct 2 times, relayed 1 times": {gameReport, "text", "Ann said 7 lines, met 1; all routes were direct 2 times, relayed 1 times"},
	} {
		e, err := parseGame(line)
		if err != nil || e.Name != want.name || e.Get(want.key) != want.value {
			t.Errorf("%q is %s %v, %v", line, e.Name, e.Fields, err)
		}
		if direct, relay := isDirect(e), isRelay(e); e.Name == gameRoute && (!direct || relay) {
			t.Errorf("%q: direct %v, relay %v", line, direct, relay)
		}
	}
}

// Where windows can't open people are told what else there is, before anything is built; where a program is missing, how to build it.
func TestPlayWithoutADisplayOrAProgram(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	dir := t.TempDir()
	c := playCmd{BinDir: dir}
	if err := c.Run(context.Background()); !errors.As(err, new(usageError)) {
		t.Errorf("without programs: %v", err)
	}
	for _, name := range []string{"musubi", "musubi_arena"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Run(context.Background()); !errors.Is(err, errCannot) {
		t.Errorf("without a display: %v", err)
	}
}

// Windows stand side by side.
func TestPlacesOfWindows(t *testing.T) {
	if a, b := place(0, windowWidth, windowHeight), place(1, windowWidth, windowHeight); a != "960x540+0+0" || b != "960x540+960+0" {
		t.Errorf("%s and %s", a, b)
	}
}
