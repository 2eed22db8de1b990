package rudp

import (
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// carry keeps messages waiting for d and gives the bytes of all packets that alice sent meanwhile.
func (p *pair) carry(d time.Duration) int {
	message := make([]byte, 4<<10)
	l := p.watch()
	for end := p.now.Add(d); p.now.Before(end); {
		for p.alice().Queued() < 1<<20 && p.alice().SendMessage(p.now, api.Outgoing{Mode: api.ReliableUnordered, Channel: 9}, message) == nil {
		}
		p.advance(50 * time.Millisecond)
		p.alice().got, p.bob().got = nil, nil
	}
	return l.total
}

// Round trips that vary are no queue. A backlog leaves faster than at the rate that is always granted where the path has room,
// and about at that rate where half of everything is lost. Before rounds took more samples, the medians were 38, 70, 22 and 10
// KB/s, and the last seldom got out of 8: a window at its floor saw few samples, all of them far above the least one.
func TestJitteryPath(t *testing.T) {
	for _, c := range []struct {
		loss          float64
		delay, jitter time.Duration
		least, median int // KB/s
	}{
		{0, 20, 100, 80, 120},
		{0.1, 20, 40, 100, 200},
		{0.1, 20, 100, 80, 120},
		{0.5, 80, 100, 12, 17},
	} {
		var rates []int
		count := 5
		if raced {
			count = 1
		}
		for seed := range int64(count * *seeds) {
			p := newPair(t, seed, Config{})
			p.links[0].delay, p.links[0].jitter, p.links[0].loss = c.delay*time.Millisecond, c.jitter*time.Millisecond, c.loss
			p.carry(5 * time.Second)
			rates = append(rates, p.carry(15*time.Second)/15_000)
		}
		slices.Sort(rates)
		t.Logf("%.0f %% lost, %d + up to %d ms: %v KB/s", 100*c.loss, c.delay, c.jitter, rates)
		if rates[0] < c.least || !raced && rates[len(rates)/2] < c.median {
			t.Errorf("%.0f %% lost, %d + up to %d ms: %v KB/s, want at least %d, and %d in the middle", 100*c.loss, c.delay, c.jitter, rates, c.least, c.median)
		}
	}
}

// On a link that carries just what is always granted, round trips vary because packets wait for each other: that is a queue, and
// must not make the floor grow.
func TestJitterOfOurOwn(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = floorRate, 2*time.Second
	var queues []time.Duration
	p.feed(10*time.Second, nil)
	p.feed(40*time.Second, func() { queues = append(queues, p.links[0].busy[0].Sub(p.now)) })
	slices.Sort(queues)
	if half, most := queues[len(queues)/2], queues[len(queues)-1]; half > 150*time.Millisecond || most > 300*time.Millisecond {
		t.Errorf("own queue %v, at most %v", half, most)
	}
}
