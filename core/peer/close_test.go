package peer

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// A connection that is closed before its relay leg is bound has no path to say so on. It is said once there is one, so that the other side
// need not wait until silence tells it; nothing else is, and nothing stays.
func TestCloseBeforeTheRelayIsBound(t *testing.T) {
	for seed := range uint64(8) {
		r := newRigBound(t, seed, false, func(int, *Config) {})
		closer, other := r.sides[0], r.sides[1]
		closer.Close(r.now, api.ErrRemoteClosed, "full")
		r.drain()
		if seed%2 == 1 {
			r.loss = 0.2
		}
		r.run(3*time.Second, 0, nil)
		if closer.closed != "full" || other.closed != "full" {
			t.Errorf("seed %d: told %q and %q", seed, closer.closed, other.closed)
		}
		r.run(3*time.Second, 0, nil)
		if !closer.Done() || !closer.NextTimeout().IsZero() {
			t.Errorf("seed %d: the closer stays", seed)
		}
	}
	r := newRigBound(t, 1, false, func(int, *Config) {})
	r.relays[0].dead, r.relays[1].dead = true, true
	r.sides[0].Close(r.now, api.ErrRemoteClosed, "full")
	r.run(6*time.Second, 0, nil)
	if !r.sides[0].Done() || !r.sides[0].NextTimeout().IsZero() {
		t.Error("without a relay the closer stays")
	}
}
