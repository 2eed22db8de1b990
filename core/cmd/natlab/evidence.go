//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// What the judge asks of an observation: what the harnesses said, and what the router counted. Neither is believed alone.

// private finds a route by a private address. The two homes share no network: something at the other's inside address
// answered that can't have been the other (a check without authentication).
func (o observation) private() (harness.Event, wan.Side, bool) {
	for s, log := range o.logs {
		if e, lan := log.First(harness.RouteChanged, harness.Where("route", "lan")); lan {
			return e, wan.Side(s), true
		}
	}
	return harness.Event{}, 0, false
}

// delivered reads one side's result line. Its error says why the messages did not all arrive, or can't be known to have.
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
	want := o.messages
	if o.openEnd { // as many as the other says to have sent
		theirs, _ := o.logs[other(s)].Last(harness.Result)
		want = max(theirs.Int("sent"), 1)
	} else if sent := r.Int("sent"); sent != want {
		return t, fmt.Errorf("harness %v sent %d of %d messages", s, sent, want)
	}
	if got := r.Int("received"); got != want {
		return t, fmt.Errorf("harness %v received %d of %d messages", s, got, want)
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

// firstByte measures, for the slower direction, from keys at the sender to the first message at the receiver. Both stamp
// their lines with the same clock, so that one way can be measured and not only a round trip.
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

// connect measures from when the guest is in the room, where he connects by himself, until both sides have the other's first
// message; negative if one never came.
func (o observation) connect() time.Duration {
	joined, ok := o.logs[other(o.host)].First(harness.RoomJoined)
	if !ok {
		return -1
	}
	return o.later(joined.At, harness.FirstMessage)
}

// way says which way the traffic went in the end, by the route events and by the router's counters, which must agree. A side
// that never says a word about its route is relayed: every connection begins there.
func (o observation) way() (verdict, string) {
	var since time.Duration // both routes are direct from here on
	directs := 0
	for s, log := range o.logs {
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

// heldDirect checks a direct route: it lasted, and the router saw the data on it. A trickle to the server is as it should
// be: the link and the relayed path stay warm for the day when the direct one dies.
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

// relayed checks that the relay really carried the data, over the whole meeting: there was no other route to count apart.
func (o observation) relayed() (verdict, string) {
	if len(o.samples) == 0 {
		return failed, "no counters"
	}
	c := o.samples[len(o.samples)-1].c
	for _, from := range []wan.Side{wan.A, wan.B} {
		result, _ := o.logs[from].Last(harness.Result)
		if r := c.Delivered[from][wan.Server].Packets; r < uint64(max(result.Int("sent"), 0))/2 {
			return failed, fmt.Sprintf("routes say relay, but the router saw %d packets from %v to the server", r, from)
		}
	}
	return relay, o.gaveUpText()
}

// gaveUpText is the reason that the library gives for staying on the relay; empty if it gives none.
func (o observation) gaveUpText() string {
	for _, log := range o.logs {
		if e, ok := log.Last(harness.Punch, harness.Where("ok", "0")); ok {
			return e.Get("text")
		}
	}
	return ""
}
