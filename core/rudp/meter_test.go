package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// within fails unless got is want up to a share of it.
func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if got < want*(1-share) || got > want*(1+share) {
		t.Errorf("%s is %.4g, want %.4g", what, got, want)
	}
}

// Loss of each direction, redundancy and rates of a game's flow are shown as they are, and fade when it ends.
func TestRecent(t *testing.T) {
	p := newPair(t, 3, Config{})
	p.links[0].lose = func(from int, _ uint64) bool { return p.rng.Float64() < []float64{0.10, 0.04}[from] }
	for range 60 * 30 {
		for _, e := range p.ends {
			p.send(e, api.ReliableOrdered, 0, body(0, 200))
		}
		p.advance(time.Second / 60)
	}
	sent := p.alice().Stats()
	r := p.alice().Recent(p.now)
	within(t, "loss to the peer", float64(r.LossOut)/million, 0.10, 0.5)
	within(t, "loss from the peer", float64(r.LossIn)/million, 0.04, 0.6)
	within(t, "loss from the other side", float64(p.bob().Recent(p.now).LossIn)/million, 0.10, 0.5)
	within(t, "redundancy", float64(r.Redundancy)/million, float64(sent.RepairBytes)/float64(sent.SentBytes), 0.3)
	within(t, "send rate", float64(r.SendRate), float64(sent.SentBytes)/30, 0.2)
	within(t, "receive rate", float64(r.ReceiveRate), float64(p.bob().Recent(p.now).SendRate)*0.96, 0.2)
	p.advance(1100 * time.Millisecond)
	if r := p.alice().Recent(p.now); r.SendRate > 2000 || r.ReceiveRate > 2000 {
		t.Errorf("after a second of rest: %+v", r)
	}
	p.links[0].lose = nil
	p.advance(20 * time.Second)
	if r := p.alice().Recent(p.now); r.LossOut != 0 || r.LossIn != 0 || r.Redundancy != 0 {
		t.Errorf("after 20 s of rest: %+v", r)
	}
}

// What is said of the queue is what a message then waits.
func TestQueueTime(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0] = narrow
	p.bulk(300_000) // congestion control knows the link
	if q := p.alice().Recent(p.now).QueueTime; q != 0 {
		t.Fatalf("an empty queue of %v", q)
	}
	for range 20 {
		p.send(p.alice(), api.ReliableOrdered, 9, make([]byte, 10_000))
	}
	p.sendAs(p.alice(), api.Outgoing{Channel: 8, Priority: api.PriorityLow}, make([]byte, 500_000)) // behind all that
	p.settle(0)
	said, sent := p.alice().Recent(p.now).QueueTime, p.now
	p.send(p.alice(), api.ReliableOrdered, 1, body(0, 100))
	if !p.advanceUntil(20*time.Second, func() bool { return len(p.bob().messages(api.ReliableOrdered, 1)) > 0 }) {
		t.Fatal("not delivered")
	}
	took := p.now.Sub(sent) - 20*time.Millisecond
	t.Logf("said %v, took %v", said, took)
	within(t, "queue time", said.Seconds(), took.Seconds(), 0.4)
}

func TestMeterForgets(t *testing.T) {
	m := meter{shift: 20} // 1.05 ms
	now := moment(time.Hour)
	for i := range 1000 {
		m.add(now.add(time.Duration(i)*time.Millisecond), 1)
	}
	now = now.add(999 * time.Millisecond)
	if n := m.sum(now); n < 15 || n > 17 {
		t.Errorf("%d of the last 16", n)
	}
	if n := m.sum(now.add(8 * time.Millisecond)); n < 7 || n > 9 {
		t.Errorf("%d are left", n)
	}
	if n := m.sum(now.add(time.Hour)); n != 0 {
		t.Errorf("%d are left after an hour", n)
	}
}
