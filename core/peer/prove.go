package peer

import (
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Times and measures of a proof (NAT.md, "Migration without loss": DUP).
const (
	duplicateFloor = 200 * time.Millisecond // shortest time that data travels on both paths after a switch
	provingAcks    = 16                     // packets that a new route must have had acknowledged by the end of that
	provingSlack   = 500 * time.Millisecond // beyond a round trip of the relay: it is no route if it has not by then
	provingGap     = 15 * time.Millisecond  // between PINGs where data does not come as often
	provingLate    = 250 * time.Millisecond // after its time, who judges stood still himself, and knows nothing

	// A route that loses some of its packets is compared with the relay, which carries the same ones. These many fates make
	// the standard deviation of the difference about a tenth; more would keep both ways busy for longer.
	judgedRoute = 48
	judgedRelay = 32
	judgedFor   = 2 * time.Second // whatever is known by then decides
	cleanLoss   = 0.1             // a route that loses less is good, whatever the relay does
	worseLoss   = 0.15            // a route is bad that loses so much more than the relay, and
	badLoss     = 0.25            // so much in all
	// A route that comes to lose so much is put to the proof again, at most so often.
	doubtLoss  = 0.3
	doubtEvery = 20 * time.Second
	// What was rejected for its losses returns after 5, 10, 20 s and so on: luck would validate it again and again.
	rejectedHold = 5 * time.Second
	rejectedMost = 5 // doublings
)

// proof is the time after a switch in which the relay carries the same data. Validation saw four small packets pass; whether
// the path carries data shows in the fate of many.
//
//	use ──▶ proving ──16 acknowledged, few lost──▶ proven: the relay carries no more
//	           │ └──some lost──▶ judging ──not worse than the relay──▶ proven
//	           │                    └──worse──▶ rejected: back to the relay, longer hold-down
//	           └──silence──▶ back to the relay
//	proven ──loses 30 %──▶ judging
type proof struct {
	on       bool
	judging  bool      // losses are being compared
	until    time.Time // proven not before
	limit    time.Time // decided by then; zero: begins anew when the other side is back
	pingAt   time.Time // next PING on the route, and the relay while judging
	route    tally     // at the beginning
	relay    tally
	rejected int       // in a row
	again    time.Time // no new proof for losses before
}

// tally counts the fates of a path's packets.
type tally struct{ acked, lost uint64 }

func (p *Peer) tally(id wire.PathID) tally {
	st := p.conn.PathStats(id)
	return tally{st.Acked, st.Lost}
}

// since gives how many fates are known since an earlier tally, and the share that was lost.
func (t tally) since(before tally) (n int, loss float64) {
	acked, lost := t.acked-before.acked, t.lost-before.lost
	if n = int(acked + lost); n > 0 {
		loss = float64(lost) / float64(n)
	}
	return n, loss
}

// beginProof lets the relay carry what the new route carries.
func (p *Peer) beginProof(now time.Time) {
	t := &p.paths
	t.proof = proof{rejected: t.proof.rejected, again: now.Add(doubtEvery)}
	if !p.via().open {
		return
	}
	relayRTT := p.conn.PathStats(t.via).SRTT
	b := &t.proof
	b.on, b.pingAt = true, now
	b.until = now.Add(max(2*relayRTT, duplicateFloor))
	b.limit = later(now.Add(provingSlack+relayRTT), b.until)
	b.route, b.relay = p.tally(t.route), p.tally(t.via)
	p.conn.SetDuplicate(now, t.via, true)
}

// endProof leaves the route to itself.
func (p *Peer) endProof(now time.Time) {
	b := &p.paths.proof
	b.on, b.rejected = false, 0
	p.conn.SetDuplicate(now, p.paths.via, false)
}

// prove does what is due in a proof, and begins one when the route loses much. Nobody can prove anything while a side is
// away or stands still: then it begins anew.
func (p *Peer) prove(now time.Time) {
	t := &p.paths
	b := &t.proof
	if !b.on {
		if t.direct(t.route) && p.via().open && !now.Before(b.again) && p.conn.PathStats(t.route).LossRate >= doubtLoss {
			p.beginProof(now)
		}
		return
	}
	switch away := p.conn.Away(now); {
	case away:
		b.limit, b.pingAt = time.Time{}, time.Time{}
		return
	case b.limit.IsZero(), now.Sub(b.limit) > provingLate:
		p.beginProof(now)
	}
	n, loss := p.tally(t.route).since(b.route)
	relayN, relayLoss := p.tally(t.via).since(b.relay)
	acked := n - int(loss*float64(n)+0.5)
	switch {
	case !b.judging && acked < provingAcks:
		if !now.Before(b.limit) {
			p.reject(now)
			return
		}
	case now.Before(b.until):
	case loss < cleanLoss:
		p.endProof(now)
		return
	case !b.judging:
		b.judging, b.limit = true, now.Add(judgedFor)
	case n < judgedRoute && now.Before(b.limit), relayN < judgedRelay && now.Before(b.limit):
	case relayN >= judgedRelay/2 && loss >= badLoss && loss > relayLoss+worseLoss: // a relay that is silent is no way out
		p.reject(now)
		return
	default:
		p.endProof(now)
		return
	}
	if !now.Before(b.pingAt) {
		b.pingAt = now.Add(provingGap)
		if b.judging || acked < provingAcks {
			p.conn.Ping(now, t.route)
		}
		if b.judging {
			p.conn.Ping(now, t.via)
		}
	}
}

// reject leaves a route that loses too much, for longer each time.
func (p *Peer) reject(now time.Time) {
	t := &p.paths
	p.suspect(now, "the direct path loses too much")
	t.holdUntil = now.Add(rejectedHold << t.proof.rejected)
	t.proof.rejected = min(t.proof.rejected+1, rejectedMost)
}

// proveNext is when prove has something to do; zero: never.
func (p *Peer) proveNext() time.Time {
	b := &p.paths.proof
	if !b.on {
		return time.Time{} // whatever makes the route lose more is an ACK or a timeout, which is followed by a look
	}
	return deadline.Earlier(b.pingAt, b.limit)
}
