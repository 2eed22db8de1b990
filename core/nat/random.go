package nat

import (
	"encoding/binary"
	"io"
	"time"
)

// random draws nonces and jitter from injected randomness, a little ahead.
type random struct {
	r   io.Reader
	buf [64]byte
	n   int // bytes of buf not used yet
}

// take fills dst, at most 64 bytes. A source that fails is our own bug: nonces that can be guessed would be worse than
// the panic, which the owner turns into a FAILED event.
func (r *random) take(dst []byte) {
	if r.n < len(dst) {
		if _, err := io.ReadFull(r.r, r.buf[:]); err != nil {
			panic("nat: no randomness: " + err.Error())
		}
		r.n = len(r.buf)
	}
	copy(dst, r.buf[len(r.buf)-r.n:])
	r.n -= len(dst)
}

func (r *random) uint64() uint64 {
	var b [8]byte
	r.take(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// within gives a duration in [-d, d].
func (r *random) within(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(r.uint64()%uint64(2*d+1)) - d
}

// bucket limits a rate: it holds one second's worth.
type bucket struct {
	level float64
	last  time.Time
}

func (b *bucket) take(now time.Time, perSecond float64) bool {
	if b.last.IsZero() {
		b.level = perSecond
	} else if d := now.Sub(b.last); d > 0 {
		b.level = min(perSecond, b.level+d.Seconds()*perSecond)
	}
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
