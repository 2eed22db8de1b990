//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// profile gives in a few words what the library found out about a network, before it had anybody to reach; empty if it had
// not found out by then.
func profile(log harness.Log) string {
	e, ok := log.First(harness.Profiled)
	if met, keys := log.First(harness.PeerConnected); !ok || keys && met.At < e.At {
		return ""
	}
	abbreviate := strings.NewReplacer("address-and-port-dependent", "APD", "address-dependent", "AD", "endpoint-independent", "EI")
	text := fmt.Sprintf("%s mapping, %s filter, ports %s", e.Get("mapping"), e.Get("filtering"), e.Get("ports"))
	if e.Get("poisonable") == "yes" {
		text += ", poisonable"
	}
	return abbreviate.Replace(text)
}

// writeProfiles prints for each kind what its network was taken for, and how often: prediction can only be as good.
func writeProfiles(out io.Writer, pairs []*pair) {
	counts := map[lab.Kind]map[string]int{}
	for _, p := range pairs {
		for _, o := range p.outcomes {
			for side, kind := range []lab.Kind{p.a, p.b} {
				if counts[kind] == nil {
					counts[kind] = map[string]int{}
				}
				counts[kind][o.profiles[side]]++
			}
		}
	}
	fmt.Fprint(out, "\nProfiles\n")
	for _, kind := range append(slices.Clone(lab.Kinds), lab.Blocked) {
		texts := make([]string, 0, len(counts[kind]))
		for text := range counts[kind] {
			texts = append(texts, text)
		}
		slices.SortFunc(texts, func(x, y string) int { // the most frequent first
			if n := counts[kind][y] - counts[kind][x]; n != 0 {
				return n
			}
			return strings.Compare(x, y)
		})
		for _, text := range texts {
			name := text
			if text == "" {
				name = "none in time"
			}
			fmt.Fprintf(out, "  %-7s %5d × %s\n", kind, counts[kind][text], name)
		}
	}
}
