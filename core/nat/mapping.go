package nat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

// mappingTimes are when a request of T1 is sent: six times, so that one of 300 is lost for good at 20 % loss each way.
var mappingTimes = []time.Duration{0, 100 * time.Millisecond, 250 * time.Millisecond, 450 * time.Millisecond, 700 * time.Millisecond, 950 * time.Millisecond}

// Answers to the last request are awaited so long.
const (
	mappingPatience = 300 * time.Millisecond
	farPatience     = 300 * time.Millisecond // and two round trips: for the server's second address, when the first has answered
)

// mappingTest is T1: one socket, several destinations, what does the NAT make of its address?
type mappingTest struct {
	asked  []*request
	mapped []netip.AddrPort // by request; invalid: not answered
	far    int              // index of the request to the server's second address; -1: none
	endAt  time.Time
	rtt    time.Duration // shortest since a first sending; zero: no answer yet
	over   bool
}

func (t *mappingTest) start(p *Profiler, now time.Time) {
	*t = mappingTest{endAt: now.Add(mappingTimes[len(mappingTimes)-1] + mappingPatience)}
	for _, port := range p.cfg.Ports {
		t.asked = append(t.asked, p.request(now, api.MainSocket, port, false))
	}
	if t.far = -1; p.cfg.Alternate.IsValid() && len(p.cfg.Ports) >= 2 {
		t.far = len(t.asked)
		t.asked = append(t.asked, p.requestTo(now, api.MainSocket, netip.AddrPortFrom(p.cfg.Alternate, p.cfg.Ports[freshPort]), false))
	}
	t.mapped = make([]netip.AddrPort, len(t.asked))
}

// run sends what is due and ends the test when all is answered or its time is over.
func (t *mappingTest) run(p *Profiler, now time.Time, over bool) {
	if t.over {
		return
	}
	waiting := false
	for _, q := range t.asked {
		p.resend(now, q, mappingTimes)
	}
	for i, m := range t.mapped {
		// The second address is waited for only so long: it may be unreachable for reasons of its own.
		patient := i != t.far || t.rtt == 0 || now.Sub(t.asked[i].began) < farPatience+2*t.rtt
		waiting = waiting || !m.IsValid() && patient
	}
	t.over = over || !waiting || !now.Before(t.endAt)
}

func (t *mappingTest) answered(now time.Time, socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	i := slices.IndexFunc(t.asked, func(q *request) bool { return q.id == r.ID && q.socket == socket && q.to == from })
	if i < 0 {
		return false
	}
	t.asked[i].next = time.Time{}
	if !t.mapped[i].IsValid() && r.Code == 0 {
		t.mapped[i] = unmap(r.Mapped)
		if rtt := now.Sub(t.asked[i].began); t.rtt == 0 || rtt < t.rtt {
			t.rtt = rtt
		}
	}
	return true
}

func (t *mappingTest) nextTimeout(now time.Time) time.Time {
	if t.over {
		return time.Time{}
	}
	next := t.endAt
	if t.far >= 0 && t.rtt > 0 {
		if far := t.asked[t.far].began.Add(farPatience + 2*t.rtt); now.Before(far) && !t.mapped[t.far].IsValid() {
			next = deadline.Earlier(next, far)
		}
	}
	for _, q := range t.asked {
		next = deadline.Earlier(next, q.next)
	}
	return next
}

// verdict compares the mapped addresses with each other and with our own. certain: over two addresses of the server.
func (t *mappingTest) verdict(p *Profiler) (b api.Behaviour, certain bool) {
	var first netip.AddrPort
	answers := 0
	for i, m := range t.mapped {
		if !m.IsValid() || i == t.far {
			continue
		}
		if answers++; answers == 1 {
			first = m
		}
		if m != first {
			return api.AddressAndPortDependent, true
		}
	}
	far := netip.AddrPort{}
	if t.far >= 0 && t.far < len(t.mapped) {
		far = t.mapped[t.far]
	}
	switch {
	case len(t.mapped) == 0:
		return api.BehaviourUnknown, false // nothing was asked
	case answers == 0:
		return api.BehaviourUDPBlocked, false
	case p.isLocal(first) && (!far.IsValid() || far == first):
		return api.BehaviourNone, far.IsValid()
	case answers == 1:
		return api.BehaviourUnknown, false
	case far.IsValid() && far != first:
		return api.AddressDependent, true
	}
	return api.EndpointIndependent, far.IsValid()
}

// public is the mapped address towards the first port that answered.
func (t *mappingTest) public() netip.AddrPort {
	for _, m := range t.mapped {
		if m.IsValid() {
			return m
		}
	}
	return netip.AddrPort{}
}

// reached reports whether the server's i-th port answered.
func (t *mappingTest) reached(i int) bool { return i < len(t.mapped) && t.mapped[i].IsValid() }

// isLocal reports whether a is the main socket's own address.
func (p *Profiler) isLocal(a netip.AddrPort) bool {
	local := unmap(p.cfg.Local)
	if a.Port() != local.Port() {
		return false
	}
	if local.Addr().IsUnspecified() {
		return slices.ContainsFunc(p.cfg.LocalAddrs, func(l netip.Addr) bool { return l.Unmap() == a.Addr() })
	}
	return a.Addr() == local.Addr()
}
