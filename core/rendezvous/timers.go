package rendezvous

import (
	"container/heap"
	"time"
)

// timed is something with one deadline that may move. It has at most one entry in the heap: an entry that comes up
// early is put back, so that moving a deadline costs nothing and the heap is bounded by the number of living things.
type timed interface {
	// due tells the deadline now; zero: none.
	due() time.Time
	// fire acts on a deadline that has come, and must move or clear it.
	fire(s *Server, now time.Time)
	entry() *armed
}

// armed says whether, and for when, its owner has an entry in the heap.
type armed struct{ at time.Time }

func (a *armed) entry() *armed { return a }

type alarm struct {
	at    time.Time
	order uint64 // ties fire in the order they were set
	what  timed
}

type alarms struct {
	heap  alarmHeap
	order uint64
}

// set makes sure that t comes up at its deadline at the latest.
func (a *alarms) set(t timed) {
	at, e := t.due(), t.entry()
	if at.IsZero() || !e.at.IsZero() && !at.Before(e.at) {
		return
	}
	e.at = at
	a.order++
	heap.Push(&a.heap, alarm{at, a.order, t})
}

// next tells when something may be due.
func (a *alarms) next() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.heap[0].at
}

// take removes the first entry whose owner is due, putting back those whose deadline has moved.
func (a *alarms) take(now time.Time) timed {
	for len(a.heap) > 0 && !a.heap[0].at.After(now) {
		top := heap.Pop(&a.heap).(alarm)
		e := top.what.entry()
		if !e.at.Equal(top.at) {
			continue // a nearer entry was set later and has done its work
		}
		e.at = time.Time{}
		if at := top.what.due(); !at.IsZero() && !at.After(now) {
			return top.what
		}
		a.set(top.what)
	}
	return nil
}

type alarmHeap []alarm

func (h alarmHeap) Len() int      { return len(h) }
func (h alarmHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h alarmHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}
func (h *alarmHeap) Push(x any) { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = alarm{}
	*h = (*h)[:last]
	return x
}
