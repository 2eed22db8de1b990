package seq

// Ring is a first-in first-out queue that can be read by index. It grows by doubling and never shrinks by itself; its
// owner bounds it. The zero value is empty and usable.
type Ring[T any] struct {
	slots []T // length zero or a power of two
	head  int // index in slots of the oldest element
	count int
}

// Len is the number of elements.
func (r *Ring[T]) Len() int { return r.count }

// Cap is the number of elements that fit without growing.
func (r *Ring[T]) Cap() int { return len(r.slots) }

// At points to the i-th element counted from the oldest. The pointer holds until the next Push.
func (r *Ring[T]) At(i int) *T { return &r.slots[(r.head+i)&(len(r.slots)-1)] }

// Push appends v.
func (r *Ring[T]) Push(v T) {
	if r.count == len(r.slots) {
		r.grow()
	}
	r.count++
	*r.At(r.count - 1) = v
}

func (r *Ring[T]) grow() {
	bigger := make([]T, max(16, 2*len(r.slots)))
	n := copy(bigger, r.slots[r.head:])
	copy(bigger[n:], r.slots[:r.head])
	r.slots, r.head = bigger, 0
}

// Pop takes the oldest element out. The ring must not be empty.
func (r *Ring[T]) Pop() T {
	p := r.At(0)
	v := *p
	var zero T
	*p = zero // lets go of what v points to
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.count--
	return v
}

// Reset empties the ring and lets its memory go.
func (r *Ring[T]) Reset() { *r = Ring[T]{} }
