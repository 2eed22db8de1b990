package rudp

import (
	"math/bits"

	"github.com/musubi-p2p/musubi/core/api"
)

// freeList keeps objects for the next use. What lay unused for a whole trim period is given to the collector, so that
// one burst does not hold memory for the rest of a session.
type freeList[T any] struct {
	items []*T
	low   int // fewest items since the last trim
}

// get gives an object with the contents its last user left, or a zero one.
func (l *freeList[T]) get() *T {
	last := len(l.items) - 1
	if last < 0 {
		return new(T)
	}
	v := l.items[last]
	l.items[last] = nil
	l.items = l.items[:last]
	l.low = min(l.low, last)
	return v
}

func (l *freeList[T]) put(v *T) { l.items = append(l.items, v) }

// trim drops what was not needed since the last call and reports whether anything is left.
func (l *freeList[T]) trim() bool {
	keep := len(l.items) - l.low
	clear(l.items[keep:])
	l.items = l.items[:keep]
	if keep == 0 {
		l.items = nil
	}
	l.low = keep
	return keep > 0
}

const (
	smallestBuffer = 64 // bytes; then powers of two up to the largest reliable message
	bufferClasses  = 15 // 64 << 14 = 1 MiB
)

// buffer holds one message's payload.
type buffer struct {
	b     []byte // full length of its class
	class uint8
}

// pool owns every object of a connection that comes and goes with traffic.
type pool struct {
	buffers    [bufferClasses]freeList[buffer]
	messages   freeList[message]
	pieces     freeList[piece]
	assemblies freeList[assembly]
}

// Compile-time check that the largest class holds the largest message.
const _ = uint(smallestBuffer<<(bufferClasses-1) - api.MaxReliable)

// buffer gives one for size bytes, at most api.MaxReliable.
func (p *pool) buffer(size int) *buffer {
	class := max(0, bits.Len(uint(max(size, 1)-1))-bits.Len(smallestBuffer-1))
	b := p.buffers[class].get()
	if b.b == nil {
		b.b, b.class = make([]byte, smallestBuffer<<class), uint8(class)
	}
	return b
}

func (p *pool) putBuffer(b *buffer) { p.buffers[b.class].put(b) }

// trim gives back what was not used since the last call; it reports whether another trim has something to do.
func (p *pool) trim() bool {
	left := p.messages.trim()
	left = p.pieces.trim() || left
	left = p.assemblies.trim() || left
	for i := range p.buffers {
		left = p.buffers[i].trim() || left
	}
	return left
}
