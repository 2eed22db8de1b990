package node

import "time"

// Waking a sleeping thread takes the system 5 to 50 µs, the latter on a virtual machine whose processor went idle. A
// client that gets its next work sooner than that is quicker, and cheaper, if it looks for it a little longer before it
// sleeps. Whether it does is learnt, for each kind of work apart: after a game's message comes the peer's answer, or
// nothing for a frame; after a packet comes the game's answer, or nothing.

const (
	lingerTime = 60 * time.Microsecond // about what a sleep costs on both sides; measured with ping
	lingerFrom = 3                     // score at which it is done
	lingerMost = 6
	lingerMiss = 2 // a miss weighs as much as two hits: below two of three it does not pay

	// Where every processor is taken, looking uses up the share that would let us run at once when work comes. A look that
	// took so much longer than asked for ends lingering for as many waits as it must to be rare.
	lingerLate = 200 * time.Microsecond
	lingerBan  = -2000
)

// work is what the owner did last.
type work uint8

const (
	workNone   work = iota // timers
	workPacket             // datagrams came
	workGame               // commands came
	workCount
)

// habit learns whether new work tends to come at once.
type habit struct {
	last   work
	scores [workCount]int
}

// pays reports whether lingering is worth it after the work done last.
func (h *habit) pays() bool { return h.scores[h.last] >= lingerFrom }

// came takes the result of a wait: whether work came within lingerTime.
func (h *habit) came(soon bool) {
	s := &h.scores[h.last]
	if soon {
		*s = min(*s+1, lingerMost)
	} else if *s > 0 {
		*s = max(*s-lingerMiss, 0)
	}
}

// linger looks for work for a moment and reports whether there is some. Other threads that could run are let run.
func (o *owner) linger() bool {
	if o.held || !o.habit.pays() { // with a command held the host has work all the time that can't be done
		return false
	}
	until := o.now.Add(lingerTime)
	if at := o.deadline(); !at.IsZero() && at.Before(until) {
		until = at
	}
	found := o.loop.Linger(until, o.pending)
	if o.habit.came(found); time.Since(until) > lingerLate {
		o.habit.scores[o.habit.last] = lingerBan
	}
	return found
}
