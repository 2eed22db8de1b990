//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// TestMain lets the test binary play the programs under test when it is called by their names.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "musubi":
		fakeServer()
	case "musubi_peer":
		os.Exit(fakeHarness())
	}
	os.Exit(m.Run())
}

// fakes makes a directory with the stand-ins.
func fakes(t *testing.T) programs {
	t.Helper()
	for _, missing := range lab.Missing() {
		t.Skip("no laboratory here: ", missing)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"musubi", "musubi_peer"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return programs{BinDir: dir}
}

const secret = "the-plaintext-in-question"

func shortPlan(a, b lab.Kind, host wan.Side) plan {
	return plan{kinds: [2]lab.Kind{a, b}, host: host, shape: wan.Shape{Delay: 10 * time.Millisecond}, seed: 1,
		messages: 270, rate: 100, size: 100, marker: secret, stay: 200 * time.Millisecond, timeout: 15 * time.Second}
}

// Whole meetings through real kernel NATs: the way that the traffic takes is the way that is judged, and the search finds
// a plaintext where there is one.
func TestMeetings(t *testing.T) {
	for _, c := range []struct {
		name string
		pl   plan
		want verdict
	}{
		{"PR × PR", shortPlan(lab.PR, lab.PR, wan.A), direct},
		{"SR × SR", shortPlan(lab.SR, lab.SR, wan.B), relay},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var found wan.Search
			o, texts := fakes(t).hold(context.Background(), c.pl, nil, func(_ context.Context, m *meeting) error {
				m.onEnd = func() { found = m.Found(wan.A, wan.B) }
				return nil
			})
			got := judge(o)
			if got.verdict != c.want || !got.clean() {
				t.Errorf("judged %s (%s), want %s\n%s\n%s", got.verdict, got.why, c.want, texts.tail("A.out"), texts.tail("B.out"))
			}
			if plain := found.Hits > 0; plain != (c.want == direct) {
				t.Errorf("plaintext on the direct path: %+v", found)
			}
		})
	}
}

// A meeting that is broken off leaves no namespace and no process, and is judged failed.
func TestMeetingBrokenOff(t *testing.T) {
	p := fakes(t)
	ctx, cancel := context.WithCancel(context.Background())
	var inside lab.Lab
	o, _ := p.hold(ctx, shortPlan(lab.PR, lab.PR, wan.A), nil, func(_ context.Context, m *meeting) error {
		inside = *m.Lab
		cancel()
		return nil
	})
	if got := judge(o); got.verdict != failed {
		t.Errorf("judged %s", got.verdict)
	}
	if _, err := os.Stat("/run/netns/" + inside.Namespace(lab.HostA)); !os.IsNotExist(err) {
		t.Errorf("the namespace is still there: %v", err)
	}
}
