package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

var (
	// poisonTimes are when the server is asked to send from the other port first: three times, so that one gets through.
	poisonTimes = []time.Duration{0, 40 * time.Millisecond, 80 * time.Millisecond}
	// poisonReports are when the socket then asks that port itself, counted from poisonLead behind the last.
	poisonReports = []time.Duration{0, 80 * time.Millisecond, 180 * time.Millisecond}
)

const (
	poisonLead     = 30 * time.Millisecond // and a round trip: the server's packets have reached our router by then
	poisonPatience = 200 * time.Millisecond
)

// poisonTest is T5: a packet from a stranger comes first, then ours to where it came from. A router that takes inbound
// packets itself has given away the tuple by then, and our flow gets another outer port (docs/NAT.md, fact 4).
//
//	socket ──────▶ port B   which outer port do I have?
//	socket ──────▶ port B   answer from C! ──▶ our router, which drops it or keeps it
//	socket ──────▶ port C   which outer port do I have now?
type poisonTest struct {
	phase         testPhase
	over          bool
	first         *request // to B
	lure          *request // to B, answer from C
	second        *request // to C
	before, after uint16   // outer ports; 0: not told
	passed        bool     // the lure's answer came through: no such filter
}

func (t *poisonTest) run(p *Profiler, now time.Time, over bool) {
	if t.phase == testIdle && !over && t.possible(p) && p.strict(now) {
		t.phase = testAsks
		p.want(socketTaker{t, 0})
	}
	switch t.phase {
	case testIdle:
		t.over = over || !t.possible(p) || p.filtering.phase == filteringOver
	case testAsks:
		if t.first != nil {
			p.resend(now, t.first, poisonTimes)
			p.resend(now, t.lure, poisonTimes)
			p.resend(now, t.second, poisonReports)
			over = over || t.passed || t.before != 0 && t.after != 0 || t.second.next.IsZero() && !now.Before(t.endOf(p))
		}
		if over {
			t.end(p)
		}
	}
}

// possible: there is a mapping, and it does not depend on the port.
func (t *poisonTest) possible(p *Profiler) bool {
	b, _ := p.mapping.verdict(p)
	return p.depth.possible(p) && (!p.mapping.over || b != api.BehaviourNone)
}

func (t *poisonTest) opened(p *Profiler, now time.Time, _ int, id api.SocketID, _ netip.AddrPort) {
	if t.phase != testAsks || t.first != nil {
		p.give(id)
		return
	}
	t.first = p.request(now, id, p.cfg.Ports[freshPort], false)
	t.lure = p.request(now, id, p.cfg.Ports[freshPort], true)
	later := now.Add(poisonTimes[len(poisonTimes)-1] + poisonLead + p.mapping.rtt)
	t.second = p.request(later, id, p.cfg.Ports[changedPort], false)
}

func (t *poisonTest) failed(p *Profiler, _ int) { t.end(p) }

func (t *poisonTest) endOf(p *Profiler) time.Time {
	return t.second.began.Add(poisonReports[len(poisonReports)-1] + max(poisonPatience, p.mapping.rtt*3/2))
}

func (t *poisonTest) answered(socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	switch {
	case t.first.is(socket, from, r):
		t.first.next = time.Time{}
		t.before = r.Mapped.Port()
	case t.second.is(socket, from, r):
		t.second.next = time.Time{}
		t.after = r.Mapped.Port()
	case t.lure.is(socket, from, r):
		t.passed = t.second.sends == 0 // later ones come through what we opened ourselves
	default:
		return false
	}
	return true
}

func (t *poisonTest) end(p *Profiler) {
	if t.phase == testAsks && t.first != nil {
		p.give(t.first.socket)
	}
	t.phase, t.over = testOver, true
}

func (t *poisonTest) nextTimeout(p *Profiler) (at time.Time) {
	if t.phase != testAsks || t.first == nil {
		return at
	}
	for _, q := range [...]*request{t.first, t.lure, t.second} {
		at = deadline.Earlier(at, q.next)
	}
	if t.second.next.IsZero() {
		at = deadline.Earlier(at, t.endOf(p))
	}
	return at
}

// verdict: without a filter there is nothing to poison, and a hard NAT's ports differ anyway.
func (t *poisonTest) verdict(info *api.NATInfo) api.Answer {
	switch {
	case info.Mapping == api.BehaviourNone || info.Filtering == api.EndpointIndependent || info.Filtering == api.AddressDependent:
		return api.AnswerNo
	case t.before == 0 || t.after == 0:
		return api.AnswerUnknown
	case t.before != t.after:
		return api.AnswerYes
	}
	return api.AnswerNo
}
