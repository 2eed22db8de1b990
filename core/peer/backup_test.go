package peer

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Two players who can only be relayed, both talking: their relay dies, and data goes on over the backup, which was bound all
// the time. Nothing is lost, doubled or out of order (the rig looks), and the silence is short. The other node's death later
// brings them back to the first, which has come up again.
func TestRelayDies(t *testing.T) {
	for _, interval := range []time.Duration{16 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		var worst time.Duration
		for seed := range uint64(8) {
			r := newRig(t, seed)
			var sent [2]uint32
			r.run(5*time.Second+time.Duration(seed)*37*time.Millisecond, interval, &sent)
			for i := range 2 {
				for _, s := range r.sides {
					s.gap = 0
				}
				dies, other := r.relays[i], r.relays[1-i]
				other.dead, dies.dead = false, false
				r.run(20*time.Second, interval, &sent) // who was dead is bound again
				dies.dead = true
				r.run(20*time.Second, interval, &sent)
				for n, s := range r.sides {
					if s.paths.route != wire.PathBackup-wire.PathID(i) || len(s.routes) != i+1 || s.closed != "" {
						t.Fatalf("seed %d, death %d: side %d on path %d, %q, closed %q", seed, i, n, s.paths.route, s.routes, s.closed)
					}
					worst = max(worst, s.gap-interval)
				}
			}
			r.run(5*time.Second, 0, &sent)
			for n, s := range r.sides {
				if s.next != sent[1-n] {
					t.Errorf("seed %d: side %d got %d of %d messages", seed, n, s.next, sent[1-n])
				}
			}
		}
		t.Logf("a message each %v: outage %v at most", interval, worst)
		if worst > 1500*time.Millisecond { // SERVER.md's contract
			t.Errorf("a message each %v: outage of %v", interval, worst)
		}
	}
}

// A relay that is about to end is left before it does: who was told leaves, the other side follows, and neither notices
// anything. Nothing goes by that relay any more but PINGs now and then.
func TestRelayIsLeftInTime(t *testing.T) {
	r := newRig(t, 2)
	var sent [2]uint32
	r.run(3*time.Second, 50*time.Millisecond, &sent)
	for _, s := range r.sides {
		s.gap = 0
		s.LeaveRelay(r.now, r.relays[1].addr) // not the one in use
	}
	r.sides[0].LeaveRelay(r.now, r.relays[0].addr)
	r.run(2*time.Second, 50*time.Millisecond, &sent)
	carried := r.relays[0].carried
	r.run(10*time.Second, 50*time.Millisecond, &sent)
	if n := r.relays[0].carried - carried; n > 4 {
		t.Errorf("%d datagrams still went by the relay that was left", n)
	}
	r.relays[0].dead = true
	r.run(5*time.Second, 50*time.Millisecond, &sent)
	r.run(time.Second, 0, &sent)
	for n, s := range r.sides {
		if s.next != sent[1-n] || len(s.routes) != 1 || s.paths.route != wire.PathBackup || s.gap > 60*time.Millisecond {
			t.Errorf("side %d got %d of %d, on path %d, %q, gap %v", n, s.next, sent[1-n], s.paths.route, s.routes, s.gap)
		}
	}
}

// The same soon after the other relay was restarted, as nodes are upgraded one after the other: it has forgotten both legs, and nobody
// has noticed that yet. They are bound again, and then the relay that ends is left before it does.
func TestRelayIsLeftForOneThatWasAway(t *testing.T) {
	for seed := range uint64(4) {
		r := newRig(t, seed)
		var sent [2]uint32
		r.run(10*time.Second+time.Duration(seed)*3*time.Second, 50*time.Millisecond, &sent)
		clear(r.relays[1].bound)
		r.run(2*time.Second, 50*time.Millisecond, &sent)
		for _, s := range r.sides {
			s.gap = 0
		}
		r.sides[0].LeaveRelay(r.now, r.relays[0].addr)
		r.run(25*time.Second, 50*time.Millisecond, &sent)
		carried := r.relays[0].carried
		r.run(5*time.Second, 50*time.Millisecond, &sent)
		if n := r.relays[0].carried - carried; n > 4 {
			t.Errorf("seed %d: %d datagrams in 5 s still went by the relay that is to end", seed, n)
		}
		r.relays[0].dead = true
		r.run(5*time.Second, 50*time.Millisecond, &sent)
		r.run(time.Second, 0, &sent)
		for n, s := range r.sides {
			if s.next != sent[1-n] || s.paths.route != wire.PathBackup || s.gap > 1500*time.Millisecond || s.closed != "" {
				t.Errorf("seed %d: side %d got %d of %d, on path %d, %q, gap %v, closed %q", seed, n, s.next, sent[1-n], s.paths.route, s.routes, s.gap, s.closed)
			}
			t.Logf("seed %d: gap %v, %q", seed, s.gap, s.routes)
		}
	}
}

