package load

import (
	"time"

	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/wire"
)

// churn has players of idle's rooms leave at a rate, and others come in their place: a goodbye, a handshake and a join each. The first
// of each room stays, for its code.
func (t *run) churn() (r Result, err error) {
	c, err := t.settled()
	if err != nil {
		return r, err
	}
	size, n := t.cfg.Room, len(c.players)
	var times []time.Duration
	left, lost, under := 0, 0, map[*player]bool{} // under way: on the way out, or in
	c.took = func(p *player, ev *link.ClientEvent) {
		switch {
		case ev.Kind == link.Down && !under[p]:
			lost++
		case ev.Kind == link.Up && under[p]:
			if room, ok := c.players[p.index/size*size].link.Rooms().Room(); ok {
				_ = p.link.Rooms().Join(room.Code)
				p.link.Flush(c.now)
			}
		case ev.Kind == link.Signal && ev.Signal.Type == wire.SigJoined && under[p]:
			delete(under, p)
			times = append(times, time.Since(p.at))
		}
	}
	defer func() { c.took = func(*player, *link.ClientEvent) {} }()
	next := func() {
		for p := range under {
			if p.mark == leaving && p.link.Done() {
				p.mark, p.at = 0, time.Now()
				c.replace(p)
				c.connect(p)
			}
		}
	}
	m, place := t.meter(), 0
	began := time.Now()
	err = c.run(began.Add(t.cfg.Time), func() bool {
		next()
		for due := int(time.Since(began).Seconds() * float64(t.cfg.Churn)); left < due && len(under) < n/2; place++ {
			p := c.players[place%n]
			if p.index%size == 0 || under[p] || !p.link.Up() {
				continue
			}
			left++
			under[p], p.mark = true, leaving
			p.link.Close(c.now)
			c.say(p)
		}
		t.progress("churn: %d left, %d came", left, len(times))
		return false
	})
	if err == nil { // who is still on the way
		err = c.run(time.Now().Add(setUp), func() bool { next(); return len(under) == 0 })
	}
	cpu, passed := m.used()
	r.add("left", "", float64(left))
	r.add("came", "", float64(len(times)))
	r.add("others lost", "", float64(lost))
	r.spread("from Connect to Joined", times)
	if m.ok && cpu > 0 {
		r.add("of a core", "%", 100*cpu.Seconds()/passed.Seconds())
	}
	return r, err
}

// leaving marks a player who has said goodbye.
const leaving = 3
