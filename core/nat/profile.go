package nat

import (
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
)

// ProfilerConfig is what a Profiler asks the server by. Ports and Token come with the link (wire.ServerInfo).
type ProfilerConfig struct {
	Rand       io.Reader
	Local      netip.AddrPort // the main socket's own address; its IP may be unspecified
	LocalAddrs []netip.Addr   // the interfaces' addresses; used if Local's is unspecified
	Server     netip.Addr
	Ports      []uint16   // the server's STUN ports, the main one first
	Alternate  netip.Addr // the server's second address, which serves the first two ports; invalid: it has none
	Token      [16]byte   // link token: lets the server answer from another port
}

// Profiler finds out what a network's NAT does, with the STUN ports of one server (docs/NAT.md, phase 0):
//
//	T1 mapping     main socket to each port and to the second address; do the mapped addresses agree?
//	T2 filtering   fresh socket to one port, which asks for answers from another port and from another address
//	T3 allocation  fresh sockets one after the other; what ports does the NAT give them?
//	T4 depth       fresh sockets whose first packets have a small TTL; which one opens the NAT?
//	T5 poison      fresh socket whose first packet to a port comes after one from there; does it keep its outer port?
//
//	Start ── T1 ─┬── T3 ──────────────────────────── done
//	      ── T2 ─┴─ silent for 1.5 round trips ── T4, T5 ─┘
//
// One server address can't tell address-dependent from endpoint-independent behaviour, on either axis. Mapping then
// reads endpoint-independent without being certain, and punching finds out; filtering reads address-dependent, the
// stricter of the two. A NAT that passes T2 needs no openers, so T4 and T5 are left out.
type Profiler struct {
	cfg     ProfilerConfig
	random  random
	now     time.Time
	started time.Time
	result  api.NATInfo
	done    bool
	sent    int

	mapping    mappingTest
	filtering  filteringTest
	allocation allocationTest
	depth      depthTest
	poison     poisonTest
	wants      []socketTaker // whom the next sockets are for
	asked      int           // wants[:asked] were told by WantSocket
	out        []outgoing
	closing    []api.SocketID
}

// socketTaker is a test that waits for a fresh socket. slot is its own number for it.
type socketTaker struct {
	test interface {
		opened(p *Profiler, now time.Time, slot int, id api.SocketID, local netip.AddrPort)
		failed(p *Profiler, slot int)
	}
	slot int
}

// outgoing is a request on its way.
type outgoing struct {
	q   *request
	ttl uint8
}

// Transmit says where a datagram goes. TTL 0 is the system's.
type Transmit struct {
	Socket api.SocketID
	To     netip.AddrPort
	TTL    uint8
}

const (
	profileLimit = 2500 * time.Millisecond // a profile ends after that, with what it knows
	maxProfile   = 40                      // requests of a profile (docs/NAT.md: packets per side)
	maxPorts     = 4                       // STUN ports of a server that are asked
	requestSize  = 104                     // bytes; no answer is larger: 20 header, 3 IPv6 addresses of 24, fingerprint 8
	freshPort    = 1                       // index of the port that fresh sockets ask: not the main one, which the main socket talks to
	changedPort  = 2                       // index of the port that answers for it (stun.Server), if there are three
)

// NewProfiler makes a Profiler that waits for Start.
func NewProfiler(cfg ProfilerConfig) *Profiler {
	cfg.Server, cfg.Alternate = cfg.Server.Unmap(), cfg.Alternate.Unmap()
	cfg.Ports = cfg.Ports[:min(len(cfg.Ports), maxPorts)]
	return &Profiler{cfg: cfg, random: random{r: cfg.Rand}}
}

// Start begins a measurement; a second one starts it anew.
func (p *Profiler) Start(now time.Time) {
	now = p.tick(now)
	p.Stop()
	p.started, p.done, p.sent, p.result, p.out = now, false, 0, api.NATInfo{}, nil
	p.allocation, p.depth, p.poison = allocationTest{}, depthTest{}, poisonTest{}
	p.mapping.start(p, now)
	p.filtering.start(p)
	p.run(now)
}

// Stop ends a measurement without a result: sockets are given back.
func (p *Profiler) Stop() {
	p.filtering.end(p)
	p.allocation.end(p)
	p.depth.end(p)
	p.poison.end(p)
	p.done = true
}

