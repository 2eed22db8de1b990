package sim

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/impair"
)

// The scenarios of TRANSPORT.md's "Congestion and queues", each a function of its seed. Rates are in bit/s.

const (
	mixedRate   = 10_000_000
	mixedBuffer = 250 * time.Millisecond
	mixedRTT    = 40 * time.Millisecond
	mixedBulk   = 50 << 20 // a map
)

// MixedReport is what Mixed found.
type MixedReport struct {
	Modes   []StateReport // state of one mode each
	Two     []TwoReport   // two bulk flows
	Cubic   []CubicReport // one bulk flow against TCP
	Eight   ManyReport    // eight bulk flows: a map for seven friends
	Gigabit FillReport
	Lossy   []LossReport
}

// Mixed plays everything.
func Mixed(seed uint64) MixedReport {
	var r MixedReport
	for _, mode := range []api.Mode{api.ReliableOrdered, api.Unreliable} {
		r.Modes = append(r.Modes, StateBesideBulk(seed, mode))
	}
	for _, c := range TwoFlowCases {
		r.Two = append(r.Two, TwoFlows(seed, c))
	}
	for _, buffer := range []time.Duration{mixedRTT, mixedBuffer} {
		r.Cubic = append(r.Cubic, AgainstCubic(seed, buffer, false))
	}
	r.Eight = ManyFlows(seed, 8)
	r.Gigabit = FillGigabit(seed)
	for _, loss := range []float64{0.01, 0.05, 0.1} {
		r.Lossy = append(r.Lossy, RandomLoss(seed, impair.Config{Loss: loss}))
	}
	return r
}

// StateReport is 60 Hz state of 100 bytes alone and beside a bulk transfer on the same connection, over 10 Mbit/s with a
// buffer of 250 ms and a round trip of 40 ms.
type StateReport struct {
	Mode        api.Mode
	Alone, With Spread // one-way latency
	Arrived     float64
	BulkShare   float64 // of what state leaves of the bottleneck, payload over wire
	Bulk        float64
	Queue       Spread        // at the bottleneck, during the transfer
	Took        time.Duration // the whole transfer
}

// StateBesideBulk plays one such connection.
func StateBesideBulk(seed uint64, mode api.Mode) StateReport {
	r := StateReport{Mode: mode}
	w := NewWorld(seed, Weather{})
	l := NewBottleneck(w, impair.Config{Rate: mixedRate, QueueTime: mixedBuffer})
	f := l.AddFlow(FlowConfig{RTT: mixedRTT})
	f.SendState(mode)
	w.Run(30 * time.Second)
	r.Alone, _ = f.State()
	alone := f.WireRate()

	l.Measure()
	f.Measure()
	start := w.Now()
	f.SendBulk(mixedBulk)
	w.RunUntil(2*time.Minute, func() bool { return !f.BulkDone.IsZero() })
	r.With, r.Arrived = f.State()
	r.Queue, r.Bulk, r.Took = l.Queue(), f.Rate(), w.Now().Sub(start)
	r.BulkShare = r.Bulk / (mixedRate - alone)
	return r
}

// TwoFlowCase is two connections with bulk over one bottleneck.
type TwoFlowCase struct {
	Name string
	RTT  [2]time.Duration
	Late time.Duration // the second begins later by so much
}

// TwoFlowCases are those of Mixed.
var TwoFlowCases = []TwoFlowCase{
	{"together", [2]time.Duration{mixedRTT, mixedRTT}, 0},
	{"10 s apart", [2]time.Duration{mixedRTT, mixedRTT}, 10 * time.Second},
	{"40 and 80 ms", [2]time.Duration{mixedRTT, 2 * mixedRTT}, 0},
	{"40 ms, then 80 ms", [2]time.Duration{mixedRTT, 2 * mixedRTT}, 10 * time.Second},
}

// TwoReport is what each got in the 30 s after the second had 10 s to settle, and over all of these 40 s.
type TwoReport struct {
	Case      TwoFlowCase
	Rate      [2]float64
	Jain      float64
	JainWhole float64
	Queue     Spread
}

// TwoFlows plays one case.
func TwoFlows(seed uint64, c TwoFlowCase) TwoReport {
	w := NewWorld(seed, Weather{})
	l := NewBottleneck(w, impair.Config{Rate: mixedRate, QueueTime: mixedBuffer})
	a, b := l.AddFlow(FlowConfig{RTT: c.RTT[0]}), l.AddFlow(FlowConfig{RTT: c.RTT[1]})
	a.SendBulk(1 << 30)
	w.Run(c.Late + w.moment())
	b.SendBulk(1 << 30)
	a.Measure()
	b.Measure()
	w.Run(10 * time.Second)
	first := [2]float64{a.Rate(), b.Rate()}
	a.Measure()
	b.Measure()
	l.Measure()
	w.Run(30 * time.Second)
	r := TwoReport{Case: c, Rate: [2]float64{a.Rate(), b.Rate()}, Queue: l.Queue()}
	r.Jain = Jain(r.Rate[:]...)
	r.JainWhole = Jain(first[0]+3*r.Rate[0], first[1]+3*r.Rate[1])
	return r
}

// moment is up to a second, by the seed: what two flows make of each other depends on how they meet.
func (w *World) moment() time.Duration { return time.Duration(w.rng.Int64N(int64(time.Second))) }

