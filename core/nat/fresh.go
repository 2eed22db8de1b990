package nat

import (
	"net/netip"
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
// asks the server for its port and tells it. Openers go first, and the roles are reversed: now the callee waits.
type freshTry struct {
	id     api.SocketID
	has    bool
	sample sample
	theirs uint16
	told   bool
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
	if !a.cfg.Server.IsValid() || a.pool.want(1) == 0 {
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
	if h.fresh != nil && h.fresh.theirs == 0 {
		h.freshAt, h.fresh.theirs = time.Time{}, c.Low
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
	if f.sample.port != 0 && f.theirs != 0 && !f.begun {
		f.begun = true
		a.beginFresh(now, f)
	}
	if a.hunt.refused > 0 || !now.Before(f.endAt) {
		a.endHunt(now, "")
	}
}

// beginFresh punches between the two fresh sockets.
func (a *Agent) beginFresh(now time.Time, f *freshTry) {
	to := netip.AddrPortFrom(a.attested().Addr(), f.theirs)
	// The other side's opener leaves when our word has crossed the relay: what arrives before it poisons this socket too.
	lead := freshLead + a.cfg.RelayDelay
	if !a.cfg.Caller {
		lead += a.cfg.RelayDelay
	}
	a.opener(f.id, to, a.openerTTL(0))
	p := &pair{socket: f.id, addr: to, reflexive: true, route: routeOf(to.Addr(), false)}
	p.began = now.Add(lead)
	p.next = p.began
	a.pairs = append(a.pairs, p)
}

func (f *freshTry) timeout() time.Time {
	if f == nil {
		return time.Time{}
	}
	return deadline.Earlier(f.endAt, f.sample.next)
}
