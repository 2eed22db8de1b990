package impair

import "time"

// datagram is one under way. The buffers are reused, so that a steady stream allocates nothing.
type datagram[T any] struct {
	due    time.Time
	serial uint64 // among those due at the same moment the first in is the first out
	tag    T
	data   []byte
}

func (d *datagram[T]) before(o *datagram[T]) bool {
	c := d.due.Compare(o.due)
	return c < 0 || c == 0 && d.serial < o.serial
}

// hold puts a copy of a datagram into the heap: to the end, then up while its parent is due later. The heap is written
// out because container/heap boxes every element.
func (p *Pipe[T]) hold(due time.Time, tag T, b []byte) {
	limit := p.cfg.Held
	if limit == 0 {
		limit = DefaultHeld
	}
	if len(p.heap) >= limit {
		p.stats.HeldFull++
		return
	}
	var d *datagram[T]
	if n := len(p.free); n > 0 {
		d, p.free = p.free[n-1], p.free[:n-1]
	} else {
		d = new(datagram[T])
	}
	p.serial++
	d.due, d.serial, d.tag, d.data = due, p.serial, tag, append(d.data[:0], b...)
	p.heap = append(p.heap, d)
	for i := len(p.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !p.heap[i].before(p.heap[up]) {
			break
		}
		p.heap[i], p.heap[up] = p.heap[up], p.heap[i]
		i = up
	}
}

// takeFirst removes the datagram that is due first and moves the last one down into its place. There is one.
func (p *Pipe[T]) takeFirst() *datagram[T] {
	first, last := p.heap[0], len(p.heap)-1
	p.heap[0] = p.heap[last]
	p.heap[last] = nil
	p.heap = p.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if p.heap[child].before(p.heap[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		p.heap[i], p.heap[least] = p.heap[least], p.heap[i]
		i = least
	}
}
