package nat

import (
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A control is told until it is heard, at most tellMost times: 30, 60, 120 ms and so on apart, or a relay round trip if
// that is longer.
const (
	tellMost  = 7
	tellGap   = 30 * time.Millisecond
	punchWord = 5 * time.Second // the other side's wish to punch is followed so often at most
	movedWord = time.Second     // and this one's who may be on another network
)

// teller repeats one control.
type teller struct {
	c     wire.Control
	sends int
	next  time.Time // zero: heard, or given up
}

// tell sends a control to the peer, through the relay, until it is heard. It takes the place of an earlier one of its kind.
func (a *Agent) tell(now time.Time, c wire.Control) {
	t := &a.hunt.tellers[c.Kind]
	*t = teller{c: c, next: now}
	a.runTeller(now, t)
}

func (a *Agent) runTeller(now time.Time, t *teller) {
	if !deadline.Due(now, t.next) {
		return
	}
	a.post(Probe{Via: ViaRelay, Probe: wire.Probe{HasControl: true, Control: t.c}})
	gap := max(tellGap, 2*a.cfg.RelayDelay+10*time.Millisecond) << min(t.sends, 4)
	if t.sends++; t.sends >= tellMost {
		t.next = time.Time{}
		return
	}
	t.next = now.Add(gap)
}

func (a *Agent) runTellers(now time.Time) {
	for i := range a.hunt.tellers {
		a.runTeller(now, &a.hunt.tellers[i])
	}
}

func (h *hunt) tellersTimeout() (at time.Time) {
	for i := range h.tellers {
		at = deadline.Earlier(at, h.tellers[i].next)
	}
	return at
}

// HandleControl takes the frames of an authenticated PathProbe packet that came through the relay. Of a direct one,
// HandleProbe takes the control as well.
func (a *Agent) HandleControl(now time.Time, c *wire.Control) {
	now = a.tick(now)
	if !a.started {
		a.drops.Early++
		return
	}
	h := &a.hunt
	if c.Kind == wire.ControlHeard {
		if int(c.Flags) < len(h.tellers) && h.tellers[c.Flags].c.Attempt == c.Attempt {
			h.tellers[c.Flags].next = time.Time{}
		}
		a.run(now)
		return
	}
	if !a.answers.take(now, answerRate) {
		a.drops.RateLimited++
		return
	}
	heard := wire.Control{Kind: wire.ControlHeard, Flags: uint8(c.Kind), Attempt: c.Attempt}
	a.post(Probe{Via: ViaRelay, Probe: wire.Probe{HasControl: true, Control: heard}})
	switch {
	case c.Kind == wire.ControlPunch:
		a.punchToo(now, c.Flags&wire.ControlMoved != 0)
	case a.haveValid(1):
	case c.Kind == wire.ControlOpened:
		a.peerOpened(now, c)
	case c.Kind == wire.ControlSampled:
		a.peerSampled(now, c)
	case c.Kind == wire.ControlFresh:
		a.peerFresh(now, c)
	case c.Kind == wire.ControlEnded:
		a.peerEnded(now, c)
	}
	a.run(now)
}

// punchToo follows the other side's wish to punch again: two that try at different times miss each other. One who moved
// is followed sooner than one who tries for the second time.
func (a *Agent) punchToo(now time.Time, moved bool) {
	patience := punchWord
	if moved {
		patience = movedWord
		if a.haveValid(1) || !now.Before(a.forsakenAt.Add(movedWord)) {
			a.forsakenAt = now
			a.emit(Event{Kind: EventForsaken})
			a.suspectAll(now)
		}
	}
	if a.haveValid(1) || !a.endAt.IsZero() && !moved || a.hunt.on || now.Before(a.punchedAt.Add(patience)) {
		return
	}
	a.again(now)
}

// Nudge tells again at once what has not been heard: the way through the relay is open again.
func (a *Agent) Nudge(now time.Time) {
	now = a.tick(now)
	for i := range a.hunt.tellers {
		if t := &a.hunt.tellers[i]; !t.next.IsZero() {
			t.next = now
		}
	}
	a.run(now)
}
