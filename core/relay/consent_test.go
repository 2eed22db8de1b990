package relay

import (
	"testing"
	"time"
)

// A session lives while both players use it. One of them alone can't keep the relay sending to where the other one was:
// that address may be somebody else's by now.
func TestASilentPlayerIsNotSentToForLong(t *testing.T) {
	r := newRig(t)
	a, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	b, _ := r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
	say := func(d time.Duration, bobToo bool) (passed int) {
		for end := r.now.Add(d); r.now.Before(end); r.wait(time.Second) {
			if _, ok := r.s.Forward(r.now, alice, packet(a, 1)); ok {
				passed++
			}
			if bobToo {
				r.s.Forward(r.now, bob, packet(b, 2))
			}
		}
		return passed
	}
	if n := say(5*time.Minute, true); n != 300 {
		t.Fatalf("%d of 300 passed while both spoke", n)
	}
	if n := say(5*time.Minute, false); n > 61 {
		t.Errorf("%d packets to a player who is silent", n)
	}
	if s := r.s.Stats(); s.Sessions != 0 || s.Bound != 0 {
		t.Errorf("%+v", s)
	}
}

// A player who is heard by a proof of its address only, a BIND2 or its link's, keeps its leg too.
func TestBindingAgainKeepsASession(t *testing.T) {
	r := newRig(t)
	c := r.client(1, 5)
	a, _ := r.s.Prebind(r.now, meet, 0, KeyHash{}, alice, testRate)
	r.s.Prebind(r.now, meet, 1, KeyHash{}, bob, testRate)
	for range 5 {
		r.wait(50 * time.Second)
		r.bind(c, bob)
		if _, ok := r.s.Forward(r.now, alice, packet(a, 1)); !ok {
			t.Fatal("the session ended")
		}
	}
}
