package matrix

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Class groups pairs that need the same means to go direct.
type Class int

const (
	C1      Class = iota + 1 // plain punching
	C2                       // a counting NAT: bracket it
	C3                       // a carrier's block: birthday within the block
	C4                       // random ports, or a symmetric NAT that filters by address: birthday over all ports
	C5                       // hard on both sides: stays on the relay unless asked for
	CUDP                     // UDP blocked: relay over TLS
	classes = CUDP
)

var classNames = [...]string{"", "C1", "C2", "C3", "C4", "C5", "UDP"}

func (c Class) String() string { return classNames[c] }

// ClassOf tells the class of a pair.
func ClassOf(a, b string) Class {
	either := func(names ...string) bool { return slices.Contains(names, a) || slices.Contains(names, b) }
	symmetric := func(t string) bool { return t == "SA" || t == "SS" || t == "SB" || t == "SR" }
	switch {
	case either(Blocked):
		return CUDP
	case either("PUB", "FC", "AR"), !symmetric(a) && !symmetric(b):
		return C1
	case either("SA"):
		return C4
	case !symmetric(a) || !symmetric(b): // the other one filters by port
		return map[bool]Class{either("SS"): C2, either("SB"): C3, either("SR"): C4}[true]
	case a == "SS" && b == "SS":
		return C2
	}
	return C5
}

// Goal is what each cell of a class must reach.
type Goal struct {
	Direct   float64       // share of meetings, at least
	P50, P95 time.Duration // both have keys until the first direct answer, at most; 0: no goal
	Text     string
}

// slack is what a measured time may be above its goal.
const slack = 30 * time.Millisecond

// GiveUp is when a search must have ended that found nothing.
const GiveUp = 10 * time.Second

// GoalOf gives a class's goal for a direct round trip of rtt.
func GoalOf(c Class, rtt time.Duration) Goal {
	switch c {
	case C1:
		return Goal{0.995, rtt*3/2 + slack, 3*rtt + slack, "≥ 99.5 %, 1.5 / 3 RTT"}
	case C2, C3:
		return Goal{0.98, 4*rtt + slack, 8*rtt + slack, "≥ 98 %, 4 / 8 RTT"}
	case C4:
		return Goal{0.97, time.Second + slack, 2*time.Second + slack, "≥ 97 %, 1 / 2 s"}
	case C5:
		return Goal{Text: "relay, gives up ≤ 10 s"}
	}
	return Goal{Text: "relay, first byte ≤ 3 RTT from connect"}
}

// ConnectTrips is how many round trips through the relay the first byte may take from connect where UDP is blocked, and
// FirstByteTail what the 95th percentile of any first byte may be over its goal, for loss (docs/NAT.md).
const (
	ConnectTrips  = 3
	FirstByteTail = 300 * time.Millisecond
)

// MeanGoal is the mean share of direct meetings over the 55 pairs.
const MeanGoal = 0.89

// Misses says in what a cell misses its goal; empty: in nothing. relayRTT is the round trip through the relay.
func (c *Cell) Misses(rtt, relayRTT time.Duration) (misses []string) {
	miss := func(format string, args ...any) { misses = append(misses, fmt.Sprintf(format, args...)) }
	class := ClassOf(c.A, c.B)
	g := GoalOf(class, rtt)
	over := func(what string, ms *float64, limit time.Duration) {
		if ms != nil && limit > 0 && *ms > float64(limit)/float64(time.Millisecond) {
			miss("%s %.0f ms", what, *ms)
		}
	}
	if c.Failed > 0 {
		miss("%d failed", c.Failed)
	}
	if c.Share() < g.Direct {
		miss("%.1f %% direct", 100*c.Share())
	}
	over("p50", c.ProbeP50, g.P50)
	over("p95", c.ProbeP95, g.P95)
	over("gave up after", c.GaveUpMax, GiveUp)
	if class == CUDP {
		over("first byte from connect p50", c.ConnectP50, ConnectTrips*relayRTT)
		over("first byte from connect p95", c.ConnectP95, ConnectTrips*relayRTT+FirstByteTail)
		if c.Relay < c.Trials {
			miss("%d of %d relayed", c.Relay, c.Trials)
		}
	}
	over("first byte p50", c.FirstByteP50, relayRTT)
	over("first byte p95", c.FirstByteP95, relayRTT+FirstByteTail)
	if !c.Whole() {
		miss("%d lost, %d doubled, %d reordered, %d corrupt", c.Lost, c.Dup, c.Reordered, c.Corrupt)
	}
	return misses
}

// Broken says what no laboratory may ever show, whatever is built by now: a failed connection, messages that are not whole,
// a pair of C1 that mostly stays on the relay, and prediction below a bound that chance does not reach.
func (c *Cell) Broken() string {
	class := ClassOf(c.A, c.B)
	least := map[Class]float64{C1: 0.9, C2: weakShare, C3: weakShare, C4: weakShare}[class]
	switch {
	case !c.Whole():
		return fmt.Sprintf("%v: %d lost, %d doubled, %d reordered, %d corrupt", c, c.Lost, c.Dup, c.Reordered, c.Corrupt)
	case c.Failed > 0:
		return fmt.Sprintf("%v: %d of %d failed: %s", c, c.Failed, c.Trials, c.Why)
	case class == CUDP && c.Relay < c.Trials:
		return fmt.Sprintf("%v: %d of %d relayed: %s", c, c.Relay, c.Trials, c.Why)
	case c.Share() < least:
		return fmt.Sprintf("%v: %d of %d direct: %s", c, c.Direct, c.Trials, c.Why)
	case c.GaveUpMax != nil && *c.GaveUpMax > float64(GiveUp/time.Millisecond):
		return fmt.Sprintf("%v: gave up after %.0f ms", c, *c.GaveUpMax)
	}
	return ""
}

// weakShare is the bound of Broken for pairs that need prediction: far below the goals, so that a few meetings can't miss it
// by chance, and far above what luck finds.
const weakShare = 0.7

// BrokenCells joins what is broken; nil: nothing is.
func BrokenCells(cells []Cell) error {
	var all []string
	for i := range cells {
		if text := cells[i].Broken(); text != "" {
			all = append(all, text)
		}
	}
	if all == nil {
		return nil
	}
	return fmt.Errorf("not as demanded:\n  %s", strings.Join(all, "\n  "))
}
