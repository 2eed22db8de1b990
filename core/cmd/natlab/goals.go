//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

// score is what a class came to, all of its meetings together: the simulator holds enough of them to judge every pair alone,
// 40 are too few for 98 %.
type score struct {
	matrix.Class
	goal                            matrix.Goal
	pairs, meetings, direct, failed int
	probe50, probe95, gaveUp        *float64 // ms
	first50, first95                *float64 // ms
	tally                           tally
	misses                          []string
}

// scoreOf adds up the meetings of one class.
func scoreOf(c matrix.Class, pairs []*pair, rtt time.Duration) score {
	s := score{Class: c, goal: matrix.GoalOf(c, rtt)}
	var probes, gaveUp, first []time.Duration
	for _, p := range pairs {
		if classOf(p.a, p.b) != c || len(p.outcomes) == 0 {
			continue
		}
		s.pairs++
		for _, o := range p.outcomes {
			s.meetings++
			s.tally.add(o.tally)
			if o.firstByte >= 0 {
				first = append(first, o.firstByte)
			}
			switch o.verdict {
			case direct:
				s.direct++
				probes = append(probes, o.probe)
			case relay:
				if o.gaveUp >= 0 {
					gaveUp = append(gaveUp, o.gaveUp)
				}
			default:
				s.failed++
			}
		}
	}
	s.probe50, s.probe95, s.gaveUp = matrix.Percentile(probes, 50), matrix.Percentile(probes, 95), matrix.Percentile(gaveUp, 100)
	s.first50, s.first95 = matrix.Percentile(first, 50), matrix.Percentile(first, 95)
	s.judge()
	return s
}

// judge compares with the goal and says what is missing.
func (s *score) judge() {
	over := func(what string, ms *float64, goal time.Duration) {
		if goal > 0 && ms != nil && *ms > milliseconds(goal) {
			s.misses = append(s.misses, fmt.Sprintf("%s %.0f ms, goal %.0f", what, *ms, milliseconds(goal)))
		}
	}
	if s.meetings > 0 && float64(s.direct) < s.goal.Direct*float64(s.meetings) {
		s.misses = append(s.misses, fmt.Sprintf("%s direct, goal %s", share(s.direct, s.meetings), percent(s.goal.Direct)))
	}
	over("p50", s.probe50, s.goal.P50)
	over("p95", s.probe95, s.goal.P95)
	over("gave up after", s.gaveUp, matrix.GiveUp)
	if n := s.meetings - s.direct - s.failed; s.Class == matrix.CUDP && n < s.meetings {
		s.misses = append(s.misses, fmt.Sprintf("%s relayed", share(n, s.meetings)))
	}
	if s.failed > 0 {
		s.misses = append(s.misses, fmt.Sprintf("%d failed", s.failed))
	}
}

// writeScores prints the goals and what was reached, and returns what is missing.
func writeScores(out io.Writer, pairs []*pair, delay time.Duration) (missing []string) {
	fmt.Fprintf(out, "\nGoals (docs/NAT.md)\n  class  pairs  meetings   direct     goal  pong p50/p95       goal  first byte  gave up by  lost/dup/reordered\n")
	for c := matrix.C1; c <= matrix.CUDP; c++ {
		s := scoreOf(c, pairs, 2*delay)
		if s.meetings == 0 {
			continue
		}
		mark, why := "✓", ""
		if len(s.misses) > 0 {
			mark, why = "✗", "  "+strings.Join(s.misses, "; ")
			missing = append(missing, fmt.Sprintf("%v: %s", c, strings.Join(s.misses, "; ")))
		}
		wanted, wantedTimes := "–", "–"
		if s.goal.Direct > 0 {
			wanted = "≥ " + percent(s.goal.Direct)
			wantedTimes = fmt.Sprintf("%.0f/%.0f", milliseconds(s.goal.P50), milliseconds(s.goal.P95))
		}
		fmt.Fprintf(out, "%s %-5v  %5d  %8d %8s %8s  %12s %10s  %10s  %10s  %18s%s\n", mark, c, s.pairs, s.meetings, share(s.direct, s.meetings), wanted,
			times(s.probe50, s.probe95), wantedTimes, times(s.first50, s.first95), gaveUpText(s.gaveUp),
			fmt.Sprintf("%d/%d/%d", s.tally.lost, s.tally.dup, s.tally.reordered), why)
	}
	return append(missing, overall(out, pairs, delay)...)
}

// overall judges what the goals ask of all pairs: the mean, the first byte in every cell, whole delivery.
func overall(out io.Writer, pairs []*pair, delay time.Duration) (missing []string) {
	line := func(ok bool, format string, args ...any) {
		mark, text := "✓", fmt.Sprintf(format, args...)
		if !ok {
			mark, missing = "✗", append(missing, text)
		}
		fmt.Fprintf(out, "%s %s\n", mark, text)
	}
	var mean float64
	var natted int
	var t tally
	var slowest, without *pair
	for _, p := range pairs {
		s := summarize(p)
		if s.Trials == 0 {
			continue
		}
		for _, o := range p.outcomes {
			t.add(o.tally)
		}
		if classOf(p.a, p.b) == matrix.CUDP {
			if s.ConnectP50 != nil && (without == nil || *s.ConnectP50 > *summarize(without).ConnectP50) {
				without = p
			}
			continue
		}
		mean += float64(s.Direct) / float64(s.Trials)
		natted++
		if s.FirstByteP50 != nil && (slowest == nil || *s.FirstByteP50 > *summarize(slowest).FirstByteP50) {
			slowest = p
		}
	}
	if natted == len(lab.Kinds)*(len(lab.Kinds)+1)/2 { // the goal is about all of them
		line(mean >= matrix.MeanGoal*float64(natted), "mean direct over %d pairs: %.1f %%, goal ≥ %s", natted, 100*mean/float64(natted), percent(matrix.MeanGoal))
	}
	if slowest != nil {
		s, rtt := summarize(slowest), milliseconds(4*delay)
		line(*s.FirstByteP50 <= rtt && *s.FirstByteP95 <= rtt+milliseconds(matrix.FirstByteTail),
			"first byte, slowest cell %s × %s: %s ms, goal p50 ≤ %.0f, p95 ≤ %.0f", slowest.a, slowest.b,
			times(s.FirstByteP50, s.FirstByteP95), rtt, rtt+milliseconds(matrix.FirstByteTail))
	}
	if without != nil {
		s, goal := summarize(without), matrix.ConnectTrips*milliseconds(4*delay)
		line(*s.ConnectP50 <= goal && *s.ConnectP95 <= goal+milliseconds(matrix.FirstByteTail),
			"UDP blocked, first byte from connect, slowest cell %s × %s: %s ms, goal p50 ≤ %.0f, p95 ≤ %.0f", without.a, without.b,
			times(s.ConnectP50, s.ConnectP95), goal, goal+milliseconds(matrix.FirstByteTail))
	}
	line(t.clean(), "reliable messages of all meetings: %d lost, %d doubled, %d out of order, %d corrupt", t.lost, t.dup, t.reordered, t.corrupt)
	return missing
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

// share rounds down: 100 % means all.
func share(n, of int) string { return percent(float64(1000*n/max(of, 1)) / 1000) }

func gaveUpText(ms *float64) string {
	if ms == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f s", *ms/1000)
}
