//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// The demo's network and its goals (docs/NAT.md). One way between any two sides is 20 ms, so that a round trip is 40 ms
// on the direct path and 80 ms over the relay.
const (
	demoDelay     = 20 * time.Millisecond
	demoRTT       = 2 * demoDelay
	goalFirst     = 4 * demoDelay                          // first byte: one round trip over the relay
	goalDirect    = 3*demoRTT + 30*time.Millisecond        // from keys on both sides to the first authenticated pong
	goalPredicted = time.Second + 30*time.Millisecond      // the same where ports must be guessed
	goalTakeover  = 400*time.Millisecond + demoRTT         // relay after a cut, and the longest silence
	goalReturn    = 4 * time.Second                        // direct after the healing: 2 s hold-down, checks 1 s apart
	demoMarker    = "a-plaintext-that-nobody-may-ever-see" // inside every message
	cutAfter      = 1500 * time.Millisecond                // of direct traffic
	cutFor        = 2 * time.Second
)

// demoCmd tells the whole story once. It shows nothing that the matrix does not prove more often, but a person can watch it.
type demoCmd struct {
	programs `embed:""`
	Logs     string `help:"Directory for the logs if something fails (default: the temporary directory)." placeholder:"DIR"`
}

func (c *demoCmd) run(ctx context.Context, out io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	s := newStory(out)
	if s.live = newLive(out, s.began, len(demoSteps)); s.live != nil {
		defer s.live.close()
		defer context.AfterFunc(ctx, s.live.close)() // a second Ctrl-C ends the program at once, and must find the terminal as it was
	}
	s.print(`Two players, A and B, each at home behind a NAT of the Linux kernel, and a server, all in network namespaces:

    A ── NAT ──┐            ┌── NAT ── B
               ├── router ──┤              %v one way between any two
               └─ server ───┘

Times are in seconds since the start.
`, brief(demoDelay))
	if err := c.chapter(ctx, s, "demo-PR-PR", c.portRestricted); err != nil {
		return err
	}
	if err := c.chapter(ctx, s, "demo-PR-SR", c.predicted); err != nil {
		return err
	}
	if err := c.chapter(ctx, s, "demo-SR-SR", c.symmetric); err != nil {
		return err
	}
	if s.missed > 0 {
		return fmt.Errorf("%d of %d checks did not hold", s.missed, s.missed+s.held)
	}
	s.print("\n✓ all %d checks held\n", s.held)
	return nil
}

// chapter tells one chapter, and once more if nothing but time was missed while the machine stood still: its time, not
// the library's. What is missed then counts.
func (c *demoCmd) chapter(ctx context.Context, s *story, name string, tell func(context.Context, *story) (stall, *logs)) error {
	s.begin()
	stall, texts := tell(ctx, s)
	if ctx.Err() == nil && s.disturbed(stall) {
		s.title("The machine stood still (%v): what is late above proves nothing. The same once more", stall)
		s.forget()
		_, texts = tell(ctx, s)
	}
	if s.live != nil {
		s.live.finish()
	}
	if err := ctx.Err(); err != nil || s.chapter.missed == 0 {
		return err
	}
	where, err := texts.save(c.Logs, name)
	if err != nil {
		return errors.Join(errors.New("checks did not hold"), err)
	}
	s.title("Something did not hold; the logs are in %s", where)
	return nil
}

// breakage is what happened to the direct path while messages flowed; zero times mean that it did not come so far.
type breakage struct {
	direct, cut, healed, again time.Duration
	wire                       *wirecheck
}

// portRestricted is the first chapter: relay, direct, cut, relay, healed, direct.
func (c *demoCmd) portRestricted(ctx context.Context, s *story) (stall, *logs) {
	s.open(chapter{"PR × PR", "two port-restricted NATs. 2000 reliable messages each way, the direct path is cut under them", [2]lab.Kind{lab.PR, lab.PR}, demoSteps[0]})
	pl := plan{
		kinds: [2]lab.Kind{lab.PR, lab.PR}, shape: wan.Shape{Delay: demoDelay}, seed: 1,
		messages: 2000, rate: 150, size: 200, unreliable: 500, marker: demoMarker, stats: s.figures(),
		stay: 3 * time.Second, timeout: time.Minute,
	}
	var b breakage
	var found [wan.Sides][wan.Sides]wan.Search
	defer func() { b.wire.discard() }()
	o, texts := c.hold(ctx, pl, s.hear, func(ctx context.Context, m *meeting) error {
		b.wire = startWirecheck(m.Lab)
		m.onEnd = func() {
			b.wire.stop()
			found[wan.A][wan.B], found[wan.B][wan.A] = m.Found(wan.A, wan.B), m.Found(wan.B, wan.A)
		}
		return breakAndHeal(ctx, s, m, &b)
	})
	if ctx.Err() != nil {
		return stall{}, texts
	}
	s.title("PR × PR: what must hold")
	checkMeeting(s, o, [2]string{independent, independent}, direct, goalDirect)
	checkBreakage(s, o, b)
	for _, from := range []wan.Side{wan.A, wan.B} {
		f := found[from][other(from)]
		s.check(f.Datagrams > 1000 && f.Hits == 0, "plaintext of the messages in %d direct datagrams from %v (%d bytes): found %d times", f.Datagrams, from, f.Bytes, f.Hits)
	}
	b.wire.report(s)
	return o.stall, texts
}

