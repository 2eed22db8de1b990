package peer

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Times of migration (NAT.md, "Migration without loss").
const (
	suspectFloor     = 350 * time.Millisecond // oldest unacknowledged packet that makes a direct path suspect
	suspectSlack     = 50 * time.Millisecond  // or this and 2·RTT, or 1½·RTT + 4·var where the RTT is steady, if longer
	suspectUnacked   = 2                      // ack-eliciting packets since the path was last heard
	consentByAck     = 5 * time.Second        // how long an ACK shows that the peer still wants packets on a path
	holdDown         = 2 * time.Second        // after a suspect path, before data returns to it
	relayWarm        = 20 * time.Second       // PING on an idle relay leg, which expires after 60 s
	relaySilent      = time.Second            // oldest unacknowledged packet on the relay that makes us bind again
	relayRebindEvery = 2 * time.Second
	relayRebindAway  = 5 * time.Second  // while the other side is suspended
	relayRebindIdle  = 10 * time.Second // while a direct path carries the data, and after a leg's first bind failed
)

// retryAfter is when direct is tried again after giving up (NAT.md, phase 3), ± 20 %.
var retryAfter = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// directPath is a pair of our socket and the peer's address that was validated once.
type directPath struct {
	open   bool // open in rudp
	socket api.SocketID
	addr   netip.AddrPort
	kind   api.Route // LAN, direct IPv4 or IPv6
}

// paths is the path table and the state of migration. Index is the path id we send with.
type paths struct {
	table [wire.PathCount]directPath
	route wire.PathID
	via   wire.PathID // of the two relay paths the one in use, or that takes over

	proof     proof
	askedAt   time.Time // the last PING to a route in doubt
	holdUntil time.Time // no return to direct before
	waiting   wire.PathID
	retries   int
	retryAt   time.Time      // try direct again; zero: not scheduled
	swapAt    time.Time      // no change of the relay before
	stray     int            // packets in a row by the relay that is not in use
	leaving   netip.AddrPort // a relay that will end soon; invalid: none
}

func (t *paths) direct(id wire.PathID) bool {
	return id >= wire.PathDirectFirst && id <= wire.PathDirectLast
}

// find returns the id of the direct path over socket to addr.
func (t *paths) find(socket api.SocketID, addr netip.AddrPort) (wire.PathID, bool) {
	for id := wire.PathDirectFirst; id <= wire.PathDirectLast; id++ {
		if p := &t.table[id]; p.addr == addr && p.socket == socket && addr.IsValid() {
			return id, true
		}
	}
	return 0, false
}

// place finds or makes an id for a pair: its old one, a free one, or one that carries nothing now.
func (t *paths) place(ev *nat.Event) wire.PathID {
	if id, ok := t.find(ev.Socket, ev.Addr); ok {
		return id
	}
	best := wire.PathDirectFirst
	for id := wire.PathDirectFirst; id <= wire.PathDirectLast; id++ {
		if !t.table[id].addr.IsValid() {
			best = id
			break
		}
		if id != t.route && !t.table[id].open {
			best = id
		}
	}
	if best == t.route { // five pairs open at once: take the neighbour of the one in use
		best = wire.PathDirectFirst + (best-wire.PathDirectFirst+1)%(wire.PathDirectLast-wire.PathDirectFirst+1)
	}
	t.table[best] = directPath{socket: ev.Socket, addr: ev.Addr, kind: ev.Route}
	return best
}

// mostFrames is the room for frames in the largest datagram that a path to an address may turn out to carry.
func mostFrames(to netip.AddrPort) int {
	size := wire.MostDatagram4
	if to.Addr().Is6() && !to.Addr().Is4In6() {
		size = wire.MostDatagram6
	}
	return size - wire.SessionHeader - wire.TagSize
}

