package rudp

import (
	"testing"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/api"
)

// What concerns several flows and real rates is told in core/sim (mixed_test.go).

// feed keeps a bulk transfer going for d, and calls step every 5 ms.
func (p *pair) feed(d time.Duration, step func()) {
	message := make([]byte, 16<<10)
	for end := p.now.Add(d); p.now.Before(end); {
		for p.alice().Queued() < 3<<20 && p.alice().SendMessage(p.now, api.Outgoing{Channel: 9, Priority: api.PriorityLow}, message) == nil {
		}
		p.advance(5 * time.Millisecond)
		p.alice().got, p.bob().got = nil, nil
		if step != nil {
			step()
		}
	}
}

// departures are the bytes of each packet that alice sends, with their time.
type departures struct {
	p     *pair
	total int
	bytes []sample
}

type sample struct {
	at    time.Time
	bytes int
}

func (p *pair) watch() *departures {
	l := &departures{p: p}
	p.onPacket = func(from, frames int) {
		if from == 0 {
			l.total += frames + packetOverhead
			l.bytes = append(l.bytes, sample{p.now, frames + packetOverhead})
		}
	}
	return l
}

// most is the largest number of bytes within any span d.
func (l *departures) most(d time.Duration) (most int) {
	sum, from := 0, 0
	for _, s := range l.bytes {
		sum += s.bytes
		for ; s.at.Sub(l.bytes[from].at) >= d; from++ {
			sum -= l.bytes[from].bytes
		}
		most = max(most, sum)
	}
	return most
}

// The relay drops what exceeds its grant. Bulk beside state uses nearly all of the nine tenths and never more than the
// whole, in bytes and in packets; ACKs of the other direction count as well.
func TestGrantedRateIsKept(t *testing.T) {
	const bytes, packets = 125_000, 300
	p := newPair(t, 1, Config{})
	for _, e := range p.ends {
		e.SetRate(p.now, 0, bytes, packets)
	}
	l := p.watch()
	n := uint64(0)
	p.feed(10*time.Second, func() {
		if n++; n%4 == 0 {
			p.sendAs(p.alice(), api.Outgoing{Mode: api.Unreliable, Priority: api.PriorityHigh}, body(n, 100))
			p.sendAs(p.bob(), api.Outgoing{Mode: api.Unreliable}, body(n, 100))
		}
	})
	count := departures{}
	for _, s := range l.bytes {
		count.bytes = append(count.bytes, sample{s.at, 1})
	}
	t.Logf("%d bytes in 10 s; most in a second %d bytes, %d packets", l.total, l.most(time.Second), count.most(time.Second))
	if l.total < 10*bytes*8/10 {
		t.Errorf("%d bytes in 10 s", l.total)
	}
	if l.most(time.Second) > bytes || count.most(time.Second) > packets {
		t.Error("over the grant")
	}
	if lost := p.alice().PathStats(0).Lost; lost > 0 {
		t.Errorf("%d lost", lost)
	}
	p.alice().OpenPath(p.now, 0, 1171, 0) // a rebinding
	if rate := p.alice().PathStats(0).PacingRate; rate > bytes*9/10 {
		t.Errorf("after a rebinding the rate is %d", rate)
	}
}

// While nothing comes back, urgent messages keep departures, within the assured rate and beside probes; bulk does not. When the
// way is back, what waited does not leave at once.
func TestBlackout(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 1_250_000, 250*time.Millisecond
	p.feed(5*time.Second, nil)
	p.links[0].cut = true
	p.feed(300*time.Millisecond, nil)
	l, sent := p.watch(), 0
	p.feed(4*time.Second, func() {
		sent++
		p.sendAs(p.alice(), api.Outgoing{Mode: api.Unreliable, Priority: api.PriorityHigh}, body(0, 100))
	})
	t.Logf("%d packets, %d bytes during 4 s of blackout, for %d messages", len(l.bytes), l.total, sent)
	if len(l.bytes) < sent*9/10 {
		t.Errorf("%d packets for %d urgent messages", len(l.bytes), sent)
	}
	if l.total > 4*2*floorRate {
		t.Errorf("%d bytes left in 4 s", l.total)
	}
	p.links[0].cut = false
	l = p.watch()
	p.feed(5*time.Second, nil)
	t.Logf("after it: most in 10 ms %d bytes, %d in the first second", l.most(10*time.Millisecond), l.within(time.Second))
	if most := l.most(10 * time.Millisecond); most > 10*1250*3+initialDepth {
		t.Errorf("%d bytes left in 10 ms", most)
	}
	if p.alice().PathStats(0).QueueDelay > 15*time.Millisecond || l.total < 5*1_250_000*6/10 {
		t.Errorf("queue %v, %d bytes in 5 s", p.alice().PathStats(0).QueueDelay, l.total)
	}
}

