package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/impair"
)

// The model must be as good a rival as the real one: it fills the link alone, keeps the queue full but for its sawtooth,
// and shares with itself.
func TestCubicModel(t *testing.T) {
	for _, buffer := range []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 250 * time.Millisecond} {
		w := NewWorld(1, Weather{})
		l := NewBottleneck(w, impair.Config{Rate: 10_000_000, QueueTime: buffer})
		a := l.AddCubic(40 * time.Millisecond)
		w.Run(10 * time.Second)
		a.Measure()
		l.Measure()
		w.Run(30 * time.Second)
		alone := a.Rate()
		queue := l.Queue()
		b := l.AddCubic(40 * time.Millisecond)
		w.Run(30 * time.Second)
		a.Measure()
		b.Measure()
		w.Run(60 * time.Second)
		fair := Jain(a.Rate(), b.Rate())
		t.Logf("buffer %v: alone %.2f Mbit/s, queue %v; two: %.2f and %.2f, Jain %.3f", buffer, alone/1e6, queue, a.Rate()/1e6, b.Rate()/1e6, fair)
		if alone < 0.9*10e6*1448/1500 || fair < 0.9 {
			t.Errorf("not CUBIC")
		}
	}
}
