//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type runCmd struct {
	Names    []string `arg:"" optional:"" help:"bulk, rate, ping, lossy, mixed, api, mesh, relay; default: all."`
	BinDir   string   `help:"Where the programs are." default:"build/bin"`
	JSON     string   `name:"json" help:"File for the results, one JSON object a line." placeholder:"FILE"`
	Keep     bool     `help:"Keep the file's results of what is not measured now."`
	Quick    bool     `help:"Short runs, few rounds: to see that it works."`
	Rounds   int      `help:"Rounds that count; one more comes first and is thrown away. Default 5, quick 1." placeholder:"N"`
	Flows    int      `help:"lossy: connections at a time." default:"24" placeholder:"N"`
	Messages int      `help:"lossy: messages of each connection that count." default:"1500" placeholder:"N"`
	Note     string   `help:"A sentence about this run, for whoever reads the tables." placeholder:"TEXT"`
	Libs     []string `help:"Only these libraries." placeholder:"NAME"`
}

var names = []string{"bulk", "rate", "ping", "lossy", "mixed", "api", "mesh", "relay"}

// figure is the one of each benchmark that matters, for the spread between rounds.
var figure = map[string]string{"bulk": "MBps", "rate": "msgs_per_s", "ping": "us_p50", "api": "send_ns", "mesh": "cpu_pct"}

// Run measures, prints the table, and keeps the results where it was told to.
func (c *runCmd) Run() error {
	if len(c.Names) == 0 {
		c.Names = names
	}
	for _, n := range c.Names {
		if !slices.Contains(names, n) {
			return fmt.Errorf("no benchmark %q; there are: %s", n, strings.Join(names, " "))
		}
	}
	if c.Rounds == 0 {
		c.Rounds = map[bool]int{false: 5, true: 1}[c.Quick]
	}
	all, failed := []result{machine(c.Note)}, 0
	for _, n := range names {
		if !slices.Contains(c.Names, n) {
			continue
		}
		got, err := c.bench(n)
		all = append(all, got...)
		if err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", n, err)
		}
		if c.JSON != "" { // after each: a long run that ends early has not been for nothing
			if err := writeResults(c.JSON, all, c.Keep); err != nil {
				return err
			}
		}
	}
	writeTable(os.Stdout, all, false)
	if failed > 0 {
		return fmt.Errorf("%d of %d benchmarks did not work", failed, len(c.Names))
	}
	return nil
}

func (c *runCmd) bench(name string) ([]result, error) {
	switch name {
	case "lossy":
		return c.lossy()
	case "mixed":
		return c.mixed(), nil
	case "relay":
		return c.relay()
	case "ping":
		block, err := c.rounds("ping", "--wait", "block")
		if err != nil {
			return block, err
		}
		spin, err := c.rounds("ping", "--wait", "spin")
		return append(block, spin...), err
	}
	return c.rounds(name)
}

// seconds of each round: measured, and before.
func (c *runCmd) seconds(bench string) (args []string) {
	seconds, warmup := "2", "0.5"
	switch {
	case bench == "api":
		return nil
	case bench == "mesh" && c.Quick:
		seconds, warmup = "3", "1"
	case bench == "mesh":
		seconds, warmup = "10", "2"
	case c.Quick:
		seconds, warmup = "0.5", "0.3"
	}
	return []string{"--seconds", seconds, "--warmup", warmup}
}

// rounds lets the libraries take turns.
func (c *runCmd) rounds(bench string, more ...string) (all []result, err error) {
	libs, missing := programs(c.BinDir, bench, c.Libs)
	for _, m := range missing {
		fmt.Printf("skip  %-6s %-8s its program is not built\n", bench, m)
	}
	counted, first := c.Rounds, 1
	if bench == "mesh" { // sixteen processes and their warm-up: rounds differ little, and take long
		counted, first = 1, 0
	}
	rounds := make([][]result, len(libs))
	for round := range counted + first {
		for i, lib := range libs {
			if how := slices.Index(more, "spin"); how >= 0 && lib.name == "quic-go" {
				continue // its API has no poll
			}
			r, err := c.one(lib, bench, more)
			if err != nil {
				return nil, err
			}
			if round >= first {
				rounds[i] = append(rounds[i], r)
			}
			fmt.Printf("%-6s %-8s round %d of %d: %s\n", bench, lib.name, round+1-first, counted, brief(r))
		}
	}
	for _, r := range rounds {
		if len(r) > 0 {
			all = append(all, median(r, figure[bench]))
		}
	}
	return all, nil
}

// one runs one library once.
func (c *runCmd) one(lib library, bench string, more []string) (result, error) {
	args := append(c.seconds(bench), more...)
	if bench == "mesh" { // it starts its own processes
		out, err := exec.Command(filepath.Join(c.BinDir, lib.program), append([]string{bench}, args...)...).Output()
		if err != nil {
			return nil, fmt.Errorf("mesh: %w", err)
		}
		return parseResult(strings.TrimSpace(string(out)))
	}
	p := pair{dir: c.BinDir, lib: lib, bench: bench, args: args, limit: 90 * time.Second}
	return p.run()
}

// brief shows the figures of a round.
func brief(r result) string {
	var b strings.Builder
	for _, k := range []string{"packets_per_cpu_s", "packets_per_s", "server_cores", "load_cores", "MBps", "msgs_per_s", "cpu_s_per_GB", "us_p50", "us_p99", "p50", "p95", "p99", "max", "bytes_ratio", "send_ns", "poll_empty_ns",
		"poll_msg_ns", "cpu_pct", "rss_MB"} {
		if v, ok := r[k].(float64); ok {
			fmt.Fprintf(&b, " %s %.4g", k, v)
		}
	}
	return strings.TrimSpace(b.String())
}

// machine says where it ran.
func machine(note string) result {
	cpu := "unknown"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(info) {
			if key, value, _ := strings.Cut(string(line), ":"); strings.TrimSpace(key) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	var u syscall.Utsname
	_ = syscall.Uname(&u)
	kernel := make([]byte, 0, len(u.Release))
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		kernel = append(kernel, byte(c))
	}
	r := result{"bench": "machine", "cpu": cpu, "cores": float64(runtime.NumCPU()), "kernel": string(kernel), "go": runtime.Version(),
		"date": time.Now().UTC().Format(time.DateOnly)}
	if note != "" {
		r["note"] = note
	}
	return r
}
