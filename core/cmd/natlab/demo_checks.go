//go:build linux

package main

import (
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// checkMeeting checks what every chapter shares: profile, room by code, relay first, the way, and whole delivery.
func checkMeeting(s *story, o observation, mapping [2]string, want verdict, goal time.Duration) {
	for i, log := range o.logs {
		side := wan.Side(i)
		p, _ := log.First(harness.Profiled)
		s.check(p.Get("mapping") == mapping[side] && p.Get("filtering") == "address-and-port-dependent",
			"%v's network is profiled as mapping %s, filtering %s", side, p.Get("mapping"), p.Get("filtering"))
	}
	made, _ := o.logs[o.host].First(harness.RoomJoined)
	entered, _ := o.logs[other(o.host)].First(harness.RoomJoined)
	s.check(made.Get("code") != "" && made.Get("code") == entered.Get("code"), "room by code: %s", made.Get("code"))
	a, okA := o.logs[wan.A].First(harness.PeerConnected)
	b, okB := o.logs[wan.B].First(harness.PeerConnected)
	s.check(okA && okB && a.Get("route") == "relay" && b.Get("route") == "relay", "relayed first: A %s, B %s", a.Get("route"), b.Get("route"))

	got := judge(o)
	s.timed("first message, from keys at the sender", got.firstByte, goalFirst)
	if want == direct {
		s.timed("direct, from keys on both sides to the first authenticated pong", got.probe, goal)
		if got.route >= 0 {
			s.note("both routes were direct %s after keys on both sides (no goal: validation comes after the pong)", ms(got.route))
		}
	}
	switch {
	case got.verdict == want:
		s.check(true, "in the end the route is %s, and the router's counters agree", want)
	case got.excusable(want):
		s.inTime(false, "in the end the route is %s; it was judged %s%s", want, got.verdict, reason(got))
	default:
		s.check(false, "in the end the route is %s; it was judged %s%s", want, got.verdict, reason(got))
	}
	resA, _ := o.logs[wan.A].Last(harness.Result)
	resB, _ := o.logs[wan.B].Last(harness.Result)
	s.check(got.clean() && o.whole(), "%s and %s reliable messages: %d lost, %d doubled, %d out of order, %d corrupt",
		resA.Get("sent"), resB.Get("sent"), got.lost, got.dup, got.reordered, got.corrupt)
	if o.stall.longer() {
		s.note("the machine stood still: %v", o.stall)
	}
}

// whole reports whether both sides received everything and say so. A tally without losses is not enough: a message that
// was never sent is missing in no count.
func (o observation) whole() bool {
	for s := range o.logs {
		if _, err := o.delivered(wan.Side(s)); err != nil {
			return false
		}
	}
	return true
}

// checkBreakage checks how the cut and the healing went. Traffic of each phase is looked up in the router's counters, with
// a margin for packets and route events under way.
func checkBreakage(s *story, o observation, b breakage) {
	if b.cut == 0 {
		s.inTime(false, "the direct path could not be cut: there was none on both sides")
		return
	}
	s.timed("relay takes over, from the cut to both route events", o.later(b.cut, harness.RouteChanged, harness.Since(b.cut), harness.Where("route", "relay")), goalTakeover)
	s.timed("longest silence between messages, the worse direction", o.maxGap(), goalTakeover)
	again := time.Duration(-1)
	if b.again > 0 {
		again = b.again - b.healed
	}
	s.timed("direct again, from the healing to both route events", again, goalReturn)

	// Packets under way, a round trip of duplicates on both paths, and half a dozen samples of the counters.
	const margin = 300 * time.Millisecond
	o.checkPhase(s, "before the cut", b.direct+margin, b.cut, true)
	o.checkPhase(s, "while it is cut", b.cut+goalTakeover+margin, b.healed, false)
	if b.again > 0 {
		o.checkPhase(s, "after the return", b.again+margin, b.again+margin+2*time.Second, true)
	}
}

// checkPhase checks which way data went in a span of time, in both directions. On a direct path the server still sees
// keepalives of the link and of the relayed path; while it is cut, not one packet may pass between the homes.
func (o observation) checkPhase(s *story, when string, from, to time.Duration, direct bool) {
	t := o.samples.between(from, to)
	least := uint64(float64(o.rate) * (to - from).Seconds() / 4) // a quarter, for messages that share a packet
	for _, side := range []wan.Side{wan.A, wan.B} {
		d, r := t[side][other(side)].Packets, t[side][wan.Server].Packets
		ok := r >= least && d == 0
		if direct {
			ok = d >= least && d > 2*r
		}
		s.inTime(ok, "router's counters %s: %v sent %d packets directly, %d to the server", when, side, d, r)
	}
}

// maxGap is the longest silence that either side met; negative if one did not say. It is what a player feels of a cut: the
// time until the path is suspect, and the way of the resent messages over the relay.
func (o observation) maxGap() time.Duration {
	worst := time.Duration(0)
	for _, log := range o.logs {
		e, ok := log.Last(harness.MaxGap)
		if !ok || e.Milliseconds("ms") < 0 {
			return -1
		}
		worst = max(worst, e.Milliseconds("ms"))
	}
	return worst
}
