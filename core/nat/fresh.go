package nat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	freshTime = 3 * time.Second
	freshLead = 15 * time.Millisecond // from the opener to the first real probe
)

// freshTry is for pairs that ought to meet and don't: perhaps an early packet has taken the tuple of one of the main
// sockets (docs/NAT.md, fact 4), or the router has given its port to another host's flow. Each side opens a fresh socket,
// asks the server for its port and tells it. Who knows both ports sends an opener and says so; real probes go only to who has
// said so.
type freshTry struct {
	id     api.SocketID
	has    bool
	sample sample
	theirs uint16
	told   bool
	pair   *pair // opened; nil: not yet
	known  bool  // the other side has opened
	begun  bool
	endAt  time.Time
}

func (f *freshTry) take(id api.SocketID) bool {
	if f.has {
		return false
	}
	f.id, f.has = id, true
	return true
}

func (a *Agent) startFresh(now time.Time) {
	h := &a.hunt
	if h.fresh != nil {
		return
	}
	// An answer means that the tuples are well: what is wrong is loss, and another pair would only be another lottery.
	answered := slices.ContainsFunc(a.pairs, func(p *pair) bool { return p.ponged })
	if answered || !a.cfg.Server.IsValid() || a.pool.want(1) == 0 {
		a.endHunt(now, "")
		return
	}
	h.fresh = &freshTry{endAt: now.Add(freshTime)}
}

// peerFresh takes the port of the other side's fresh socket, and opens one here.
func (a *Agent) peerFresh(now time.Time, c *wire.Control) {
	h := &a.hunt
	if c.Low == 0 || h.plan.method != methodNone || !h.on {
		return
	}
	a.startFresh(now)
	if f := h.fresh; f != nil {
		if f.theirs == 0 {
			h.freshAt, f.theirs = time.Time{}, c.Low
		}
		f.known = f.known || c.Flags&wire.ControlKnown != 0
	}
}

func (a *Agent) runFresh(now time.Time) {
	f := a.hunt.fresh
	if f == nil {
		return
	}
	if f.has && f.sample.sends == 0 {
		a.startSample(now, &f.sample, f.id)
	}
	a.runSample(now, &f.sample)
	if f.sample.port != 0 && !f.told {
		f.told = true
		a.tell(now, wire.Control{Kind: wire.ControlFresh, Attempt: 1, Low: f.sample.port})
	}
	if f.sample.port != 0 && f.theirs != 0 && f.pair == nil {
		a.openFresh(now, f)
	}
	if f.pair != nil && f.known && !f.begun {
		f.begun = true
		f.pair.began = maxTime(now, f.pair.began)
		f.pair.next = f.pair.began
	}
	if a.hunt.refused > 0 || !now.Before(f.endAt) {
		a.endHunt(now, "")
	}
}

// openFresh opens our NAT for the other fresh socket, and says so.
func (a *Agent) openFresh(now time.Time, f *freshTry) {
	to := netip.AddrPortFrom(a.attested().Addr(), f.theirs)
	a.opener(f.id, to, a.openerTTL(0))
	f.pair = &pair{socket: f.id, addr: to, reflexive: true, route: routeOf(to.Addr(), false), began: now.Add(freshLead)}
	a.pairs = append(a.pairs, f.pair)
	a.tell(now, wire.Control{Kind: wire.ControlFresh, Attempt: 2, Flags: wire.ControlKnown, Low: f.sample.port})
}

func (f *freshTry) timeout() time.Time {
	if f == nil {
		return time.Time{}
	}
	return deadline.Earlier(f.endAt, f.sample.next)
}
