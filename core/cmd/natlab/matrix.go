//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
)

// matrixCmd holds many meetings of many pairs and tells how they went.
type matrixCmd struct {
	programs `embed:""`
	Trials   int           `help:"Meetings per pair, twice as many in the classes C2 to C4; the two take turns at hosting." default:"20"`
	Pairs    string        `help:"Pairs as PR:SR,FC:FC; empty: all 55 of PUB, FW, FC, AR, PR, PRx, SA, SS, SB, SR, and each with BLOCKED."`
	Short    bool          `help:"A few pairs and no goals: what every meeting must come to, for a gate."`
	Model    bool          `help:"The simulator's models in place of the kernel's NATs."`
	Rate     int           `help:"Packets a second while predicting ports." name:"punch-rate" default:"1000"`
	Punch    string        `help:"How far prediction goes: normal, max or off." enum:"normal,max,off" default:"normal"`
	One      bool          `help:"The server has one address only: less can be known about a NAT." name:"one-address"`
	JSON     string        `help:"File for one JSON object per pair." name:"json" placeholder:"FILE"`
	Parallel int           `help:"Meetings at the same time." default:"6"`
	Delay    time.Duration `help:"One-way delay between any two sides." default:"20ms"`
	Jitter   time.Duration `help:"Added delay, random up to this; keeps the order."`
	Loss     float64       `help:"Share of packets lost, 0 to 1."`
	Reorder  float64       `help:"Share of packets held back by half the delay."`
	Seed     uint64        `help:"Seed of loss, jitter and reordering." default:"1"`
	Docs     string        `help:"Directory of the project's documents: writes nat-kernel.json and nat-kernel.svg, and the figures into NAT.md." placeholder:"DIR"`
	Journal  string        `help:"File that remembers each meeting: a matrix that was broken off goes on from there." placeholder:"FILE"`
	Logs     string        `help:"Directory for the logs of failed meetings (default: the temporary directory)." placeholder:"DIR"`

	missing []string // goals that were not reached
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

// run holds all meetings. Its error says that something demanded did not happen. Broken off by the user it still shows what
// there is: half a matrix of an hour is worth reading.
func (c *matrixCmd) run(ctx context.Context, out io.Writer) error {
	if c.Short && c.Pairs == "" {
		c.Pairs = short
	}
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
	all := c.share(pairs)
	conditions, err := c.conditions()
	if err != nil {
		return err
	}
	kept, held, err := openJournal(c.Journal, conditions)
	if err != nil {
		return err
	}
	defer kept.close()
	b := newBoard(out)
	b.line("%d pairs, %d meetings, %d at a time, %s one way", len(pairs), all, c.Parallel, brief(c.Delay))
	if n := restore(pairs, held); n > 0 {
		b.line("%d of them were held before (%s)", n, c.Journal)
	}
	b.line("%s", columns)
	began := time.Now()
	c.meetAll(ctx, pairs, b, kept)
	if c.Short && ctx.Err() == nil && askAgain(pairs) {
		c.meetAll(ctx, pairs, b, kept)
	}
	took := time.Since(began).Round(time.Second)
	if err := c.tell(ctx, out, pairs, conditions); err != nil {
		return err
	}
	b.line("%s, in %v; longest stall of the machine: %v", b.count(pairs), took, longest(pairs))
	return verify(pairs, c.missing)
}

// tell writes what the meetings came to, for people, for tools, and into the documents. Broken off by the user it still shows
// what there is, but documents nothing.
func (c *matrixCmd) tell(ctx context.Context, out io.Writer, pairs []*pair, conditions string) error {
	writeMatrix(out, pairs)
	writeProfiles(out, pairs)
	if !c.Short {
		c.missing = writeScores(out, pairs, c.Delay)
	}
	if c.JSON != "" {
		if err := matrix.WriteJSON(c.JSON, cells(pairs)); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Docs != "" {
		return c.document(pairs)
	}
	return nil
}

// share tells every pair how many meetings it is to hold, and returns how many these are together. The classes whose way is
// found by chance get twice as many: 2 % of 20 is less than one.
func (c *matrixCmd) share(pairs []*pair) (all int) {
	for _, p := range pairs {
		p.trials = c.Trials
		if c.Short && p.byChance() {
			p.want = direct // each, but for what askAgain spares
		}
		if !c.Short && p.byChance() {
			p.trials *= 2
		}
		all += p.trials
	}
	return all
}

// meetAll works through the meetings in rounds over all pairs, so that a busy minute of the machine meets them alike.
func (c *matrixCmd) meetAll(ctx context.Context, pairs []*pair, b *board, kept *journal) {
	b.start(pairs)
	type job struct {
		p     *pair
		trial int
	}
	jobs := make(chan job)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards the pairs and the board
	)
	for range c.Parallel {
		workers.Go(func() {
			for j := range jobs {
				meet := func() (outcome, *logs) {
					o, texts := c.hold(ctx, c.plan(j.p, j.trial), nil, nil)
					return judge(o), texts
				}
				got, texts := settle(ctx, j.p.want, meet, func(o outcome, texts *logs) {
					mu.Lock()
					defer mu.Unlock()
					c.disturbed(b, kept, j.p, j.trial, o, texts)
				})
				if ctx.Err() != nil {
					continue // broken off by the user: says nothing about the pair
				}
				mu.Lock()
				c.settled(b, kept, j.p, j.trial, got, texts)
				b.status(b.count(pairs) + b.remaining(pairs))
				mu.Unlock()
			}
		})
	}
	rounds := 0
	for _, p := range pairs {
		rounds = max(rounds, p.trials)
	}
	for trial := range rounds {
		for _, p := range pairs {
			if trial >= p.trials || p.held[trial] {
				continue
			}
			select {
			case jobs <- job{p, trial}:
			case <-ctx.Done():
			}
		}
	}
	close(jobs)
	workers.Wait()
	b.status("")
}

// disturbed notes a meeting that is held again. Its logs are kept only where somebody asked for logs: an excuse is worth
// a look, but not a full disk on a busy machine.
func (c *matrixCmd) disturbed(b *board, kept *journal, p *pair, trial int, o outcome, texts *logs) {
	p.disturbed++
	p.met(o.stall)
	b.line("~ %v  meeting %d: %s%s", p, trial+1, o.verdict, reason(o))
	b.line("%sdisturbed, held again: the machine stood still (%v)", indent, o.stall)
	if c.Logs != "" {
		b.line("%slogs: %s", indent, c.keep(p, trial, texts))
	}
	b.note(kept.line(record{A: string(p.a), B: string(p.b), Trial: trial, Disturbed: true}))
}

// settled notes the outcome of a trial, and says when a pair is complete.
func (c *matrixCmd) settled(b *board, kept *journal, p *pair, trial int, o outcome, texts *logs) {
	where := ""
	if !p.wants(o) {
		where = c.keep(p, trial, texts)
	}
	if miss := p.add(trial, o, where); miss != "" {
		b.line("%s", miss)
	}
	if len(p.outcomes) == p.trials {
		b.line("%s", row(p))
	}
	b.note(kept.line(recordOf(p, trial, o, where)))
}

// check refuses to start without the programs under test: 420 meetings that all fail for a missing file say it too late.
func (p programs) check() error {
	for _, name := range []string{"musubi", "musubi_peer"} {
		info, err := os.Stat(p.BinDir + "/" + name)
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return usageError{fmt.Errorf("%s has no program %s; build the library first (./build.sh lib)", p.BinDir, name)}
		}
	}
	return nil
}
