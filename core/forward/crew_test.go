package forward

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// crewRig is a crew and the time that its shards spend.
type crewRig struct {
	*crew
	now    time.Time
	used   time.Duration // of processors
	watch  [4]watch
	queues [4]fakeQueue
	sizes  []int // all that were asked for
}

type fakeQueue struct {
	slept  time.Duration
	filled int
}

func (q *fakeQueue) Slept() time.Duration { return q.slept }
func (q *fakeQueue) Filled() int          { return q.filled }

func newCrewRig() *crewRig {
	r := &crewRig{now: start}
	r.crew = newCrew(len(r.watch), func(n int) error { r.sizes = append(r.sizes, n); return nil }, func() time.Duration { return r.used })
	return r
}

// round is how often these shards find something.
const round = time.Millisecond

// work lets time pass in which each of the first shards is awake for so many percent and at work all of that; the others sleep.
func (r *crewRig) work(d time.Duration, percent ...int) { r.compete(d, 100, percent...) }

// compete is work for shards that have a processor only for a share, in percent, of the time that they are awake.
func (r *crewRig) compete(d time.Duration, share int, percent ...int) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(round)
		for i, p := range percent {
			r.queues[i].slept += round * time.Duration(100-p) / 100
			r.used += round * time.Duration(p*share) / 100 / 100
		}
		for i := range percent {
			r.note(i, len(r.watch), &r.watch[i], r.now, &r.queues[i])
		}
	}
}

func (r *crewRig) want(t *testing.T, sizes ...int) {
	t.Helper()
	if !slices.Equal(r.sizes, sizes) {
		t.Errorf("so many have served, one after the other: %v, want %v", r.sizes, sizes)
	}
}

// grown is 100 ms without rest, and the windows at both ends.
const grown = restWindow + 3*watchWindow

// One serves while it can, even with little time to spare. When it can't, all do; when there is less to do, fewer.
func TestCrewGrowsAtOnceAndShrinksSlowly(t *testing.T) {
	r := newCrewRig()
	r.work(time.Minute, 90)
	r.want(t, 1)
	r.work(grown, 100)
	r.want(t, 1, 4)
	r.work(10*time.Second, 75, 75, 75, 75) // three would have all their time to work
	r.want(t, 1, 4)
	r.work(easyTime+4*watchWindow, 60, 60, 60, 60)
	r.want(t, 1, 4, 3)
	r.work(10*time.Second, 65, 65, 65)
	r.want(t, 1, 4, 3)
	r.work(2*easyTime+8*watchWindow, 25, 25, 25) // whoever is left has 75 %
	r.want(t, 1, 4, 3, 2, 1)
	r.work(time.Minute, 75)
	r.want(t, 1, 4, 3, 2, 1)
}

// A queue that fills calls all at once. Any one of the shards may; a rest, however short, within 100 ms says that it need not.
func TestCrewHearsEachShard(t *testing.T) {
	r := newCrewRig()
	r.work(time.Second, 50)
	r.queues[0].filled = queueFull
	r.work(2*watchWindow, 50)
	r.want(t, 1, 4)

	r = newCrewRig()
	r.resize(2)
	r.sizes = nil
	for range 100 {
		r.work(restWindow-2*watchWindow, 80, 100)
		r.work(2*watchWindow, 80, 80)
	}
	r.want(t)
	r.work(grown, 80, 100)
	r.want(t, 4)
}

// Who does not rest because others have the processor would not be helped by shards that want it too, as long as its queue is short.
func TestCrewOnAFullMachine(t *testing.T) {
	r := newCrewRig()
	r.compete(time.Minute, 50, 100)
	r.want(t, 1)
}

// More than one can do in some seconds and less in others: shards are not sent away and called back all the time.
func TestCrewBecomesPatient(t *testing.T) {
	r := newCrewRig()
	for range 12 {
		r.work(grown, 100)
		for r.size.Load() > 1 {
			r.work(easyTime, 10, 10, 10, 10)
		}
	}
	if passed := r.now.Sub(start); passed < 10*time.Minute {
		t.Errorf("%d changes within %v", len(r.sizes), passed)
	}
	r.work(2*mostPatience, 10)
	r.sizes = nil
	r.work(grown, 100)
	r.work(4*easyTime, 10, 10, 10, 10)
	r.want(t, 4, 3, 2, 1) // long ago
}

// A minute without a packet is one window, spent asleep.
func TestCrewAfterAPause(t *testing.T) {
	r := newCrewRig()
	r.work(restWindow-watchWindow, 99)
	r.now = r.now.Add(time.Minute)
	r.queues[0].slept += time.Minute
	r.work(restWindow-watchWindow, 100)
	r.want(t, 1)
}

// Where the system can't spread, all serve and nobody tries to change that. One alone is always all.
func TestCrewThatCantChange(t *testing.T) {
	tried, used := 0, time.Duration(0)
	c := newCrew(4, func(int) error { tried++; return errors.New("no") }, func() time.Duration { return used })
	var w watch
	for i := range 1000 {
		used += watchWindow
		c.note(0, 4, &w, start.Add(time.Duration(i)*watchWindow), &fakeQueue{filled: 100})
	}
	if tried != 1 || c.size.Load() != 4 {
		t.Errorf("tried %d times, %d serve", tried, c.size.Load())
	}
	if c := newCrew(1, func(int) error { t.Error("one is spread"); return nil }, nil); c.size.Load() != 1 {
		t.Error("nobody serves")
	}
}
