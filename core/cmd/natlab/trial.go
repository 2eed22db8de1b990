//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// repeats is how often a trial's meeting is held again because the machine stood still in it. A machine that disturbs
// three meetings in a row is too busy for this laboratory, and what it would excuse could as well be our mistake.
const repeats = 2

// plan lays out one meeting. The two take turns at hosting: the newcomer calls, the host is called, and their first packets meet the two NATs in another order.
func (c *matrixCmd) plan(p *pair, trial int) plan {
	const rate, limit = 100, 30 * time.Second
	const most = rate * int(limit/time.Second)
	return plan{
		kinds: [2]lab.Kind{p.a, p.b}, host: wan.Side(trial % 2),
		model:    c.Model,
		shape:    wan.Shape{Delay: c.Delay, Jitter: c.Jitter, Loss: c.Loss, Reorder: c.Reorder},
		seed:     c.Seed + uint64(trial),
		messages: most, unreliable: most / 4, openEnd: true, rate: rate, size: 100,
		punch: c.Punch, punchRate: c.Rate, oneAddress: c.One,
		stay: 300 * time.Millisecond, timeout: limit,
	}
}

// settle holds a trial's meeting until one counts: one that the machine did not disturb, or the last that is allowed.
// disturbed is told of those that do not count.
func settle(ctx context.Context, want verdict, meet func() (outcome, *logs), disturbed func(outcome, *logs)) (outcome, *logs) {
	for again := 0; ; again++ {
		got, texts := meet()
		if ctx.Err() != nil || again == repeats || !got.disturbed(want) {
			return got, texts
		}
		disturbed(got, texts)
	}
}

// keep saves the logs of a meeting and says where.
func (c *matrixCmd) keep(p *pair, trial int, texts *logs) string {
	where, err := texts.save(c.Logs, fmt.Sprintf("%s-%s-%d", p.a, p.b, trial+1))
	if err != nil {
		return err.Error()
	}
	return where
}

// miss describes a meeting that was not as demanded.
func (p *pair) miss(trial int, o outcome, logs string) string {
	text := fmt.Sprintf("✗ %v  meeting %d: %s, demanded %s%s", p, trial+1, o.verdict, p.want, reason(o))
	if o.stall.longer() {
		but := "that can't explain it"
		if o.excusable(p.want) {
			but = fmt.Sprintf("this was its last repetition of %d", repeats)
		}
		text += fmt.Sprintf("\n%sthe machine stood still as well (%v), but %s", indent, o.stall, but)
	}
	return text + "\n" + indent + "logs: " + logs
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