// Who only listens hears on: the sender's change is enough, and ACKs go back the way that the data came.
func TestRelayDiesUnderAListener(t *testing.T) {
	r := newRig(t, 3)
	var sent [2]uint32
	r.run(3*time.Second, 50*time.Millisecond, &sent)
	r.relays[0].dead = true
	for n := uint32(0); n < 100; n++ {
		if err := r.sides[0].send(r.now, sent[0]); err != nil {
			t.Fatal(err)
		}
		sent[0]++
		r.drain()
		r.run(50*time.Millisecond, 0, &sent)
	}
	r.run(2*time.Second, 0, &sent)
	if got := r.sides[1]; got.next != sent[0] || got.gap > 1500*time.Millisecond {
		t.Errorf("%d of %d messages, longest gap %v", got.next, sent[0], got.gap)
	}
	if q := r.sides[0].conn.Queued(); q != 0 {
		t.Errorf("%d bytes are still not acknowledged", q)
	}
}

// A relay that is dead when the players meet: the first data goes over the backup.
func TestRelayDeadFromTheStart(t *testing.T) {
	r := newRig(t, 4)
	r.relays[0].dead = true
	var sent [2]uint32
	r.run(10*time.Second, 50*time.Millisecond, &sent)
	r.run(2*time.Second, 0, &sent)
	for n, s := range r.sides {
		if s.next != sent[1-n] || s.paths.route != wire.PathBackup {
			t.Errorf("side %d got %d of %d, on path %d", n, s.next, sent[1-n], s.paths.route)
		}
	}
}

// Both relays gone for a while: the two are tried in turn, not faster than relayHold, and the connection goes on when one is
// there again.
func TestBothRelaysAway(t *testing.T) {
	r := newRig(t, 5)
	var sent [2]uint32
	r.run(5*time.Second, 50*time.Millisecond, &sent)
	r.relays[0].dead, r.relays[1].dead = true, true
	r.run(8*time.Second, 50*time.Millisecond, &sent)
	r.relays[1].dead = false
	r.run(6*time.Second, 50*time.Millisecond, &sent)
	r.run(3*time.Second, 0, &sent)
	for n, s := range r.sides {
		if s.next != sent[1-n] || s.closed != "" || len(s.routes) > 8 {
			t.Errorf("side %d got %d of %d, %d route changes, closed %q", n, s.next, sent[1-n], len(s.routes), s.closed)
		}
	}
}

// An idle pair keeps the backup with a PING and its ACK each 20 s from either side.
func TestBackupIsCheapToKeep(t *testing.T) {
	var cost [2]uint64
	for backup := range cost {
		r := newRig(t, 6)
		if backup == 0 {
			r.sides[0].legs[1], r.sides[1].legs[1] = leg{}, leg{}
		}
		var sent [2]uint32
		r.run(10*time.Second, 0, &sent)
		before := r.sides[0].stats.sent
		r.run(2*time.Minute, 0, &sent)
		cost[backup] = r.sides[0].stats.sent - before
		for _, s := range r.sides {
			if l := &s.legs[1]; backup == 1 && (!l.open || r.now.Sub(s.conn.PathStats(l.id).LastAck) > 2*relayWarm) {
				t.Errorf("the backup was not kept: open %v, last heard %v", l.open, s.conn.PathStats(l.id).LastAck)
			}
		}
	}
	if most := uint64(2 * 2 * time.Minute / relayWarm); cost[1] > cost[0]+most {
		t.Errorf("%d datagrams in two idle minutes, without a backup %d", cost[1], cost[0])
	}
}
