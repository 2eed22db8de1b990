package load

import (
	"time"

	"github.com/musubi-p2p/musubi/core/link"
)

const (
	// mostPlaces: with so many handshakes under way at a time the server never waits for us.
	mostPlaces = 256
	// fillRate is how many links a second are made where only the end counts: what else goes on is to stay in time.
	fillRate = 1200
	// turns: so many clients for each place take turns in coming back, so that each has its next ticket by then.
	turns = 8
	// setUp is how long a story may take to get its clients connected, and what it started to its end.
	setUp = 5 * time.Minute
)

// handshakes makes new links as fast as it goes: each is closed as soon as it is up, and another client takes its place.
func (t *run) handshakes() (r Result, err error) {
	c, err := t.newCrowd(t.cfg.Seed)
	if err != nil {
		return r, err
	}
	defer c.close()
	ended := false
	c.took = func(p *player, ev *link.ClientEvent) {
		if ev.Kind == link.Up {
			p.mark = 1
		}
	}
	for range t.places() {
		c.connect(c.add())
	}
	next := func() {
		for _, p := range c.players {
			switch {
			case p.mark == 1:
				p.mark = 2
				p.link.Close(c.now)
				c.say(p)
			case p.mark == 2 && p.link.Done() && !ended:
				p.mark = 0
				c.replace(p)
				c.connect(p)
			}
		}
	}
	m := t.meter()
	if err := c.run(time.Now().Add(t.cfg.Time), func() bool { next(); t.progress("handshakes: %d", c.up); return false }); err != nil {
		return r, err
	}
	r.perCore(&m, "handshakes", c.up)
	ended = true
	return r, c.run(time.Now().Add(2*time.Second), func() bool { next(); return false }) // goodbyes
}

// connect begins a player's link.
func (c *crowd) connect(p *player) {
	p.link.Connect(c.now)
	c.say(p)
}

// fill connects n players, some hundreds at a time.
func (t *run) fill(c *crowd, n int) error {
	began := time.Now()
	inside, again := 0, []*player(nil)
	took := c.took
	c.took = func(p *player, ev *link.ClientEvent) {
		if ev.Kind == link.Up && p.mark == 0 {
			p.mark = 1
			inside++
		}
		if ev.Kind == link.Down && ev.Final {
			t.progress("refused: %s", ev.Text)
			again = append(again, p)
		}
		took(p, ev)
	}
	defer func() { c.took = took }()
	err := c.run(time.Now().Add(setUp), func() bool {
		for ; len(again) > 0; again = again[1:] {
			c.connect(again[0])
		}
		due := int(time.Since(began).Seconds() * fillRate)
		for len(c.players) < min(n, due) && len(c.players)-inside < t.places() {
			c.connect(c.add())
		}
		t.progress("connected: %d of %d", inside, n)
		return inside == n
	})
	if err == nil && inside < n {
		err = errTimeout
	}
	return err
}

// resumes has clients come back by their tickets as fast as it goes, each from a network that has just changed.
func (t *run) resumes() (r Result, err error) {
	c, err := t.newCrowd(t.cfg.Seed)
	if err != nil {
		return r, err
	}
	defer c.close()
	if err := t.fill(c, turns*t.places()); err != nil {
		return r, err
	}
	if err := c.run(time.Now().Add(time.Second), func() bool { return false }); err != nil { // the tickets come
		return r, err
	}
	away, turn := 0, 0
	c.took = func(p *player, ev *link.ClientEvent) {
		if ev.Kind == link.Up {
			away--
		}
	}
	leave := func() bool {
		for ; away < t.places(); turn++ {
			p := c.players[turn%len(c.players)]
			if !p.link.Up() {
				break
			}
			away++
			p.link.NetworkChanged(c.now)
			c.say(p)
		}
		t.progress("resumed: %d", c.resumed)
		return false
	}
	m, full := t.meter(), c.up-c.resumed
	if err := c.run(time.Now().Add(t.cfg.Time), leave); err != nil {
		return r, err
	}
	r.perCore(&m, "resumes", c.resumed)
	r.add("new instead", "", float64(c.up-c.resumed-full))
	return r, nil
}

// halfOpen makes sessions that nobody takes up, 10,000 or as many as idle has links, and looks how long a client that means it needs.
func (t *run) halfOpen() (r Result, err error) {
	c, err := t.newCrowd(t.cfg.Seed)
	if err != nil {
		return r, err
	}
	defer c.close()
	_, before, _ := t.target.Usage()
	n := min(t.cfg.Links, 10_000)
	c.deaf = true
	err = c.run(time.Now().Add(setUp), func() bool {
		for len(c.players) < n && len(c.players)-c.greeted < t.places() {
			c.connect(c.add())
		}
		t.progress("half open: %d of %d", c.greeted, n)
		return c.greeted >= n
	})
	if err != nil {
		return r, err
	}
	c.deaf = false
	began, one := time.Now(), c.add()
	c.connect(one)
	if err := c.run(time.Now().Add(setUp), one.link.Up); err != nil {
		return r, err
	}
	_, after, ok := t.target.Usage()
	r.add("half open", "", float64(c.greeted))
	r.add("one more connects in", "ms", float64(time.Since(began))/1e6)
	if ok {
		r.add("memory each", "B", float64(after-before)/float64(n))
	}
	return r, nil
}