// validated takes a pair that answered three of four checks, one of full size. Data moves there at once, unless the path
// it uses now is better or the hold-down after a dead path still runs.
func (p *Peer) validated(now time.Time, ev nat.Event) {
	t := &p.paths
	id := p.openDirect(now, &ev)
	t.retries, t.retryAt = 0, time.Time{}
	switch {
	case t.direct(t.route) && t.table[t.route].kind != api.RouteLAN && ev.Route == api.RouteLAN:
		p.use(now, id, "a path inside the local network")
	case t.direct(t.route):
	case p.held(now):
		t.waiting = id
	default:
		p.use(now, id, "direct path validated")
	}
}

// openDirect finds or makes the path of a valid pair.
func (p *Peer) openDirect(now time.Time, ev *nat.Event) wire.PathID {
	t := &p.paths
	id := t.place(ev)
	if !t.table[id].open || id != t.route {
		t.table[id].open = true
		p.conn.OpenPath(now, id, wire.MaxFrames, ev.RTT)
		p.conn.SearchMTU(now, id, mostFrames(ev.Addr))
	}
	return id
}

// better moves data from one direct path to a faster one.
func (p *Peer) better(now time.Time, ev nat.Event) {
	t := &p.paths
	if t.direct(t.route) && !t.proof.on && !p.conn.Away(now) {
		p.use(now, p.openDirect(now, &ev), "a direct path with a shorter round trip")
	}
}

// use makes a direct path the route; the relay carries the same data for a while, so that nothing is lost if the path
// fails at once.
func (p *Peer) use(now time.Time, id wire.PathID, why string) {
	t := &p.paths
	d := &t.table[id]
	t.route, t.waiting = id, 0
	p.conn.SetRoute(now, id)
	p.beginProof(now)
	p.rekeying.wentDirect(now)
	p.agent.Select(now, d.socket, d.addr)
	p.routeChanged(id, why)
}

func (p *Peer) routeChanged(id wire.PathID, why string) {
	p.stats.routeChanges++
	p.push(api.Event{Kind: api.EventRouteChanged, Route: p.Route(), Text: why,
		RTTMicros: uint32(p.conn.PathStats(id).SRTT.Microseconds())})
}

// Route is the way data travels now.
func (p *Peer) Route() api.Route {
	switch {
	case p.session == nil:
		return api.RouteNone
	case p.paths.direct(p.paths.route):
		return p.paths.table[p.paths.route].kind
	}
	return api.RouteRelay
}

// doubt is when the route in use becomes suspect if nothing more is heard (suspect), and when to ask it again (ask). Without
// asking, few messages would leave too few packets to tell a cut from loss. Zero: not in doubt. A relay that is the only one
// is never: there is no way to leave it for.
func (p *Peer) doubt() (ask, suspect time.Time) {
	t := &p.paths
	if !t.direct(t.route) && p.spare() == nil {
		return ask, suspect
	}
	st := p.conn.PathStats(t.route)
	if st.Oldest.IsZero() {
		return ask, suspect
	}
	patience := max(suspectFloor, min(2*st.SRTT, st.SRTT*3/2+4*st.Var)+suspectSlack)
	if ask = st.Oldest.Add(patience / 2); ask.Before(t.askedAt.Add(patience / 8)) {
		ask = t.askedAt.Add(patience / 8)
	}
	if st.UnackedSinceHeard >= suspectUnacked {
		if suspect = st.Oldest.Add(patience); !t.direct(t.route) {
			suspect = later(suspect, t.swapAt)
		}
	}
	return ask, suspect
}

// suspect moves everything to the relay: what the direct path has not acknowledged is sent again there at once. The
// checks go on, and the path returns when they succeed. The leg is bound again before anybody misses it: what cost us the
// path, a router that restarted or got another address, cost us our place at the relay as well.
func (p *Peer) suspect(now time.Time, why string) {
	t := &p.paths
	id := t.route
	p.conn.SetDuplicate(now, t.via, false)
	t.route, t.waiting = p.chooseRelay(now), 0
	t.holdUntil = now.Add(holdDown)
	t.proof = proof{rejected: t.proof.rejected, again: t.proof.again}
	p.via().rebindAt = now.Add(relayRebindEvery)
	p.bindLegs(now)
	p.moved = true
	p.conn.SetRoute(now, t.route)
	p.conn.Requeue(now, id)
	p.agent.Suspect(now, t.table[id].socket, t.table[id].addr)
	p.routeChanged(t.route, why)
}

