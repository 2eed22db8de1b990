//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

// Marks of the part of NAT.md that is this laboratory's.
const figuresBegin, figuresEnd = "<!-- kernel figures, written by ./build.sh natlab --docs docs -->\n", "<!-- end of kernel figures -->\n"

// document puts the figures where the project shows them.
func (c *matrixCmd) document(pairs []*pair) error {
	var report bytes.Buffer
	list := cells(pairs)
	_, all := progress(pairs)
	fmt.Fprintf(&report, "kernel: %d pairs, %d meetings, %s\n", len(pairs), all, c.weather())
	matrix.WriteGrid(&report, list)
	writeScores(&report, pairs, c.Delay)
	d := matrix.Document{Dir: c.Docs, Name: "nat-kernel", Begin: figuresBegin, End: figuresEnd,
		Title: "Direct connections by pair of NAT types, Linux kernel", Note: c.weather()}
	return d.Write(list, strings.ReplaceAll(report.String(), " (docs/NAT.md)", ""))
}

// weather says what the figures hold for.
func (c *matrixCmd) weather() string {
	text := fmt.Sprintf("direct RTT %v, relayed %v", 2*c.Delay, 4*c.Delay)
	if c.Jitter > 0 {
		text += fmt.Sprintf(", jitter %v", c.Jitter)
	}
	if c.Loss > 0 {
		text += fmt.Sprintf(", %g %% loss", 100*c.Loss)
	}
	if c.Reorder > 0 {
		text += fmt.Sprintf(", %g %% reordered", 100*c.Reorder)
	}
	return text
}

// conditions is all that makes meetings comparable: what was asked for, and the programs under test.
func (c *matrixCmd) conditions() (string, error) {
	sum := sha256.New()
	for _, name := range []string{"musubi", "musubi_peer", "../lib/libmusubi.so"} {
		content, err := os.ReadFile(filepath.Join(c.BinDir, name))
		if err != nil && name != "../lib/libmusubi.so" { // the library may be elsewhere
			return "", err
		}
		sum.Write(content)
	}
	asked := []any{c.Delay, c.Jitter, c.Loss, c.Reorder, c.Seed, c.Model, c.Punch, c.Rate, c.One, c.Short}
	text, err := json.Marshal(asked)
	return fmt.Sprintf("%s %x", text, sum.Sum(nil)[:8]), err
}