// WantSocket reports, once for each, that a fresh socket is needed: one that never sent anything. Answer each with
// SocketOpened or SocketFailed, in any order.
func (p *Profiler) WantSocket() bool {
	if p.asked == len(p.wants) {
		return false
	}
	p.asked++
	return true
}

func (p *Profiler) want(t socketTaker) { p.wants = append(p.wants, t) }

// SocketOpened gives a socket that WantSocket asked for.
func (p *Profiler) SocketOpened(now time.Time, id api.SocketID, local netip.AddrPort) {
	now = p.tick(now)
	if len(p.wants) == 0 {
		p.closing = append(p.closing, id)
		return
	}
	t := p.take()
	t.test.opened(p, now, t.slot, id, unmap(local))
	p.run(now)
}

// SocketFailed tells that there will be one less: what needs it stays unknown.
func (p *Profiler) SocketFailed(now time.Time) {
	now = p.tick(now)
	if len(p.wants) == 0 {
		return
	}
	t := p.take()
	t.test.failed(p, t.slot)
	p.run(now)
}

func (p *Profiler) take() socketTaker {
	t := p.wants[0]
	p.wants, p.asked = p.wants[1:], max(0, p.asked-1)
	return t
}

// give returns sockets that are needed no more.
func (p *Profiler) give(ids ...api.SocketID) { p.closing = append(p.closing, ids...) }

// CloseSocket reports, once, a socket that is needed no more. Read it after AppendTransmit.
func (p *Profiler) CloseSocket() (id api.SocketID, ok bool) {
	if len(p.closing) == 0 {
		return 0, false
	}
	id = p.closing[0]
	p.closing = p.closing[1:]
	return id, true
}

// HandleDatagram takes a datagram that looks like STUN; false: it is not an answer to this Profiler.
func (p *Profiler) HandleDatagram(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) bool {
	now = p.tick(now)
	from = unmap(from)
	if p.started.IsZero() || from.Addr() != p.cfg.Server && from.Addr() != p.cfg.Alternate {
		return false
	}
	r, ok := stun.ParseResponse(b)
	if !ok {
		return false
	}
	mine := p.mapping.answered(now, socket, from, &r) || p.filtering.answered(socket, from, &r) ||
		p.allocation.answered(socket, from, &r) || p.depth.answered(socket, from, &r) || p.poison.answered(socket, from, &r)
	if mine {
		p.run(now)
	}
	return mine
}

// HandleTimeout does what is due.
func (p *Profiler) HandleTimeout(now time.Time) { p.run(p.tick(now)) }

func (p *Profiler) run(now time.Time) {
	if p.started.IsZero() || p.done {
		return
	}
	over := !now.Before(p.started.Add(profileLimit))
	p.mapping.run(p, now, over)
	p.filtering.run(p, now, over)
	p.allocation.run(p, now, over)
	p.depth.run(p, now, over)
	p.poison.run(p, now, over)
	if p.mapping.over && p.filtering.phase == filteringOver && p.allocation.over && p.depth.over && p.poison.over {
		p.done = true
		p.result = p.verdict()
	}
}

// strict reports whether T2 has been silent for so long that the NAT probably filters by port: what only such NATs need
// begins then. It is no verdict.
func (p *Profiler) strict(now time.Time) bool {
	t := &p.filtering
	return t.phase == filteringAsks && !t.passed && !t.wrong && p.mapping.over && p.mapping.rtt > 0 &&
		now.Sub(t.asked.began) >= p.mapping.rtt*3/2+suspicion
}

// suspicion: jitter that T2's first answer is given.
const suspicion = 20 * time.Millisecond

func (p *Profiler) verdict() api.NATInfo {
	info := p.mapped()
	if info.Mapping == api.BehaviourUDPBlocked {
		info.Filtering = api.BehaviourUDPBlocked
		return info
	}
	info.Filtering = p.filtering.verdict(&p.mapping)
	p.allocation.verdict(p, &info)
	info.OpenerTTL = p.depth.verdict()
	info.Poisonable = p.poison.verdict(&info)
	return info
}

// mapped is what T1 found.
func (p *Profiler) mapped() api.NATInfo {
	info := api.NATInfo{}
	info.Mapping, info.Certain = p.mapping.verdict(p)
	if public := p.mapping.public(); public.IsValid() {
		info.Public = public.String()
	}
	return info
}

