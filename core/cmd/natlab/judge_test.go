//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// transcript reads harness lines; times are seconds.
func transcript(t *testing.T, lines ...string) harness.Log {
	t.Helper()
	var log harness.Log
	for _, l := range lines {
		ev, err := harness.ParseEvent(l)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, ev)
	}
	return log
}

const goodResult = "t=15.0 result peer=1 sent=400 received=400 lost=0 dup=0 reordered=0 corrupt=0 unreliable_dup=0 route=x"

// directMeeting is a meeting as it should be: keys at 10.00 and 10.04, pongs at 10.08 and 10.12, direct at 10.3 and 10.4,
// data at 100 packets a second for four seconds.
func directMeeting(t *testing.T) observation {
	o := observation{plan: plan{kinds: [2]lab.Kind{lab.PR, lab.PR}, messages: 400, rate: 100}}
	o.logs[wan.A] = transcript(t, "t=10.00 peer_connected peer=1 route=relay", "t=10.08 punch peer=1 ok=1 rtt_ms=40",
		"t=10.09 first_message peer=1", "t=10.3 route_changed peer=1 route=direct4", goodResult)
	o.logs[wan.B] = transcript(t, "t=10.04 peer_connected peer=1 route=relay", "t=10.05 first_message peer=1",
		"t=10.12 punch peer=1 ok=1 rtt_ms=40", "t=10.4 route_changed peer=1 route=direct4", goodResult)
	o.samples = traffic(10*time.Second, 10350*time.Millisecond)
	return o
}

// traffic makes counters: 5 packets per sample both ways, over the server until switched, then directly.
func traffic(from, switched time.Duration) (list samples) {
	var c wan.Counters
	for at := from; at < from+4*time.Second; at += sampleEvery {
		list = append(list, sample{at, c})
		for _, s := range []wan.Side{wan.A, wan.B} {
			if at < switched {
				c.Delivered[s][wan.Server].Packets += 5
			} else {
				c.Delivered[s][other(s)].Packets += 5
			}
		}
	}
	return list
}

