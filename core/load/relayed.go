package load

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	relayedSize  = 200              // bytes of a relayed datagram, header included
	introduction = 10 * time.Second // for all pairs to be introduced
	legRest      = 2 * time.Second  // for the last packets
	stampAt      = wire.RelayHeader + wire.SessionHeader
)

// leg is a player's way into the relay, as the server granted it.
type leg struct {
	to     netip.AddrPort
	handle uint32
	sent   int
}

// relayed introduces the pairs as games do, and has both of each send through the relay at a steady rate. The packets look sealed; only
// the players could tell that they are not.
func (t *run) relayed() (r Result, err error) {
	idle, c, err := t.callers()
	if err != nil {
		return r, err
	}
	err = idle.beside(func() error {
		legs, err := t.introduce(c)
		if err != nil {
			return err
		}
		return t.relay(c, legs, &r)
	})
	return r, err
}

// introduce has the first of each pair call the other, who accepts: both are granted a leg.
func (t *run) introduce(c *crowd) (map[*player]*leg, error) {
	legs := map[*player]*leg{}
	c.took = func(p *player, ev *link.ClientEvent) {
		if ev.Kind != link.Signal {
			return
		}
		rooms, s := p.link.Rooms(), &ev.Signal
		switch s.Type {
		case wire.SigRequest:
			_ = rooms.Accept(s.Intro, make([]byte, 96)) // in the place of KK message 1, which the server can't read
		case wire.SigIntroduction:
			_ = rooms.Answer(s.Intro, make([]byte, 48))
		}
		p.link.Flush(c.now)
		if (s.Type == wire.SigIntroduction || s.Type == wire.SigAccepted) && s.Relay.Handle != 0 {
			to := s.Relay.Addr
			if !to.IsValid() { // bound already, where the link is
				to = p.link.Remote()
			}
			legs[p] = &leg{to: to, handle: s.Relay.Handle}
		}
	}
	defer func() { c.took = func(*player, *link.ClientEvent) {} }()
	for i := 0; i+1 < len(c.players); i += 2 {
		p := c.players[i]
		room, _ := c.players[i+1].link.Rooms().Room()
		if err := p.link.Rooms().Connect(room.Self, nil); err != nil {
			return nil, err
		}
		c.say(p)
	}
	err := c.run(time.Now().Add(introduction), func() bool {
		t.progress("legs: %d of %d", len(legs), len(c.players))
		return len(legs) == len(c.players)
	})
	if err == nil && len(legs) < len(c.players) {
		err = errTimeout
	}
	return legs, err
}

// relay sends and counts.
func (t *run) relay(c *crowd, legs map[*player]*leg, r *Result) error {
	var times []time.Duration
	base := time.Now()
	c.relayed = func(b []byte) {
		if len(b) == relayedSize {
			times = append(times, time.Since(base)-time.Duration(binary.BigEndian.Uint64(b[stampAt:])))
		}
	}
	defer func() { c.relayed = nil }()
	packet := make([]byte, relayedSize)
	sent, m := 0, t.meter()
	send := func() bool {
		for i, p := range c.players { // each at an instant of its own
			l := legs[p]
			phase := float64(i) / float64(len(c.players))
			for due := int(time.Since(base).Seconds()*float64(t.cfg.Packets) + phase); l.sent < due; l.sent++ {
				head := wire.AppendSession(wire.AppendRelayed(packet[:0], l.handle), wire.Session{ConnID: 1, Number: uint32(l.sent)})
				binary.BigEndian.PutUint64(packet[len(head):], uint64(time.Since(base)))
				_ = c.loop.Send(p.socket, l.to, packet, 0)
				sent++
			}
		}
		t.progress("relayed: %d of %d", len(times), sent)
		return false
	}
	for end := base.Add(t.cfg.Time); time.Now().Before(end); {
		if err := c.run(time.Now().Add(time.Millisecond), func() bool { send(); c.loop.Flush(); return false }); err != nil {
			return err
		}
	}
	cpu, passed := m.used()
	err := c.run(time.Now().Add(legRest), func() bool { return len(times) >= sent })
	r.add("pairs", "", float64(len(legs)/2))
	r.add("sent a second", "/s", float64(sent)/passed.Seconds())
	r.add("lost", "%", 100*float64(sent-len(times))/float64(max(sent, 1)))
	r.spread("through the relay", times)
	if m.ok && cpu > 0 {
		r.add("of a core", "%", 100*cpu.Seconds()/passed.Seconds())
	}
	return err
}
