//go:build linux

package wan

import "time"

// packet is one datagram under way. data lies in buf; the buffers are reused.
type packet struct {
	due      time.Duration // when it leaves the router, on the clock of Now
	order    uint64        // among packets due at the same moment the first in is the first out
	from, to Side
	turned   bool // by the box of the side that it came from: it goes back there as it is
	data     []byte
	buf      [packetSize]byte
}

// before orders packets by due time, and by arrival where that is the same: a delay of zero must not mix a burst up.
func (p *packet) before(o *packet) bool {
	return p.due < o.due || p.due == o.due && p.order < o.order
}

// queue is a binary heap of packets by due time. It is written out because container/heap boxes every element.
type queue struct {
	heap  []*packet
	count uint64 // packets ever put in
}

// put adds a packet: to the end, then up while its parent is due later.
func (q *queue) put(p *packet) {
	q.count++
	p.order = q.count
	q.heap = append(q.heap, p)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q.heap[i].before(q.heap[up]) {
			break
		}
		q.heap[i], q.heap[up] = q.heap[up], q.heap[i]
		i = up
	}
}

// next removes the first packet that is due. Without one it returns how long there is to wait, −1 if the queue is empty.
func (q *queue) next(now time.Duration) (*packet, time.Duration) {
	if len(q.heap) == 0 {
		return nil, -1
	}
	first := q.heap[0]
	if first.due > now {
		return nil, first.due - now
	}
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = nil
	q.heap = q.heap[:last]
	q.sink(0)
	return first, 0
}

// sink moves a packet down until both children are due later than it.
func (q *queue) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.heap); child++ {
			if q.heap[child].before(q.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
