//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// regressCmd plays scenarios in which a network does to a connection what networks do to games on the night of a launch.
type regressCmd struct {
	programs `embed:""`
	Names    []string `arg:"" optional:"" help:"Scenarios; none: all of them."`
	List     bool     `help:"Only say which there are."`
	Parallel int      `help:"Scenarios at the same time." default:"4"`
	Loose    bool     `help:"Times may be up to three times their goals, as on a machine that does other things as well. Counts and routes stay exact."`
	Logs     string   `help:"Directory for the logs of what did not hold (default: the temporary directory)." placeholder:"DIR"`
}

// scenario is one of them. play runs while both are in the room, checks as it goes, and orders enough at its end; after runs
// on what is left. Either may be nil: then messages flow until the way is decided, and whole delivery is all that is asked.
type scenario struct {
	name, what string
	plan       plan
	play       func(context.Context, *act) error
	after      func(*act, observation)
}

// act is a scenario on stage.
type act struct {
	*story
	*meeting
	programs programs
	loose    bool // a time over its goal may still hold
}

// chosen finds the scenarios by name.
func (c *regressCmd) chosen() ([]scenario, error) {
	if len(c.Names) == 0 {
		return scenarios, nil
	}
	var list []scenario
	for _, name := range c.Names {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, usageError{fmt.Errorf("no scenario %q; natlab regress --list names them", name)}
		}
		list = append(list, scenarios[i])
	}
	return list, nil
}

