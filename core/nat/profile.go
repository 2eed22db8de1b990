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
	Ports      []uint16 // the server's STUN ports, the main one first
	Token      [16]byte // link token: lets the server answer from another port
}

// Profiler finds out a network's mapping and filtering with the STUN ports of one server. T1 and T2 of docs/NAT.md run
// side by side:
//
//	T1 mapping    main socket to each port; do the mapped addresses agree?
//	T2 filtering  fresh socket to one port, which asks for an answer from another
//
// One server address can't tell address-dependent from endpoint-independent behaviour, on either axis. Mapping then
// reads endpoint-independent, and escalation finds out; filtering reads address-dependent, the stricter of the two.
type Profiler struct {
	cfg     ProfilerConfig
	random  random
	now     time.Time
	started time.Time
	result  api.NATInfo
	done    bool

	mapping   mappingTest
	filtering filteringTest
	out       []*request
	closing   []api.SocketID
}

// Transmit says where a datagram goes. TTL 0 is the system's.
type Transmit struct {
	Socket api.SocketID
	To     netip.AddrPort
	TTL    uint8
}

const (
	profileLimit = 1500 * time.Millisecond // a profile ends after that, with what it knows
	maxPorts     = 4                       // STUN ports of a server that are asked
	requestSize  = 104                     // bytes; no answer is larger: 20 header, 3 IPv6 addresses of 24, fingerprint 8
)

// NewProfiler makes a Profiler that waits for Start.
func NewProfiler(cfg ProfilerConfig) *Profiler {
	cfg.Server = cfg.Server.Unmap()
	cfg.Ports = cfg.Ports[:min(len(cfg.Ports), maxPorts)]
	return &Profiler{cfg: cfg, random: random{r: cfg.Rand}}
}

// Start begins a measurement; a second one starts it anew.
func (p *Profiler) Start(now time.Time) {
	now = p.tick(now)
	p.started, p.done, p.result, p.out = now, false, api.NATInfo{}, nil
	p.filtering.end(p)
	p.mapping.start(p, now)
	p.filtering.start(len(p.cfg.Ports) >= 2)
	p.run(now)
}

// WantSocket reports, once, that a fresh socket is needed: one that never sent anything. Answer with SocketOpened or
// SocketFailed.
func (p *Profiler) WantSocket() bool {
	want := p.filtering.want
	p.filtering.want = false
	return want
}

// SocketOpened gives the socket that WantSocket asked for.
func (p *Profiler) SocketOpened(now time.Time, id api.SocketID, local netip.AddrPort) {
	now = p.tick(now)
	p.filtering.opened(p, now, id)
	p.run(now)
}

// SocketFailed tells that there will be none: filtering stays unknown.
func (p *Profiler) SocketFailed(now time.Time) {
	now = p.tick(now)
	p.filtering.end(p)
	p.run(now)
}

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
	if p.started.IsZero() || from.Addr() != p.cfg.Server {
		return false
	}
	r, ok := stun.ParseResponse(b)
	if !ok {
		return false
	}
	mine := p.mapping.answered(now, socket, from, &r) || p.filtering.answered(socket, from, &r)
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
	if p.mapping.over && p.filtering.phase == filteringOver {
		p.done = true
		p.result = p.verdict()
	}
}

func (p *Profiler) verdict() api.NATInfo {
	info := api.NATInfo{Mapping: p.mapping.verdict(p)}
	if info.Mapping == api.BehaviourUDPBlocked {
		info.Filtering = api.BehaviourUDPBlocked
		return info
	}
	info.Filtering = p.filtering.verdict(&p.mapping)
	if public := p.mapping.public(); public.IsValid() {
		info.Public = public.String()
	}
	return info
}

// Result is the profile; done is false while it is being measured.
func (p *Profiler) Result() (info api.NATInfo, done bool) { return p.result, p.done }

// Known is what was found so far: the mapping comes a round trip after Start, the filtering of a strict NAT only when
// answers failed to come.
func (p *Profiler) Known() api.NATInfo {
	if p.done || !p.mapping.over {
		return p.result
	}
	info := api.NATInfo{Mapping: p.mapping.verdict(p)}
	if public := p.mapping.public(); public.IsValid() {
		info.Public = public.String()
	}
	return info
}

// NextTimeout is when HandleTimeout must be called; zero if nothing is scheduled.
func (p *Profiler) NextTimeout() time.Time {
	if p.started.IsZero() || p.done {
		return time.Time{}
	}
	return deadline.Earlier(deadline.Earlier(p.mapping.nextTimeout(), p.filtering.nextTimeout()), p.started.Add(profileLimit))
}

// AppendTransmit appends the next datagram to dst.
func (p *Profiler) AppendTransmit(now time.Time, dst []byte) (out []byte, tx Transmit, ok bool) {
	p.tick(now)
	if len(p.out) == 0 {
		return dst, Transmit{}, false
	}
	q := p.out[0]
	p.out = p.out[1:]
	dst = stun.AppendRequest(dst, &stun.Request{
		ID: q.id, ChangePort: q.change, HasToken: true, Token: p.cfg.Token, Size: requestSize,
	})
	return dst, Transmit{Socket: q.socket, To: q.to}, true
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
	began  time.Time
	sends  int
	next   time.Time // when to send again; zero: not any more
}

func (p *Profiler) request(now time.Time, socket api.SocketID, port uint16, change bool) *request {
	q := &request{socket: socket, to: netip.AddrPortFrom(p.cfg.Server, port), change: change, began: now, next: now}
	p.random.take(q.id[:])
	return q
}

// resend queues q if it is due and schedules its next time by times, which count from its beginning.
func (p *Profiler) resend(now time.Time, q *request, times []time.Duration) {
	if q.next.IsZero() || now.Before(q.next) {
		return
	}
	p.out = append(p.out, q)
	q.sends++
	for q.next = (time.Time{}); q.sends < len(times); q.sends++ {
		if q.next = q.began.Add(times[q.sends]); q.next.After(now) {
			return
		}
		q.next = time.Time{} // slept through it
	}
}
