package load

import (
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// rate is how many calls there are a second, of all pairs.
	rate = 500
	// late is when an answer was late because a packet was lost: RUDP asks again no sooner on a path without delay.
	late = 15 * time.Millisecond
	// otherSeed keeps the pairs' keys apart from those of idle's players.
	otherSeed = 1 << 31
)

// callers are pairs in rooms of their own, with sockets and a goroutine of their own: what their calls take is not what idle's
// players make them wait. They come beside the links of idle.
func (t *run) callers() (idle, c *crowd, err error) {
	if idle, err = t.settled(); err != nil || t.pairs != nil {
		return idle, t.pairs, err
	}
	if c, err = t.newCrowd(t.cfg.Seed + otherSeed); err != nil {
		return idle, c, err
	}
	t.pairs = c
	return idle, c, idle.beside(func() error { return t.settle(c, 2*t.cfg.Pairs, 2) })
}

// signals measures how long a Connect takes to its callee. The callee refuses, so that the pair can do it again.
func (t *run) signals() (r Result, err error) {
	idle, c, err := t.callers()
	if err != nil {
		return r, err
	}
	err = idle.beside(func() error {
		times, asked, err := t.calls(c)
		r.add("calls", "", float64(asked))
		r.add("unanswered", "", float64(asked-len(times)))
		r.spread("Connect to Request", times)
		return err
	})
	return r, err
}

// calls has all pairs call each other, one after the other.
func (t *run) calls(c *crowd) (times []time.Duration, asked int, err error) {
	free := make([]int, len(c.players)/2) // pairs
	for i := range free {
		free[i] = i
	}
	c.took = func(p *player, ev *link.ClientEvent) {
		if ev.Kind != link.Signal {
			return
		}
		switch i := p.index / 2; ev.Signal.Type {
		case wire.SigRequest:
			times = append(times, time.Since(c.players[2*i].at))
			_ = p.link.Rooms().Reject(ev.Signal.Intro, 0, "busy")
			p.link.Flush(c.now)
		case wire.SigRejected:
			free = append(free, i)
		}
	}
	defer func() { c.took = func(*player, *link.ClientEvent) {} }()
	began := time.Now()
	err = c.run(began.Add(t.cfg.Time), func() bool {
		due := int(time.Since(began).Seconds() * rate)
		for ; asked < due && len(free) > 0; asked++ {
			p, callee := c.players[2*free[0]], c.players[2*free[0]+1]
			room, _ := callee.link.Rooms().Room()
			p.at = time.Now()
			if p.link.Rooms().Connect(room.Self, nil) != nil {
				free = append(free[1:], free[0])
				break
			}
			free = free[1:]
			c.say(p)
		}
		t.progress("calls: %d", asked)
		return false
	})
	if err == nil { // those under way
		err = c.run(time.Now().Add(time.Second), func() bool { return len(free) == len(c.players)/2 })
	}
	slices.Sort(times)
	return times, asked, err
}
