//go:build linux

package wan

import (
	"testing"
	"time"
)

// A router whose thread stands still, here because a test holds its lock, says for how long: by the packet that was due
// meanwhile, and by the gap between its turns. Asked again, it begins anew.
func TestLatenessIsMeasured(t *testing.T) {
	const still = 60 * time.Millisecond
	w := newWorld(t, Shape{})
	w.mu.Lock()
	w.late = Lateness{}
	p := &packet{due: Now(), from: A, to: B}
	p.data = append(p.buf[:0], udp(addrA, addrB, 64, "due while it stands still")...)
	w.queue.put(p)
	for held := Now(); Now()-held < still; {
	}
	w.mu.Unlock()
	if w.get(B, soon) == nil {
		t.Fatal("lost")
	}
	w.put(A, udp(addrA, addrB, 64, "of a later turn"))
	if w.get(B, soon) == nil {
		t.Fatal("lost")
	}
	// On a busy machine the loop may already be late when it meets the lock: then two turns share the time.
	if got := w.Lateness(); got.Packet < still || got.Turn < (still-tick)/2 || got.Worst() < still {
		t.Errorf("stood still for %v, measured %+v", still, got)
	}
	if got := w.Lateness(); got.Packet >= still {
		t.Errorf("told twice: %+v", got)
	}
}

// A packet that is written on time and a loop that turns on time are not late: what was asked for does not count.
func TestWaitingIsNoLateness(t *testing.T) {
	r := &Router{}
	r.turned(-3 * time.Millisecond) // woken early by a packet
	r.turned(200 * time.Microsecond)
	if got := r.Lateness(); got != (Lateness{}) {
		t.Errorf("%+v", got)
	}
	r.turned(4 * time.Millisecond)
	r.turned(2 * time.Millisecond)
	if got := r.Lateness(); got.Turn != 4*time.Millisecond {
		t.Errorf("%+v", got)
	}
}