// within is how many bytes left in the first d.
func (l *departures) within(d time.Duration) (sum int) {
	for _, s := range l.bytes {
		if s.at.Sub(l.bytes[0].at) < d {
			sum += s.bytes
		}
	}
	return sum
}

// A flow that the game limits keeps its window, and does not gain one that nothing tested.
func TestApplicationLimited(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 12_500_000, 50*time.Millisecond
	p.trickle(0, 30*time.Second, constant(100))
	if w := p.alice().PathStats(0).Window; w > initialWindow {
		t.Errorf("state made a window of %d", w)
	}
	p.feed(3*time.Second, nil)
	p.advanceUntil(time.Second, p.idle)
	full := p.alice().PathStats(0).Window
	p.trickle(1000, 3*time.Second, constant(100))
	if w := p.alice().PathStats(0).Window; w < full*9/10 {
		t.Errorf("three seconds of state made %d of a window of %d", w, full)
	}
	p.trickle(2000, time.Minute, constant(100))
	if w := p.alice().PathStats(0).Window; w > 2*initialWindow {
		t.Errorf("a minute of state left a window of %d", w)
	}
	l := p.watch()
	p.feed(3*time.Second, nil)
	if rate := l.total / 3; rate < 12_500_000*7/10 {
		t.Errorf("bulk after it got %d bytes a second", rate)
	}
}

// A path that did nothing at all for a minute starts near the beginning.
func TestIdleRestart(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 12_500_000, 50*time.Millisecond
	p.feed(3*time.Second, nil)
	p.advance(time.Minute)
	l := p.watch()
	p.feed(20*time.Millisecond, nil)
	if l.total > 3*initialWindow {
		t.Errorf("%d bytes left in the first 20 ms", l.total)
	}
}

// A route that becomes longer looks like another's queue at first. It must be believed in the end: no queue of our own, no
// lost rate. One that becomes shorter is believed at once.
func TestRouteChange(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 1_250_000, 250*time.Millisecond
	p.feed(10*time.Second, nil)
	p.links[0].delay = 60 * time.Millisecond
	changed, settled := p.now, p.now
	p.feed(40*time.Second, func() {
		if queued := p.links[0].busy[0].Sub(p.now); queued > 25*time.Millisecond {
			settled = p.now
		}
	})
	t.Logf("40 to 120 ms: own queue over 25 ms until %v later", settled.Sub(changed))
	if settled.Sub(changed) > 20*time.Second {
		t.Error("the old RTT is believed for ever")
	}
	l := p.watch()
	p.feed(5*time.Second, nil)
	if l.total < 5*1_250_000*85/100 {
		t.Errorf("%d bytes in 5 s on the longer route", l.total)
	}
	p.links[0].delay = 20 * time.Millisecond
	p.feed(time.Second, nil)
	l = p.watch()
	p.feed(5*time.Second, nil)
	st := p.alice().PathStats(0)
	if l.total < 5*1_250_000*85/100 || st.QueueDelay > 15*time.Millisecond {
		t.Errorf("back on the shorter route: %d bytes in 5 s, queue %v", l.total, st.QueueDelay)
	}
}

// The link becomes ten times slower, and fast again.
func TestRateChange(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 12_500_000, 250*time.Millisecond
	p.feed(5*time.Second, nil)
	p.links[0].rate = 1_250_000
	p.feed(2*time.Second, nil)
	worst := time.Duration(0)
	p.feed(5*time.Second, func() { worst = max(worst, p.links[0].busy[0].Sub(p.now)) })
	if worst > 25*time.Millisecond || p.alice().PathStats(0).Competing {
		t.Errorf("two seconds after the link became slow its queue is %v", worst)
	}
	p.links[0].rate = 12_500_000
	p.feed(2*time.Second, nil)
	l := p.watch()
	p.feed(3*time.Second, nil)
	if rate := l.total / 3; rate < 12_500_000*85/100 {
		t.Errorf("two seconds after the link became fast we send %d bytes a second", rate)
	}
}

// The state of a path that is not used must stay small: a connection has seven of them.
func TestCongestionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(congestion{}); size > 640 {
		t.Errorf("%d bytes", size)
	}
}
