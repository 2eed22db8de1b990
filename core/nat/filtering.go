package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/stun"
)

// filteringTimes are when T2's request is sent: seven times, since silence is an answer here and must not come from loss
// (one of 1300 at 20 % each way).
var filteringTimes = []time.Duration{0, 60 * time.Millisecond, 120 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 400 * time.Millisecond, 500 * time.Millisecond}

const (
	filteringPatience = 250 * time.Millisecond // after the last sending, or two round trips if that is longer
	filteringPort     = 1                      // index of the port asked: not the main one, which the main socket talks to
)

type filteringPhase uint8

const (
	filteringIdle filteringPhase = iota // waits for a socket
	filteringAsks
	filteringOver
)

// filteringTest is T2: does an answer pass that comes from a port that the socket never sent to?
type filteringTest struct {
	phase  filteringPhase
	want   bool // a socket is asked for
	asked  *request
	endAt  time.Time // when silence counts; moves with each sending
	passed bool      // an answer came from another port
	wrong  bool      // the server did not do what T2 needs
}

// start makes the test wait for its socket; without a second port there is nothing to learn.
func (t *filteringTest) start(possible bool) {
	*t = filteringTest{want: possible}
	if !possible {
		t.phase = filteringOver
	}
}

func (t *filteringTest) opened(p *Profiler, now time.Time, id api.SocketID) {
	if t.phase != filteringIdle || p.started.IsZero() {
		p.closing = append(p.closing, id) // too late
		return
	}
	t.phase = filteringAsks
	t.asked = p.request(now, id, p.cfg.Ports[filteringPort], true)
}

func (t *filteringTest) run(p *Profiler, now time.Time, over bool) {
	if t.phase == filteringAsks {
		sends := t.asked.sends
		if p.resend(now, t.asked, filteringTimes); t.asked.sends > sends {
			t.endAt = now.Add(max(filteringPatience, 2*p.mapping.rtt))
		}
		silent := t.asked.next.IsZero() && !now.Before(t.endAt)
		over = over || t.passed || t.wrong || silent
	}
	if over {
		t.end(p)
	}
}

// end ends the test and gives its socket back.
func (t *filteringTest) end(p *Profiler) {
	if t.phase == filteringAsks {
		p.closing = append(p.closing, t.asked.socket)
	}
	t.phase, t.want = filteringOver, false
}

func (t *filteringTest) answered(socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	if t.asked == nil || t.asked.id != r.ID || t.asked.socket != socket {
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

func (t *filteringTest) nextTimeout() time.Time {
	if t.phase != filteringAsks {
		return time.Time{}
	}
	if !t.asked.next.IsZero() {
		return t.asked.next
	}
	return t.endAt
}

// verdict reads silence as strict filtering only if the main socket reached the port that was asked and another one:
// a firewall that blocks those ports would be silent too.
func (t *filteringTest) verdict(m *mappingTest) api.Behaviour {
	others := 0
	for i := range m.mapped {
		if m.reached(i) && i != filteringPort {
			others++
		}
	}
	switch {
	case t.passed:
		return api.AddressDependent
	case t.wrong || t.asked == nil || !m.reached(filteringPort) || others == 0:
		return api.BehaviourUnknown
	}
	return api.AddressAndPortDependent
}
