//go:build linux

package main

import (
	"context"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
)

// A meeting of the matrix has no fixed number of messages: they flow until the way that they take is decided. A path that
// is found in 50 ms needs two seconds more to prove itself; one that is found by the third round of a birthday attack has
// the same two seconds; and a pair that gives up is not watched for long.
const (
	proofMargin = 250 * time.Millisecond // beside holdDirect, for route events and samples under way
	relayProof  = time.Second            // of data on the relay, after both have given up
	undecided   = 13 * time.Second       // from keys on both sides: giving up takes 10 s at most (docs/NAT.md)
	lookEvery   = 20 * time.Millisecond
)

// decided reports whether nothing more can be learnt from a meeting: both routes have been direct for long enough, or both
// sides have said that they give up, or time is over.
func decided(logs [2]harness.Log, now time.Duration) bool {
	o := observation{logs: logs}
	began, ok := o.signalled()
	if !ok {
		return false
	}
	if now-began > undecided {
		return true
	}
	directs, resigned := 0, 0
	var since, gaveUp time.Duration
	for _, log := range logs {
		if last, ever := log.Last(harness.RouteChanged); ever && last.Direct() {
			directs++
			since = max(since, last.At)
		} else if e, said := log.Last(harness.Punch); said && e.Get("ok") == "0" {
			resigned++
			gaveUp = max(gaveUp, e.At)
		}
	}
	switch {
	case directs == len(logs):
		return now-since > holdDirect+proofMargin
	case resigned == len(logs):
		return now-gaveUp > relayProof
	}
	return false
}

// awaitDecision lets the messages flow until the way is decided, then orders both to come to an end.
func (m *meeting) awaitDecision(ctx context.Context, now func() time.Duration) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var logs [2]harness.Log
		for s, p := range m.peers {
			logs[s] = p.Events()
			select {
			case <-p.Ended():
				return nil // by itself: the judge will say why
			default:
			}
		}
		if decided(logs, now()) {
			return m.enough()
		}
	}
}

// enough orders both harnesses to send what they have begun and to end.
func (m *meeting) enough() error {
	for _, p := range m.peers {
		if err := p.Order("enough"); err != nil {
			return err
		}
	}
	return nil
}
