//go:build linux

package wan

import "time"

// tick is the longest that the router waits without a look at the clock. A loop that slept until something happens could
// not tell a quiet network from a thread that got no processor; a hundred turns a second cost next to nothing.
const tick = 10 * time.Millisecond

// Lateness is how far the router fell behind because the machine did not run its thread. The kernel's queues hide it from
// everybody else: nothing is lost, it only comes in a lump, late.
type Lateness struct {
	Packet time.Duration // worst delay between a packet's due time and its delivery
	Turn   time.Duration // worst gap between two turns of the loop, beyond the wait that was asked for
}

// Worst is the longer of the two.
func (l Lateness) Worst() time.Duration { return max(l.Packet, l.Turn) }

// Lateness gives the worst since the last call and begins anew.
func (r *Router) Lateness() Lateness {
	r.mu.Lock()
	defer r.mu.Unlock()
	worst := r.late
	r.late = Lateness{}
	return worst
}

// turned is told of every turn of the loop by how much it came too late. A packet that arrived in the meantime waited in
// its TUN device; its due time is counted from when it is read, so that only the gap between turns knows of its delay.
func (r *Router) turned(late time.Duration) {
	if late < time.Millisecond {
		return // the usual; not worth the lock
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late.Turn = max(r.late.Turn, late)
}