func TestJudgeDirect(t *testing.T) {
	got := judge(directMeeting(t))
	want := outcome{verdict: direct, probe: 80 * time.Millisecond, route: 360 * time.Millisecond, gaveUp: -1, firstByte: 50 * time.Millisecond, connect: -1}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestJudgeRelay(t *testing.T) {
	o := directMeeting(t)
	for s, at := range []string{"10.00", "10.04"} {
		o.logs[s] = transcript(t, "t="+at+" peer_connected peer=1 route=relay", "t=10.09 first_message peer=1",
			`t=13 punch peer=1 ok=0 text="both symmetric"`, goodResult)
	}
	o.samples = traffic(10*time.Second, time.Hour)
	if got := judge(o); got.verdict != relay || got.probe != -1 || got.route != -1 || !got.clean() {
		t.Errorf("%+v", got)
	}
}

// Everything that must not count as a success, and the sentence that says so.
func TestJudgeRefuses(t *testing.T) {
	replace := func(side wan.Side, from, to string) func(*testing.T, *observation) {
		return func(t *testing.T, o *observation) {
			for i, ev := range o.logs[side] {
				if ev.Name == strings.Fields(from)[1] {
					o.logs[side][i] = transcript(t, to)[0]
				}
			}
		}
	}
	for _, c := range []struct {
		name, why string
		spoil     func(*testing.T, *observation)
	}{
		{"counters say relay", "the router saw 0 packets from A", func(t *testing.T, o *observation) { o.samples = traffic(10*time.Second, time.Hour) }},
		{"no counters", "the router saw 0 packets", func(t *testing.T, o *observation) { o.samples = nil }},
		{"one way only", "from B on the direct path", func(t *testing.T, o *observation) {
			for i := range o.samples {
				o.samples[i].c.Delivered[wan.B][wan.A] = wan.Count{}
			}
		}},
		{"direct too late", "was direct for only 1s", replace(wan.B, "t route_changed", "t=14 route_changed peer=1 route=direct4")},
		{"one side only", "only one side", replace(wan.B, "t route_changed", "t=10.4 route_changed peer=1 route=relay")},
		{"fell back", "fell back to the relay (dead)", func(t *testing.T, o *observation) {
			o.logs[wan.A] = append(o.logs[wan.A], transcript(t, "t=14 route_changed peer=1 route=relay text=dead")...)
		}},
		{"private path", "private address", replace(wan.A, "t route_changed", "t=10.4 route_changed peer=1 route=lan")},
		{"exit code", "exit code 1", func(t *testing.T, o *observation) { o.exits[wan.B] = 1 }},
		{"no result", "no result", func(t *testing.T, o *observation) { o.logs[wan.A] = o.logs[wan.A][:4] }},
		{"short result", "received 399 of 400", replace(wan.A, "t result", "t=15 result peer=1 sent=400 received=399 lost=1 dup=0 reordered=0 corrupt=0")},
		{"result without counts", "without a count", replace(wan.A, "t result", "t=15 result peer=1 sent=400 received=400 lost=0")},
		{"no keys", "never had keys", replace(wan.A, "t peer_connected", "t=1 other")},
		{"broken off", "took too long", func(t *testing.T, o *observation) { o.broken = errors.New("the meeting took too long") }},
	} {
		o := directMeeting(t)
		c.spoil(t, &o)
		if got := judge(o); got.verdict != failed || !strings.Contains(got.why, c.why) {
			t.Errorf("%s: %s, %q", c.name, got.verdict, got.why)
		}
	}
}

// What went wrong while the machine stood still is held again; what no stall can bring about is not, nor anything without a
// stall, nor what was as demanded.
func TestDisturbed(t *testing.T) {
	fellBack := func(t *testing.T, o *observation) {
		o.logs[wan.A] = append(o.logs[wan.A], transcript(t, "t=14 route_changed peer=1 route=relay text=silent")...)
	}
	relayed := func(t *testing.T, o *observation) {
		for s := range o.logs {
			o.logs[s] = transcript(t, "t=10 peer_connected peer=1 route=relay", "t=10.09 first_message peer=1", goodResult)
		}
		o.samples = traffic(10*time.Second, time.Hour)
	}
	result := func(line string) func(*testing.T, *observation) {
		return func(t *testing.T, o *observation) { o.logs[wan.B][4] = transcript(t, line)[0] }
	}
	for _, c := range []struct {
		name    string
		want    verdict
		spoil   func(*testing.T, *observation)
		excused bool // with a stall
	}{
		{"as demanded", direct, func(*testing.T, *observation) {}, false},
		{"fell back to the relay", direct, fellBack, true},
		{"direct too late", direct, func(t *testing.T, o *observation) {
			o.logs[wan.B][3] = transcript(t, "t=14 route_changed peer=1 route=direct4")[0]
		}, true},
		{"never direct", direct, relayed, true},
		{"relayed, as demanded", relay, relayed, false},
		{"no keys in time", direct, func(t *testing.T, o *observation) {
			o.broken, o.logs[wan.A] = errors.New("the meeting took too long"), nil
		}, true},
		{"direct where there is no way", relay, func(*testing.T, *observation) {}, false},
		{"lost messages", direct, result(strings.Replace(goodResult, "lost=0", "lost=1", 1)), false},
		{"lost messages and fell back", direct, func(t *testing.T, o *observation) {
			fellBack(t, o)
			o.logs[wan.B][4] = transcript(t, strings.Replace(goodResult, "dup=0", "dup=1", 1))[0]
		}, false},
		{"a private path", direct, func(t *testing.T, o *observation) {
			o.logs[wan.A][3] = transcript(t, "t=10.3 route_changed peer=1 route=lan")[0]
		}, false},
		{"crashed", direct, func(t *testing.T, o *observation) {
			o.logs[wan.A], o.wrong = o.logs[wan.A][:4], errors.New("harness A ended with exit code -1")
		}, false},
		{"crashed at the very end", direct, func(t *testing.T, o *observation) { o.wrong = errors.New("exit code -1") }, false},
	} {
		for _, took := range []time.Duration{0, stallLimit, stallLimit + 1} {
			o := directMeeting(t)
			c.spoil(t, &o)
			o.stall = stall{took, "the router's thread stood still"}
			got := judge(o)
			if want := c.excused && took > stallLimit; got.disturbed(c.want) != want {
				t.Errorf("%s, stall of %v: disturbed %v; %s %q", c.name, took, !want, got.verdict, got.why)
			}
		}
	}
}

// A trial is settled by the first meeting that was not disturbed, or by the third whatever it met.
func TestSettle(t *testing.T) {
	still := outcome{verdict: failed, why: "fell back", stall: stall{300 * time.Millisecond, "x"}}
	good, bad := outcome{verdict: direct, stall: still.stall}, outcome{verdict: failed, why: "fell back"}
	for _, c := range []struct {
		name     string
		meetings []outcome
		again    int // disturbed meetings
	}{
		{"good at once, stall or not", []outcome{good}, 0},
		{"failed without a stall is final", []outcome{bad}, 0},
		{"disturbed once", []outcome{still, good}, 1},
		{"disturbed, then truly failed", []outcome{still, bad}, 1},
		{"disturbed twice", []outcome{still, still, good}, 2},
		{"disturbed three times: failed", []outcome{still, still, still}, 2},
	} {
		held, again := 0, 0
		got, _ := settle(context.Background(), direct, func() (outcome, *logs) {
			held++
			return c.meetings[held-1], nil
		}, func(o outcome, _ *logs) {
			again++
			if o != still {
				t.Errorf("%s: held again after %+v", c.name, o)
			}
		})
		if last := c.meetings[len(c.meetings)-1]; got != last || held != len(c.meetings) || again != c.again {
			t.Errorf("%s: %d meetings, %d of them disturbed, %+v", c.name, held, again, got)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	settle(ended, direct, func() (outcome, *logs) { return still, nil }, func(outcome, *logs) { t.Error("held again for a user who has gone") })
}

// A disturbed meeting and a failed one say so, with the stall, and count apart.
func TestMatrixNotes(t *testing.T) {
	var out bytes.Buffer
	c := &matrixCmd{Logs: t.TempDir()}
	b, p := newBoard(&out), newPair(lab.PR, lab.PR)
	p.trials = 1
	still := outcome{verdict: failed, why: "A was direct for only 616ms", stall: stall{312 * time.Millisecond, "the router's thread stood still"}}
	c.disturbed(b, new(journal), p, 0, still, new(logs))
	c.disturbed(b, new(journal), p, 0, still, new(logs))
	c.settled(b, new(journal), p, 0, still, new(logs))
	if s := summarize(p); s.Trials != 1 || s.Failed != 1 || s.Disturbed != 2 || verify([]*pair{p}, nil) == nil {
		t.Errorf("%+v", s)
	}
	for _, line := range []string{
		"~ PR  × PR   meeting 1: failed; A was direct for only 616ms\n",
		"disturbed, held again: the machine stood still (the router's thread stood still for 312 ms)\n",
		"✗ PR  × PR   meeting 1: failed, demanded direct; A was direct for only 616ms\n",
		"the machine stood still as well (the router's thread stood still for 312 ms), but this was its last repetition of 2\n",
		"2 disturbed\n", "logs: " + c.Logs,
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("nowhere %q in\n%s", line, out.String())
		}
	}
	if got := b.count([]*pair{p}); got != "1 of 1 meetings, 1 not as demanded, 2 more disturbed and held again" {
		t.Error(got)
	}
}

// A doubled message leaves the route's verdict alone but is counted, and no cell accepts it.
func TestTallySpoilsTheCell(t *testing.T) {
	for _, key := range []string{"lost", "dup", "reordered", "corrupt", "unreliable_dup"} {
		o := directMeeting(t)
		line := strings.Replace(goodResult, " "+key+"=0", " "+key+"=2", 1)
		o.logs[wan.B][4] = transcript(t, line)[0]
		got := judge(o)
		p := newPair(lab.PR, lab.PR)
		p.add(0, got, "")
		if got.clean() || p.wants(got) || verify([]*pair{p}, nil) == nil {
			t.Errorf("%s: accepted %+v", key, got)
		}
	}
}

func TestDemands(t *testing.T) {
	for _, want := range []struct {
		pairs string
		verdict
	}{
		{"PUB:SR,FC:SR,AR:SR,PR:PRx,FW:PR,SA:AR", direct}, {"PR:SR,PRx:SS,SA:SA,SS:SS,SB:SB,SS:SR", either},
		{"SR:SR,PUB:BLOCKED", relay},
	} {
		pairs, err := parsePairs(want.pairs)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			if demand(p.a, p.b) != want.verdict || demand(p.b, p.a) != want.verdict {
				t.Errorf("%s × %s: %s", p.a, p.b, demand(p.a, p.b))
			}
		}
	}
	hopeless := newPair(lab.SR, lab.SR)
	hopeless.add(0, outcome{verdict: direct}, "")
	if err := verify([]*pair{hopeless}, nil); err == nil {
		t.Error("a direct SR × SR passes where the relay is demanded")
	}
	if err := verify(nil, []string{"C2: 0 % direct, goal 98 %"}); err == nil {
		t.Error("a goal that was not reached passes")
	}
}

// The classes are those of docs/NAT.md, which says how many pairs each has.
func TestClasses(t *testing.T) {
	var have [matrix.CUDP + 1]int
	pairs, err := parsePairs("")
	for _, p := range pairs {
		if classOf(p.a, p.b) != classOf(p.b, p.a) {
			t.Errorf("%s × %s depends on the order", p.a, p.b)
		}
		have[classOf(p.a, p.b)]++
	}
	if want := [matrix.CUDP + 1]int{0, 33, 4, 3, 10, 5, 10}; err != nil || have != want {
		t.Errorf("have %v, want %v; %v", have, want, err)
	}
	gate, err := parsePairs(short)
	kinds, seen := map[lab.Kind]bool{}, map[matrix.Class]bool{}
	for _, p := range gate {
		kinds[p.a], kinds[p.b], seen[classOf(p.a, p.b)] = true, true, true
	}
	if err != nil || len(kinds) != len(lab.Kinds)+1 || len(seen) != int(matrix.CUDP) {
		t.Errorf("the gate has kinds %v and classes %v; %v", kinds, seen, err)
	}
}

func TestParsePairs(t *testing.T) {
	pairs, err := parsePairs("pr:sr, PRX:pub")
	if err != nil || len(pairs) != 2 || pairs[0].a != lab.PR || pairs[1].a != lab.PRx || pairs[1].b != lab.PUB {
		t.Errorf("%v %v", pairs, err)
	}
	for _, bad := range []string{"PR", "PR:", "PR:XX", "PR:SR,", ":"} {
		if _, err := parsePairs(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
