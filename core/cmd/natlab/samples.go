//go:build linux

package main

import (
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// sampleEvery is how exactly a counter can be asked for a moment of the past.
const sampleEvery = 50 * time.Millisecond

// sample is a reading of the router's counters.
type sample struct {
	at time.Duration // CLOCK_MONOTONIC
	c  wan.Counters
}

type samples []sample

// between gives the traffic from the first reading at or after from to the last one at or before to. It never counts
// packets from outside the span: a few at its edges may be missing.
func (s samples) between(from, to time.Duration) (traffic [wan.Sides][wan.Sides]wan.Count) {
	var first, last *sample
	for i := range s {
		if s[i].at >= from && first == nil {
			first = &s[i]
		}
		if s[i].at <= to {
			last = &s[i]
		}
	}
	if first == nil || last == nil || last.at < first.at {
		return traffic
	}
	return last.c.Since(first.c)
}
