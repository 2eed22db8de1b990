package sim

import (
	"fmt"
	"slices"
	"time"
)

// Spread is a set of durations in ascending order.
type Spread []time.Duration

// NewSpread sorts a copy.
func NewSpread(all []time.Duration) Spread {
	s := slices.Clone(all)
	slices.Sort(s)
	return s
}

// At is the value below which that share of all lies; 0 of an empty spread is 0.
func (s Spread) At(share float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[min(int(share*float64(len(s))), len(s)-1)]
}

// Mean of all.
func (s Spread) Mean() time.Duration {
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return sum / time.Duration(max(len(s), 1))
}

func (s Spread) String() string {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	return fmt.Sprintf("p50 %.1f p95 %.1f p99 %.1f ms", ms(s.At(0.5)), ms(s.At(0.95)), ms(s.At(0.99)))
}

// Jain is the fairness of shares: 1 when all are equal, 1/n when one has everything (Jain, Chiu and Hawe, 1984).
func Jain(shares ...float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / (float64(len(shares)) * squares)
}
