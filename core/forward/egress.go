package forward

import (
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
)

// egress keeps what the relay sends within a share of what the node's way out carries, so that links, introductions and STUN
// always get through: a relay that fills the line takes its own players' server away. One bucket for all legs.
type egress struct {
	full atomic.Int64 // relay.Spend
	// picoseconds that a byte takes at the rate that is allowed; zero: no guard. A byte at 100 Gbit/s takes 80.
	perByte int64
}

const (
	egressShare  = 80 // percent of the configured rate (docs/SECURITY.md, "Limits")
	datagramHead = 28 // bytes of IPv4 and UDP headers, which the line carries too
)

func (e *egress) limit(bitsPerSecond uint64) {
	if bitsPerSecond > 0 {
		e.perByte = int64(8*uint64(time.Second)*1000/bitsPerSecond) * 100 / egressShare
	}
}

// take lets a datagram pass, or not. A hundredth of a second may be owed: what a router's queue takes as well.
func (e *egress) take(now int64, size int) bool {
	if e.perByte == 0 {
		return true
	}
	cost := e.perByte * int64(size+datagramHead) / 1000
	for {
		old := e.full.Load()
		after, _ := relay.Spend(old, now, cost)
		if after-now > int64(egressBurst) {
			return false
		}
		if e.full.CompareAndSwap(old, after) {
			return true
		}
	}
}

const egressBurst = 10 * time.Millisecond
