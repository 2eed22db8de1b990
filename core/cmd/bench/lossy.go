//go:build linux

package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/bench/internal/link"
	"github.com/musubi-p2p/musubi/core/impair"
)

// condition is a link of lossy: 25 ms each way and what is lost, per cent each way.
type condition struct {
	loss   float64
	jitter time.Duration // reordering
	burst  float64       // mean length of a run of losses; 0: independent
}

var conditions = []condition{{loss: 5}, {loss: 10, jitter: 10 * time.Millisecond}, {loss: 5, burst: 3}}

const (
	lossyLatency = 25 * time.Millisecond
	lossySeed    = 20  // of every library, so that all meet the same dice
	plainBytes   = 156 // of a message on the wire, sent plainly: 100, 4 of framing, 24 of sealing, 28 of IP and UDP

	lossyTries      = 3
	disturbedEnough = 0.3 // per cent; p99 is made of one
	lossyFlowsQuick = 8
	lossyQuick      = 300
)

// lossy runs every library through the same link. Twenty-four connections at a time make 36,000 messages in 25 s; a link
// has no queue, so that they don't disturb each other.
func (c *runCmd) lossy() (all []result, err error) {
	if why := link.Missing(); why != "" {
		fmt.Println("skip  lossy  " + why)
		return nil, nil
	}
	l, err := link.New()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	libs, missing := programs(c.BinDir, "lossy", c.Libs)
	for _, m := range missing {
		fmt.Printf("skip  lossy  %-8s its program is not built\n", m)
	}
	for _, cond := range conditions {
		for _, lib := range libs {
			r, err := c.undisturbed(l, lib, cond)
			if err != nil {
				return all, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// undisturbed repeats a run during which the machine stood still or was busy elsewhere, and takes the least disturbed one.
func (c *runCmd) undisturbed(l *link.Link, lib library, cond condition) (best result, err error) {
	for range lossyTries {
		r, err := c.through(l, lib, cond)
		if err != nil {
			return nil, err
		}
		fmt.Printf("lossy  %-8s 25 ms%v: %s; the link lost %.2f %%, was %.0f µs late (p99 %.0f) and stalled %.2f %% of the packets; "+
			"threads waited for a processor %.2f %% of the time, at most %.0f ms\n", lib.name, cond, brief(r), r.num("link_lost_pct"),
			r.num("link_late_us_p50"), r.num("link_late_us_p99"), r.num("link_stalled_pct"), r.num("starved_pct"), r.num("starved_ms_max"))
		if best == nil || disturbance(r) < disturbance(best) {
			best = r
		}
		if disturbance(best) <= disturbedEnough {
			break
		}
	}
	return best, nil
}

// disturbance is for which share of a run, per cent, the machine did something else. A machine that stops for a third of a
// second is seen by the few packets that are in the link then; a processor that others keep busy not even by those.
func disturbance(r result) float64 { return max(r.num("link_stalled_pct"), r.num("starved_pct")) }

func (c *runCmd) through(l *link.Link, lib library, cond condition) (result, error) {
	dir, err := os.MkdirTemp("", "musubi-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "latencies")
	flows, messages := c.Flows, c.Messages
	if c.Quick {
		flows, messages = lossyFlowsQuick, lossyQuick
	}
	l.Set(impair.Config{Latency: lossyLatency, Jitter: cond.jitter, Loss: cond.loss / 100, Burst: cond.burst}, lossySeed)
	p := pair{dir: c.BinDir, lib: lib, bench: "lossy", link: l, limit: 4 * time.Minute,
		args: []string{"--flows", strconv.Itoa(flows), "--messages", strconv.Itoa(messages), "--latencies", file}}
	witness := link.Watch()
	r, err := p.run()
	starved, longest := witness.End()
	if err != nil {
		return nil, err
	}
	ms, err := readLatencies(file)
	if err != nil {
		return nil, err
	}
	if len(ms) != flows*messages {
		return nil, fmt.Errorf("%s: %d of %d messages arrived", lib.name, len(ms), flows*messages)
	}
	late, late99, stalled := l.Lateness()
	r["loss"], r["jitter"], r["burst"] = cond.loss, float64(cond.jitter.Milliseconds()), cond.burst
	r["p50"], r["p95"], r["p99"], r["p999"], r["max"] = at(ms, 0.5), at(ms, 0.95), at(ms, 0.99), at(ms, 0.999), ms[len(ms)-1]
	r["bytes_ratio"] = round(float64(l.Bytes(int64(r.num("begin_ns")), int64(r.num("end_ns"))))/float64(plainBytes*flows*messages), 3)
	r["tail"] = tail(ms)
	r["link_lost_pct"] = round(100*l.Lost(), 2)
	r["link_late_us_p50"], r["link_late_us_p99"] = math.Round(float64(late.Microseconds())), math.Round(float64(late99.Microseconds()))
	r["link_stalled_pct"] = round(100*stalled, 2)
	r["starved_pct"], r["starved_ms_max"] = round(100*starved, 2), math.Round(float64(longest.Milliseconds()))
	delete(r, "begin_ns")
	delete(r, "end_ns")
	return r, nil
}

// readLatencies gives milliseconds in ascending order.
func readLatencies(path string) (ms []float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		us, err := strconv.ParseFloat(in.Text(), 64)
		if err != nil {
			return nil, err
		}
		ms = append(ms, us/1e3)
	}
	slices.Sort(ms)
	return ms, in.Err()
}

func at(sorted []float64, share float64) float64 {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// tail is the distribution as the plot wants it: latency at 1 of 2, 1 of 4, ... messages slower, four steps a doubling.
// Below it, eight steps from the fastest to the median.
func tail(sorted []float64) (points []any) {
	for i := range 8 {
		share := float64(i) / 16
		points = append(points, []any{round(1-share, 6), at(sorted, share)})
	}
	for slower := 0.5; slower >= 1/float64(len(sorted)); slower *= math.Pow(0.5, 0.25) {
		points = append(points, []any{round(slower, 6), at(sorted, 1-slower)})
	}
	return points
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}
