//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
)

// library is one of those that are compared.
type library struct {
	name    string
	program string   // below the directory of programs
	prefix  []string // arguments before the benchmark's name
	server  bool     // its ends meet through `musubi server`
	benches []string
}

var libraries = []library{
	{"musubi", "musubi_bench", nil, true, []string{"bulk", "rate", "ping", "lossy", "api", "mesh"}},
	{"raw-gso", "bench_peers", []string{"raw-gso"}, false, []string{"bulk", "rate"}},
	{"raw", "bench_peers", []string{"raw"}, false, []string{"bulk", "rate", "ping"}},
	{"tcp", "bench_peers", []string{"tcp"}, false, []string{"bulk", "ping", "lossy"}},
	{"quic-go", "bench_peers", []string{"quic-go"}, false, []string{"bulk", "rate", "ping", "lossy"}},
	{"enet", "bench_enet", nil, false, []string{"bulk", "rate", "ping", "lossy"}},
}

// about says what the tables should say of each.
var about = map[string]string{
	"musubi":  "Musubi",
	"raw-gso": "raw UDP + AES-256-GCM, GSO (limit)",
	"raw":     "raw UDP + AES-256-GCM",
	"tcp":     "TCP (not encrypted)",
	"quic-go": "quic-go",
	"enet":    "ENet (not encrypted)",
	"coturn":  "coturn",

	"forwarder": "recvmmsg and sendmmsg, nothing else (limit)",
	"direct":    "no relay (the load's own time)",
}

// programs finds the libraries of a benchmark that are built and wanted.
func programs(dir, bench string, wanted []string) (found []library, missing []string) {
	for _, l := range libraries {
		if !slices.Contains(l.benches, bench) || len(wanted) > 0 && !slices.Contains(wanted, l.name) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, l.program)); err != nil {
			missing = append(missing, l.name)
			continue
		}
		found = append(found, l)
	}
	return found, missing
}
