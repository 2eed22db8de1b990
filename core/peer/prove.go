package peer

import (
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A new route is watched while the relay carries the same data. Validation saw four small packets pass; data follows only for
// as long as acknowledgements of many show that the path carries them.
const (
	provingAcks  = 16                     // packets that a new route must have had acknowledged
	provingSlack = 500 * time.Millisecond // beyond a round trip of the relay: it is no route if it has not by then
	provingGap   = 15 * time.Millisecond  // between PINGs where data does not come as often
	provingLate  = 250 * time.Millisecond // after its time, who judges stood still himself, and knows nothing
)

// beginProof sets the time by which the route must have proven itself.
func (p *Peer) beginProof(now time.Time) {
	t := &p.paths
	t.proveUntil = later(now.Add(provingSlack+p.conn.PathStats(wire.PathRelay).SRTT), t.duplicateUntil)
	t.proveAt, t.provenFrom = now, p.conn.PathStats(t.route).Acked
}

// prove does what is due of that. Nobody can prove anything while a side is away or stands still: then it begins anew.
func (p *Peer) prove(now time.Time) {
	t := &p.paths
	if t.duplicateUntil.IsZero() {
		return
	}
	proven := p.conn.PathStats(t.route).Acked >= t.provenFrom+provingAcks
	switch {
	case proven && !now.Before(t.duplicateUntil):
		t.duplicateUntil = time.Time{}
		p.conn.SetDuplicate(now, wire.PathRelay, false)
	case proven:
	case p.conn.Away(now):
		t.proveUntil, t.proveAt = time.Time{}, time.Time{}
	case t.proveUntil.IsZero(), now.Sub(t.proveUntil) > provingLate:
		p.beginProof(now)
	case !now.Before(t.proveUntil):
		p.suspect(now, "the direct path loses too much")
	case !now.Before(t.proveAt):
		t.proveAt = now.Add(provingGap)
		p.conn.Ping(now, t.route)
	}
}

// proveNext is when prove has something to do; zero: never.
func (p *Peer) proveNext() time.Time {
	t := &p.paths
	switch {
	case t.duplicateUntil.IsZero():
		return time.Time{}
	case p.conn.PathStats(t.route).Acked >= t.provenFrom+provingAcks:
		return t.duplicateUntil
	}
	return deadline.Earlier(t.proveAt, t.proveUntil)
}
