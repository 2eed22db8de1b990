package peer

import (
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// often has keys renewed all the time.
func often(_ int, c *Config) { c.RatchetEvery, c.RekeyPackets = 2*time.Second, 150 }

// alike checks that both ends are in one phase, have nothing old left, and count the same.
func (r *rig) alike() (phases, ratchets uint64) {
	a, b := r.sides[0].Peer, r.sides[1].Peer
	for _, p := range []*Peer{a, b} {
		if s := p.session; s.Begun() != s.Turned() || s.HasOld() || s.Turning() || p.rekeying.offer != nil || p.rekeying.promised {
			r.t.Errorf("caller %v: %d phases begun, %d came; old keys %v, turning %v", p.caller, s.Begun(), s.Turned(), s.HasOld(), s.Turning())
		}
		if p.stats.authFailures+p.stats.outOfPhase != 0 {
			r.t.Errorf("caller %v: %d packets did not open, %d came too late", p.caller, p.stats.authFailures, p.stats.outOfPhase)
		}
	}
	if a.session.Turned() != b.session.Turned() || a.rekeying.ratchets != b.rekeying.ratchets {
		r.t.Errorf("%d and %d phases, %d and %d ratchets", a.session.Turned(), b.session.Turned(), a.rekeying.ratchets, b.rekeying.ratchets)
	}
	return a.session.Turned(), a.rekeying.ratchets
}

// Over bad networks keys are renewed again and again, by number of packets and by time, and no message is lost, late in a
// tangle of keys, or out of order.
func TestKeysAreRenewedOverBadNetworks(t *testing.T) {
	for seed := range uint64(4) {
		r := newRigWith(t, seed, often)
		r.loss, r.twice, r.late = 0.1*float64(seed%4), 0.1, 20*time.Millisecond
		var sent [2]uint32
		r.run(16*time.Second, 10*time.Millisecond, &sent)
		r.loss = 0
		r.run(4*time.Second, 0, &sent)
		for i, s := range r.sides {
			if s.next != sent[1-i] || sent[i] < 1500 || s.closed != "" {
				t.Errorf("seed %d: %d of %d messages came; closed: %q", seed, s.next, sent[1-i], s.closed)
			}
		}
		phases, ratchets := r.alike()
		if phases < 10 || ratchets < 4 || phases == ratchets {
			t.Errorf("seed %d: %d phases, %d ratchets among them", seed, phases, ratchets)
		}
		if r.sides[0].rekeying.hybrid != true || !strings.Contains(string(r.sides[1].AppendReport(nil, r.now)), "ML-KEM") {
			t.Errorf("seed %d: not hybrid:\n%s", seed, r.sides[1].AppendReport(nil, r.now))
		}
	}
}

// The first ratchet waits for nothing but five seconds, the next for messages; a connection that only lives renews nothing.
func TestIdleConnectionsRenewNothing(t *testing.T) {
	r := newRig(t, 1)
	var sent [2]uint32
	r.run(firstAfterKeys, 0, &sent)
	if n := r.sides[1].session.Begun(); n != 0 {
		t.Fatalf("%d phases too early", n)
	}
	r.run(time.Second, 0, &sent)
	if phases, ratchets := r.alike(); phases != 1 || ratchets != 1 {
		t.Fatalf("%d phases, %d ratchets after six seconds", phases, ratchets)
	}
	r.run(20*time.Minute, 0, &sent)
	if phases, _ := r.alike(); phases != 1 {
		t.Fatalf("an idle connection had %d phases", phases)
	}
	r.run(time.Second, 100*time.Millisecond, &sent)
	r.run(time.Second, 0, &sent)
	if phases, _ := r.alike(); phases != 2 {
		t.Fatalf("%d phases when the game spoke again", phases)
	}
	r.run(4*time.Minute, 100*time.Millisecond, &sent)
	if phases, _ := r.alike(); phases != 2 {
		t.Fatalf("%d phases four minutes later", phases)
	}
	r.run(time.Minute+2*time.Second, 100*time.Millisecond, &sent)
	if phases, ratchets := r.alike(); phases != 3 || ratchets != 3 {
		t.Fatalf("%d phases, %d ratchets after five", phases, ratchets)
	}
}

// A relay dies while its packets carry the messages of a ratchet: they go on by the other one.
func TestRatchetMovesWithTheRoute(t *testing.T) {
	for seed := range uint64(4) {
		r := newRigWith(t, seed, often)
		var sent [2]uint32
		r.run(10*time.Second, 20*time.Millisecond, &sent) // the backup is bound
		for r.sides[1].rekeying.offer == nil {
			r.run(5*time.Millisecond, 20*time.Millisecond, &sent)
		}
		r.run(time.Duration(seed)*8*time.Millisecond, 0, &sent)
		r.relays[0].dead = true
		r.run(20*time.Second, 20*time.Millisecond, &sent)
		r.run(3*time.Second, 0, &sent)
		if phases, ratchets := r.alike(); phases < 8 || ratchets < 8 || len(r.sides[0].routes) == 0 && r.sides[0].paths.via == 0 {
			t.Errorf("seed %d: %d phases, %d ratchets, routes %v", seed, phases, ratchets, r.sides[0].routes)
		}
		for i, s := range r.sides {
			if s.next != sent[1-i] || s.closed != "" {
				t.Errorf("seed %d: %d of %d messages came; closed: %q", seed, s.next, sent[1-i], s.closed)
			}
		}
	}
}

// pq = off on one side leaves X25519 alone.
func TestWithoutPQ(t *testing.T) {
	for off := range 2 {
		r := newRigWith(t, 3, func(i int, c *Config) {
			if i == off {
				c.PQ = api.PQOff
			}
		})
		var sent [2]uint32
		r.run(7*time.Second, 0, &sent)
		if _, ratchets := r.alike(); ratchets != 1 || r.sides[0].rekeying.hybrid || r.sides[1].rekeying.hybrid {
			t.Errorf("%d ratchets, hybrid %v and %v", ratchets, r.sides[0].rekeying.hybrid, r.sides[1].rekeying.hybrid)
		}
		if report := string(r.sides[0].AppendReport(nil, r.now)); !strings.Contains(report, "with X25519\n") && !strings.Contains(report, "with X25519,") {
			t.Errorf("the report says\n%s", report)
		}
	}
}

// Where one of the two requires post-quantum keys, nothing of either game leaves under others, however bad the network; and the
// first message comes a round trip later than without.
func TestNothingLeavesBeforeRequiredKeys(t *testing.T) {
	for seed := range uint64(10) {
		first := [2]time.Duration{}
		for strict := range 3 { // nobody, the caller, the callee
			r := newRigWith(t, seed, func(i int, c *Config) {
				if i == strict-1 {
					c.PQ = api.PQRequired
				}
			})
			if seed > 0 {
				r.loss, r.twice, r.late = 0.2, 0.1, 20*time.Millisecond
			}
			start := r.now
			var sent [2]uint32
			r.run(3*time.Second, 10*time.Millisecond, &sent)
			r.loss = 0
			r.run(8*time.Second, 0, &sent)
			if r.alike(); strict == 0 {
				first[0] = r.sides[0].first.Sub(start)
				continue
			}
			for i, s := range r.sides {
				if s.early > 0 || s.next != sent[1-i] || s.closed != "" {
					t.Errorf("seed %d: %d messages of %d came, %d of them too early; closed: %q", seed, s.next, sent[1-i], s.early, s.closed)
				}
			}
			if late := r.sides[0].first.Sub(start) - first[0]; seed == 0 && late > 5*rigDelay {
				t.Errorf("the first message is %v late", late)
			}
		}
	}
}

// hostile seals frames with side i's own keys and gives them to the other one.
func (r *rig) hostile(i int, frames []byte) *side {
	victim := r.sides[1-i]
	b, _ := r.sides[i].session.Begin(nil, wire.PathRelay)
	victim.HandleRelayed(r.now, wire.PathRelay, r.sides[i].session.Seal(append(b, frames...), 0))
	r.drain()
	return victim
}

// What a player that means harm may put into CRYPTO frames: each ends the connection, with a reason.
func TestHostileRatchets(t *testing.T) {
	whole := func(sequence uint64, data []byte) []byte {
		return wire.AppendCrypto(nil, &wire.Crypto{Sequence: sequence, Size: uint32(len(data)), Payload: data})
	}
	offer := func(r *rig) []byte {
		o, err := secure.NewOffer(r.sides[1].cfg.Rand, false)
		if err != nil {
			t.Fatal(err)
		}
		return o.Message()
	}
	classic := func(_ int, c *Config) { c.PQ = api.PQOff } // offers that fit a packet
	for name, play := range map[string]func(r *rig) *side{
		"an offer of another size":    func(r *rig) *side { return r.hostile(1, whole(0, make([]byte, 31))) },
		"a key of low order":          func(r *rig) *side { return r.hostile(1, whole(0, make([]byte, 32))) },
		"a message out of its turn":   func(r *rig) *side { return r.hostile(1, whole(1, offer(r))) },
		"two messages in one packet":  func(r *rig) *side { return r.hostile(1, append(whole(0, offer(r)), whole(1, offer(r))...)) },
		"an offer after an offer":     func(r *rig) *side { r.hostile(1, whole(0, offer(r))); return r.hostile(1, whole(1, offer(r))) },
		"an offer by the caller":      func(r *rig) *side { return r.hostile(0, whole(0, offer(r))) },
		"a message larger than any":   func(r *rig) *side { return r.hostile(1, []byte{0x0a, 0, 0, 0xc1, 0x09, 1, 7}) },
		"an empty piece":              func(r *rig) *side { return r.hostile(1, []byte{0x0a, 0, 0, 5, 0}) },
		"a message that changes size": func(r *rig) *side { return r.hostile(1, []byte{0x0a, 0, 0, 9, 1, 7, 0x0a, 0, 1, 8, 1, 7}) },
		"the reserved frame":          func(r *rig) *side { return r.hostile(1, []byte{0x09, 0}) },
	} {
		r := newRigWith(t, 5, classic)
		var sent [2]uint32
		r.run(time.Second, 100*time.Millisecond, &sent)
		victim := play(r)
		if victim.closed == "" {
			t.Errorf("%s: taken", name)
		}
		if victim.session.Begun() != 0 {
			t.Errorf("%s: it began a phase", name)
		}
		r.run(time.Second, 0, &sent)
	}
}

// An initiator that ratchets as fast as it can is cut off: each answer costs us more than its offer costs it.
func TestRatchetsAreLimited(t *testing.T) {
	r := newRigWith(t, 6, func(i int, c *Config) {
		if i == 1 {
			c.RatchetEvery = time.Second
		}
	})
	var sent [2]uint32
	r.run(10*time.Second, 20*time.Millisecond, &sent)
	if n := r.sides[0].rekeying.ratchets; n != 1 || !strings.Contains(r.sides[0].closed, "new keys") {
		t.Errorf("%d ratchets; closed: %q", n, r.sides[0].closed)
	}
}

// Packets that were sealed with the keys of an earlier phase change nothing when they come again, whether those keys are
// still there or gone.
func TestOldPacketsComeAgain(t *testing.T) {
	r := newRigWith(t, 7, often)
	var sent [2]uint32
	var kept [][]byte
	for range 100 {
		r.run(100*time.Millisecond, 20*time.Millisecond, &sent)
		for _, p := range r.queue {
			if p.to == r.sides[0].addr {
				kept = append(kept, append([]byte(nil), p.b...))
			}
		}
	}
	r.run(2*time.Second, 0, &sent)
	victim := r.sides[0]
	before, received := victim.session.Turned(), victim.stats.received
	for _, b := range kept {
		victim.receive(r.now, r.relays[0].addr, b)
	}
	if s := &victim.stats; victim.session.Turned() != before || s.received != received || s.authFailures+s.replays+s.outOfPhase < uint64(len(kept)) || s.outOfPhase == 0 {
		t.Errorf("%d packets again: %d phases, %d received, %d replays, %d of phases that are gone", len(kept), victim.session.Turned()-before,
			s.received-received, s.replays, s.outOfPhase)
	}
	r.run(time.Second, 20*time.Millisecond, &sent)
	if r.run(time.Second, 0, &sent); victim.next != sent[1] || victim.closed != "" {
		t.Errorf("%d of %d messages; closed: %q", victim.next, sent[1], victim.closed)
	}
}
