package rendezvous

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Limits and lifetimes of the server (docs/SECURITY.md, "Limits").
const (
	signalInterval = time.Second / 20 // signals per link, steady
	signalBurst    = 60
	// againCost is what a Connect costs beside itself while the pair's last introduction still lives: each one takes a
	// session of the relay for a minute, and 20 a second from each of a few clients would take them all.
	againCost    = 19
	wrongCodes   = 5 // per address and minute
	wrongWindow  = time.Minute
	backOffFirst = time.Minute // doubles with each further trespass
	backOffMost  = 16 * time.Minute
	guardEntries = 4096            // addresses remembered for wrong codes
	maxKnocks    = 16              // who may wait at a time to be let into one room
	maxBans      = 256             // users that one room keeps out; with more, the longest banned may come again
	maxResults   = api.MaxRequests // answers remembered per member, for requests that are repeated after a lost link
	// invitations to one client, from everybody together
	inviteInterval = time.Second
	inviteBurst    = 10

	// GraceTime is how long a member with a lost link keeps its place.
	GraceTime = 45 * time.Second
	// EmptyTime is how long an empty room keeps its code.
	EmptyTime = 60 * time.Second
	// AskTime is how long a request waits for the other player.
	AskTime = 60 * time.Second
	// IntroTime is how long an introduction lives once accepted.
	IntroTime = 30 * time.Second

	defaultMaxRooms = 100_000
)

// pace is a token bucket as one instant: when the bucket would be full again (GCRA).
type pace struct{ full time.Time }

// take uses n tokens of a bucket that refills one per interval up to burst.
func (p *pace) take(now time.Time, n int, interval time.Duration, burst int) bool {
	if p.full.Before(now) {
		p.full = now
	}
	if p.full.Sub(now) > interval*time.Duration(burst-n) {
		return false
	}
	p.full = p.full.Add(interval * time.Duration(n))
	return true
}

// cost is what a signal takes of its link's allowance. Metadata goes to every member, up to 64 times the bytes that
// came in, so that it is paid for by its size: 4 KB about once a second. A list is up to 9 KB, and a question about a user
// may go to every node: four of them a second.
func cost(sig *wire.Signal) int {
	switch sig.Type {
	case wire.SigSetData:
		return 1 + len(sig.Data)/256
	case wire.SigList, wire.SigUser:
		return 5
	}
	return 1
}

// codeGuard stops the guessing of join codes: it counts wrong ones per address and blocks an address for longer each
// time. A blocked address can't join by a right code either, or it could go on guessing. The oldest entry makes room for
// a new one.
type codeGuard struct {
	entries map[netip.Addr]*guarded
	order   []netip.Addr // ring, oldest at next
	next    int
}

type guarded struct {
	window  time.Time // start of the running minute
	wrong   int
	blocked time.Time // until
	backOff time.Duration
}

// guardKey is what counts as one address: an IPv4 address, an IPv6 /64.
func guardKey(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// blocked reports whether an address must wait.
func (g *codeGuard) blocked(now time.Time, a netip.Addr) bool {
	e := g.entries[guardKey(a)]
	return e != nil && now.Before(e.blocked)
}

// wrong counts a wrong code.
func (g *codeGuard) wrong(now time.Time, a netip.Addr) {
	key := guardKey(a)
	e := g.entries[key]
	if e == nil {
		e = g.add(key)
		e.window = now
	}
	if now.Sub(e.window) >= wrongWindow {
		quiet := now.Sub(e.window) >= 2*backOffMost
		e.window, e.wrong = now, 0
		if quiet {
			e.backOff = 0
		}
	}
	e.wrong++
	if e.wrong >= wrongCodes {
		e.backOff = min(max(2*e.backOff, backOffFirst), backOffMost)
		e.blocked, e.wrong = now.Add(e.backOff), 0
	}
}

func (g *codeGuard) add(key netip.Addr) *guarded {
	if g.entries == nil {
		g.entries = make(map[netip.Addr]*guarded)
	}
	if len(g.order) < guardEntries {
		g.order = append(g.order, key)
	} else {
		delete(g.entries, g.order[g.next])
		g.order[g.next] = key
		g.next = (g.next + 1) % guardEntries
	}
	e := new(guarded)
	g.entries[key] = e
	return e
}
