package hub

import "time"

// A handshake costs public-key work. After a restart a hundred thousand clients want one at once: more than a node can do, and what it
// tries in vain is lost to those who are connected. So it takes so many a second, and tells all others when their turn is.
//
//	handshakes ──▶ rate, burst ──▶ done
//	                   └── too many ──▶ REFUSE, UNAVAILABLE, wait s: each is given the next place in a queue of instants
//
// Nothing is kept of those who wait. Only who has proved an address takes a place in the queue.
type capacity struct {
	full   bucket    // of what may be done now
	queued time.Time // the instant given to the last one who was told to wait
}

const (
	// DefaultHandshakes is how many new links a second a node takes: about a third of what one processor can do (docs/BENCHMARKS.md),
	// beside the links that it has.
	DefaultHandshakes = 1500
	// resumeShare: a resumed link costs a third of a new one, two Diffie-Hellman operations against six.
	resumeShare = 3
	burstTime   = 250 * time.Millisecond // of handshakes may come at once
	longestWait = 20                     // s; clients believe 30, wait for up to twice as long, and at first connect give up after 30
)

// take uses the place of one handshake. If there is none now, wait is in how many seconds there will be.
func (c *capacity) take(now time.Time, perSecond int, resume bool) (wait uint32, ok bool) {
	cost := time.Second / time.Duration(perSecond)
	if resume {
		cost /= resumeShare
	}
	if c.full.take(now, limit{cost, int(burstTime / cost)}) {
		return 0, true
	}
	if soonest := now.Add(burstTime); c.queued.Before(soonest) {
		c.queued = soonest
	}
	if at := c.queued.Add(cost); at.Sub(now) <= longestWait*time.Second {
		c.queued = at
	}
	return uint32((c.queued.Sub(now) + time.Second - 1) / time.Second), false
}