// Result is the profile; done is false while it is being measured.
func (p *Profiler) Result() (info api.NATInfo, done bool) { return p.result, p.done }

// Known is what was found so far: the mapping comes a round trip after Start, the allocation one more, the filtering of a
// strict NAT only when answers failed to come.
func (p *Profiler) Known() api.NATInfo {
	if p.done || !p.mapping.over {
		return p.result
	}
	info := p.mapped()
	if p.allocation.over {
		p.allocation.verdict(p, &info)
	}
	if p.filtering.phase == filteringOver && p.filtering.passed {
		info.Filtering = p.filtering.verdict(&p.mapping)
	}
	return info
}

// NextTimeout is when HandleTimeout must be called; zero if nothing is scheduled.
func (p *Profiler) NextTimeout() time.Time {
	if p.started.IsZero() || p.done {
		return time.Time{}
	}
	at := deadline.Earlier(deadline.Earlier(p.mapping.nextTimeout(p.now), p.filtering.nextTimeout(p)), p.started.Add(profileLimit))
	at = deadline.Earlier(deadline.Earlier(at, p.allocation.nextTimeout(p)), p.depth.nextTimeout(p))
	if t := &p.filtering; t.phase == filteringAsks && p.mapping.over && p.mapping.rtt > 0 && p.depth.phase == testIdle && !p.depth.over && !t.passed && !t.wrong {
		at = deadline.Earlier(at, t.asked.began.Add(p.mapping.rtt*3/2+suspicion))
	}
	return deadline.Earlier(at, p.poison.nextTimeout(p))
}

// AppendTransmit appends the next datagram to dst.
func (p *Profiler) AppendTransmit(now time.Time, dst []byte) (out []byte, tx Transmit, ok bool) {
	p.tick(now)
	if len(p.out) == 0 {
		return dst, Transmit{}, false
	}
	o := p.out[0]
	p.out = p.out[1:]
	dst = stun.AppendRequest(dst, &stun.Request{
		ID: o.q.id, ChangePort: o.q.change, ChangeAddress: o.q.away, HasToken: true, Token: p.cfg.Token, Size: requestSize,
	})
	return dst, Transmit{Socket: o.q.socket, To: o.q.to, TTL: o.ttl}, true
}

func (p *Profiler) tick(now time.Time) time.Time {
	if now.After(p.now) {
		p.now = now
	}
	return p.now
}

// request is one STUN transaction, sent again until it is answered or given up.
type request struct {
	id     stun.TransactionID
	socket api.SocketID
	to     netip.AddrPort
	change bool // ask for an answer from another port
	away   bool // and from the second address
	began  time.Time
	sends  int
	next   time.Time // when to send again; zero: not any more
}

func (p *Profiler) request(now time.Time, socket api.SocketID, port uint16, change bool) *request {
	return p.requestTo(now, socket, netip.AddrPortFrom(p.cfg.Server, port), change)
}

func (p *Profiler) requestTo(now time.Time, socket api.SocketID, to netip.AddrPort, change bool) *request {
	q := &request{socket: socket, to: to, change: change, began: now, next: now}
	p.random.take(q.id[:])
	return q
}

// is reports whether an answer is the one to q. An answer to a request for a change comes from elsewhere.
func (q *request) is(socket api.SocketID, from netip.AddrPort, r *stun.Response) bool {
	return q != nil && q.id == r.ID && q.socket == socket && (q.change || q.to == from)
}

// resend queues q if it is due and schedules its next time by times, which count from its beginning.
func (p *Profiler) resend(now time.Time, q *request, times []time.Duration) {
	if q.next.IsZero() || now.Before(q.next) {
		return
	}
	p.post(q, 0)
	q.sends++
	for q.next = (time.Time{}); q.sends < len(times); q.sends++ {
		if q.next = q.began.Add(times[q.sends]); q.next.After(now) {
			return
		}
		q.next = time.Time{} // slept through it
	}
}

// post sends a request, within the profile's budget.
func (p *Profiler) post(q *request, ttl uint8) {
	if p.sent < maxProfile {
		p.sent++
		p.out = append(p.out, outgoing{q, ttl})
	}
}
