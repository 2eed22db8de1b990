package sim

import "time"

// happening is one of: a function, a deadline, a datagram's arrival.
type happening struct {
	do     func(now time.Time)
	wake   *wakeup
	parcel *parcel
}

// event is what happens at a time since Start; equal times keep the order in which they were scheduled.
type event struct {
	at     time.Duration
	serial uint64
	happening
}

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.serial < o.serial
}

// queue is a binary heap of events. It is the simulator's innermost loop: without interfaces it costs half of what
// container/heap does.
type queue struct {
	heap   []event
	serial uint64
}

func (q *queue) empty() bool         { return len(q.heap) == 0 }
func (q *queue) next() time.Duration { return q.heap[0].at }

func (q *queue) push(at time.Duration, what happening) {
	q.serial++
	e := event{at, q.serial, what}
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(&q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = e
}

func (q *queue) pop() event {
	top, last := q.heap[0], len(q.heap)-1
	e := q.heap[last]
	q.heap[last] = event{}
	q.heap = q.heap[:last]
	if last == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= last {
			break
		}
		if right := down + 1; right < last && q.heap[right].before(&q.heap[down]) {
			down = right
		}
		if !q.heap[down].before(&e) {
			break
		}
		q.heap[i] = q.heap[down]
		i = down
	}
	q.heap[i] = e
	return top
}

// wakeup is one actor's deadline.
type wakeup struct {
	at      time.Duration // since Start; negative: none
	queued  time.Duration // the earliest event in the queue for it; negative: none
	expired func(now time.Time)
}

func newWakeup(expired func(now time.Time)) wakeup {
	return wakeup{at: -1, queued: -1, expired: expired}
}

// set moves the deadline; zero: none. A later one waits for the event that is queued already, so that a deadline that
// moves with each datagram does not fill the queue.
func (k *wakeup) set(w *World, at time.Time) {
	if at.IsZero() {
		k.at = -1
		return
	}
	k.at = max(at.Sub(Start), w.now.Sub(Start))
	if k.queued < 0 || k.at < k.queued {
		k.queued = k.at
		w.queue.push(k.at, happening{wake: k})
	}
}

// ring is called when an event comes that was queued for a time.
func (k *wakeup) ring(w *World, queued time.Duration) {
	if queued != k.queued {
		return // an earlier one came in between and has queued what follows
	}
	k.queued = -1
	switch {
	case k.at < 0:
	case k.at > queued:
		k.queued = k.at
		w.queue.push(k.at, happening{wake: k})
	default:
		k.at = -1
		k.expired(w.now)
	}
}
