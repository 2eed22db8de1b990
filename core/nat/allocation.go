package nat

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

const (
	allocationHard = 8                    // sockets if the mapping depends on the destination, or may
	allocationEasy = 4                    // else: only whether ports are preserved is of interest
	allocationGap  = 5 * time.Millisecond // between their first packets: the NAT sees them in order
)

// allocationTimes are when a request of T3 is sent. A repetition meets the mapping that the first one made.
var allocationTimes = []time.Duration{0, 80 * time.Millisecond, 200 * time.Millisecond}

const allocationPatience = 150 * time.Millisecond // after the last sending, or 1.5 round trips

// allocationTest is T3: fresh sockets ask one port one after the other; what outer ports do they get?
type allocationTest struct {
	begun, over bool
	asked       []*request // by socket; nil: not opened yet
	local       []uint16
	mapped      []uint16 // 0: not answered
	missing     int      // sockets that are still to come
	nextAt      time.Time
}

func (t *allocationTest) run(p *Profiler, now time.Time, over bool) {
	if t.over {
		return
	}
	if !t.begun && p.mapping.over {
		t.begin(p, now)
	}
	if !t.begun {
		t.over = over
		return
	}
	waiting := t.missing > 0
	for i, q := range t.asked {
		if q == nil {
			continue
		}
		p.resend(now, q, allocationTimes)
		waiting = waiting || t.mapped[i] == 0 && (!q.next.IsZero() || now.Before(t.lastAnswer(p, q)))
	}
	if over || !waiting {
		t.end(p)
	}
}

func (t *allocationTest) begin(p *Profiler, now time.Time) {
	t.begun = true
	b, _ := p.mapping.verdict(p)
	n := allocationEasy
	switch b {
	case api.BehaviourNone, api.BehaviourUDPBlocked, api.BehaviourUnknown:
		t.over = true
		return
	case api.EndpointIndependent:
		if p.mapping.public().Port() != p.cfg.Local.Port() {
			n = allocationHard // not preserved: perhaps it depends on the address
		}
	default:
		n = allocationHard
	}
	t.asked, t.local, t.mapped = make([]*request, n), make([]uint16, n), make([]uint16, n)
	t.missing, t.nextAt = n, now
	for i := range n {
		p.want(socketTaker{t, i})
	}
}

func (t *allocationTest) opened(p *Profiler, now time.Time, slot int, id api.SocketID, local netip.AddrPort) {
	if t.over || t.asked == nil || t.asked[slot] != nil {
		p.give(id)
		return
	}
	t.missing--
	t.nextAt = maxTime(t.nextAt, now)
	t.asked[slot], t.local[slot] = p.request(t.nextAt, id, p.cfg.Ports[freshPort], false), local.Port()
	t.nextAt = t.nextAt.Add(allocationGap)
}

func (t *allocationTest) failed(*Profiler, int) { t.missing-- }

func (t *allocationTest) lastAnswer(p *Profiler, q *request) time.Time {
	return q.began.Add(allocationTimes[len(allocationTimes)-1] + max(allocationPatience, p.mapping.rtt*3/2))
}

func (t *allocationTest) answered(socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	for i, q := range t.asked {
		if q.is(socket, from, r) {
			q.next = time.Time{}
			if r.Code == 0 && t.mapped[i] == 0 {
				t.mapped[i] = r.Mapped.Port()
			}
			return true
		}
	}
	return false
}

// end gives the sockets back.
func (t *allocationTest) end(p *Profiler) {
	for _, q := range t.asked {
		if q != nil && !t.over {
			p.give(q.socket)
		}
	}
	t.over = true
}

func (t *allocationTest) nextTimeout(p *Profiler) (at time.Time) {
	if t.over {
		return at
	}
	for i, q := range t.asked {
		switch {
		case q == nil || t.mapped[i] != 0:
		case !q.next.IsZero():
			at = deadline.Earlier(at, q.next)
		case p.now.Before(t.lastAnswer(p, q)):
			at = deadline.Earlier(at, t.lastAnswer(p, q))
		}
	}
	return at
}

// verdict fills in how the NAT allocates. What T1 saw counts too where each of its destinations had a port of its own.
func (t *allocationTest) verdict(p *Profiler, info *api.NATInfo) {
	var ports []uint16
	kept := 0
	for i, m := range t.mapped {
		if m != 0 {
			ports = append(ports, m)
			if m == t.local[i] {
				kept++
			}
		}
	}
	if len(ports) < 3 {
		return
	}
	if kept >= len(ports)-1 { // one may have met a port that was taken
		info.Allocation = api.AllocPreserved
		return
	}
	if step, ok := stepOf(ports); ok {
		info.Allocation, info.PortStep = api.AllocSequential, step
		return
	}
	if info.Mapping == api.AddressAndPortDependent {
		for _, m := range p.mapping.mapped {
			if m.IsValid() {
				ports = append(ports, m.Port())
			}
		}
	}
	info.Allocation, info.PortLow, info.PortHigh = rangeOf(ports)
}

// maxStep is the largest step that counts as one; foreignMost is how many ports other flows of the same NAT may take
// between two of our samples, 5 ms apart.
const (
	maxStep     = 16
	foreignMost = 100
)

// stepOf finds the step of a NAT that counts, if the ports, in the order of their making, look like it: the commonest
// difference is small, and the others go the same way and not far, as flows of other hosts in between make them.
func stepOf(ports []uint16) (step int8, ok bool) {
	best, bestN := 0, 0
	for i := 1; i < len(ports); i++ {
		d, n := int(int16(ports[i]-ports[i-1])), 0
		for k := 1; k < len(ports); k++ {
			if int(int16(ports[k]-ports[k-1])) == d {
				n++
			}
		}
		if n > bestN || n == bestN && abs(d) < abs(best) {
			best, bestN = d, n
		}
	}
	if best == 0 || abs(best) > maxStep {
		return 0, false
	}
	odd := 0
	for i := 1; i < len(ports); i++ {
		d := int(int16(ports[i] - ports[i-1]))
		if d/best < 1 || d/best > foreignMost {
			odd++ // a wrap-around, or a port that was in use: once
		}
	}
	return int8(best), bestN*2 >= len(ports)-1 && odd <= 1
}

// Ports that NATs give out: pf, conntrack and most others leave those below alone.
const (
	lowestPort  = 1024
	highestPort = 65535
	largeBlock  = 1 << 14 // a larger range is as good as all ports
)

// rangeOf guesses the range that random ports come from: the smallest power of two that holds them all, as blocks are
// made, and since nobody knows where in it they lie, everything that such a block could cover.
func rangeOf(ports []uint16) (a api.Allocation, low, high uint16) {
	lo, hi := ports[0], ports[0]
	for _, p := range ports {
		lo, hi = min(lo, p), max(hi, p)
	}
	size := 64 // the smallest block that providers assign
	for size < int(hi)-int(lo)+1 {
		size *= 2
	}
	if size > largeBlock {
		return api.AllocRandom, min(lo, lowestPort), highestPort
	}
	return api.AllocBlock, uint16(max(int(hi)-size+1, min(int(lo), lowestPort))), uint16(min(int(lo)+size-1, highestPort))
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
