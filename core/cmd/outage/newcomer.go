//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// between is how long after one another newcomers come.
const between = 200 * time.Millisecond

// visits has newcomers enter rooms, one each, all within a second or so; took is until each was in.
func (f *fleet) visits(ctx context.Context, rooms []*playRoom, most time.Duration) (took []time.Duration, err error) {
	var wait sync.WaitGroup
	times, errs := make([]time.Duration, len(rooms)), make([]error, len(rooms))
	for i, r := range rooms {
		wait.Add(1)
		go func() {
			defer wait.Done()
			time.Sleep(time.Duration(i) * between)
			times[i], errs[i] = f.probe(ctx, r, most)
		}()
	}
	wait.Wait()
	return times, errors.Join(errs...)
}

// probe has a newcomer enter a room by its code, and look whether its members see it. It leaves again. took is until it was in.
func (f *fleet) probe(ctx context.Context, r *playRoom, most time.Duration) (took time.Duration, err error) {
	began := time.Now()
	p, err := newPlayer(prober+f.probes.Add(1), f.addr, netip.MustParseAddr(directAddr), time.Second)
	if err != nil {
		return 0, err
	}
	defer p.close()
	count := func() (n int) {
		for _, m := range r.players {
			m.look(func() { n += len(m.met) })
		}
		return n
	}
	before := count()
	p.join(r.code)
	for p.room() == "" {
		if refused := p.refusals(); len(refused) > 0 && time.Since(began) < most { // a game's "try again"
			p.look(func() { p.refused = nil })
			time.Sleep(200 * time.Millisecond)
			p.join(r.code)
		}
		if err := await(ctx, 500*time.Millisecond, "in", func() bool { return p.room() != "" || len(p.refusals()) > 0 }); err != nil && time.Since(began) > most {
			return 0, fmt.Errorf("a newcomer did not get into room %s within %v: %v", r.code, most, p.refusals())
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
	}
	took = time.Since(began)
	// A member whose own home died does not see anybody before it has noticed that.
	err = await(ctx, idleNotice+5*time.Second, "all members see the newcomer: one room, one owner", func() bool { return count() >= before+len(r.players) })
	return took, err
}

// found has a newcomer make a room of its own while there is no quorum, until there is one again. took is until it had it.
func (f *fleet) found(ctx context.Context, most time.Duration) (took time.Duration, err error) {
	p, err := newPlayer(prober+f.probes.Add(1), f.addr, netip.MustParseAddr(directAddr), time.Second)
	if err != nil {
		return 0, err
	}
	defer p.close()
	began, asked := time.Now(), time.Time{}
	for p.room() == "" {
		if time.Since(began) > most {
			return 0, fmt.Errorf("a newcomer could not make a room within %v: %v", most, p.refusals())
		}
		if time.Since(asked) > time.Second { // a game's "try again"
			asked = time.Now()
			p.create(2)
		}
		if err := await(ctx, 500*time.Millisecond, "made", func() bool { return p.room() != "" }); err != nil && ctx.Err() != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