// run plays the scenarios side by side and prints each when it is over.
func (c *regressCmd) run(ctx context.Context, out io.Writer) error {
	list, err := c.chosen()
	if err != nil {
		return err
	}
	if c.List {
		for _, sc := range list {
			fmt.Fprintf(out, "%-22s %s\n", sc.name, sc.what)
		}
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	var (
		mu      sync.Mutex // guards out and bad
		workers sync.WaitGroup
		bad     []string
	)
	places := make(chan struct{}, max(c.Parallel, 1))
	for _, sc := range list {
		places <- struct{}{}
		workers.Go(func() {
			defer func() { <-places }()
			if ctx.Err() != nil {
				return
			}
			text, held := c.stage(ctx, sc)
			mu.Lock()
			defer mu.Unlock()
			_, _ = out.Write(text)
			if !held {
				bad = append(bad, sc.name)
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d of %d scenarios did not hold: %s", len(bad), len(list), strings.Join(bad, ", "))
	}
	fmt.Fprintf(out, "\n✓ all %d scenarios held\n", len(list))
	return nil
}

// stage plays a scenario, and once more if nothing but time was missed while the machine stood still.
func (c *regressCmd) stage(ctx context.Context, sc scenario) (text []byte, held bool) {
	for again := 0; ; again++ {
		var said bytes.Buffer
		s := newStory(&said)
		s.title("%s: %s", sc.name, sc.what)
		s.begin()
		stall, texts := c.play(ctx, s, sc)
		if ctx.Err() != nil {
			return nil, false
		}
		if again < repeats && s.disturbed(stall) {
			continue
		}
		if s.chapter.missed > 0 {
			where, err := texts.save(c.Logs, sc.name)
			s.note("logs: %s", where)
			if err != nil {
				s.note("%v", err)
			}
		}
		if stall.longer() {
			s.note("the machine stood still: %v", stall)
		}
		verdict := "✓ " + sc.name
		if s.chapter.missed > 0 {
			verdict = "✗ " + sc.name
		}
		fmt.Fprintln(&said, verdict)
		return said.Bytes(), s.chapter.missed == 0
	}
}

func (c *regressCmd) play(ctx context.Context, s *story, sc scenario) (stall, *logs) {
	var during func(context.Context, *meeting) error
	if sc.play != nil {
		during = func(ctx context.Context, m *meeting) error {
			return sc.play(ctx, &act{story: s, meeting: m, programs: c.programs, loose: c.Loose})
		}
	}
	o, texts := c.hold(ctx, sc.plan, s.hear, during)
	if o.broken != nil {
		s.inTime(false, "the scenario was played to its end: %v", o.broken)
	}
	if o.wrong != nil {
		s.check(false, "no program misbehaved: %v", o.wrong)
	}
	if sc.plan.third == "" {
		got := judge(o)
		s.check(got.clean() && o.whole(), "reliable messages both ways: %d lost, %d doubled, %d out of order, %d corrupt%s",
			got.lost, got.dup, got.reordered, got.corrupt, wholeText(o))
	}
	if sc.after != nil {
		sc.after(&act{story: s, loose: c.Loose}, o)
	}
	return o.stall, texts
}

// wholeText says what is missing where a tally shows nothing, and how the unreliable messages fared.
func wholeText(o observation) (text string) {
	for side := range o.logs {
		if _, err := o.delivered(wan.Side(side)); err != nil {
			text += "; " + err.Error()
		}
		if r, ok := o.logs[side].Last(harness.Result); ok {
			theirs, _ := o.logs[other(wan.Side(side))].Last(harness.Result)
			text += fmt.Sprintf("; unreliable to %v: %d of %d", wan.Side(side), r.Int("unreliable_received"), theirs.Int("unreliable_sent"))
		}
	}
	return text
}

// goal checks a measured time against its goal; negative means that it did not happen.
func (a *act) goal(what string, took, goal time.Duration) {
	if a.loose {
		a.timed(what, took, goal)
		return
	}
	if took < 0 {
		a.inTime(false, "%s: did not happen (goal %s)", what, brief(goal))
		return
	}
	a.inTime(took <= goal, "%s: %s (goal %s)", what, ms(took), brief(goal))
}

// errOver ends a play whose conditions never came about; what was missed has been said.
var errOver = errors.New("there was nothing to play with")

// direct waits until both routes are direct after a moment and says how long that took; the first time it is a condition.
func (a *act) direct(ctx context.Context, after time.Duration) (took time.Duration, err error) {
	at, err := bothRoutes(ctx, a.meeting, after, harness.Event.Direct)
	if err != nil || at == 0 {
		return -1, err
	}
	return at - after, nil
}

// begins waits for direct routes and a second of messages on them: what most scenarios break.
func (a *act) begins(ctx context.Context) error {
	took, err := a.direct(ctx, 0)
	if err != nil {
		return err
	}
	if took < 0 {
		a.inTime(false, "both routes are direct to begin with")
		return errOver
	}
	return pause(ctx, time.Second)
}

// phase ends a phase on both sides and gives the longer of their longest silences, and the fewer messages that came.
func (a *act) phase(ctx context.Context) (gap time.Duration, received int, err error) {
	asked := wan.Now()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for i, p := range a.peers {
		if err := p.Order("phase"); err != nil {
			return 0, 0, err
		}
		e, err := p.Await(ctx, harness.Phase, harness.Since(asked))
		if err != nil {
			return 0, 0, err
		}
		gap = max(gap, e.Milliseconds("gap_ms"))
		if n := e.Int("received"); i == 0 || n < received {
			received = n
		}
	}
	return gap, received, nil
}

// routes gives the sides' last routes, as words.
func routes(o observation) (words [2]string) {
	for side, log := range o.logs {
		words[side] = "relay"
		if e, ok := log.Last(harness.RouteChanged); ok {
			words[side] = e.Get("route")
		}
	}
	return words
}

// between is a plan for a scenario: 60 messages of each sort a second until enough is ordered, as a game sends them.
func between(a, b lab.Kind) plan {
	const rate, limit = 60, 60 * time.Second
	return plan{
		kinds: [2]lab.Kind{a, b}, shape: wan.Shape{Delay: demoDelay}, seed: 1, openEnd: true,
		messages: rate * int(limit/time.Second), unreliable: rate * int(limit/time.Second), rate: rate, size: 100,
		punchRate: 1000, stay: 500 * time.Millisecond, timeout: limit,
	}
}
