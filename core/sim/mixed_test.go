package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/impair"
)

func TestStateBesideBulk(t *testing.T) {
	for _, mode := range []api.Mode{api.ReliableOrdered, api.Unreliable} {
		r := StateBesideBulk(1, mode)
		t.Logf("mode %d: alone %v, with %v, arrived %.4f; bulk %.2f Mbit/s, share %.3f, queue %v, took %v", mode, r.Alone, r.With, r.Arrived, r.Bulk/1e6, r.BulkShare, r.Queue, r.Took)
	}
}

func TestTwoFlows(t *testing.T) {
	for _, c := range TwoFlowCases {
		r := TwoFlows(1, c)
		t.Logf("%s: %.2f and %.2f Mbit/s, Jain %.3f, from the start %.3f, queue %v", c.Name, r.Rate[0]/1e6, r.Rate[1]/1e6, r.Jain, r.JainWhole, r.Queue)
	}
}

func TestAgainstCubic(t *testing.T) {
	for _, buffer := range []time.Duration{mixedRTT, mixedBuffer} {
		r := AgainstCubic(1, buffer)
		t.Logf("buffer %v: share %.3f, first 30 s %.3f, used %.3f; back after %v, then queue %v", buffer, r.Share, r.First, r.Used, r.Back, r.Queue)
	}
}

func TestFillGigabit(t *testing.T) {
	r := FillGigabit(1)
	t.Logf("filled after %v, third second %.3f, %.2f", r.Filled, r.Third, r.Tenths)
}

func TestRandomLoss(t *testing.T) {
	for _, c := range []impair.Config{{Loss: 0.01}, {Loss: 0.03}, {Loss: 0.05}, {Loss: 0.1}, {Loss: 0.05, Burst: 3}} {
		r := RandomLoss(1, c)
		t.Logf("loss %.2f burst %.0f: used %.3f, queue %v", c.Loss, c.Burst, r.Used, r.Queue)
	}
}
