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
	what  string // for people
	node  int    // to which it happens
	kind  kind   // what is promised
	do    func() error
	found bool          // a newcomer makes a room meanwhile, in vain until all is well
	least time.Duration // how long the players are watched at least
	most  time.Duration // until everything must flow again
	after func() error  // puts it right
}

// kind is which lines of the contract a chapter is for.
type kind uint8

const (
	died    kind = iota // a node is gone without a word
	cut                 // it is there for the players and for no other node
	drained             // it ended in good order
	divided             // no node reaches another: no quorum
)

// idleNotice is how long an idle client may not notice that its server is gone: a keepalive and its patience.
const idleNotice = 18 * time.Second

// dividedFor is shorter than what makes a node send its players away (cluster.CutAfter), and longer than leases live.
const dividedFor = 11 * time.Second

// newcomers is how many enter rooms of the chapter's node at a time.
const newcomers = 6

// names of the chapters, in their order; a story is one of them, told of a node.
var names = []string{"kill", "stop", "cut", "wipe", "divide", "drain-1", "drain-2", "drain-3"}

// chapter makes a chapter. Which node it is about is known only now: that which owns most rooms, so that there is something to lose.
func (l *laboratory) chapter(ctx context.Context, name string) chapter {
	c := l.cluster
	n := l.busiest()
	restart := func() error {
		if err := c.start(n); err != nil {
			return err
		}
		return c.ready(ctx, n)
	}
	switch name {
	case "kill":
		return chapter{name, "kill -9", n, died, func() error { c.kill(n); return nil }, false, idleNotice + 6*time.Second, 20 * time.Second, restart}
	case "stop":
		return chapter{name, "SIGSTOP, SIGCONT after 25 s", n, died, func() error { c.servers[n].signal(syscall.SIGSTOP); return nil }, false,
			idleNotice + 7*time.Second, 20 * time.Second, func() error { c.servers[n].signal(syscall.SIGCONT); return c.ready(ctx, n) }}
	case "cut":
		return chapter{name, "cut off from the others for 30 s", n, cut, func() error { return c.net.cutOff(n) }, false, 30 * time.Second, 20 * time.Second,
			func() error { return c.healed(ctx, n) }}
	case "wipe":
		return chapter{name, "kill -9, and its JetStream directory lost", n, died, func() error { c.kill(n); return c.wipe(n) }, false,
			idleNotice + 6*time.Second, 20 * time.Second, restart}
	case "divide":
		return chapter{name, "every node cut off from every other for 11 s", 0, divided, func() error { return c.divide(ctx, dividedFor) }, true, dividedFor, 20 * time.Second, nil}
	}
	_, _ = fmt.Sscanf(name, "drain-%d", &n)
	return chapter{name, "SIGTERM", n, drained, func() error { return c.drain(ctx, n, 120*time.Second) }, false, 3 * time.Second, 15 * time.Second, restart}
}

// busiest is the node that owns most rooms.
func (l *laboratory) busiest() (node int) {
	most := -1
	for n := 1; n <= l.cluster.net.nodes; n++ {
		if rooms := len(l.fleet.at(n)); rooms > most {
			node, most = n, rooms
		}
	}
	return node
}

// outcome is how a chapter went.
type outcome struct {
	chapter
	measured
	rooms  int             // that its node owned
	joined []time.Duration // newcomers to rooms of that node, until each was in
	made   time.Duration   // until a room could be made again; zero: not tried
	took   time.Duration
	stall  time.Duration // the longest that this machine stood still meanwhile
	faults []string
}

// play lets a chapter happen. An error ends the story: it could not be told to its end.
func (l *laboratory) play(ctx context.Context, name string) (out outcome, err error) {
	f := l.fleet
	if err := f.ledger.read(); err != nil {
		return out, err
	}
	ch := l.chapter(ctx, name)
	visited := f.at(ch.node)
	out = outcome{chapter: ch, rooms: len(visited)}
	faults, disputes := len(f.faults()), len(f.ledger.faults)
	f.begin()
	began := time.Now()
	stalled := watchStalls()
	visits, founding := make(chan error, 1), make(chan error, 1)
	visit := func() {
		var err error
		out.joined, err = f.visits(ctx, visited[:min(newcomers, len(visited))], 40*time.Second)
		visits <- err
	}
	if ch.kind == drained { // that takes its time, in which they come
		go visit()
	}
	if ch.found {
		go func() {
			var err error
			time.Sleep(time.Second) // the network is divided by then
			out.made, err = f.found(ctx, 60*time.Second)
			out.made += time.Second
			founding <- err
		}()
	} else {
		founding <- nil
	}
	if err := ch.do(); err != nil {
		return out, fmt.Errorf("%s: %w", ch.name, err)
	}
	if ch.kind != drained {
		go visit()
	}
	if err := await(ctx, ch.least+ch.most, "every flow and every link is there again", func() bool {
		return time.Since(began) > ch.least && f.flowing()
	}); err != nil {
		out.faults = append(out.faults, err.Error())
	}
	for _, done := range []chan error{visits, founding} {
		if err := <-done; err != nil {
			out.faults = append(out.faults, err.Error())
		}
	}
	out.measured, out.took, out.stall = f.measure(), time.Since(began), stalled()
	if ch.after != nil {
		if err := ch.after(); err != nil {
			return out, fmt.Errorf("after %s: %w", ch.name, err)
		}
	}
	if err := l.settled(ctx); err != nil {
		out.faults = append(out.faults, err.Error())
	}
	if err := f.ledger.read(); err != nil {
		return out, err
	}
	out.faults = append(append(out.faults, f.faults()[faults:]...), f.ledger.faults[disputes:]...)
	return out, ctx.Err()
}
