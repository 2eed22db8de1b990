//go:build linux

package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// chapter is one thing that happens to the cluster.
type chapter struct {
	name  string
	what  string        // for the table
	goal  goal          // of SERVER.md's contract
	do    func() error  // makes it happen
	probe bool          // a newcomer enters a room of that node meanwhile
	least time.Duration // how long the players are watched at least
	most  time.Duration // until everything must flow again
	after func() error  // puts it right
}

// goal is what the contract promises for a chapter; zero: nothing to judge.
type goal struct {
	relayed, resumed, joined time.Duration // p99, p99, one newcomer
}

// idleNotice is how long an idle client may not notice that its server is gone: a keepalive and its patience.
const idleNotice = 18 * time.Second

func (l *laboratory) chapters(ctx context.Context) []chapter {
	c := l.cluster
	restart := func(n int) func() error {
		return func() error {
			if err := c.start(n); err != nil {
				return err
			}
			return c.ready(ctx, n)
		}
	}
	killed := goal{relayed: 1500 * time.Millisecond, resumed: 3 * time.Second, joined: 12 * time.Second}
	kill := chapter{"kill", "kill -9 of a node", killed, func() error { c.kill(2); return nil }, true, idleNotice + 6*time.Second, 20 * time.Second, restart(2)}
	drain := func(n int) chapter {
		return chapter{fmt.Sprintf("drain-%d", n), fmt.Sprintf("SIGTERM of node %d, one after the other", n), goal{relayed: 1500 * time.Millisecond, joined: 2 * time.Second},
			func() error { return c.drain(ctx, n, 120*time.Second) }, true, 3 * time.Second, 15 * time.Second, restart(n)}
	}
	if l.small {
		return []chapter{kill}
	}
	return []chapter{
		kill,
		{"stop", "SIGSTOP of a node, SIGCONT after 25 s", killed, func() error { c.servers[3].signal(syscall.SIGSTOP); return nil }, true,
			idleNotice + 7*time.Second, 20 * time.Second, func() error { c.servers[3].signal(syscall.SIGCONT); return c.ready(ctx, 3) }},
		{"cut", "a node cut off from the others, for 30 s", goal{relayed: 1500 * time.Millisecond}, func() error { return c.net.cutOff(1) }, true,
			30 * time.Second, 20 * time.Second, func() error {
				if err := c.net.heal(1); err != nil {
					return err
				}
				return c.ready(ctx, 1)
			}},
		{"wipe", "kill -9, and its JetStream directory lost", killed, func() error { c.kill(2); return c.wipe(2) }, true,
			idleNotice + 6*time.Second, 20 * time.Second, restart(2)},
		drain(1), drain(2), drain(3),
	}
}

// outcome is how a chapter went.
type outcome struct {
	chapter
	measured
	joined time.Duration // the newcomer was in; negative: was not
	took   time.Duration
	faults []string
}

// play lets a chapter happen. An error ends the story: it could not be told to its end.
func (l *laboratory) play(ctx context.Context, ch chapter) (out outcome, err error) {
	f := l.fleet
	out = outcome{chapter: ch, joined: -1}
	before := len(f.faults())
	f.begin()
	began := time.Now()
	probed := make(chan error, 1)
	if ch.probe {
		l.probed++ // the first one's home is node 2, which is killed first
		room := f.rooms[l.probed%len(f.rooms)]
		go func() {
			took, err := f.probe(ctx, room, 40*time.Second)
			if err == nil {
				out.joined = took
			}
			probed <- err
		}()
	} else {
		probed <- nil
	}
	if err := ch.do(); err != nil {
		<-probed
		return out, fmt.Errorf("%s: %w", ch.name, err)
	}
	if err := await(ctx, ch.least+ch.most, "every flow and every link is there again", func() bool {
		return time.Since(began) > ch.least && f.flowing()
	}); err != nil {
		out.faults = append(out.faults, err.Error())
	}
	if err := <-probed; err != nil {
		out.faults = append(out.faults, err.Error())
	}
	out.measured, out.took = f.measure(), time.Since(began)
	if ch.after != nil {
		if err := ch.after(); err != nil {
			return out, fmt.Errorf("after %s: %w", ch.name, err)
		}
	}
	out.faults = append(out.faults, f.faults()[before:]...)
	return out, ctx.Err()
}
