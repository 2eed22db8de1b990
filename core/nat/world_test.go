package nat

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/wire"
)

// oneWay is the delay from host to host; a round trip is twice that.
const (
	oneWay  = 20 * time.Millisecond
	rtt     = 2 * oneWay
	lanHop  = time.Millisecond
	warmUp  = time.Hour // virtual clock's start, so that zero times stay special
	fullTTL = natsim.DefaultTTL
)

var serverAddr = netip.MustParseAddr("203.0.113.1")

// world is a tiny virtual network: hosts behind boxes, one router in the middle, a clock that jumps.
type world struct {
	t     *testing.T
	now   time.Time
	rng   *rand.Rand
	loss  float64
	cut   bool // the middle router drops everything
	mtu   int  // frames larger than this are dropped; 0: none
	queue flights
	order int
	hosts []*host
}

type flight struct {
	at    time.Time
	order int
	from  *host
	p     natsim.Packet
	probe wire.Probe
	lan   bool
}

type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at.Before(f[j].at) || f[i].at.Equal(f[j].at) && f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}

// host is one client: an Agent, the box in front of it, and what happened.
type host struct {
	name    string
	box     *natsim.Box
	cfg     natsim.Config
	inner   netip.AddrPort
	public  netip.AddrPort // as the server sees it
	agent   *Agent
	sent    []Probe
	history []happened
}

type happened struct {
	at time.Time
	Event
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{t: t, now: time.Unix(0, 0).Add(warmUp), rng: rand.New(rand.NewPCG(seed, 7))}
}

// reader turns the world's seeded generator into bytes for nonces.
type reader struct{ rng *rand.Rand }

func (r reader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.rng.Uint32())
	}
	return len(b), nil
}

// host adds a client behind the named preset. net numbers its home network and its public address.
func (w *world) host(preset string, net byte) *host {
	cfg, ok := natsim.Preset(preset)
	if !ok {
		w.t.Fatalf("no preset %q", preset)
	}
	wan := netip.AddrFrom4([4]byte{198, 51, 100, net})
	h := &host{name: preset, cfg: cfg, box: natsim.New(cfg, wan, w.rng)}
	ip := netip.AddrFrom4([4]byte{192, 168, net, 2})
	if cfg.Mapping == api.BehaviourNone {
		ip = wan
	}
	h.inner = netip.AddrPortFrom(ip, uint16(20000+w.rng.IntN(20000)))
	out, ok := h.box.Outbound(w.now, natsim.Packet{Src: h.inner, Dst: netip.AddrPortFrom(serverAddr, 3478), TTL: fullTTL})
	if !ok {
		w.t.Fatalf("%s does not reach the server", preset)
	}
	h.public = out.Src
	w.hosts = append(w.hosts, h)
	return h
}

// join gives both hosts their agents with each other's addresses. a is the caller.
func (w *world) join(a, b *host, startAfter time.Duration) {
	for i, h := range []*host{a, b} {
		peer := []*host{b, a}[i]
		h.agent = NewAgent(AgentConfig{
			Rand: reader{w.rng}, Caller: i == 0, StartAfter: startAfter,
			Local: profileOf(h.cfg), Remote: profileOf(peer.cfg), Punch: api.PunchOff,
		})
		h.agent.AddRemote(w.now, []netip.AddrPort{peer.public}, false)
		if peer.inner != peer.public {
			h.agent.AddRemote(w.now, []netip.AddrPort{peer.inner}, true)
		}
	}
}

func profileOf(c natsim.Config) wire.Profile {
	p := wire.Profile{Mapping: uint8(c.Mapping), Filtering: uint8(c.Filtering), Certain: true, Allocation: uint8(api.AllocPreserved)}
	switch c.Alloc {
	case natsim.Random:
		p.Allocation, p.Low, p.High = uint8(api.AllocRandom), lowestPort, highestPort
	case natsim.Sequential:
		p.Allocation, p.Step = uint8(api.AllocSequential), 1
	}
	return p
}

// drain takes everything that the agents want to send and report.
func (w *world) drain() {
	for _, h := range w.hosts {
		for h.agent != nil {
			p, ok := h.agent.NextProbe(w.now)
			if !ok {
				break
			}
			h.sent = append(h.sent, p)
			w.transmit(h, p)
		}
		for h.agent != nil {
			e, ok := h.agent.NextEvent()
			if !ok {
				break
			}
			h.history = append(h.history, happened{w.now, e})
		}
	}
}

func (w *world) transmit(h *host, p Probe) {
	ttl := p.TTL
	if ttl == 0 {
		ttl = fullTTL
	}
	packet := natsim.Packet{Src: h.inner, Dst: p.To, TTL: ttl}
	f := flight{from: h, p: packet, probe: p.Probe}
	if p.To.Addr().IsPrivate() { // on the home network, or nowhere
		f.lan, f.at = true, w.now.Add(lanHop)
	} else {
		out, ok := h.box.Outbound(w.now, packet)
		if !ok {
			return
		}
		if out.Dst.Addr().IsPrivate() { // hairpinned
			f.lan, f.at, f.p = true, w.now.Add(lanHop), out
		} else {
			out.TTL-- // the router in the middle
			if out.TTL == 0 || w.cut || w.rng.Float64() < w.loss || w.mtu > 0 && p.Size > w.mtu {
				return
			}
			f.p, f.at = out, w.now.Add(oneWay)
		}
	}
	w.order++
	f.order = w.order
	heap.Push(&w.queue, f)
}

func (w *world) arrive(f flight) {
	for _, h := range w.hosts {
		in, ok := f.p, h.inner == f.p.Dst && h.inner.Addr().As4()[2] == f.from.inner.Addr().As4()[2]
		if !f.lan {
			in, ok = h.box.Inbound(w.now, f.p)
			ok = ok && in.Dst == h.inner
		}
		if ok && h.agent != nil {
			probe := f.probe
			h.agent.HandleProbe(w.now, api.MainSocket, in.Src, &probe)
			w.drain()
			return
		}
	}
}

// run lets d pass, or less if until says stop.
func (w *world) run(d time.Duration, until func() bool) {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 200000 {
			w.t.Fatal("the world does not come to rest")
		}
		w.drain()
		if until != nil && until() {
			return
		}
		next := end
		for _, h := range w.hosts {
			if h.agent == nil {
				continue
			}
			if at := h.agent.NextTimeout(); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if len(w.queue) > 0 && w.queue[0].at.Before(next) {
			next = w.queue[0].at
		}
		if next.After(w.now) {
			w.now = next
		}
		if !w.now.Before(end) {
			w.now = end
			return
		}
		for len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			w.arrive(heap.Pop(&w.queue).(flight))
		}
		for _, h := range w.hosts {
			if h.agent == nil {
				continue
			}
			if at := h.agent.NextTimeout(); !at.IsZero() && !at.After(w.now) {
				h.agent.HandleTimeout(w.now)
			}
		}
	}
}

// first is when a kind of event happened first.
func (h *host) first(kind EventKind) (happened, bool) {
	for _, e := range h.history {
		if e.Kind == kind {
			return e, true
		}
	}
	return happened{}, false
}

func (h *host) count(kind EventKind) (n int) {
	for _, e := range h.history {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// initiated counts packets that were not answers.
func (h *host) initiated() (n int) {
	for _, p := range h.sent {
		if !p.Response {
			n++
		}
	}
	return n
}

func both(a, b *host, kind EventKind) func() bool {
	return func() bool {
		_, x := a.first(kind)
		_, y := b.first(kind)
		return x && y
	}
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
