//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// descriptors counts what both harnesses hold open: sockets, pipes, all of it.
func (a *act) descriptors() (n [2]int, err error) {
	for side, p := range a.peers {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
		if err != nil {
			return n, fmt.Errorf("count the descriptors of harness %v: %w", wan.Side(side), err)
		}
		n[side] = len(open)
	}
	return n, nil
}

// back waits, at most 2 s, until both hold no more than before and so many.
func (a *act) back(ctx context.Context, before [2]int, more int) (n [2]int, err error) {
	for range 2 * time.Second / lookEvery {
		if n, err = a.descriptors(); err != nil || n[wan.A] <= before[wan.A]+more && n[wan.B] <= before[wan.B]+more {
			break
		}
		if err = pause(ctx, lookEvery); err != nil {
			break
		}
	}
	return n, err
}

// socketsFound counts descriptors before a search that finds a way, and after it: one is left, the way's.
func socketsFound(ctx context.Context, a *act) error {
	before, err := a.descriptors()
	if err != nil {
		return err
	}
	if err := a.begins(ctx); err != nil {
		return err
	}
	after, err := a.back(ctx, before, 1)
	if err != nil {
		return err
	}
	a.check(after[wan.A] <= before[wan.A]+1 && after[wan.B] <= before[wan.B]+1,
		"descriptors when the way was found: A %d, B %d; before the search %d, %d", after[wan.A], after[wan.B], before[wan.A], before[wan.B])
	if err := pause(ctx, holdDirect); err != nil {
		return err
	}
	return a.enough()
}

// socketsGivenUp does the same with a search that uses 1,792 sockets a side, and can find nothing since nothing passes
// between the homes.
func socketsGivenUp(ctx context.Context, a *act) error {
	a.CutDirect(true)
	before, err := a.descriptors()
	if err != nil {
		return err
	}
	began, most := wan.Now(), before
	for done := 0; done < len(a.peers) && wan.Now()-began < undecided; {
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
		n, err := a.descriptors()
		if err != nil {
			return err
		}
		done = 0
		for side, p := range a.peers {
			most[side] = max(most[side], n[side])
			if e, ok := p.Events().Last(harness.Punch); ok && e.Get("ok") == "0" {
				done++
			}
		}
	}
	after, err := a.back(ctx, before, 0)
	if err != nil {
		return err
	}
	a.inTime(most[wan.A] > 1000 && most[wan.B] > 1000, "descriptors during the search, the most: A %d, B %d", most[wan.A], most[wan.B])
	a.check(after[wan.A] <= before[wan.A] && after[wan.B] <= before[wan.B],
		"descriptors when both had given up: A %d, B %d; before the search %d, %d", after[wan.A], after[wan.B], before[wan.A], before[wan.B])
	for _, p := range a.peers {
		e, _ := p.Events().Last(harness.Punch)
		a.inTime(e.Get("text") != "", "it is said why: %s", e.Get("text"))
	}
	a.CutDirect(false)
	return a.enough()
}

// junkRate is how many datagrams a second a stranger sends.
const junkRate = 1000

// junk lets a stranger send noise to the socket with which A is looked for, from before the two meet until they part.
func junk(ctx context.Context, a *act) error {
	profile, _ := a.peers[wan.A].Events().First(harness.Profiled)
	to, err := netip.ParseAddrPort(profile.Get("public"))
	if err != nil {
		return fmt.Errorf("where A is seen: %w", err)
	}
	conn, err := a.ListenUDP(lab.Server, netip.AddrPortFrom(lab.ServerAddr2, 0))
	if err != nil {
		return err
	}
	var sent atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		dice, noise := rand.New(rand.NewPCG(1, 2)), make([]byte, 1200)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			for range junkRate / 100 {
				n := 1 + dice.IntN(len(noise))
				for i := range noise[:n] {
					noise[i] = byte(dice.Uint32())
				}
				if _, err := conn.WriteToUDPAddrPort(noise[:n], to); err != nil {
					return // closed: it is over
				}
				sent.Add(1)
			}
		}
	}()
	err = a.begins(ctx)
	if err == nil {
		err = pause(ctx, 2*time.Second)
	}
	_ = conn.Close()
	<-over
	a.note("junk sent to %v: %d datagrams", to, sent.Load())
	if err != nil {
		return err
	}
	return a.enough()
}
