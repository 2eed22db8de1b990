package forward

import (
	"sync"
	"sync/atomic"
	"time"
)

// crew says how many shards serve. As long as one can do the work it is the only one to wake up: it finds more at a time, and nobody
// shares the processors' time and caches with it; a packet costs a tenth less, and late ones are less late. When one falls behind,
// all serve that there are. They become fewer again one by one, when the work would fit those that are left.
//
//	a queue a quarter full, or a processor busy and no rest for 100 ms ── all
//	for a second less work than soon would be left ── one less; if that was too few, twice as long the next time
//
// While the number changes some names move to other shards, and what one shard still has of such a leg may be overtaken.
type crew struct {
	spread func(size int) error
	spent  func() time.Duration // processor time of the process so far
	fixed  bool                 // all serve, always

	change sync.Mutex
	size   atomic.Int32

	// The first shard's, which always serves.
	begin, quiet time.Time // of its window; since when one less would do, zero: it would not
	shrunk       time.Time
	before       time.Duration // spent at begin
	patience     time.Duration
	seen         int32 // size at the last look
}

const (
	watchWindow  = 5 * time.Millisecond   // a queue of 7 MB holds what one processor does in 20
	restWindow   = 100 * time.Millisecond // players come one by one; what does not fit the queue meanwhile is seen by that
	tooBusy      = 95                     // percent of the time: packets wait for some ten others
	reallyBusy   = 80                     // percent of it at work: else it waits for a processor, which more shards would as well
	queueFull    = 25                     // percent of the queue: some 5 ms of work wait
	stillEasy    = 90                     // percent of each that would be left
	easyTime     = time.Second
	mostPatience = time.Minute
)

// watch is what a shard sees of itself.
type watch struct {
	begin time.Time
	slept time.Duration // the port's, at begin
	busy  int           // windows in a row

	since time.Time     // the first of them began
	spent time.Duration // the process's, then
}

// queue is the part of a port that a crew looks at.
type queue interface {
	Slept() time.Duration
	Filled() int // percent
}

// newCrew has one of n shards serve, by spread, which has only the first so many get anything.
func newCrew(n int, spread func(size int) error, spent func() time.Duration) *crew {
	c := &crew{spread: spread, spent: spent, patience: easyTime, seen: 1}
	c.size.Store(1)
	if c.fixed = n == 1 || spread(1) != nil; c.fixed {
		c.size.Store(int32(n))
	}
	return c
}

// note is called by shard i of n when it has served what it found at now.
func (c *crew) note(i, n int, w *watch, now time.Time, q queue) {
	window := now.Sub(w.begin)
	if window < watchWindow || c.fixed {
		return
	}
	first := w.begin.IsZero()
	rested := int((q.Slept() - w.slept) * 100 / window)
	w.begin, w.slept = now, q.Slept()
	if first || rested > 100-tooBusy {
		w.busy, w.since, w.spent = 0, now, c.spent()
	} else {
		w.busy++
	}
	if q.Filled() >= queueFull || w.busy >= int(restWindow/watchWindow) && c.worked(w, now) {
		w.busy = 0
		c.resize(n)
	}
	if i == 0 {
		c.look(now)
	}
}

// worked reports whether a processor was busy all the time.
func (c *crew) worked(w *watch, now time.Time) bool {
	return (c.spent()-w.spent)*100 >= now.Sub(w.since)*reallyBusy
}

// look has one shard less serve when that would do.
func (c *crew) look(now time.Time) {
	size, spent := c.size.Load(), c.spent()
	load := (spent - c.before) * 100 / max(now.Sub(c.begin), 1)
	if size > c.seen { // it has grown again: had it shrunk just before?
		if now.Sub(c.shrunk) < easyTime {
			c.patience = min(2*c.patience, mostPatience)
		} else {
			c.patience = easyTime
		}
	}
	c.begin, c.before, c.seen = now, spent, size
	switch {
	case size == 1 || load > time.Duration(stillEasy*(size-1)):
		c.quiet = time.Time{}
	case c.quiet.IsZero():
		c.quiet = now
	case now.Sub(c.quiet) >= c.patience:
		c.quiet = time.Time{}
		c.shrunk = now
		c.resize(int(size - 1))
	}
}

// resize has so many serve. Who comes at the same time need not wait: there is another window soon.
func (c *crew) resize(n int) {
	if int(c.size.Load()) == n || !c.change.TryLock() {
		return
	}
	defer c.change.Unlock()
	if c.spread(n) == nil {
		c.size.Store(int32(n))
	}
}
