package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	probeGap    = time.Millisecond       // between probes of a bracket
	probeLinger = 300 * time.Millisecond // after the last probe of a birthday's round, and three trips through the relay
	leadMost    = 5 * time.Second        // a later beginning is not waited for
)

// probing is the other side's part in bracket and birthday: its main socket, of which the opener knows the port, probes
// the ports that it was told.
type probing struct {
	attempt  uint8
	birthday bool
	ports    draw
	left     int // probes of this round or try
	passes   int // further passes over the same ports
	pace     pacer
	overAt   time.Time // birthday: when the opener is told that the round is over; zero: not yet known
}

// draw takes numbers of a range at random, each once.
type draw struct {
	low, step int
	n         int      // how many there are
	mixed     []uint16 // the first ones are drawn
	drawn     int
}

func newDraw(low, high, step int) draw {
	step = max(step, 1)
	d := draw{low: low, step: step, n: (high-low)/step + 1}
	d.mixed = make([]uint16, d.n)
	for i := range d.mixed {
		d.mixed[i] = uint16(i)
	}
	return d
}

// next draws a port; ok is false when all were.
func (d *draw) next(r *random) (port uint16, ok bool) {
	if d.drawn == d.n {
		return 0, false
	}
	i := d.drawn + int(r.uint64()%uint64(d.n-d.drawn))
	d.mixed[d.drawn], d.mixed[i] = d.mixed[i], d.mixed[d.drawn]
	d.drawn++
	return uint16(d.low + int(d.mixed[d.drawn-1])*d.step), true
}

// peerOpened is the opener's word: probe these ports.
func (a *Agent) peerOpened(now time.Time, c *wire.Control) {
	h := &a.hunt
	if c.Attempt == 0 || c.Low == 0 || c.High < c.Low || c.Step < 1 || a.cfg.Punch == api.PunchOff || !a.attested().IsValid() || h.open != nil || h.cross != nil || h.cover != nil {
		return
	}
	birthday := c.Flags&wire.ControlRandom != 0
	old := h.seek
	if old != nil && old.attempt == c.Attempt && old.birthday == birthday {
		if birthday { // repeated, or the opener got fewer sockets than it hoped
			old.left = max(old.left, a.probes(old.ports.n, int(c.Count))-old.ports.drawn)
		}
		return
	}
	first := old == nil || old.birthday != birthday
	if !first && c.Attempt < old.attempt || c.Attempt > max(birthdayRounds, bracketTries) {
		return // out of date, or more than there are
	}
	if first && birthday {
		if h.birthdays >= birthdayMost {
			a.tell(now, wire.Control{Kind: wire.ControlEnded, Attempt: c.Attempt})
			return
		}
		h.birthdays++
	}
	if !h.on { // the other side's profile says more than ours, or it came first
		h.on, h.endAt, h.rate, h.sent = true, now.Add(huntLimit), a.rate(), 0
		h.shots = h.shots[:0]
	}
	s := &probing{attempt: c.Attempt, birthday: birthday, pace: pacer{now.Add(min(time.Duration(c.LeadMillis)*time.Millisecond, leadMost))}}
	if birthday && !first && old.ports.low == int(c.Low) && old.ports.n == int(c.High-c.Low)+1 {
		s.ports = old.ports // without replacement over all rounds
	} else {
		s.ports = newDraw(int(c.Low), int(c.High), int(c.Step))
	}
	if birthday {
		s.left = a.probes(s.ports.n, int(c.Count))
	} else {
		s.left, s.passes = s.ports.n, 1
	}
	h.seek = s
}

func (a *Agent) runProbing(now time.Time) {
	h := &a.hunt
	s := h.seek
	if s == nil {
		return
	}
	gap, limit := a.gap(), birthdayRounds*limits[methodBirthday]
	if !s.birthday {
		gap, limit = max(probeGap, a.gap()/2), limits[methodBracket]
	}
	if h.sent >= limit {
		s.left = 0
	}
	for s.left > 0 && s.pace.due(now, gap) {
		port, ok := s.ports.next(&a.random)
		if !ok && s.passes > 0 {
			s.passes--
			s.ports.drawn = 0
			s.left = s.ports.n
			port, ok = s.ports.next(&a.random)
		}
		if !ok {
			s.left = 0
			break
		}
		if s.left--; s.left == 0 && s.passes > 0 {
			s.left = 1 // the next one begins another pass
		}
		a.shoot(now, a.cfg.Main, netip.AddrPortFrom(a.attested().Addr(), port))
	}
	if !s.birthday {
		return
	}
	switch done := s.left == 0; {
	case done && s.overAt.IsZero():
		s.overAt = now.Add(probeLinger + 3*a.cfg.RelayDelay)
	case done && !now.Before(s.overAt):
		a.tell(now, wire.Control{Kind: wire.ControlEnded, Attempt: s.attempt})
		s.overAt = now.Add(huntLimit) // told; the next round, or the end, is the opener's
	}
}

// peerEnded: the prober is through with a round, or the opener has given up (attempt 0).
func (a *Agent) peerEnded(now time.Time, c *wire.Control) {
	h := &a.hunt
	switch {
	case h.open != nil && h.open.method == methodBirthday && h.open.attempt == c.Attempt:
		h.open.finished = true
	case c.Attempt == 1 && h.cover != nil && !h.cover.target.IsValid():
		a.endHunt(now, "the other side does not allow so many sockets")
	case h.cover != nil:
		h.cover.over = h.cover.over || c.Attempt != 1
	case c.Attempt == 0 && h.on && h.open == nil && h.cross == nil && h.cover == nil && h.fresh == nil && h.plan.method != methodNone:
		a.endHunt(now, a.exhausted(""))
	}
}

func (s *probing) timeout() (at time.Time) {
	if s == nil {
		return at
	}
	if s.left > 0 {
		return s.pace.next
	}
	return deadline.Earlier(at, s.overAt)
}