// forsaken follows the other side to the relay: it looks for a way again, so that it can't be where the direct path leads.
// If the path still works, both find that out within a round trip. What the relay sent to where the other side was is lost
// too: that it hears from the new address is what this very word shows.
func (p *Peer) forsaken(now time.Time) {
	if p.paths.direct(p.paths.route) {
		p.suspect(now, "the other side searches for a path again")
	} else {
		p.conn.Requeue(now, p.paths.via)
	}
	p.paths.holdUntil, p.paths.proof.rejected = time.Time{}, 0 // what failed before was a path to where the other side is no more
}

// dead takes a path off that answers no checks. On the route an ACK counts for as much: under heavy loss five checks in a
// row may go unanswered. Without one, a player who only listens learns of a cut in no other way.
func (p *Peer) dead(now time.Time, ev nat.Event) {
	t := &p.paths
	id, ok := t.find(ev.Socket, ev.Addr)
	if !ok || !t.table[id].open {
		return
	}
	if id == t.route {
		if now.Sub(p.conn.PathStats(id).LastAck) < consentByAck {
			return
		}
		p.suspect(now, "the direct path does not answer checks")
	}
	if t.waiting == id {
		t.waiting = 0
	}
	t.table[id].open = false
	p.conn.ClosePath(now, id)
	if !t.direct(t.route) && !p.anyDirect() {
		t.retries, t.retryAt = 0, now // the addresses or the mappings are others now
	}
}

// anyDirect reports whether a direct path is open, in use or not.
func (p *Peer) anyDirect() bool {
	for id := wire.PathDirectFirst; id <= wire.PathDirectLast; id++ {
		if p.paths.table[id].open {
			return true
		}
	}
	return false
}

// migrate does what is due on the path table.
func (p *Peer) migrate(now time.Time) {
	t := &p.paths
	switch ask, suspect := p.doubt(); {
	case deadline.Due(now, suspect) && t.direct(t.route):
		p.suspect(now, "the direct path stopped answering")
	case deadline.Due(now, suspect):
		p.swapRelay(now)
	case deadline.Due(now, ask):
		t.askedAt = now
		p.conn.Ping(now, t.route)
	}
	if t.waiting != 0 && !p.held(now) {
		// Its validation is up to a hold-down old. It must succeed once more, and then validated uses it.
		d := &t.table[t.waiting]
		t.waiting = 0
		p.agent.Suspect(now, d.socket, d.addr)
		p.drainAgent(now)
	}
	p.prove(now)
	if deadline.Due(now, t.retryAt) {
		t.retryAt = time.Time{}
		if !p.conn.Away(now) { // its return is followed by a search in any case, and predictions are few
			p.agent.Retry(now)
		}
	}
	for i := range p.legs {
		p.tendLeg(now, &p.legs[i])
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// held reports whether the hold-down keeps data from returning to a direct path. On a relay that does not answer there is
// nothing to wait for.
func (p *Peer) held(now time.Time) bool {
	return now.Before(p.paths.holdUntil) && p.via().open && !deadline.Due(now, p.silentAt(p.via()))
}

// gaveUp schedules the next attempt.
func (p *Peer) gaveUp(now time.Time, reason string) {
	t := &p.paths
	if t.direct(t.route) {
		return
	}
	wait := retryAfter[min(t.retries, len(retryAfter)-1)]
	t.retries++
	var b [1]byte
	p.read(b[:])
	wait += wait * time.Duration(int(b[0])-128) / 640 // ± 20 %
	t.retryAt = now.Add(wait)
	p.push(api.Event{Kind: api.EventPunch, Code: api.ErrTimeout, Text: reason})
}