// CubicReport is one bulk flow against one TCP CUBIC flow.
type CubicReport struct {
	Buffer   time.Duration
	TCPFirst bool
	Share    float64 // Musubi's of what both got, from 30 to 90 s after the start
	First    float64 // the same in the first 30 s
	Used     float64 // of the bottleneck, by both
	Back     time.Duration
	Queue    Spread // after it was back
}

// AgainstCubic lets TCP start a second or two after Musubi, or half a minute before it, and leave when both have shared the
// link for 90 s. Back is how long the queue then needs to fall below 15 ms for good.
func AgainstCubic(seed uint64, buffer time.Duration, tcpFirst bool) CubicReport {
	r := CubicReport{Buffer: buffer, TCPFirst: tcpFirst}
	w := NewWorld(seed, Weather{})
	l := NewBottleneck(w, impair.Config{Rate: mixedRate, QueueTime: buffer})
	var tcp *Cubic
	if tcpFirst {
		tcp = l.AddCubic(mixedRTT)
		w.Run(30*time.Second + w.moment())
	}
	f := l.AddFlow(FlowConfig{RTT: mixedRTT})
	f.SendBulk(1 << 30)
	if !tcpFirst {
		w.Run(time.Second + w.moment())
		tcp = l.AddCubic(mixedRTT)
	}
	tcp.Measure()
	f.Measure()
	w.Run(30 * time.Second)
	r.First = f.Rate() / (f.Rate() + tcp.Rate())
	f.Measure()
	tcp.Measure()
	w.Run(60 * time.Second)
	r.Share = f.Rate() / (f.Rate() + tcp.Rate())
	r.Used = (f.Rate() + tcp.Rate()) / mixedRate
	tcp.Stop()
	gone := w.Now()
	for w.Now().Sub(gone) < 60*time.Second {
		l.Measure()
		w.Run(100 * time.Millisecond)
		if l.Queue().At(0.5) > 15*time.Millisecond {
			r.Back = w.Now().Sub(gone)
		}
	}
	l.Measure()
	w.Run(10 * time.Second)
	r.Queue = l.Queue()
	return r
}

// ManyReport is many bulk flows that start at once: a host that sends a map to everyone.
type ManyReport struct {
	Jain  float64
	Used  float64
	Queue Spread
}

// ManyFlows plays a minute of it over 10 Mbit/s, of which the second half counts.
func ManyFlows(seed uint64, count int) ManyReport {
	w := NewWorld(seed, Weather{})
	l := NewBottleneck(w, impair.Config{Rate: mixedRate, QueueTime: mixedBuffer})
	flows := make([]*Flow, count)
	for i := range flows {
		flows[i] = l.AddFlow(FlowConfig{RTT: mixedRTT})
		flows[i].SendBulk(1 << 30)
		w.Run(w.moment() / 50)
	}
	w.Run(30 * time.Second)
	for _, f := range flows {
		f.Measure()
	}
	l.Measure()
	w.Run(30 * time.Second)
	rates, sum := make([]float64, count), 0.0
	for i, f := range flows {
		rates[i] = f.Rate()
		sum += f.WireRate()
	}
	return ManyReport{Jain: Jain(rates...), Used: sum / mixedRate, Queue: l.Queue()}
}

// FillReport is bulk over a clean path of 1 Gbit/s and 40 ms with budgets of 32 MiB: payload in each tenth of a second, as
// a share of the rate.
type FillReport struct {
	Filled time.Duration // until a tenth of a second was filled to 90 % by packets; 0: never
	Third  float64       // share of the third second
	Tenths []float64
}

// FillGigabit plays it.
func FillGigabit(seed uint64) FillReport {
	const rate = 1_000_000_000
	var r FillReport
	w := NewWorld(seed, Weather{})
	l := NewBottleneck(w, impair.Config{Rate: rate, QueueTime: mixedBuffer})
	f := l.AddFlow(FlowConfig{RTT: mixedRTT, Budget: 32 << 20})
	f.SendBulk(1 << 30)
	for range 30 {
		f.Measure()
		w.Run(100 * time.Millisecond)
		r.Tenths = append(r.Tenths, f.WireRate()/rate)
		if n := len(r.Tenths); r.Filled == 0 && r.Tenths[n-1] >= 0.9 {
			r.Filled = time.Duration(n) * 100 * time.Millisecond
		}
		if n := len(r.Tenths); n > 20 {
			r.Third += r.Tenths[n-1] / 10
		}
	}
	return r
}

// LossReport is bulk over a link that loses packets whatever is sent.
type LossReport struct {
	Link  impair.Config
	Used  float64 // of the rate, by packets that crossed, over what the loss leaves
	Queue Spread
}

// RandomLoss plays a minute of it, over 10 Mbit/s and 40 ms.
func RandomLoss(seed uint64, cfg impair.Config) LossReport {
	cfg.Rate, cfg.QueueTime = mixedRate, mixedBuffer
	w := NewWorld(seed, Weather{})
	l := NewBottleneck(w, cfg)
	f := l.AddFlow(FlowConfig{RTT: mixedRTT})
	f.SendBulk(1 << 30)
	w.Run(60 * time.Second)
	return LossReport{Link: cfg, Used: f.WireRate() / (mixedRate * (1 - cfg.Loss)), Queue: l.Queue()}
}
