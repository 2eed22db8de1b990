package sim

import (
	"time"

	"github.com/musubi-p2p/musubi/core/impair"
)

// Bottleneck is one link that flows share: a queue, a rate, perhaps loss, one way. Everything else of a flow's round trip
// is its own constant delay, and answers come back unhindered. It judges congestion control, so its flows are bare
// transports: core/rudp without keys, and a model of TCP.
type Bottleneck struct {
	w    *World
	pipe *impair.Pipe[crossing]
	wake wakeup

	// Since Measure was called.
	since   time.Time
	queued  []time.Duration // wait of each packet in the queue
	dropped uint64
}

// crossing is one packet at the bottleneck or on its way behind it.
type crossing struct {
	to     arrival
	number uint64
	pushed time.Time
	wire   int // bytes at the bottleneck
}

// arrival is where a packet goes; b is borrowed.
type arrival interface {
	arrive(now time.Time, c crossing, b []byte)
}

// NewBottleneck makes the link in an otherwise unused world. cfg's latency is part of every flow's way.
func NewBottleneck(w *World, cfg impair.Config) *Bottleneck {
	l := &Bottleneck{w: w, pipe: impair.New[crossing](cfg, w.seed), since: w.now}
	l.wake = newWakeup(l.drain)
	return l
}

// SetConfig changes the link for packets that come from now on.
func (l *Bottleneck) SetConfig(cfg impair.Config) { l.pipe.SetConfig(cfg) }

// Measure starts the measurement of the queue anew.
func (l *Bottleneck) Measure() {
	l.since, l.queued = l.w.now, l.queued[:0]
	l.dropped = l.pipe.Stats().QueueFull
}

// Queue gives the waits of the packets that crossed since Measure.
func (l *Bottleneck) Queue() Spread { return NewSpread(l.queued) }

// Dropped counts packets that found the queue full since Measure.
func (l *Bottleneck) Dropped() uint64 { return l.pipe.Stats().QueueFull - l.dropped }

func (l *Bottleneck) push(now time.Time, to arrival, number uint64, b []byte) {
	l.pipe.Push(now, crossing{to: to, number: number, pushed: now, wire: len(b) + impair.HeaderBytes}, b)
	l.wake.set(l.w, l.pipe.NextTimeout())
}

func (l *Bottleneck) drain(now time.Time) {
	for {
		c, b, ok := l.pipe.Pop(now)
		if !ok {
			break
		}
		l.queued = append(l.queued, now.Sub(c.pushed))
		c.to.arrive(now, c, b)
	}
	l.wake.set(l.w, l.pipe.NextTimeout())
}

// wireDelay carries one flow's packets with a constant delay.
type wireDelay struct {
	w    *World
	pipe *impair.Pipe[crossing]
	wake wakeup
	to   arrival
}

func newWireDelay(w *World, delay, jitter time.Duration, to arrival) *wireDelay {
	const held = 1 << 18 // packets under way: 1 Gbit/s for two seconds
	cfg := impair.Config{Latency: delay, Jitter: jitter, KeepOrder: true, Held: held}
	d := &wireDelay{w: w, pipe: impair.New[crossing](cfg, w.seed), to: to}
	d.wake = newWakeup(d.drain)
	return d
}

func (d *wireDelay) arrive(now time.Time, c crossing, b []byte) {
	d.pipe.Push(now, c, b)
	d.wake.set(d.w, d.pipe.NextTimeout())
}

func (d *wireDelay) drain(now time.Time) {
	for {
		c, b, ok := d.pipe.Pop(now)
		if !ok {
			break
		}
		d.to.arrive(now, c, b)
	}
	d.wake.set(d.w, d.pipe.NextTimeout())
}
