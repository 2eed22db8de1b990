package sim

import (
	"flag"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/impair"
)

var meetings = flag.Int("meetings", 1, "how often flows meet over a bottleneck, each time at another moment")

// The figures are those of TRANSPORT.md, "Congestion and queues". -v prints what was reached.

func TestStateBesideBulk(t *testing.T) {
	for _, mode := range []api.Mode{api.ReliableOrdered, api.Unreliable} {
		r := StateBesideBulk(1, mode)
		t.Logf("mode %d: alone %v, beside bulk %v; bulk %.2f Mbit/s, %.1f %% of the rest; queue %v",
			mode, r.Alone, r.With, r.Bulk/1e6, r.BulkShare*100, r.Queue)
		if rise := r.With.At(0.99) - r.Alone.At(0.99); rise > 15*time.Millisecond {
			t.Errorf("p99 of state rises by %v", rise)
		}
		if r.BulkShare < 0.85 {
			t.Errorf("bulk gets %.3f of the rest", r.BulkShare)
		}
		if q := r.Queue.At(0.5); q > 10*time.Millisecond {
			t.Errorf("own queue %v", q)
		}
		if r.Arrived < 0.999 {
			t.Errorf("%.4f of the state arrived", r.Arrived)
		}
	}
}

func TestTwoFlows(t *testing.T) {
	for i := range *meetings * len(TwoFlowCases) {
		c := TwoFlowCases[i%len(TwoFlowCases)]
		r := TwoFlows(uint64(1+i/len(TwoFlowCases)), c)
		t.Logf("%s: %.2f and %.2f Mbit/s, Jain %.3f, from the start %.3f; queue %v", c.Name, r.Rate[0]/1e6, r.Rate[1]/1e6, r.Jain, r.JainWhole, r.Queue)
		if r.Jain < 0.95 || r.JainWhole < 0.95 {
			t.Error("not fair")
		}
		if r.Rate[0]+r.Rate[1] < 0.9*mixedRate {
			t.Error("together they don't fill the link")
		}
	}
}

func TestAgainstCubic(t *testing.T) {
	buffers := []time.Duration{mixedRTT, 100 * time.Millisecond, mixedBuffer}
	for i := range 2 * *meetings * len(buffers) {
		buffer := buffers[i%len(buffers)]
		r := AgainstCubic(uint64(1+i/len(buffers)), buffer, i%2 == 1)
		t.Logf("buffer %v, TCP first %v: share %.3f, in the first 30 s %.3f, link used %.3f; back %v after TCP left, then queue %v",
			buffer, r.TCPFirst, r.Share, r.First, r.Used, r.Back, r.Queue)
		if r.Share < 0.2 || r.Share > 0.8 {
			t.Error("one starves the other")
		}
		if r.Back > 10*time.Second {
			t.Error("the queue stays after TCP left")
		}
	}
}

func TestEightFlows(t *testing.T) {
	for seed := range uint64(*meetings) {
		r := ManyFlows(seed, 8)
		t.Logf("Jain %.3f, link used %.3f, queue %v", r.Jain, r.Used, r.Queue)
		if r.Jain < 0.95 || r.Used < 0.9 || r.Queue.At(0.95) > 40*time.Millisecond {
			t.Error("eight flows don't get along")
		}
	}
}

func TestFillGigabit(t *testing.T) {
	r := FillGigabit(1)
	t.Logf("filled after %v, third second %.3f; tenths %.2f", r.Filled, r.Third, r.Tenths)
	if r.Filled == 0 || r.Filled > 2*time.Second || r.Third < 0.9 {
		t.Error("not filled")
	}
}

func TestRandomLoss(t *testing.T) {
	for _, c := range []impair.Config{{Loss: 0.01}, {Loss: 0.03}, {Loss: 0.05}, {Loss: 0.1}, {Loss: 0.05, Burst: 3}} {
		r := RandomLoss(1, c)
		t.Logf("loss %.2f in runs of %v: %.3f of the link used, queue %v", c.Loss, max(c.Burst, 1), r.Used, r.Queue)
		if r.Used < 0.9 {
			t.Error("the rate collapses")
		}
	}
}
