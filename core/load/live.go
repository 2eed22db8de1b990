package load

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// calm is how long the links live before idle measures: every one has got a second ticket and is forgotten as a newcomer.
	calm = 70 * time.Second
	// stormTime is how long everybody may take to come back.
	stormTime = 3 * time.Minute
)

// settled brings the links of idle up and into rooms, once for all stories that need them.
func (t *run) settled() (*crowd, error) {
	if t.crowd != nil {
		return t.crowd, nil
	}
	c, err := t.newCrowd(t.cfg.Seed)
	if err != nil {
		return nil, err
	}
	t.crowd = c
	return c, t.settle(c, t.cfg.Links/t.cfg.Room*t.cfg.Room, t.cfg.Room)
}

// settle brings n new players into rooms of size.
func (t *run) settle(c *crowd, n, size int) (err error) {
	joined := 0
	c.took = func(p *player, ev *link.ClientEvent) {
		first := p.index / size * size
		switch {
		case ev.Kind == link.Up && !ev.Resumed && p.index == first:
			_ = p.link.Rooms().Create(uint8(size), nil)
		case ev.Kind == link.Signal && ev.Signal.Type == wire.SigRefused:
			err = fmt.Errorf("a room was refused: %s", ev.Signal.Text)
		case ev.Kind == link.Signal && ev.Signal.Type == wire.SigJoined:
			joined++
		}
	}
	if e := t.fill(c, n); e != nil {
		return e
	}
	place := 0 // the next player that may join: the first of its room has created it
	e := c.run(time.Now().Add(setUp), func() bool {
		for ; place < n && place < joined+t.places()*size; place++ {
			p := c.players[place]
			room, ok := c.players[place/size*size].link.Rooms().Room()
			if !ok { // its link was lost on the way, or it has only just asked: then this asks nothing
				owner := c.players[place/size*size]
				if owner.link.Up() && owner.link.Rooms().Create(uint8(size), nil) == nil {
					c.say(owner)
				}
				break
			}
			if place%size > 0 {
				_ = p.link.Rooms().Join(room.Code)
				c.say(p)
			}
		}
		t.progress("in rooms: %d of %d", joined, n)
		return err != nil || joined >= n
	})
	if e == nil && err == nil && joined < n {
		e = errTimeout
	}
	c.took = func(*player, *link.ClientEvent) {}
	return errors.Join(err, e)
}

// beside plays f while a crowd goes on living in a goroutine of its own: what its players do is not in f's way.
func (c *crowd) beside(f func() error) error {
	var stop atomic.Bool
	ended := make(chan error, 1)
	go func() { standBack(); ended <- c.run(time.Now().Add(time.Hour), stop.Load) }()
	err := f()
	stop.Store(true)
	return errors.Join(err, <-ended)
}

// idle measures what links cost that only live.
func (t *run) idle() (r Result, err error) {
	c, err := t.settled()
	if err != nil {
		return r, err
	}
	wait := min(calm, 7*t.cfg.Time)
	began := time.Now()
	if err := c.run(began.Add(wait), func() bool {
		t.progress("idle: %.0f of %.0f s", time.Since(began).Seconds(), wait.Seconds())
		return false
	}); err != nil {
		return r, err
	}
	down, m := c.down, t.meter()
	if err := c.run(time.Now().Add(t.cfg.Time), func() bool { return false }); err != nil {
		return r, err
	}
	cpu, passed := m.used()
	r.add("links", "", float64(len(c.players)))
	r.add("lost", "", float64(c.down-down))
	if _, rss, ok := t.target.Usage(); ok {
		r.add("of a core", "%", 100*cpu.Seconds()/passed.Seconds())
		r.add("RSS", "MB", float64(rss)/1e6)
		r.add("RSS each", "B", float64(rss)/float64(len(c.players)))
	}
	return r, nil
}

// storm kills the server under all its links and starts it again: until when is everybody back? Of a cluster it is the first
// node, and those who were linked to it come back at the others.
func (t *run) storm() (r Result, err error) {
	c, err := t.settled()
	if err != nil {
		return r, err
	}
	n := len(c.players)
	up := make([]bool, n)
	back := 0
	for _, p := range c.players {
		if up[p.index] = p.link.Up() && p.link.Remote() != c.servers[0]; up[p.index] {
			back++
		}
	}
	spared, other := back, slices.Clone(up)
	var at []time.Duration
	began := time.Now()
	c.took = func(p *player, ev *link.ClientEvent) {
		switch {
		case ev.Kind == link.Up && !up[p.index]:
			up[p.index] = true
			if back++; !other[p.index] {
				at = append(at, time.Since(began))
			}
		case ev.Kind == link.Down && up[p.index]:
			up[p.index] = false
			back--
		}
	}
	if err := t.target.Restart(t.cfg.Return); err != nil {
		return r, err
	}
	m, looked, resumed, hellos, refused := t.meter(), 0, c.resumed, c.hellos, c.refused
	err = c.run(began.Add(stormTime), func() bool {
		for t.cfg.Notice > 0 && looked < n && time.Since(began) >= t.cfg.Notice*time.Duration(looked)/time.Duration(n) {
			p := c.players[looked]
			looked++
			p.link.Check(c.now)
			c.say(p)
		}
		t.progress("back: %d of %d after %.0f s", back, n, time.Since(began).Seconds())
		return back == n
	})
	cpu, _ := m.used()
	n -= spared
	r.add("links", "", float64(n))
	r.add("back", "", float64(back-spared))
	r.add("by ticket", "", float64(c.resumed-resumed))
	r.add("handshakes sent", "", float64(c.hellos-hellos))
	r.add("told to wait", "", float64(c.refused-refused))
	slices.Sort(at)
	for _, p := range []int{50, 99, 100} {
		if i := n*p/100 - 1; i >= 0 && i < len(at) {
			r.add(fmt.Sprintf("%d %% back after", p), "s", at[i].Seconds())
		}
	}
	r.add("server's processor time", "s", cpu.Seconds())
	return r, err
}
