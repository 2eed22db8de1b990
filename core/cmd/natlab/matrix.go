package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// matrixCmd holds many meetings of many pairs and tells how they went.
type matrixCmd struct {
	programs `embed:""`
	Trials   int           `help:"Meetings per pair; the two take turns at hosting." default:"20"`
	Pairs    string        `help:"Pairs as PR:SR,FC:FC; empty: all 21 of PUB, FC, AR, PR, PRx, SR."`
	JSON     string        `help:"File for one JSON object per pair." name:"json" placeholder:"FILE"`
	Parallel int           `help:"Meetings at the same time." default:"6"`
	Delay    time.Duration `help:"One-way delay between any two sides." default:"20ms"`
	Jitter   time.Duration `help:"Added delay, random up to this; keeps the order."`
	Loss     float64       `help:"Share of packets lost, 0 to 1."`
	Reorder  float64       `help:"Share of packets held back by half the delay."`
	Seed     uint64        `help:"Seed of loss, jitter and reordering." default:"1"`
	Logs     string        `help:"Directory for the logs of failed meetings (default: the temporary directory)." placeholder:"DIR"`
}

// pair is one cell of the matrix, with its meetings so far.
type pair struct {
	a, b     lab.Kind
	outcomes []outcome
}

// wants reports whether an outcome is what the cell demands.
func (p *pair) wants(o outcome) bool {
	if o.verdict == failed || !o.clean() {
		return false
	}
	d := demand(p.a, p.b)
	return d == either || o.verdict == d
}

// parsePairs reads a list of pairs; empty means every unordered pair of kinds.
func parsePairs(list string) ([]*pair, error) {
	var pairs []*pair
	if list == "" {
		for i, a := range lab.Kinds {
			for _, b := range lab.Kinds[i:] {
				pairs = append(pairs, &pair{a: a, b: b})
			}
		}
		return pairs, nil
	}
	for _, text := range strings.Split(list, ",") {
		x, y, ok := strings.Cut(strings.TrimSpace(text), ":")
		if !ok {
			return nil, fmt.Errorf("pair %q is not of the form PR:SR", text)
		}
		a, err := lab.ParseKind(x)
		if err != nil {
			return nil, err
		}
		b, err := lab.ParseKind(y)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, &pair{a: a, b: b})
	}
	return pairs, nil
}

// validate refuses numbers with which the matrix would prove nothing.
func (c *matrixCmd) validate() error {
	switch {
	case c.Trials < 1 || c.Trials > 10000:
		return fmt.Errorf("--trials %d is not between 1 and 10000", c.Trials)
	case c.Parallel < 1 || c.Parallel > 64:
		return fmt.Errorf("--parallel %d is not between 1 and 64", c.Parallel)
	case c.Loss < 0 || c.Loss >= 1 || c.Reorder < 0 || c.Reorder >= 1:
		return errors.New("--loss and --reorder are shares from 0 to below 1")
	case c.Delay < 0 || c.Jitter < 0:
		return errors.New("--delay and --jitter can't be negative")
	}
	return nil
}

// run holds all meetings. Its error says that something demanded did not happen.
func (c *matrixCmd) run(ctx context.Context, out io.Writer) error {
	pairs, err := parsePairs(c.Pairs)
	if err != nil {
		return usageError{err}
	}
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	if err := c.check(); err != nil {
		return err
	}
	began := time.Now()
	fmt.Fprintf(out, "%d pairs, %d meetings each, %d at a time, %v one way\n", len(pairs), c.Trials, c.Parallel, c.Delay)
	c.meetAll(ctx, pairs, out)
	if ctx.Err() != nil { // show what there is
		pairs = slices.DeleteFunc(pairs, func(p *pair) bool { return len(p.outcomes) == 0 })
	}
	writeMatrix(out, pairs)
	if c.JSON != "" {
		if err := writeJSON(c.JSON, pairs); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d meetings in %v\n", len(pairs)*c.Trials, time.Since(began).Round(time.Second))
	return verify(pairs)
}

// meetAll works through the meetings in rounds over all pairs, so that a busy minute of the machine meets them alike.
func (c *matrixCmd) meetAll(ctx context.Context, pairs []*pair, out io.Writer) {
	type job struct {
		p     *pair
		trial int
	}
	jobs := make(chan job)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards the pairs' outcomes and out
	)
	for range c.Parallel {
		workers.Go(func() {
			for j := range jobs {
				o, texts := c.hold(ctx, c.plan(j.p, j.trial), nil, nil)
				if ctx.Err() != nil {
					continue // broken off by the user: says nothing about the pair
				}
				got := judge(o)
				mu.Lock()
				j.p.outcomes = append(j.p.outcomes, got)
				c.tell(out, j.p, j.trial, got, texts)
				mu.Unlock()
			}
		})
	}
	for trial := range c.Trials {
		for _, p := range pairs {
			select {
			case jobs <- job{p, trial}:
			case <-ctx.Done():
			}
		}
	}
	close(jobs)
	workers.Wait()
}

// plan lays out one meeting. Four seconds of data leave two for finding the way and two for proving it.
func (c *matrixCmd) plan(p *pair, trial int) plan {
	return plan{
		kinds: [2]lab.Kind{p.a, p.b}, host: wan.Side(trial % 2),
		shape:    wan.Shape{Delay: c.Delay, Jitter: c.Jitter, Loss: c.Loss, Reorder: c.Reorder},
		seed:     c.Seed + uint64(trial),
		messages: 400, rate: 100, size: 100, unreliable: 100,
		stay: time.Second, timeout: 30 * time.Second,
	}
}

// tell prints a meeting that was not as demanded, keeps its logs, and says when a pair is complete.
func (c *matrixCmd) tell(out io.Writer, p *pair, trial int, o outcome, texts *logs) {
	if !p.wants(o) {
		where, err := texts.save(c.Logs, fmt.Sprintf("%s-%s-%d", p.a, p.b, trial))
		if err != nil {
			where = err.Error()
		}
		fmt.Fprintf(out, "✗ %s × %s, meeting %d: %s, wanted %s%s\n  logs: %s\n", p.a, p.b, trial, o.verdict, demand(p.a, p.b), reason(o), where)
	}
	if len(p.outcomes) == c.Trials {
		fmt.Fprintf(out, "  %-3s × %-3s %s\n", p.a, p.b, cell(p))
	}
}

// reason says what was wrong with a meeting beside its route; it begins with "; " unless there is nothing.
func reason(o outcome) string {
	parts := []string{""}
	if o.why != "" {
		parts = append(parts, o.why)
	}
	if !o.clean() {
		parts = append(parts, fmt.Sprintf("%d lost, %d doubled, %d reordered, %d corrupt", o.lost, o.dup, o.reordered, o.corrupt))
	}
	return strings.Join(parts, "; ")
}

// verify names the pairs that did not do what they must.
func verify(pairs []*pair) error {
	var bad []string
	for _, p := range pairs {
		missed := 0
		for _, o := range p.outcomes {
			if !p.wants(o) {
				missed++
			}
		}
		if missed > 0 {
			bad = append(bad, fmt.Sprintf("%s × %s (%d of %d)", p.a, p.b, missed, len(p.outcomes)))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("not as demanded: %s", strings.Join(bad, ", "))
	}
	return nil
}

// check refuses to start without the programs under test.
func (p programs) check() error {
	for _, name := range []string{"musubi", "musubi_peer"} {
		info, err := os.Stat(p.BinDir + "/" + name)
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return usageError{fmt.Errorf("%s has no program %s; build the library first (./build.sh lib)", p.BinDir, name)}
		}
	}
	return nil
}
