package rudp

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

// buffer holds one message's payload.
type buffer struct {
	b     []byte // full length of its class
	class uint8
}

// pool owns every object of a connection that comes and goes with traffic.
type pool struct {
	buffers    []freeList[buffer] // by class as far as used
	messages   freeList[message]
	parts      freeList[parts]
	pieces     freeList[piece]
	assemblies freeList[assembly]
}

// buffer gives one for size bytes, at most api.MaxReliable.
func (p *pool) buffer(size int) *buffer {
	class := classOf(size)
	b := p.list(class).get()
	if b.b == nil {
		b.b, b.class = make([]byte, bufferSizes[class]), uint8(class)
	}
	return b
}

func (p *pool) putBuffer(b *buffer) { p.list(int(b.class)).put(b) }

// list gives the free buffers of a class.
func (p *pool) list(class int) *freeList[buffer] {
	for len(p.buffers) <= class {
		p.buffers = append(p.buffers, freeList[buffer]{})
	}
	return &p.buffers[class]
}

// trim gives back what was not used since the last call; it reports whether another trim has something to do.
func (p *pool) trim() bool {
	left := p.messages.trim()
	left = p.parts.trim() || left
	left = p.pieces.trim() || left
	left = p.assemblies.trim() || left
	used := false
	for i := range p.buffers {
		used = p.buffers[i].trim() || used
	}
	if !used {
		p.buffers = nil
	}
	return left || used
}
