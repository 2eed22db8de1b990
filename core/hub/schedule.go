package hub

import (
	"container/heap"
	"github.com/musubi-p2p/musubi/core/deadline"
	"time"
)

// A session's deadline moves with almost every packet, nearly always to later. So only a nearer one touches the heap;
// an entry that comes up early is put where it belongs by then.

// A link at rest has none but long deadlines: it asks whether its client is there, gives it a ticket, or ends. Those wait for the next
// of some instants that all share, so that of 100,000 links it is not each by itself that wakes the owner, 4,000 times a second.
const restStep = 50 * time.Millisecond

// deadline is when a session is looked at next; zero: never.
func (h *Hub) deadline(s *session) time.Time {
	at := s.link.NextTimeout()
	if at.IsZero() || !s.link.Resting() {
		return at
	}
	return h.begun.Add((at.Sub(h.begun) + restStep - 1) / restStep * restStep)
}

// timeoutsAtOnce bounds what one HandleTimeout does: about a millisecond's work. The others' turn is the next one, which is due at once;
// meanwhile the owner looks at what came.
const timeoutsAtOnce = 256

// minimumStep keeps a session that can't act on its deadline from being asked again at once.
const minimumStep = time.Millisecond

func (h *Hub) schedule(s *session) {
	if s.gone {
		return
	}
	at := h.deadline(s)
	switch {
	case at.IsZero():
		h.unschedule(s)
	case s.heapAt < 0:
		s.at = at
		heap.Push((*timerHeap)(&h.timers), s)
	case at.Before(s.at):
		s.at = at
		heap.Fix((*timerHeap)(&h.timers), s.heapAt)
	}
}

// unschedule takes a session out of the heap, if it is there.
func (h *Hub) unschedule(s *session) {
	if s.heapAt >= 0 {
		heap.Remove((*timerHeap)(&h.timers), s.heapAt)
	}
}

// sessionTimeouts lets sessions act whose deadline has come, each once.
func (h *Hub) sessionTimeouts(now time.Time) {
	for n := 0; n < timeoutsAtOnce && len(h.timers) > 0 && deadline.Due(now, h.timers[0].at); n++ {
		s := h.timers[0]
		at := h.deadline(s)
		if deadline.Due(now, at) {
			s.link.HandleTimeout(now)
			h.touch(s)
			at = h.deadline(s)
		}
		if at.IsZero() {
			h.unschedule(s)
			continue
		}
		if !at.After(now) {
			at = now.Add(minimumStep)
		}
		s.at = at
		heap.Fix((*timerHeap)(&h.timers), 0)
	}
}

type timerHeap []*session

func (t timerHeap) Len() int { return len(t) }
func (t timerHeap) Less(i, j int) bool {
	return t[i].at.Before(t[j].at) || t[i].at.Equal(t[j].at) && t[i].id < t[j].id
}
func (t timerHeap) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].heapAt, t[j].heapAt = i, j
}
func (t *timerHeap) Push(x any) {
	s := x.(*session)
	s.heapAt = len(*t)
	*t = append(*t, s)
}
func (t *timerHeap) Pop() any {
	last := len(*t) - 1
	s := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	s.heapAt = -1
	return s
}
