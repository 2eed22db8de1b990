// Package impair is one direction of a bad network as a value: datagrams and `now` in, the same datagrams out later, or
// twice, or out of order, or never. It serves the simulator in release builds (musubi_simulate), the virtual internet and
// the benchmarks alike.
//
//	Push ─▶ rate limit with a queue ─▶ loss ─▶ latency, jitter, hold-back ─▶ duplicate ─▶ Pop
//	          full: dropped             alone or in runs
//
// A datagram that is lost has used its share of the rate, as on a radio. Several flows may share a Pipe; its tag tells
// the caller at Pop whose datagram it is.
package impair

import (
	"math/rand/v2"
	"time"
)

// Pipe is one direction. T is what the caller wants back with each datagram: an address, a number. The same seed and the
// same calls meet the same fate: the dice are thrown in a fixed order, and only for what the configuration asks for.
type Pipe[T any] struct {
	cfg  Config
	rng  *rand.Rand
	wire time.Time // until when the rate limit is busy
	last time.Time // when the newest datagram that keeps its order is due
	bad  bool      // within a run of losses

	heap   []*datagram[T]
	serial uint64
	free   []*datagram[T]
	stats  Stats
}

// Stats counts datagrams. Pushed + Duplicated = Popped + Lost + QueueFull + HeldFull + those under way.
type Stats struct {
	Pushed     uint64
	Popped     uint64
	Lost       uint64
	QueueFull  uint64 // dropped at the rate limit
	HeldFull   uint64 // dropped because Config.Held were under way
	Duplicated uint64
	Reordered  uint64 // held back
}

// New makes a pipe. cfg must pass Check.
func New[T any](cfg Config, seed uint64) *Pipe[T] {
	p := &Pipe[T]{rng: rand.New(rand.NewPCG(seed, 0x696d70616972))}
	p.SetConfig(cfg)
	return p
}

// SetConfig changes what happens to datagrams pushed from now on; those under way keep their times. cfg must pass Check.
func (p *Pipe[T]) SetConfig(cfg Config) {
	p.cfg = cfg
	if cfg.Rate == 0 {
		p.wire = time.Time{}
	}
	// A link that is bad half of the time may begin in the middle of a run.
	p.bad = cfg.Burst > 1 && cfg.Loss > 0 && p.rng.Float64() < cfg.Loss
}

// Push puts a copy of b on its way. Time never goes backwards between calls.
func (p *Pipe[T]) Push(now time.Time, tag T, b []byte) {
	p.stats.Pushed++
	sent, ok := p.transmit(now, len(b))
	switch {
	case !ok:
		p.stats.QueueFull++
		return
	case p.loses():
		p.stats.Lost++
		return
	}
	p.hold(p.due(sent), tag, b)
	if p.cfg.Duplicate > 0 && p.rng.Float64() < p.cfg.Duplicate {
		p.stats.Duplicated++
		p.hold(p.due(sent), tag, b)
	}
}

// Pop takes the first datagram that is due. b is valid until the next Push or Pop.
func (p *Pipe[T]) Pop(now time.Time) (tag T, b []byte, ok bool) {
	if len(p.heap) == 0 || p.heap[0].due.After(now) {
		return tag, nil, false
	}
	d := p.takeFirst()
	p.free = append(p.free, d)
	p.stats.Popped++
	return d.tag, d.data, true
}

// NextTimeout is when Pop will have something; zero: nothing is under way.
func (p *Pipe[T]) NextTimeout() time.Time {
	if len(p.heap) == 0 {
		return time.Time{}
	}
	return p.heap[0].due
}

// Len is how many datagrams are under way.
func (p *Pipe[T]) Len() int { return len(p.heap) }

// Idle reports whether the pipe changes nothing and holds nothing: it could as well be taken away.
func (p *Pipe[T]) Idle() bool { return len(p.heap) == 0 && p.cfg == Config{} }

// Stats returns the counters.
func (p *Pipe[T]) Stats() Stats { return p.stats }

// transmit takes the datagram through the rate limit and says when its last bit has left; false: the queue is full. The
// first in the queue always fits, however short that is.
func (p *Pipe[T]) transmit(now time.Time, size int) (sent time.Time, ok bool) {
	if p.cfg.Rate == 0 {
		return now, true
	}
	airtime := p.cfg.airtime(size + HeaderBytes)
	begin := now
	if p.wire.After(now) {
		if p.wire.Sub(now)+airtime > p.cfg.queueLimit() {
			return now, false
		}
		begin = p.wire
	}
	p.wire = begin.Add(airtime)
	return p.wire, true
}

// loses throws the dice for one datagram. Runs are Gilbert's two states: everything is lost in the bad one, which ends
// with probability 1/Burst after each datagram; the good one ends as often as makes the share come out right.
func (p *Pipe[T]) loses() bool {
	loss, burst := p.cfg.Loss, p.cfg.Burst
	switch {
	case loss <= 0:
		return false
	case loss >= 1:
		return true
	case burst <= 1:
		return p.rng.Float64() < loss
	}
	change := loss / (burst * (1 - loss))
	if p.bad {
		change = 1 / burst
	}
	lost := p.bad
	if p.rng.Float64() < change {
		p.bad = !p.bad
	}
	return lost
}

// due says when a datagram that was transmitted then arrives. What is held back leaves last alone, so that later ones
// pass it.
func (p *Pipe[T]) due(sent time.Time) time.Time {
	due := sent.Add(p.cfg.Latency)
	if p.cfg.Jitter > 0 {
		due = due.Add(time.Duration(p.rng.Int64N(int64(p.cfg.Jitter) + 1)))
	}
	if p.cfg.Reorder > 0 && p.rng.Float64() < p.cfg.Reorder {
		p.stats.Reordered++
		return due.Add(p.cfg.holdBack())
	}
	if p.cfg.KeepOrder {
		if due.Before(p.last) {
			due = p.last
		}
		p.last = due
	}
	return due
}
