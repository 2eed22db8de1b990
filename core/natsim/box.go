package natsim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// Packet is a UDP datagram on its way. Data is passed through untouched.
type Packet struct {
	Src, Dst netip.AddrPort
	TTL      uint8 // hops left, as on the wire; hosts send DefaultTTL
	Data     []byte
}

// DefaultTTL is what a host puts into a packet that asks for nothing special.
const DefaultTTL = 64

// Box is one NAT or firewall.
type Box struct {
	cfg Config
	wan netip.Addr
	rng *rand.Rand

	byInner  map[innerKey]*mapping // who inside, talking to whom
	byOuter  map[outerKey]*mapping // whose packets an outer port takes
	permits  map[permitKey]time.Time
	squatted map[outerKey]time.Time // tuples that strangers' packets occupy

	low, ports int       // the box's ports are low..low+ports-1
	next       int       // Sequential: offset of the latest port given
	foreignAt  time.Time // Sequential: when somebody else takes the next port; zero: nobody yet
}

// mapping binds an inner address to an outer port.
type mapping struct {
	inner netip.AddrPort
	port  uint16
	until time.Time
}

// innerKey and outerKey leave the parts of remote zero that the mapping's kind does not look at.
type innerKey struct{ inner, remote netip.AddrPort }

type outerKey struct {
	port   uint16
	remote netip.AddrPort
}

type permitKey = outerKey

// maxSessions bounds each table, as a real box's memory does.
const maxSessions = 1 << 16

// New makes a box whose outer address is wan (for Mapping none: the host's own). rng gives random ports; it may be
// shared with the rest of a simulation.
func New(cfg Config, wan netip.Addr, rng *rand.Rand) *Box {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Sessions == 0 {
		cfg.Sessions = maxSessions
	}
	if cfg.Step == 0 {
		cfg.Step = 1
	}
	b := &Box{cfg: cfg, wan: wan, rng: rng}
	b.layPorts()
	b.Reboot()
	return b
}

// Addr is the outer address.
func (b *Box) Addr() netip.Addr { return b.wan }

// Reboot forgets all mappings, as a power cut does. A counting box begins at another port.
func (b *Box) Reboot() {
	b.next, b.foreignAt = b.rng.IntN(b.ports), time.Time{}
	b.byInner, b.byOuter = map[innerKey]*mapping{}, map[outerKey]*mapping{}
	b.permits, b.squatted = map[permitKey]time.Time{}, map[outerKey]time.Time{}
}

// SetAddr gives the box another outer address, as a provider does, and another block of its ports; mappings of the old
// one end.
func (b *Box) SetAddr(wan netip.Addr) {
	b.wan = wan
	b.layPorts()
	b.Reboot()
}

// SetBlocked lets no UDP through any more, or again.
func (b *Box) SetBlocked(on bool) { b.cfg.Blocked = on }

// routes reports whether the box is a hop at all: a public host has nothing in front of it.
func (b *Box) routes() bool {
	return b.cfg.Mapping != api.BehaviourNone || b.cfg.Filtering != api.EndpointIndependent
}

// Translates reports whether hosts behind the box have addresses of their own.
func (b *Box) Translates() bool { return b.cfg.Mapping != api.BehaviourNone }

// perFlow reports whether each (inner, remote) pair gets a mapping of its own. Symmetric NATs do so by definition;
// conntrack does it too and looks endpoint-independent only because it keeps the port while its tuple is free.
func (b *Box) perFlow() bool {
	return b.cfg.Mapping == api.AddressAndPortDependent ||
		b.cfg.Mapping == api.EndpointIndependent && b.cfg.Alloc == Preserve && b.cfg.Filtering == api.AddressAndPortDependent
}

// Outbound takes a packet from the inside. It returns the packet as it goes on: to the world, or, hairpinned, back
// inside (its Dst is then an inner address). ok is false if the box dropped it.
func (b *Box) Outbound(now time.Time, p Packet) (out Packet, ok bool) {
	if b.cfg.Blocked {
		return Packet{}, false
	}
	if !b.routes() {
		return p, p.TTL > 0
	}
	if p.TTL <= 1 { // routers check the TTL before they translate: no mapping arises
		return Packet{}, false
	}
	p.TTL--
	hairpin := p.Dst.Addr() == b.wan
	if hairpin && !b.cfg.Hairpin {
		return Packet{}, false
	}
	if b.cfg.Mapping != api.BehaviourNone {
		m := b.mappingFor(now, p.Src, p.Dst)
		if m == nil {
			return Packet{}, false
		}
		m.until = now.Add(b.cfg.Timeout)
		p.Src = netip.AddrPortFrom(b.wan, m.port)
	}
	b.permit(now, p.Src.Port(), p.Dst)
	if hairpin {
		p.TTL++ // one hop, not two
		return b.Inbound(now, p)
	}
	return p, true
}

// Inbound takes a packet that arrived at the outer address. ok is false if the box dropped it or kept it for itself.
func (b *Box) Inbound(now time.Time, p Packet) (in Packet, ok bool) {
	if b.cfg.Blocked || p.TTL == 0 || p.Dst.Addr() != b.wan {
		return Packet{}, false
	}
	if !b.routes() {
		return p, true
	}
	port := p.Dst.Port()
	inner := p.Dst
	if b.cfg.Mapping != api.BehaviourNone {
		m := b.byOuter[b.outerKey(port, p.Src)]
		if m == nil || !now.Before(m.until) {
			b.squat(now, port, p.Src)
			return Packet{}, false
		}
		if !b.permitted(now, port, p.Src) {
			return Packet{}, false
		}
		m.until = now.Add(b.cfg.Timeout) // conntrack refreshes on either direction
		inner = m.inner
	} else if !b.permitted(now, port, p.Src) {
		return Packet{}, false
	}
	if p.TTL == 1 {
		return Packet{}, false
	}
	b.permit(now, port, p.Src)
	p.TTL--
	p.Dst = inner
	return p, true
}
