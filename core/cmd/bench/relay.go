//go:build linux

package main

import (
	"fmt"
	"math"
	"os/exec"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/bench/internal/load"
)

const (
	relayPairs   = 64
	relayWindow  = 8      // packets under way in each direction of a pair, at full load
	relayThreads = 1      // of the load
	relayMany    = 10_000 // pairs bound to see their memory
	relayTime    = 3 * time.Second
	relayWarm    = 500 * time.Millisecond
	relayCalm    = 3 * time.Second // at most so long is waited for others to leave the machine alone
)

// relayNames are who is measured: us, coturn, the relay that only receives and sends, and no relay at all.
var relayNames = []string{"musubi", "coturn", "forwarder", "direct"}

// relayCases say how players send at full load: each packet by itself, or four in a row, as who sends much does.
var relayCases = []struct {
	name  string
	burst int
}{{"one by one", 1}, {"bursts of 4", 4}}

// relay loads our server and the others in turns: first with as much as comes back, then with half of that at even pace. Loopback,
// 64 pairs, 200 bytes, both directions. Without a relay there is only the second, at the rate of ours.
func (c *runCmd) relay() (all []result, err error) {
	rounds := map[string][]result{}
	for round := range c.Rounds {
		for _, name := range relayNames {
			if len(c.Libs) > 0 && !slices.Contains(c.Libs, name) {
				continue
			}
			if _, err := exec.LookPath("turnserver"); err != nil && name == "coturn" {
				if round == 0 {
					fmt.Println("skip  relay  coturn is not installed: apt-get install coturn")
				}
				continue
			}
			s, err := relayStart[name](c.BinDir)
			if err != nil {
				return all, err
			}
			if ours := rounds["musubi "+relayCases[0].name]; name == "direct" && len(ours) > 0 {
				s.rate = ours[len(ours)-1].num("half_per_s")
			}
			got, err := s.measure(c.Quick)
			s.stop()
			if err != nil {
				return all, fmt.Errorf("%s: %w", s.name, err)
			}
			for i, r := range got {
				key := s.name + " " + relayCases[i].name
				rounds[key] = append(rounds[key], r)
				fmt.Printf("relay  %-8s %-11s round %d of %d: %s\n", s.name, relayCases[i].name, round+1, c.Rounds, brief(r))
			}
		}
	}
	for _, how := range relayCases {
		for _, name := range relayNames {
			if r := rounds[name+" "+how.name]; len(r) > 0 {
				all = append(all, median(r, "packets_per_cpu_s"))
			}
		}
	}
	return all, nil
}

// measure gives a result for each case. The server's memory by pair is seen last, and told with the first.
func (s *relayServer) measure(quick bool) (all []result, err error) {
	var pairs []load.Pair
	defer func() {
		for _, p := range pairs {
			p.Close()
		}
	}()
	for range relayPairs {
		p, err := s.pair()
		if err != nil {
			p.Close()
			return nil, err
		}
		pairs = append(pairs, p)
	}
	if s.cmd == nil { // one case is enough to see what the load itself takes
		return []result{s.load(pairs, relayCases[0].name, 1, quick)}, nil
	}
	for _, how := range relayCases {
		all = append(all, s.load(pairs, how.name, how.burst, quick))
	}
	if s.mint != nil && !quick {
		before := residentBytes(s.cmd.Process.Pid)
		if err := s.mint.BindMany(s.at, relayMany); err != nil {
			return nil, err
		}
		all[0]["pair_bytes"] = math.Round((residentBytes(s.cmd.Process.Pid) - before) / relayMany)
	}
	return all, nil
}

// load measures one case: all that comes back, then half of that.
func (s *relayServer) load(pairs []load.Pair, name string, burst int, quick bool) result {
	r := result{"bench": "relay", "lib": s.name, "case": name, "pairs": float64(relayPairs), "bytes": float64(load.Payload)}
	var from, to processorTimes
	plan := load.Plan{Window: relayWindow, Burst: burst, Threads: relayThreads, Warmup: relayWarm, Time: relayTime, Rate: s.rate,
		Begin: func() { from = s.times() }, End: func() { to = s.times() }}
	if quick {
		plan.Time = time.Second
	}
	if s.rate == 0 {
		waitForCalm(relayCalm)
		got := load.Run(pairs, plan)
		spent, perSecond := to.minus(from), float64(got.Received)/got.Seconds
		r["packets_per_s"], r["packets_per_cpu_s"] = math.Round(perSecond), math.Round(float64(got.Received)/max(spent.server, 0.01))
		r["server_cores"], r["load_cores"], r["others_cores"] = round(spent.server/got.Seconds, 3), round(spent.load/got.Seconds, 3), round(spent.others()/got.Seconds, 2)
		r["lost_pct"] = lostPercent(got)
		plan.Rate = perSecond / 2
	}
	waitForCalm(relayCalm)
	got := load.Run(pairs, plan)
	spent := to.minus(from)
	r["half_per_s"], r["half_server_cores"] = math.Round(float64(got.Received)/got.Seconds), round(spent.server/got.Seconds, 3)
	r["half_others_cores"] = round(spent.others()/got.Seconds, 2)
	r["us_p50"], r["us_p99"], r["us_p999"] = round(got.At(0.5), 1), round(got.At(0.99), 1), round(got.At(0.999), 1)
	r["half_lost_pct"] = lostPercent(got)
	return r
}

// lostPercent may be a little off zero: what is under way when counting begins and ends is on one side only.
func lostPercent(r load.Result) float64 {
	return max(0, round(100*(1-float64(r.Received)/float64(max(r.Sent, 1))), 2))
}
