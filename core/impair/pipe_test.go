package impair

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// arrival is one datagram that came out, by the number in its first bytes.
type arrival struct {
	n  int
	at time.Duration // since start
}

// play pushes count numbered datagrams of so many bytes, one each interval, and returns what came out, in order.
func play(p *Pipe[int], count, size int, interval time.Duration) (out []arrival) {
	b := make([]byte, max(size, 8))
	now := start
	pop := func(until time.Time) {
		for at := p.NextTimeout(); !at.IsZero() && !at.After(until); at = p.NextTimeout() {
			if _, _, early := p.Pop(at.Add(-1)); early {
				panic("a datagram came before its time")
			}
			for tag, data, ok := p.Pop(at); ok; tag, data, ok = p.Pop(at) {
				n := int(binary.BigEndian.Uint64(data))
				if tag != -n || len(data) != len(b) {
					panic(fmt.Sprintf("datagram %d came with tag %d and %d bytes", n, tag, len(data)))
				}
				out = append(out, arrival{n, at.Sub(start)})
			}
		}
	}
	for n := range count {
		pop(now)
		binary.BigEndian.PutUint64(b, uint64(n))
		p.Push(now, -n, b)
		now = now.Add(interval)
	}
	pop(now.Add(time.Hour))
	return out
}

func numbers(out []arrival) (ns []int) {
	for _, a := range out {
		ns = append(ns, a.n)
	}
	return ns
}

// The zero configuration delivers everything at once and in order, also what is pushed at the same instant.
func TestNothingAsked(t *testing.T) {
	out := play(New[int](Config{}, 1), 1000, 100, 0)
	if len(out) != 1000 || !slices.IsSorted(numbers(out)) || out[999].at != 0 {
		t.Errorf("%d came, the last at %v", len(out), out[len(out)-1].at)
	}
}

// Latency is exact; jitter lies between its bounds, reaches both, and passes others only where it may.
func TestLatencyAndJitter(t *testing.T) {
	for _, keep := range []bool{false, true} {
		out := play(New[int](Config{Latency: 25 * ms, Jitter: 10 * ms, KeepOrder: keep}, 2), 5000, 100, ms)
		if len(out) != 5000 {
			t.Fatalf("%d came", len(out))
		}
		least, most := time.Hour, time.Duration(0)
		for _, a := range out {
			d := a.at - time.Duration(a.n)*ms
			least, most = min(least, d), max(most, d)
		}
		if least < 25*ms || least > 26*ms || most > 35*ms || most < 34*ms {
			t.Errorf("keep order %v: between %v and %v", keep, least, most)
		}
		if slices.IsSorted(numbers(out)) != keep {
			t.Errorf("keep order %v: it was not so", keep)
		}
	}
}

// Independent losses come out at their share, and a run's length is what chance makes of it.
func TestIndependentLoss(t *testing.T) {
	share, run := losses(play(New[int](Config{Loss: 0.05}, 3), 100_000, 100, ms), 100_000)
	if math.Abs(share-0.05) > 0.003 || math.Abs(run-1/0.95) > 0.02 {
		t.Errorf("%.4f lost in runs of %.3f", share, run)
	}
}

// Runs come out at their mean length, and the share stays what was asked. The bound is wide because few runs make much
// chance: 600 at 2 % in tens.
func TestBurstLoss(t *testing.T) {
	for _, c := range []Config{{Loss: 0.05, Burst: 3}, {Loss: 0.02, Burst: 10}, {Loss: 0.6, Burst: 2}, {Loss: 0.5, Burst: 1.5}} {
		share, run := losses(play(New[int](c, 4), 120_000, 100, ms), 120_000)
		if math.Abs(share-c.Loss) > 0.1*c.Loss || math.Abs(run-c.Burst) > 0.1*c.Burst {
			t.Errorf("%v in runs of %v: %.4f lost in runs of %.3f", c.Loss, c.Burst, share, run)
		}
	}
}

func losses(out []arrival, count int) (share, run float64) {
	came := make([]bool, count)
	for _, a := range out {
		came[a.n] = true
	}
	lost, runs := 0, 0
	for n, ok := range came {
		if !ok {
			lost++
			if n == 0 || came[n-1] {
				runs++
			}
		}
	}
	return float64(lost) / float64(count), float64(lost) / float64(runs)
}

