//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// verdict is how a meeting's traffic went in the end. What went wrong on the way there is failed, never relay: a relay that
// was fallen back to is not a relay that was chosen.
type verdict string

const (
	direct verdict = "direct"
	relay  verdict = "relay"
	failed verdict = "failed"
	either verdict = "either" // only as a demand
)

// holdDirect is how long a route must have stayed direct, with data both ways, to count as direct. A pong or a
// route event alone proves little; the goals are defined by it as well (docs/NAT.md).
const holdDirect = 2 * time.Second

// outcome is a judged meeting. Times are negative where nothing was measured.
type outcome struct {
	verdict
	why       string        // for failed, and for relay what the library says
	probe     time.Duration // S until the later side's first authenticated pong
	route     time.Duration // S until the later side's first direct route
	gaveUp    time.Duration // S until the later side gave up, where both did
	firstByte time.Duration // keys at the sender until the first message at the receiver, the slower direction
	connect   time.Duration // the guest is in the room, and connects, until both first messages are there
	profiles  [2]string     // what the library found out about each side's network before they met
	stall     stall         // the machine's longest during the meeting
	final     bool          // no stall can bring this outcome about
	tally
}

// meets reports whether an outcome is what was demanded. Messages must be whole whatever the way.
func (o outcome) meets(want verdict) bool {
	return o.verdict != failed && o.clean() && (want == either || o.verdict == want)
}

// excusable reports whether a machine that stands still can turn what was demanded into this: it can make a path look
// dead, or an answer come too late. It can't lose or double a message, end a program, or find a way where there is none.
func (o outcome) excusable(want verdict) bool {
	return !o.meets(want) && !o.final && o.clean() && o.verdict != direct
}

// disturbed reports whether an outcome proves nothing about the library, because the machine stood still long enough to
// have decided it. Without a measured stall a failure is the library's.
func (o outcome) disturbed(want verdict) bool { return o.stall.longer() && o.excusable(want) }

// tally counts what went wrong with messages, both directions together.
type tally struct{ lost, dup, reordered, corrupt int }

func (t *tally) add(o tally) {
	t.lost += o.lost
	t.dup += o.dup
	t.reordered += o.reordered
	t.corrupt += o.corrupt
}

func (t tally) clean() bool { return t == tally{} }

// judge decides about a meeting from what the harnesses said and the router counted. Whole delivery comes first: no way is
// a good one on which messages are lost. The first thing that went wrong is the reason given.
func judge(o observation) outcome {
	out := outcome{verdict: failed, probe: -1, route: -1, gaveUp: -1, firstByte: -1, connect: -1, stall: o.stall}
	for s := range o.logs {
		out.profiles[s] = profile(o.logs[s])
		t, err := o.delivered(wan.Side(s))
		out.tally.add(t)
		if err != nil && out.why == "" {
			out.why = err.Error()
		}
	}
	if o.broken != nil {
		out.why = o.broken.Error() // why a result is missing, rather than that it is
	}
	if o.wrong != nil {
		out.final = true
		if out.why == "" {
			out.why = o.wrong.Error()
		}
	}
	if e, s, found := o.private(); found {
		out.final = true
		out.why = fmt.Sprintf("%v took a private address for a path (%s)", s, e.Get("text"))
	}
	if signalled, ok := o.signalled(); ok {
		out.probe = o.later(signalled, harness.Punch, harness.Where("ok", "1"))
		out.route = o.later(signalled, harness.RouteChanged, harness.Event.Direct)
		out.gaveUp = o.later(signalled, harness.Punch, harness.Where("ok", "0"))
		out.firstByte, out.connect = o.firstByte(), o.connect()
	} else if out.why == "" {
		out.why = "the peers never had keys"
	}
	if out.why == "" {
		out.verdict, out.why = o.way()
	}
	return out
}
