package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

// sampleTimes are when a sample is asked for. A repetition meets the mapping that the first one made.
var sampleTimes = [...]time.Duration{0, 60 * time.Millisecond, 140 * time.Millisecond, 260 * time.Millisecond, 420 * time.Millisecond, 700 * time.Millisecond}

// sample asks the server which outer port a fresh socket has.
type sample struct {
	id     stun.TransactionID
	socket api.SocketID
	began  time.Time
	sends  int
	next   time.Time // zero: not asked, answered, or given up
	port   uint16    // 0: not answered
}

func (a *Agent) startSample(now time.Time, s *sample, socket api.SocketID) {
	*s = sample{socket: socket, began: now, next: now}
	a.random.take(s.id[:])
	a.runSample(now, s)
}

func (a *Agent) runSample(now time.Time, s *sample) {
	if !deadline.Due(now, s.next) {
		return
	}
	a.post(Probe{Socket: s.socket, To: a.cfg.Server, Via: ViaSTUN, id: s.id})
	s.sends++
	s.next = time.Time{}
	if s.sends < len(sampleTimes) {
		s.next = s.began.Add(sampleTimes[s.sends])
	}
}

func (s *sample) take(socket api.SocketID, r *stun.Response) bool {
	if s.sends == 0 || s.port != 0 || s.socket != socket || s.id != r.ID || r.Code != 0 {
		return false
	}
	s.port, s.next = r.Mapped.Port(), time.Time{}
	return true
}

// AppendSTUN writes the datagram of a Probe that goes ViaSTUN.
func (a *Agent) AppendSTUN(dst []byte, p *Probe) []byte {
	return stun.AppendRequest(dst, &stun.Request{ID: p.id, HasToken: true, Token: a.cfg.Token, Size: requestSize})
}

// HandleSTUN takes a datagram that looks like STUN; false: it is no answer to this Agent.
func (a *Agent) HandleSTUN(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) bool {
	if !a.hunt.on || unmap(from) != a.cfg.Server {
		return false
	}
	r, ok := stun.ParseResponse(b)
	if !ok {
		return false
	}
	now = a.tick(now)
	if !a.hunt.answered(now, socket, &r) {
		return false
	}
	a.run(now)
	return true
}

// Watching our own network while we load it.
const (
	guardGap     = 100 * time.Millisecond
	guardPatient = 250 * time.Millisecond // or three round trips to the server
	leastRate    = 50                     // packets per second
)

// guard sends a small request to the server every 100 ms while ports are guessed. Two unanswered in a row mean that the
// network suffers: the rate is halved.
type guard struct {
	asks [2]struct {
		id   stun.TransactionID
		sent time.Time // zero: answered, or none
	}
	n     int
	next  time.Time
	lost  int // in a row
	halve time.Time
}

func (a *Agent) runGuard(now time.Time) {
	g := &a.hunt.guard
	if g.next.IsZero() {
		g.next = now.Add(guardGap)
	}
	if now.Before(g.next) || !a.cfg.Server.IsValid() {
		return
	}
	g.next = now.Add(max(guardGap, a.guardPatience()/2))
	ask := &g.asks[g.n%2]
	g.n++
	if !ask.sent.IsZero() { // the one before the last has had its time
		if g.lost++; g.lost >= 2 && now.Sub(g.halve) > 2*a.guardPatience() {
			a.hunt.rate, g.halve, g.lost = max(a.hunt.rate/2, leastRate), now, 0
			a.drops.Halved++
		}
	}
	a.random.take(ask.id[:])
	ask.sent = now
	a.post(Probe{Socket: a.cfg.Main, To: a.cfg.Server, Via: ViaSTUN, id: ask.id})
}

func (a *Agent) guardPatience() time.Duration { return max(guardPatient, 3*a.cfg.LinkRTT) }

func (g *guard) take(socket, main api.SocketID, r *stun.Response) bool {
	for i := range g.asks {
		if q := &g.asks[i]; socket == main && q.id == r.ID && !q.sent.IsZero() {
			q.sent, g.lost = time.Time{}, 0
			return true
		}
	}
	return false
}

// pacer spaces packets. It makes up for a late call, but not for more than lateMost.
type pacer struct{ next time.Time }

const lateMost = 20 * time.Millisecond

// due takes one turn if it has come.
func (p *pacer) due(now time.Time, gap time.Duration) bool {
	if now.Before(p.next) {
		return false
	}
	if p.next.Before(now.Add(-lateMost)) {
		p.next = now.Add(-lateMost)
	}
	p.next = p.next.Add(gap)
	return true
}