// All is lost at 1, whatever the runs.
func TestEverythingLost(t *testing.T) {
	p := New[int](Config{Loss: 1, Burst: 5}, 5)
	if out := play(p, 100, 100, ms); len(out) != 0 || p.Stats().Lost != 100 || !p.NextTimeout().IsZero() {
		t.Errorf("%d came: %+v", len(out), p.Stats())
	}
}

// What is held back comes late by exactly that much, and only that.
func TestReorder(t *testing.T) {
	p := New[int](Config{Latency: 20 * ms, Reorder: 0.1, HoldBack: 5 * ms, KeepOrder: true}, 6)
	out := play(p, 10_000, 100, ms)
	late := 0
	for _, a := range out {
		switch a.at - time.Duration(a.n)*ms {
		case 20 * ms:
		case 25 * ms:
			late++
		default:
			t.Fatalf("%d came after %v", a.n, a.at-time.Duration(a.n)*ms)
		}
	}
	if late < 900 || late > 1100 || p.Stats().Reordered != uint64(late) || len(out) != 10_000 {
		t.Errorf("%d of %d were late; %+v", late, len(out), p.Stats())
	}
}

// Duplicates are whole and counted.
func TestDuplicate(t *testing.T) {
	p := New[int](Config{Duplicate: 0.1}, 7)
	out := play(p, 10_000, 100, ms)
	if n := len(out) - 10_000; n < 900 || n > 1100 || p.Stats().Duplicated != uint64(n) {
		t.Errorf("%d came twice; %+v", n, p.Stats())
	}
}

// A burst leaves at the rate, headers included, and what would wait too long is dropped at the tail.
func TestRateAndQueue(t *testing.T) {
	for _, c := range []Config{
		{Rate: 8_000_000, QueueTime: 50 * ms},
		{Rate: 8_000_000, QueueBytes: 50_000},
		{Rate: 8_000_000, QueueTime: time.Second, QueueBytes: 50_000},
	} {
		p := New[int](c, 8)
		out := play(p, 200, 1000-HeaderBytes, 0) // 1000 bytes on the wire are 1 ms
		if len(out) != 50 || p.Stats().QueueFull != 150 {
			t.Fatalf("%+v: %d came, %+v", c, len(out), p.Stats())
		}
		for i, a := range out {
			if a.n != i || a.at != time.Duration(i+1)*ms {
				t.Fatalf("datagram %d came at place %d, after %v", a.n, i, a.at)
			}
		}
	}
}

// Over a minute the rate is what was asked, and the queue stands at its limit.
func TestSustainedRate(t *testing.T) {
	p := New[int](Config{Rate: 10_000_000, QueueTime: 250 * ms, Latency: 20 * ms}, 9)
	out := play(p, 60_000, 1200, ms) // 9.8 Mbit/s are offered: all pass
	if len(out) != 60_000 {
		t.Errorf("%d came of what fits", len(out))
	}
	p = New[int](Config{Rate: 10_000_000, QueueTime: 250 * ms, Latency: 20 * ms}, 9)
	out = play(p, 120_000, 1200, ms/2)
	rate := float64(len(out)) * (1200 + HeaderBytes) * 8 / out[len(out)-1].at.Seconds()
	wait := out[len(out)-1].at - time.Duration(out[len(out)-1].n)*ms/2
	if math.Abs(rate/10e6-1) > 0.01 || wait < 265*ms || wait > 270*ms {
		t.Errorf("%.0f bit/s, the last after %v", rate, wait)
	}
}

// Memory is bounded in datagrams, and the bound is counted.
func TestHeldIsBounded(t *testing.T) {
	p := New[int](Config{Latency: time.Second, Held: 100, Duplicate: 1}, 10)
	for n := range 500 {
		p.Push(start, n, make([]byte, 10))
	}
	if s := p.Stats(); p.Len() != 100 || s.HeldFull != 900 || s.Duplicated != 500 {
		t.Errorf("%d under way, %+v", p.Len(), s)
	}
}

// The same seed and calls meet the same fate; another seed another.
func TestSeeded(t *testing.T) {
	c := Config{Latency: 25 * ms, Jitter: 10 * ms, Loss: 0.1, Burst: 2, Reorder: 0.05, Duplicate: 0.05, Rate: 5_000_000}
	a, b, other := play(New[int](c, 11), 5000, 500, ms), play(New[int](c, 11), 5000, 500, ms), play(New[int](c, 12), 5000, 500, ms)
	if !slices.Equal(a, b) || slices.Equal(a, other) {
		t.Error("chance is not the seed's")
	}
}

