package nat

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// SetLocal updates our own profile, which may be measured while the checks run.
func (a *Agent) SetLocal(now time.Time, p wire.Profile) {
	if a.cfg.Local != p {
		was := a.blocked()
		a.cfg.Local = p
		a.reblock(a.tick(now), was)
		a.replan(a.now)
	}
}

// SetRemote updates the peer's profile and what the server attests of its addresses.
func (a *Agent) SetRemote(now time.Time, p wire.Profile) {
	if a.cfg.Remote != p {
		was := a.blocked()
		a.cfg.Remote = p
		a.reblock(a.tick(now), was)
		a.replan(a.now)
	}
}

// blocked reports whether UDP does not leave one side's network: nothing but the local network is worth a packet.
func (a *Agent) blocked() bool { return side(a.cfg.Local) == blocked || side(a.cfg.Remote) == blocked }

// pointless reports whether a candidate can't be reached for that.
func (a *Agent) pointless(p *pair) bool { return p.route != api.RouteLAN && a.blocked() }

// reblock follows blocked(): what was under way ends at once, with its reason; a network that lets UDP out again is tried.
func (a *Agent) reblock(now time.Time, was bool) {
	switch is := a.blocked(); {
	case !a.started || is == was:
	case !is:
		if a.endAt.IsZero() && !a.haveValid(1) {
			a.again(now)
		}
	case !a.endAt.IsZero():
		a.planHunt(now, 0)
		a.sweep(0)
		for _, p := range a.pairs {
			if p.state == pairWaiting && a.pointless(p) {
				p.next = time.Time{}
			}
		}
		a.endIfPointless(now)
	}
}

// endIfPointless gives a punch up that has nowhere to send to, as a deadline, which is when owners listen.
func (a *Agent) endIfPointless(now time.Time) {
	for _, p := range a.pairs {
		if !a.pointless(p) {
			return
		}
	}
	if a.blocked() {
		a.endAt = now.Add(time.Millisecond)
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
