package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

// filteringTimes are when T2's request is sent: seven times, since silence is an answer here and must not come from loss
// (one of 1300 at 20 % each way).
var filteringTimes = []time.Duration{0, 60 * time.Millisecond, 120 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 400 * time.Millisecond, 500 * time.Millisecond}

const (
	filteringPatience = 250 * time.Millisecond // after the last sending, or two round trips if that is longer
)

type filteringPhase uint8

const (
	filteringIdle filteringPhase = iota // waits for a socket
	filteringAsks
	filteringOver
)

// filteringTest is T2: does an answer pass that comes from a port, or from an address, that the socket never sent to?
type filteringTest struct {
	phase  filteringPhase
	asked  *request
	away   *request  // for an answer from the second address; nil: there is none
	endAt  time.Time // when silence counts; moves with each sending
	passed bool      // an answer came from another port
	free   bool      // and from another address
	wrong  bool      // the server did not do what T2 needs
}

// start makes the test wait for its socket; without a second port there is nothing to learn.
func (t *filteringTest) start(p *Profiler) {
	*t = filteringTest{}
	if len(p.cfg.Ports) < 2 {
		t.phase = filteringOver
		return
	}
	p.want(socketTaker{t, 0})
}

func (t *filteringTest) opened(p *Profiler, now time.Time, _ int, id api.SocketID, _ netip.AddrPort) {
	if t.phase != filteringIdle || p.started.IsZero() {
		p.give(id) // too late
		return
	}
	t.phase = filteringAsks
	t.asked = p.request(now, id, p.cfg.Ports[freshPort], true)
	if p.cfg.Alternate.IsValid() {
		t.away = p.request(now, id, p.cfg.Ports[freshPort], true)
		t.away.away = true
	}
}

func (t *filteringTest) failed(p *Profiler, _ int) { t.end(p) }

func (t *filteringTest) run(p *Profiler, now time.Time, over bool) {
	if t.phase == filteringAsks {
		sends := t.asked.sends
		if p.resend(now, t.asked, filteringTimes); t.asked.sends > sends {
			t.endAt = now.Add(max(filteringPatience, 2*p.mapping.rtt))
		}
		if t.away != nil {
			p.resend(now, t.away, awayTimes)
		}
		silent := t.asked.next.IsZero() && !now.Before(t.endAt)
		// Once the other port has answered, the second address is waited for as long as its own sendings need.
		patient := t.away != nil && !t.free && (!t.away.next.IsZero() || now.Before(t.away.began.Add(t.awayEnd(p))))
		over = over || t.wrong || t.free || t.passed && !patient || silent
	}
	if over {
		t.end(p)
	}
}

// awayTimes are when the answer from the second address is asked for: fewer times, since its silence only leaves the NAT
// taken for a little stricter than it is.
var awayTimes = []time.Duration{0, 80 * time.Millisecond, 200 * time.Millisecond}

// awayEnd is when, since its beginning, the second address has had its time.
func (t *filteringTest) awayEnd(p *Profiler) time.Duration {
	return awayTimes[len(awayTimes)-1] + max(filteringPatience/2, p.mapping.rtt*3/2)
}

// end ends the test and gives its socket back.
func (t *filteringTest) end(p *Profiler) {
	if t.phase == filteringAsks {
		p.give(t.asked.socket)
	}
	t.phase = filteringOver
}

func (t *filteringTest) answered(socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	if t.away.is(socket, from, r) {
		t.away.next = time.Time{}
		if r.Code == 0 && from.Addr() != t.away.to.Addr() {
			t.free, t.passed = true, true
		}
		return true
	}
	if !t.asked.is(socket, from, r) {
		return false
	}
	t.asked.next = time.Time{}
	if r.Code != 0 || from.Port() == t.asked.to.Port() {
		t.wrong = true // token refused, or a server with one port only
	} else {
		t.passed = true
	}
	return true
}

func (t *filteringTest) nextTimeout(p *Profiler) time.Time {
	if t.phase != filteringAsks {
		return time.Time{}
	}
	at := t.endAt
	if !t.asked.next.IsZero() {
		at = t.asked.next
	}
	if t.away != nil && !t.away.next.IsZero() {
		return deadline.Earlier(at, t.away.next)
	}
	if t.away != nil && t.passed {
		return deadline.Earlier(at, t.away.began.Add(t.awayEnd(p)))
	}
	return at
}

// verdict reads silence as strict filtering only if the main socket reached the port that was asked and another one:
// a firewall that blocks those ports would be silent too.
func (t *filteringTest) verdict(m *mappingTest) api.Behaviour {
	others := 0
	for i := range m.mapped {
		if m.reached(i) && i != freshPort && i != m.far {
			others++
		}
	}
	switch {
	case t.free:
		return api.EndpointIndependent
	case t.passed:
		return api.AddressDependent
	case t.wrong || t.asked == nil || !m.reached(freshPort) || others == 0:
		return api.BehaviourUnknown
	}
	return api.AddressAndPortDependent
}
