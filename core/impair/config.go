package impair

import (
	"fmt"
	"time"
)

// Config says what one direction of a network does to datagrams. The zero value changes nothing.
type Config struct {
	Loss  float64 // share of datagrams lost, 0..1
	Burst float64 // mean length of a run of losses, in datagrams; up to 1: each datagram is lost or not on its own

	Latency   time.Duration // one way
	Jitter    time.Duration // up to so much is added, uniformly
	KeepOrder bool          // jitter never lets a datagram pass another: a queue's jitter, not a mesh's

	Reorder  float64       // share of datagrams held back while later ones pass, 0..1
	HoldBack time.Duration // how long; zero: half the latency, or 1 ms if there is none

	Duplicate float64 // share of datagrams that come twice, 0..1

	Rate       int64         // bit/s, headers included (HeaderBytes each); zero: no limit
	QueueTime  time.Duration // what would wait longer before the rate limit is dropped; zero: see QueueBytes
	QueueBytes int           // what would make the queue longer is dropped; both zero: DefaultQueue

	Held int // datagrams under way at most, a bound on memory; zero: DefaultHeld
}

const (
	// HeaderBytes is what IPv4 (20) and UDP (8) add to each datagram on the wire.
	HeaderBytes = 28
	// DefaultQueue is the wait at which a rate limit drops: a home router without queue management holds a few hundred
	// milliseconds (bufferbloat measurements of Netalyzr, 2010, and later ones agree on the order).
	DefaultQueue = 200 * time.Millisecond
	// DefaultHeld lets 50,000 datagrams a second be 300 ms under way. With netio's 2048 bytes each that is 32 MiB.
	DefaultHeld = 16384
	// MaxTime is the longest latency, jitter, hold-back and queue: far beyond any network, short enough that sums and
	// products stay exact.
	MaxTime = time.Minute
	// MaxRate keeps the same arithmetic exact: 1 Tbit/s.
	MaxRate = 1_000_000_000_000
)

// Check tells what is wrong with a configuration.
func (c Config) Check() error {
	for _, share := range []struct {
		name  string
		value float64
	}{{"loss", c.Loss}, {"reorder", c.Reorder}, {"duplicate", c.Duplicate}} {
		if !(share.value >= 0 && share.value <= 1) { // written so that NaN fails
			return fmt.Errorf("%s %v is not between 0 and 1", share.name, share.value)
		}
	}
	for _, t := range []struct {
		name  string
		value time.Duration
	}{{"latency", c.Latency}, {"jitter", c.Jitter}, {"hold-back", c.HoldBack}, {"queue time", c.QueueTime}} {
		if t.value < 0 || t.value > MaxTime {
			return fmt.Errorf("%s %v is not between 0 and %v", t.name, t.value, MaxTime)
		}
	}
	switch {
	case !(c.Burst >= 0 && c.Burst <= 1e6):
		return fmt.Errorf("burst length %v is not between 0 and a million", c.Burst)
	case c.Burst > 1 && c.Loss < 1 && c.Loss > c.Burst/(c.Burst+1):
		return fmt.Errorf("runs of %v losses can't add up to %v: at least one datagram arrives between two runs", c.Burst, c.Loss)
	case c.Rate < 0 || c.Rate > MaxRate:
		return fmt.Errorf("rate %d bit/s is not between 0 and %d", c.Rate, int64(MaxRate))
	case c.QueueBytes < 0 || c.Held < 0:
		return fmt.Errorf("a queue or a number of held datagrams is negative")
	}
	return nil
}

// queueLimit is the longest wait before the rate limit. Rate is not zero.
func (c *Config) queueLimit() time.Duration {
	limit := MaxTime
	if c.QueueTime == 0 && c.QueueBytes == 0 {
		return DefaultQueue
	}
	if c.QueueTime > 0 {
		limit = c.QueueTime
	}
	if c.QueueBytes > 0 {
		limit = min(limit, c.airtime(min(c.QueueBytes, 1<<30)))
	}
	return limit
}

// airtime is how long the rate limit needs for so many bytes on the wire.
func (c *Config) airtime(bytes int) time.Duration {
	return time.Duration(float64(bytes) * 8e9 / float64(c.Rate))
}

func (c *Config) holdBack() time.Duration {
	switch {
	case c.HoldBack > 0:
		return c.HoldBack
	case c.Latency > 0:
		return c.Latency / 2
	}
	return time.Millisecond
}
