package link

import (
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
)

// replays remembers the Hellos answered lately, so that a copy gets the same answer and makes nothing new. An entry
// outlives its cookie: after that the cookie refuses the copy. Beyond maxReplays the oldest is forgotten early; a replay
// of such a one makes a session that says nothing and dies unconfirmed.
type replays struct {
	entries map[[16]byte]*greeting
	order   []greetingAge // oldest at head
	head    int
}

// greeting is a Hello that was answered.
type greeting struct {
	welcome []byte // kept until the client has shown that it got it
}

type greetingAge struct {
	key [16]byte
	end time.Time
}

const (
	replayLife = 4*time.Minute + time.Second // an address token's longest life
	maxReplays = 1 << 16
)

func (r *replays) find(now time.Time, key [16]byte) *greeting {
	r.expire(now, maxReplays)
	return r.entries[key]
}

func (r *replays) add(now time.Time, key [16]byte) *greeting {
	r.expire(now, maxReplays-1)
	if r.entries == nil {
		r.entries = map[[16]byte]*greeting{}
	}
	g := &greeting{}
	r.entries[key] = g
	r.order = append(r.order, greetingAge{key, now.Add(replayLife)})
	return g
}

// expire forgets what is too old, and the oldest beyond most.
func (r *replays) expire(now time.Time, most int) {
	for r.head < len(r.order) && (deadline.Due(now, r.order[r.head].end) || len(r.order)-r.head > most) {
		delete(r.entries, r.order[r.head].key)
		r.head++
	}
	if r.head > len(r.order)/2 {
		r.order = r.order[:copy(r.order, r.order[r.head:])]
		r.head = 0
	}
}
