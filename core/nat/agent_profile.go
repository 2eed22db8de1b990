package nat

import (
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// SetLocal updates our own profile, which may be measured while the checks run.
func (a *Agent) SetLocal(now time.Time, p wire.Profile) {
	if a.cfg.Local != p {
		a.cfg.Local = p
		a.replan(a.tick(now))
	}
}

// SetRemote updates the peer's profile and what the server attests of its addresses.
func (a *Agent) SetRemote(now time.Time, p wire.Profile) {
	if a.cfg.Remote != p {
		a.cfg.Remote = p
		a.replan(a.tick(now))
	}
}

// replan makes use of a profile that came late: what has not begun yet follows it, and what was given up for want of it is
// tried now.
func (a *Agent) replan(now time.Time) {
	h := &a.hunt
	if !a.started || a.quit || a.haveValid(1) || h.open != nil || h.seek != nil || h.cross != nil || h.cover != nil {
		return
	}
	next := a.choose()
	switch {
	case next == h.plan:
	case !a.endAt.IsZero():
		a.planHunt(now, 0)
		a.sweep(0)
	case next.method != methodNone:
		a.again(now)
	}
	a.run(now)
}
