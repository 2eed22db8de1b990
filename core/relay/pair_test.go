package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

var aliceKey, bobKey = KeyHash{1}, KeyHash{2}

// introduce binds both legs of a session of Alice and Bob; who is leg 0 changes from one to the next.
func (r *rig) introduce(n byte) (a, b uint32) {
	r.t.Helper()
	id := [16]byte{n, 0xaa}
	a, ok1 := r.s.Prebind(r.now, id, n%2, aliceKey, alice, testRate)
	b, ok2 := r.s.Prebind(r.now, id, 1-n%2, bobKey, bob, testRate)
	if !ok1 || !ok2 {
		r.t.Fatal("no place")
	}
	return a, b
}

// Two players let themselves be introduced ten times a second, and use the last twenty sessions they got.
func TestIntroductionsGiveNoFreshAllowance(t *testing.T) {
	r := newRig(t)
	var legs []uint32
	passed := 0
	const seconds = 30
	for n := range seconds * 10 {
		a, _ := r.introduce(byte(n))
		legs = append(legs, a)
		for _, leg := range legs[max(0, len(legs)-20):] {
			for range 40 {
				if _, ok := r.s.Forward(r.now, alice, packet(leg, 1)); ok {
					passed++
				}
			}
		}
		r.wait(100 * time.Millisecond)
	}
	// 300 a second and a second's burst, twice since two sessions overlap.
	if most := 300 * 2 * (seconds + 1); passed > most {
		t.Errorf("%d packets in %d s, at most %d should be", passed, seconds, most)
	}
	if n := r.s.Stats().Sessions; n != 2 {
		t.Errorf("%d sessions of one pair", n)
	}
	r.wait(2 * time.Minute)
	if s := r.s; s.Stats().Sessions != 0 || len(s.pairs) != 0 || len(s.retired) != 0 || !s.NextTimeout().IsZero() {
		t.Errorf("something is left: %+v", s.Stats())
	}
}

// What Alice used up she has used up in the next session with Bob, whatever her place in it. Bob's is his own, and so is hers
// with Carol.
func TestTheNextSessionInheritsWhatWasUsed(t *testing.T) {
	r := newRig(t)
	a, _ := r.introduce(0)
	for range 300 {
		r.s.Forward(r.now, alice, packet(a, 1))
	}
	next, b := r.introduce(1)
	if _, ok := r.s.Forward(r.now, alice, packet(next, 1)); ok {
		t.Error("a fresh allowance")
	}
	if _, ok := r.s.Forward(r.now, bob, packet(b, 1)); !ok {
		t.Error("Bob pays for Alice")
	}
	carol := netip.MustParseAddrPort("192.0.2.3:3")
	other, _ := r.s.Prebind(r.now, [16]byte{7}, 0, aliceKey, alice, testRate)
	r.s.Prebind(r.now, [16]byte{7}, 1, KeyHash{3}, carol, testRate)
	if _, ok := r.s.Forward(r.now, alice, packet(other, 1)); !ok {
		t.Error("Alice's packets to Carol pay for those to Bob")
	}
}

// The session before goes on for as long as the new one's handshake takes, and no longer; a third player's in its place
// afterwards is not touched by what was planned for it.
func TestTheSessionBeforeEndsSoon(t *testing.T) {
	r := newRig(t)
	old, _ := r.introduce(0)
	r.wait(time.Second)
	next, _ := r.introduce(1)
	r.wait(retireTime - time.Millisecond)
	if _, ok := r.s.Forward(r.now, alice, packet(old, 1)); !ok {
		t.Error("it ended at once")
	}
	r.wait(2 * time.Millisecond)
	if r.s.Holds(old) || !r.s.Holds(next) {
		t.Errorf("old %v, new %v", r.s.Holds(old), r.s.Holds(next))
	}
	reused, _ := r.s.Prebind(r.now, [16]byte{8}, 0, KeyHash{4}, mallet, wire.RelayRate{})
	r.s.Prebind(r.now, [16]byte{8}, 1, KeyHash{5}, bob, wire.RelayRate{})
	for range 4 { // over the old session's own deadlines
		r.wait(25 * time.Second)
		r.s.Forward(r.now, mallet, packet(reused, 1))
		r.s.Move(reused, mallet, mallet)
		h, _ := r.s.Prebind(r.now, [16]byte{8}, 1, KeyHash{5}, bob, wire.RelayRate{})
		if _, ok := r.s.Forward(r.now, bob, packet(h, 1)); !ok || !r.s.Holds(reused) {
			t.Fatal("the next session of its place ended with it")
		}
	}
}