// A change leaves what is under way alone.
func TestSetConfig(t *testing.T) {
	p := New[int](Config{Latency: 30 * ms}, 13)
	p.Push(start, 1, []byte("old"))
	p.SetConfig(Config{Latency: 10 * ms})
	p.Push(start.Add(ms), 2, []byte("new"))
	for _, want := range []struct {
		tag int
		at  time.Duration
	}{{2, 11 * ms}, {1, 30 * ms}} {
		at := p.NextTimeout()
		if tag, _, ok := p.Pop(at); !ok || tag != want.tag || at.Sub(start) != want.at {
			t.Errorf("%d came at %v, want %+v", tag, at.Sub(start), want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, bad := range []Config{
		{Loss: -0.1}, {Loss: 1.1}, {Loss: math.NaN()}, {Reorder: 2}, {Duplicate: -1}, {Latency: -1}, {Jitter: MaxTime + 1}, {HoldBack: -1},
		{QueueTime: -1}, {Rate: -1}, {Rate: MaxRate + 1}, {QueueBytes: -1}, {Held: -1}, {Burst: -1}, {Burst: math.NaN()}, {Burst: math.Inf(1)},
		{Loss: 0.9, Burst: 2},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v passed", bad)
		}
	}
	for _, l := range Presets() {
		if got, ok := Preset(l.Name); !ok || got.About != l.About || l.Out.Check() != nil || l.In.Check() != nil {
			t.Errorf("preset %q: %v %v", l.Name, l.Out.Check(), l.In.Check())
		}
	}
	if _, ok := Preset("marble"); ok {
		t.Error("an unknown preset was found")
	}
}

// No configuration and no order of calls panics, comes early or loses count.
func FuzzPipe(f *testing.F) {
	f.Add(uint64(1), uint16(50), uint16(3), uint16(25), uint16(10), uint16(100), uint16(100), uint32(1_000_000), []byte{0, 10, 200, 3, 255})
	f.Add(uint64(2), uint16(1000), uint16(0), uint16(0), uint16(0), uint16(0), uint16(0), uint32(0), []byte{1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, seed uint64, loss, burst, latency, jitter, reorder, duplicate uint16, rate uint32, script []byte) {
		c := Config{Loss: float64(loss) / 1000, Burst: float64(burst) / 10, Latency: time.Duration(latency) * ms, Jitter: time.Duration(jitter) * ms,
			KeepOrder: seed%2 == 0, Reorder: float64(reorder) / 1000, Duplicate: float64(duplicate) / 1000, Rate: int64(rate), Held: 50}
		if c.Check() != nil {
			return
		}
		p, now := New[byte](c, seed), start
		for _, b := range script {
			now = now.Add(time.Duration(b) * ms / 4)
			p.Push(now, b, make([]byte, int(b)*8))
			if at := p.NextTimeout(); p.Len() > 50 || at.IsZero() != (p.Len() == 0) {
				t.Fatalf("%d under way, next at %v", p.Len(), at)
			}
			if b%3 == 0 {
				tag, data, ok := p.Pop(now)
				if ok && len(data) != int(tag)*8 {
					t.Fatalf("tag %d came with %d bytes", tag, len(data))
				}
			}
		}
		s := p.Stats()
		if s.Pushed+s.Duplicated != s.Popped+s.Lost+s.QueueFull+s.HeldFull+uint64(p.Len()) {
			t.Fatalf("%d under way, %+v", p.Len(), s)
		}
	})
}

// A steady stream allocates nothing.
func TestNoAllocations(t *testing.T) {
	p := New[int](Config{Latency: 5 * ms, Jitter: 5 * ms, Loss: 0.05, Burst: 3, Reorder: 0.05, Duplicate: 0.05, Rate: 100_000_000}, 14)
	now, b := start, make([]byte, 1200)
	step := func() {
		now = now.Add(ms / 5)
		p.Push(now, 1, b)
		for _, _, ok := p.Pop(now); ok; _, _, ok = p.Pop(now) {
		}
	}
	for range 5000 {
		step()
	}
	if n := testing.AllocsPerRun(5000, step); n != 0 {
		t.Errorf("%v allocations per datagram", n)
	}
}

func BenchmarkPipe(b *testing.B) {
	p := New[int](Config{Latency: 25 * ms, Jitter: 10 * ms, Loss: 0.05}, 15)
	now, data := start, make([]byte, 1200)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(ms / 50)
		p.Push(now, 1, data)
		for _, _, ok := p.Pop(now); ok; _, _, ok = p.Pop(now) {
		}
	}
}
