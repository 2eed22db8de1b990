package main

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// verdict is how a meeting's traffic went in the end.
type verdict string

const (
	direct verdict = "direct"
	relay  verdict = "relay"
	failed verdict = "failed"
	either verdict = "either" // only as a demand
)

// holdDirect is how long a route must have stayed direct, with data both ways, to count as direct.
const holdDirect = 2 * time.Second

// outcome is a judged meeting. Times are negative where nothing was measured.
type outcome struct {
	verdict
	why       string        // for failed
	probe     time.Duration // S until the later side's first authenticated pong
	route     time.Duration // S until the later side's first direct route
	firstByte time.Duration // keys at the sender until the first message at the receiver, the slower direction
	tally
}

// tally counts what went wrong with messages, both directions together.
type tally struct{ lost, dup, reordered, corrupt int }

func (t *tally) add(o tally) {
	t.lost += o.lost
	t.dup += o.dup
	t.reordered += o.reordered
	t.corrupt += o.corrupt
}

func (t tally) clean() bool { return t == tally{} }

// judge decides about a meeting from what the harnesses said and the router counted.
func judge(o observation) outcome {
	out := outcome{verdict: failed, probe: -1, route: -1, firstByte: -1}
	for s := range o.logs {
		t, err := o.delivered(wan.Side(s))
		out.tally.add(t)
		if err != nil && out.why == "" {
			out.why = err.Error()
		}
	}
	if o.broken != nil {
		out.why = o.broken.Error()
	}
	if signalled, ok := o.signalled(); ok {
		out.probe = o.later(signalled, harness.Punch, harness.Where("ok", "1"))
		out.route = o.later(signalled, harness.RouteChanged, harness.Event.Direct)
		out.firstByte = o.firstByte()
	} else if out.why == "" {
		out.why = "the peers never had keys"
	}
	if out.why == "" {
		out.verdict, out.why = o.way()
	}
	return out
}

// delivered reads one side's result line.
func (o observation) delivered(s wan.Side) (tally, error) {
	r, ok := o.logs[s].Last(harness.Result)
	if !ok {
		return tally{}, fmt.Errorf("harness %v ended with exit code %d and no result", s, o.exits[s])
	}
	t := tally{r.Int("lost"), r.Int("dup"), r.Int("reordered"), r.Int("corrupt")}
	if min(t.lost, t.dup, t.reordered, t.corrupt) < 0 {
		return tally{}, fmt.Errorf("harness %v: result line without a count", s)
	}
	if d := r.Int("unreliable_dup"); d > 0 { // unreliable means at most once
		t.dup += d
	}
	if sent, got := r.Int("sent"), r.Int("received"); sent != o.messages || got != o.messages {
		return t, fmt.Errorf("harness %v sent %d and received %d of %d messages", s, sent, got, o.messages)
	}
	if o.exits[s] != 0 {
		return t, fmt.Errorf("harness %v ended with exit code %d", s, o.exits[s])
	}
	return t, nil
}

// signalled is S: the moment when the later of the two had keys.
func (o observation) signalled() (time.Duration, bool) {
	var s time.Duration
	for _, log := range o.logs {
		ev, ok := log.First(harness.PeerConnected)
		if !ok {
			return 0, false
		}
		s = max(s, ev.At)
	}
	return s, true
}

// later measures from a moment until both sides have printed such an event; negative if one never did.
func (o observation) later(from time.Duration, name string, conditions ...func(harness.Event) bool) time.Duration {
	var at time.Duration
	for _, log := range o.logs {
		ev, ok := log.First(name, conditions...)
		if !ok {
			return -1
		}
		at = max(at, ev.At)
	}
	return max(0, at-from)
}

// firstByte measures, for the slower direction, from keys at the sender to the first message at the receiver.
func (o observation) firstByte() time.Duration {
	slowest := time.Duration(-1)
	for s := range o.logs {
		sender, ok1 := o.logs[other(wan.Side(s))].First(harness.PeerConnected)
		came, ok2 := o.logs[s].First(harness.FirstMessage)
		if !ok1 || !ok2 {
			return -1
		}
		slowest = max(slowest, came.At-sender.At)
	}
	return slowest
}

// way says which way the traffic went in the end, by the route events and by the router's counters, which must agree.
func (o observation) way() (verdict, string) {
	var since time.Duration // both routes are direct from here on
	directs := 0
	for s, log := range o.logs {
		if e, lan := log.First(harness.RouteChanged, harness.Where("route", "lan")); lan {
			return failed, fmt.Sprintf("%v took a private address for a path (%s)", wan.Side(s), e.Get("text"))
		}
		if _, ever := log.First(harness.RouteChanged, harness.Event.Direct); !ever {
			continue
		}
		if last, _ := log.Last(harness.RouteChanged); last.Direct() {
			since = max(since, last.At)
			directs++
		} else {
			return failed, fmt.Sprintf("%v was direct and fell back to the relay (%s)", wan.Side(s), last.Get("text"))
		}
	}
	switch directs {
	case 0:
		return o.relayed()
	case 1:
		return failed, "only one side went direct"
	}
	return o.heldDirect(since)
}

// heldDirect checks a direct route: it lasted, and the router saw the data on it.
func (o observation) heldDirect(since time.Duration) (verdict, string) {
	until := since + holdDirect
	for s, log := range o.logs {
		if end, _ := log.Last(harness.Result); end.At < until {
			return failed, fmt.Sprintf("%v was direct for only %v", wan.Side(s), (end.At - since).Round(time.Millisecond))
		}
	}
	t := o.samples.between(since, until)
	least := uint64(o.rate) * uint64(holdDirect/time.Second) / 2 // half, for messages that share a packet
	for _, from := range []wan.Side{wan.A, wan.B} {
		d, r := t[from][other(from)].Packets, t[from][wan.Server].Packets
		if d < least || d < 2*r {
			return failed, fmt.Sprintf("routes say direct, but the router saw %d packets from %v on the direct path and %d to the server in %v", d, from, r, holdDirect)
		}
	}
	return direct, ""
}

// relayed checks that the relay really carried the data.
func (o observation) relayed() (verdict, string) {
	if len(o.samples) == 0 {
		return failed, "no counters"
	}
	c := o.samples[len(o.samples)-1].c
	for _, from := range []wan.Side{wan.A, wan.B} {
		if r := c.Delivered[from][wan.Server].Packets; r < uint64(o.messages)/2 {
			return failed, fmt.Sprintf("routes say relay, but the router saw %d packets from %v to the server", r, from)
		}
	}
	return relay, ""
}

// demand is what the pair must come to: physics allows a direct path unless a symmetric NAT meets a filter by port. SR × PRx
// is decided by prediction, which is not part of this version: nothing is demanded but delivery.
func demand(a, b lab.Kind) verdict {
	if b == lab.SR {
		a, b = b, a
	}
	if a != lab.SR {
		return direct
	}
	switch b {
	case lab.PUB, lab.FC, lab.AR:
		return direct
	case lab.PR, lab.SR:
		return relay
	}
	return either
}