// breakAndHeal waits until both are direct, cuts that path in both directions, waits for the relay to take over, heals,
// and waits for direct routes again. What does not happen is left zero and judged later; only the user's Ctrl-C or the
// end of the meeting's time is an error.
func breakAndHeal(ctx context.Context, s *story, m *meeting, b *breakage) (err error) {
	if b.direct, err = bothRoutes(ctx, m, 0, harness.Event.Direct); b.direct == 0 {
		return err
	}
	if err := pause(ctx, cutAfter); err != nil {
		return err
	}
	b.cut = wan.Now()
	m.CutDirect(true)
	s.signAt(b.cut, signCut, "the direct path is cut, both directions; the server stays reachable")
	if _, err := bothRoutes(ctx, m, b.cut, harness.Where("route", "relay")); err != nil {
		return err
	}
	if err := pause(ctx, b.cut+cutFor-wan.Now()); err != nil {
		return err
	}
	b.healed = wan.Now()
	m.CutDirect(false)
	s.signAt(b.healed, signHealed, "the direct path is healed")
	b.again, err = bothRoutes(ctx, m, b.healed, harness.Event.Direct)
	return err
}

// bothRoutes waits until both sides have changed to such a route after a moment, and returns when the later one did;
// zero if one does not within its time.
func bothRoutes(ctx context.Context, m *meeting, after time.Duration, route func(harness.Event) bool) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, grace*goalReturn)
	defer cancel()
	var at time.Duration
	for _, p := range m.peers {
		ev, err := p.Await(limited, harness.RouteChanged, harness.Since(after), route)
		if err != nil {
			return 0, context.Cause(ctx) // nil unless the meeting itself is over
		}
		at = max(at, ev.At)
	}
	return at, nil
}

// pause lets the messages flow for a while: the story needs traffic on each path, nothing is synchronised by it.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What a profile says about the two sorts of mapping that the demo shows.
const independent, dependent = "endpoint-independent", "address-and-port-dependent"

// predicted is the second chapter: nobody can know A's way to B's port, and it is found all the same.
func (c *demoCmd) predicted(ctx context.Context, s *story) (stall, *logs) {
	s.open(chapter{"PR × SR", "B's NAT gives every flow another random port. B opens hundreds of sockets, A tries hundreds of ports: two of them meet", [2]lab.Kind{lab.PR, lab.SR}, demoSteps[1]})
	pl := plan{
		kinds: [2]lab.Kind{lab.PR, lab.SR}, shape: wan.Shape{Delay: demoDelay}, seed: 3, openEnd: true,
		messages: 3000, rate: 100, size: 200, unreliable: 750, marker: demoMarker, punchRate: 1000, stats: s.figures(),
		stay: 300 * time.Millisecond, timeout: 30 * time.Second,
	}
	o, texts := c.hold(ctx, pl, s.hear, nil)
	if ctx.Err() != nil {
		return stall{}, texts
	}
	s.title("PR × SR: what must hold")
	checkMeeting(s, o, [2]string{independent, dependent}, direct, goalPredicted)
	return o.stall, texts
}

// symmetric is the third chapter: no direct path exists, and everything arrives all the same.
func (c *demoCmd) symmetric(ctx context.Context, s *story) (stall, *logs) {
	s.open(chapter{"SR × SR", "two symmetric NATs with random ports. No direct path is possible; the relay must carry everything", [2]lab.Kind{lab.SR, lab.SR}, demoSteps[2]})
	pl := plan{
		kinds: [2]lab.Kind{lab.SR, lab.SR}, shape: wan.Shape{Delay: demoDelay}, seed: 2,
		messages: 1000, rate: 200, size: 200, unreliable: 200, marker: demoMarker, stats: s.figures(),
		stay: time.Second, timeout: time.Minute,
	}
	o, texts := c.hold(ctx, pl, s.hear, nil)
	if ctx.Err() != nil {
		return stall{}, texts
	}
	s.title("SR × SR: what must hold")
	checkMeeting(s, o, [2]string{dependent, dependent}, relay, 0)
	return o.stall, texts
}
