package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

// depthTTLs are tried side by side: 2 opens a home router, 3 a second one behind it, 5 and 8 a provider's.
var depthTTLs = [...]uint8{2, 3, 5, 8}

// depthTimes are when each is tried: an opener, and at once the request for an answer through what it opened.
var depthTimes = []time.Duration{0, 120 * time.Millisecond}

const depthPatience = 200 * time.Millisecond // after the last, or 1.5 round trips

type testPhase uint8

const (
	testIdle testPhase = iota
	testAsks
	testOver
)

// depthTest is T4: the least TTL with which a packet opens our outermost NAT. Each TTL has a socket of its own. Its opener
// goes to a port of the server that never hears of it, and then the server answers from there.
//
//	socket ──TTL k──▶ NAT ──▶ dies               (to port C)
//	socket ─────────▶ NAT ─────────▶ server      (to port B: answer from C)
//	socket ◀───────── NAT ◀───────── server      only if the first packet got as far as the NAT
//
// A hard NAT gives port C another mapping, to which no answer is aimed: its depth stays unknown.
type depthTest struct {
	phase   testPhase
	over    bool
	openers [len(depthTTLs)]*request
	asks    [len(depthTTLs)]*request
	passed  [len(depthTTLs)]bool
	missing int
}

func (t *depthTest) run(p *Profiler, now time.Time, over bool) {
	if t.phase == testIdle && !over && t.possible(p) && p.strict(now) {
		t.phase, t.missing = testAsks, len(depthTTLs)
		for i := range depthTTLs {
			p.want(socketTaker{t, i})
		}
	}
	switch t.phase {
	case testIdle: // until T2 has passed or ended
		t.over = over || !t.possible(p) || p.filtering.phase == filteringOver
	case testAsks:
		waiting := t.missing > 0
		for i, q := range t.asks {
			if q == nil {
				continue
			}
			if sends := q.sends; !q.next.IsZero() && !now.Before(q.next) {
				p.post(t.openers[i], depthTTLs[i])
				if p.resend(now, q, depthTimes); q.sends == sends {
					continue
				}
			}
			waiting = waiting || !t.passed[i] && (!q.next.IsZero() || now.Before(t.endOf(p, q)))
		}
		if over || !waiting || t.passed[0] {
			t.end(p)
		}
	}
}

// possible: the answer must come from a port that exists, through a mapping that does not depend on it.
func (t *depthTest) possible(p *Profiler) bool {
	if len(p.cfg.Ports) <= changedPort {
		return false
	}
	if !p.mapping.over {
		return true // not known yet
	}
	b, _ := p.mapping.verdict(p)
	return b == api.EndpointIndependent || b == api.BehaviourNone
}

func (t *depthTest) opened(p *Profiler, now time.Time, slot int, id api.SocketID, _ netip.AddrPort) {
	if t.phase != testAsks {
		p.give(id)
		return
	}
	t.missing--
	t.openers[slot] = p.request(now, id, p.cfg.Ports[changedPort], false)
	t.asks[slot] = p.request(now, id, p.cfg.Ports[freshPort], true)
}

func (t *depthTest) failed(*Profiler, int) { t.missing-- }

func (t *depthTest) endOf(p *Profiler, q *request) time.Time {
	return q.began.Add(depthTimes[len(depthTimes)-1] + max(depthPatience, p.mapping.rtt*3/2))
}

// answered takes an answer from the opened port. One to the opener itself, whose TTL reached the server, proves as much.
func (t *depthTest) answered(socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	for i, q := range t.asks {
		if !q.is(socket, from, r) && !t.openers[i].is(socket, from, r) {
			continue
		}
		if r.Code == 0 && from.Port() != q.to.Port() {
			t.passed[i], q.next = true, time.Time{}
		}
		return true
	}
	return false
}

func (t *depthTest) end(p *Profiler) {
	for _, q := range t.asks {
		if q != nil && t.phase == testAsks {
			p.give(q.socket)
		}
	}
	t.phase, t.over = testOver, true
}

func (t *depthTest) nextTimeout(p *Profiler) (at time.Time) {
	if t.phase != testAsks {
		return at
	}
	for i, q := range t.asks {
		switch {
		case q == nil || t.passed[i]:
		case !q.next.IsZero():
			at = deadline.Earlier(at, q.next)
		case p.now.Before(t.endOf(p, q)):
			at = deadline.Earlier(at, t.endOf(p, q))
		}
	}
	return at
}

// verdict is the least TTL that passed; 0: none, or not measured.
func (t *depthTest) verdict() uint8 {
	for i, ok := range t.passed {
		if ok {
			return depthTTLs[i]
		}
	}
	return 0
}
