package simlab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func command(pairs string, trials int) *Command {
	return &Command{Trials: trials, Pairs: pairs, Delay: 20 * time.Millisecond, Loss: 0.02, Seed: 1}
}

// A small matrix, twice: the same figures whichever processor held which meeting, in the JSON, in the document, in the
// picture.
func TestSameSeedSameMatrix(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "NAT.md"), []byte("before\n"+figuresBegin+"old\n"+figuresEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first []string
	for range 2 {
		c := command("PR:PR,fc:SR,SR:SR,BLOCKED:PUB", 4)
		c.JSON, c.Docs = filepath.Join(dir, "cells.json"), dir
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := c.run(context.Background(), &out); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		var files []string
		for _, name := range []string{"cells.json", "nat-sim.json", "nat-sim.svg", "NAT.md"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, string(b))
		}
		document := files[3]
		if !strings.HasPrefix(document, "before\n"+figuresBegin) || !strings.HasSuffix(document, figuresEnd+"after\n") || strings.Contains(document, "old") ||
			!strings.Contains(document, "UDP blocked, first byte from connect") {
			t.Errorf("the document became\n%s", document)
		}
		for i := range first {
			if first[i] != files[i] {
				t.Errorf("a second run differs:\n%s\n%s", first[i], files[i])
			}
		}
		first = files
	}
	for _, want := range []string{`{"a":"FC","b":"SR","trials":4,"direct":4,"relay":0,"failed":0,`, `{"a":"SR","b":"SR","trials":4,"direct":0,"relay":4,"failed":0,"ms_probe_p50":null,`} {
		if !strings.Contains(first[0], want) {
			t.Errorf("no %s in\n%s", want, first[0])
		}
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []*Command{command("PR", 1), command("PR:XX", 1), command("", 0), {Trials: 1, Loss: 1}, {Trials: 1, Delay: -1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	c := command("", 1)
	if err := c.Validate(); err != nil || len(c.pairs) != 65 {
		t.Errorf("%d pairs, %v", len(c.pairs), err)
	}
}
