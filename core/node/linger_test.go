package node

import (
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
)

// The habit is learnt from waits that would have been short, for each kind of work apart, and unlearnt by misses.
func TestLingeringIsLearnt(t *testing.T) {
	var h habit
	h.last = workGame
	for range lingerFrom {
		if h.pays() {
			t.Fatal("lingers before it has learnt to")
		}
		h.came(true)
	}
	if !h.pays() {
		t.Fatal("has not learnt")
	}
	if h.last = workPacket; h.pays() {
		t.Fatal("learnt for another kind of work")
	}
	h.last = workGame
	for range 100 { // every second time is a miss: not worth it
		h.came(true)
		h.came(false)
	}
	if h.pays() {
		t.Fatal("lingers though half of it is wasted")
	}
	h.scores[workGame] = lingerBan
	h.came(false)
	for range -lingerBan {
		h.came(true)
	}
	if h.pays() {
		t.Fatal("the ban is over too soon")
	}
}

// An owner that lingers between commands loses none.
func TestLingeringLosesNothing(t *testing.T) {
	st := newStage(t, Config{}, nil)
	st.owner.habit.scores = [workCount]int{lingerMost, lingerMost, lingerMost}
	st.play()
	h := api.NewPeerHandle(1, 1)
	for range 200 {
		st.do(Command{Kind: CmdPeerPunch, Peer: h})
		st.want("punch 4294967297")
	}
}
