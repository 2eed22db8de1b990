package rudp

import (
	"strconv"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// suspension is what one end has announced and what it was told: that a game will be silent for a while, because its
// device sleeps or its window is hidden.
//
//	awake ── SUSPEND n, millis ──▶ away ── SUSPEND n+1, 0 ──▶ awake
//	                                └──── millis over ───────▶ awake, and from then on silence counts
//
// While an end is away neither side takes silence for a loss, and the other sends it no data: what is accepted waits.
type suspension struct {
	turn  uint64 // of our last announcement
	until moment // we are away until then; zero: not
	due   uint8  // bit per path that the announcement has yet to leave on
	known bool   // the peer acknowledged it
	again moment // the announcement leaves once more; zero: not
	left  uint8  // how often it still does

	peerTurn  uint64
	peerUntil moment // the peer is away until then; zero: not
}

// mark stands for the announcement in the memory of a packet; never 0.
func (s *suspension) mark() uint8 { return uint8(s.turn%255) + 1 }

// Suspend tells the peer that this end may be silent for d, at most api.MaxSuspend: neither gives the other up before. It
// leaves on every open path at once and some milliseconds later, for there may be no second chance. d 0 ends an earlier Suspend.
func (c *Conn) Suspend(now time.Time, d time.Duration) {
	c.tick(now)
	s := &c.suspended
	if c.state >= stateClosing || d <= 0 && s.until == 0 {
		return
	}
	s.turn++
	s.known, s.until, s.again, s.left = false, 0, 0, 0
	if d > 0 {
		s.again, s.left = c.now.add(repairSpacing), suspendRepeats
		s.until = c.now.add(min(d, api.MaxSuspend*time.Millisecond))
	} else {
		c.live.heard = max(c.live.heard, c.now) // patience begins anew
	}
	c.announce()
}

// suspendRepeats is how often an absence is announced anew within a few milliseconds: the device may be asleep before a
// loss can be noticed, and then everything would be lost with one packet.
const suspendRepeats = 2

// announce has the announcement leave on every open path.
func (c *Conn) announce() {
	for id := range c.paths {
		if c.path(wire.PathID(id)) != nil {
			c.suspended.due |= 1 << id
		}
	}
}

// suspendTimeout repeats the announcement.
func (c *Conn) suspendTimeout() {
	s := &c.suspended
	if s.again == 0 || s.again > c.now {
		return
	}
	if s.again = 0; s.known {
		return
	}
	c.announce()
	if s.left--; s.left > 0 {
		s.again = c.now.add(repairSpacing)
	}
}

// Away reports whether the peer has announced its absence and not returned.
func (c *Conn) Away(now time.Time) bool {
	c.tick(now)
	return c.away()
}

func (c *Conn) away() bool { return c.suspended.peerUntil > c.now }

// Returned counts how often the peer came back from an absence.
func (c *Conn) Returned() int { return c.live.returned }

// writeSuspend announces on path id what has yet to be announced there.
func (c *Conn) writeSuspend(w *writer, id wire.PathID) {
	s := &c.suspended
	if s.due>>id&1 == 0 || w.room() < wire.MaxSuspendFrame {
		return
	}
	s.due &^= 1 << id
	millis := uint64(0)
	if s.until > c.now {
		millis = uint64(s.until.since(c.now) / time.Millisecond)
	}
	w.b = wire.AppendSuspend(w.b, wire.Suspend{Turn: s.turn, Millis: millis})
	w.suspend = s.mark()
	w.ask(wire.FrameSuspend)
}

// suspendLost announces again what a packet carried that was lost, or was probed for.
func (c *Conn) suspendLost(mark uint8) {
	if s := &c.suspended; mark != 0 && mark == s.mark() && !s.known && c.path(c.route) != nil {
		s.due |= 1 << c.route
	}
}

// suspendAcked notes that the peer knows.
func (c *Conn) suspendAcked(mark uint8) {
	if s := &c.suspended; mark != 0 && mark == s.mark() {
		s.known, s.due = true, 0
	}
}

// handleSuspend takes the peer's announcement; one that a later one overtook says nothing.
func (c *Conn) handleSuspend(f wire.Suspend) {
	s := &c.suspended
	if f.Turn <= s.peerTurn {
		return
	}
	s.peerTurn = f.Turn
	if f.Millis == 0 {
		if s.peerUntil != 0 {
			c.peerReturned()
		}
		return
	}
	s.peerUntil = c.now.add(time.Duration(f.Millis) * time.Millisecond)
	if !c.live.interrupted {
		c.live.interrupted = true
		text := "the other player's game is suspended for at most " + strconv.FormatUint((f.Millis+999)/1000, 10) + " s"
		c.events.Push(queuedEvent{Event: Event{Kind: EventInterrupted, Text: text}})
	}
}

// peerReturned goes on where the absence began: what was in flight then is asked for at once.
func (c *Conn) peerReturned() {
	c.suspended.peerUntil = 0
	c.live.returned++
	c.recovered()
	c.distrustRTT()
	for _, p := range c.paths {
		if p != nil && p.open && p.flying > 0 {
			c.giveUpAll(p)
		}
	}
}

// quietSince is when the silence began that counts: absences don't.
func (c *Conn) quietSince() moment {
	return max(c.live.heard, c.suspended.until, c.suspended.peerUntil)
}
