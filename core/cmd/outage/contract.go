//go:build linux

package main

import (
	"fmt"
	"time"
)

// promise is a line of the contract (docs/SERVER.md), and what was measured of it in all chapters that it is about.
type promise struct {
	Event    string  `json:"event"`
	What     string  `json:"promise"`
	Unit     string  `json:"unit"` // "ms"; "flows", "links": what a machine that stands still disturbs; empty: a count of what never may happen
	Measured float64 `json:"measured"`
	Most     float64 `json:"at_most"`
	Cases    int     `json:"cases"` // that were measured
	Kept     bool    `json:"kept"`
}

func (p *promise) number(x float64) string {
	if p.Unit == "" {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.0f %s", x, p.Unit)
}

// The contract's times.
const (
	directMost  = 350 * time.Millisecond // one path that fails; "don't notice" on a machine that has all nodes and players at once
	relayedMost = 1500 * time.Millisecond
	resumeMost  = 3 * time.Second
	ownerMost   = 12 * time.Second
	gentleMost  = 2 * time.Second // the same where the node ends in good order
	quorumMost  = 15 * time.Second
	signalMost  = 8 * time.Millisecond
	stallMost   = 100 * time.Millisecond // of the players' own process: more, and what they notice is the machine
	returnMost  = 10 * time.Second       // of a crowd beyond the nodes' capacity
)

// judge compares what was measured with the contract. timed: times decide too, not only what happened.
func (r *report) judge(timed bool) {
	for _, x := range []struct {
		kind  kind
		event string
	}{{died, "node dies or stands still"}, {cut, "node cut off from the others"}, {divided, "NATS without a quorum"}, {drained, "drain"}} {
		rows := r.of(x.kind)
		if len(rows) == 0 {
			continue
		}
		r.players(x.event, rows)
		r.rooms(x.event, x.kind, rows)
	}
	if c := r.Crowd; c != nil {
		r.times("signalling between nodes", "p99 from Connect to Request", signalMost, []spread{{c.Calls, c.SignalP50, c.SignalP99, 0}})
		r.times("a crowd comes back", "p99 until the links of a dead node are up elsewhere", returnMost, []spread{{c.Lost, c.BackP50, c.BackP99, c.BackMax}})
		r.count("a crowd comes back", "links that did not", c.Lost-c.Back+c.Unheard, c.Lost)
	}
	faults := 0
	for i := range r.Rows {
		faults += len(r.Rows[i].Faults)
	}
	r.count("always", "thrown out, out of order, two owners in an epoch, not back in time", faults, len(r.Rows))
	lost := 0
	if r.Whole != "" {
		lost = 1
	}
	r.count("always", "flows of which a message is missing at the end", lost, r.Players*(roomSize-1))
	r.sum(timed)
}

// players is what players of any room notice.
func (r *report) players(event string, rows []*row) {
	disturbed, direct, relayed := 0, []spread{}, []spread{}
	for _, x := range rows {
		disturbed += x.Disturbed
		direct, relayed = append(direct, x.Direct), append(relayed, x.Relayed)
	}
	r.add(promise{Event: event, What: "direct flows that changed their route", Unit: "flows", Measured: float64(disturbed), Cases: len(rows)})
	r.times(event, "p99 of a direct flow's outage", directMost, direct)
	r.times(event, "p99 of a relayed flow's outage", relayedMost, relayed)
}

// rooms is about links and rooms of the node in question.
func (r *report) rooms(event string, k kind, rows []*row) {
	var resumed, joined, made []spread
	lost, moved := 0, 0
	for _, x := range rows {
		resumed, joined = append(resumed, x.Resumed), append(joined, x.Joined)
		lost, moved = lost+x.Resumed.Count, moved+x.Moved
		made = append(made, spread{1, x.Made, x.Made, x.Made})
	}
	switch k {
	case died:
		r.times(event, "p99 from a link's loss, noticed, to its return elsewhere", resumeMost, resumed)
		r.times(event, "slowest newcomer to a room of that node", ownerMost, slowest(joined))
	case cut:
		r.add(promise{Event: event, What: "its clients were told to move, and did (none: 1)", Measured: none(moved), Cases: moved})
	case drained:
		r.count(event, "links that were lost, instead of moved", lost, moved)
		r.times(event, "slowest newcomer to a room of that node", gentleMost, slowest(joined))
	case divided:
		r.count(event, "links that were lost", lost, r.Players)
		r.add(promise{Event: event, What: "links that were sent away, which is for 15 s without the others", Unit: "links", Measured: float64(moved), Cases: r.Players})
		r.count(event, "rooms that were made meanwhile", countIf(made, func(s spread) bool { return s.Max < float64(dividedFor.Milliseconds()) }), len(rows))
		r.times(event, "until a room can be made again, after it is over", dividedFor+quorumMost, made)
	}
}

func none(n int) float64 {
	if n == 0 {
		return 1
	}
	return 0
}

func countIf(list []spread, cond func(spread) bool) (n int) {
	for _, s := range list {
		if cond(s) {
			n++
		}
	}
	return n
}

// slowest judges by the slowest of few.
func slowest(list []spread) []spread {
	for i := range list {
		list[i].P99 = list[i].Max
	}
	return list
}

func (r *report) of(k kind) (rows []*row) {
	for i := range r.Rows {
		if r.Rows[i].kind == k {
			rows = append(rows, &r.Rows[i])
		}
	}
	return rows
}

// times judges the worst chapter's p99.
func (r *report) times(event, what string, most time.Duration, list []spread) {
	p := promise{Event: event, What: what, Unit: "ms", Most: float64(most.Microseconds()) / 1000}
	for _, s := range list {
		p.Measured, p.Cases = max(p.Measured, s.P99), p.Cases+s.Count
	}
	if p.Cases > 0 {
		r.add(p)
	}
}

// count judges what must not happen at all.
func (r *report) count(event, what string, n, cases int) {
	r.add(promise{Event: event, What: what, Measured: float64(n), Cases: cases})
}

func (r *report) add(p promise) {
	p.Kept = p.Measured <= p.Most
	r.Contract = append(r.Contract, p)
}

// sum is the verdict.
func (r *report) sum(timed bool) {
	broken, late := 0, 0
	for _, p := range r.Contract {
		switch {
		case p.Kept:
		case p.Unit == "":
			broken++
		default:
			late++
		}
	}
	r.Kept = broken == 0 && (late == 0 || !timed)
	switch {
	case broken > 0:
		r.Verdict = fmt.Sprintf("BROKEN: %d of %d promises, %d of them about what must never happen", broken+late, len(r.Contract), broken)
	case late > 0 && timed:
		r.Verdict = fmt.Sprintf("MISSED: %d of %d promises, all of them times", late, len(r.Contract))
	case late > 0:
		r.Verdict = fmt.Sprintf("kept, but for %d times, which are not judged in this form", late)
	default:
		r.Verdict = fmt.Sprintf("kept: all %d promises", len(r.Contract))
	}
	stall := 0.0
	for i := range r.Rows {
		stall = max(stall, r.Rows[i].Stall)
	}
	if limit := float64(stallMost.Milliseconds()); late > 0 && stall > limit {
		r.Verdict += fmt.Sprintf("; this machine stood still for up to %.0f ms, so its times say little: run it again where nothing else runs", stall)
	}
}
