package natsim

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// scope cuts off what of a remote address a table does not look at.
func scope(b api.Behaviour, remote netip.AddrPort) netip.AddrPort {
	switch b {
	case api.AddressAndPortDependent:
		return remote
	case api.AddressDependent:
		return netip.AddrPortFrom(remote.Addr(), 0)
	}
	return netip.AddrPort{}
}

// mappingScope is what a mapping depends on.
func (b *Box) mappingScope() api.Behaviour {
	if b.perFlow() {
		return api.AddressAndPortDependent
	}
	return b.cfg.Mapping
}

func (b *Box) innerKey(inner, remote netip.AddrPort) innerKey {
	return innerKey{inner, scope(b.mappingScope(), remote)}
}

// outerKey tells whose packets to a port belong to one mapping: a port can serve two mappings only as far as both the
// mapping and the filter tell remotes apart.
func (b *Box) outerKey(port uint16, remote netip.AddrPort) outerKey {
	return outerKey{port, scope(min(b.mappingScope(), b.cfg.Filtering), remote)}
}

// mappingFor finds or makes the mapping of an outbound flow; nil if no port is free.
func (b *Box) mappingFor(now time.Time, inner, remote netip.AddrPort) *mapping {
	key := b.innerKey(inner, remote)
	if m := b.byInner[key]; m != nil {
		if now.Before(m.until) {
			return m
		}
		b.drop(key, m, remote)
	}
	if len(b.byInner) >= b.cfg.Sessions {
		if b.sweep(now); len(b.byInner) >= b.cfg.Sessions {
			return nil
		}
	}
	port, ok := b.allocate(now, inner.Port(), remote)
	if !ok {
		return nil
	}
	m := &mapping{inner: inner, port: port, until: now.Add(b.cfg.Timeout)}
	b.byInner[key], b.byOuter[b.outerKey(port, remote)] = m, m
	return m
}

func (b *Box) drop(key innerKey, m *mapping, remote netip.AddrPort) {
	delete(b.byInner, key)
	if k := b.outerKey(m.port, remote); b.byOuter[k] == m {
		delete(b.byOuter, k)
	}
}

// free reports whether neither a mapping nor a stranger's packet holds the tuple.
func (b *Box) free(now time.Time, port uint16, remote netip.AddrPort) bool {
	if m := b.byOuter[b.outerKey(port, remote)]; m != nil && now.Before(m.until) {
		return false
	}
	until, taken := b.squatted[outerKey{port, remote}]
	return !taken || !now.Before(until)
}

// squat notes that a packet without a mapping reached the router itself, which then holds the tuple as a flow of its
// own. Each further packet keeps it.
func (b *Box) squat(now time.Time, port uint16, remote netip.AddrPort) {
	if b.cfg.Poison && (len(b.squatted) < maxSessions || b.sweep(now)) {
		b.squatted[outerKey{port, remote}] = now.Add(b.cfg.Timeout)
	}
}

func (b *Box) permitKey(port uint16, remote netip.AddrPort) permitKey {
	if b.cfg.Filtering == api.EndpointIndependent {
		return permitKey{}
	}
	return permitKey{port, scope(b.cfg.Filtering, remote)}
}

// permit lets remote answer to an outer port for a timeout.
func (b *Box) permit(now time.Time, port uint16, remote netip.AddrPort) {
	if len(b.permits) < maxSessions || b.sweep(now) {
		b.permits[b.permitKey(port, remote)] = now.Add(b.cfg.Timeout)
	}
}

func (b *Box) permitted(now time.Time, port uint16, remote netip.AddrPort) bool {
	if b.cfg.Filtering == api.EndpointIndependent {
		return true
	}
	return now.Before(b.permits[b.permitKey(port, remote)])
}

// sweep removes what has ended and reports whether every table has room again.
func (b *Box) sweep(now time.Time) bool {
	for k, m := range b.byInner {
		if !now.Before(m.until) {
			delete(b.byInner, k)
		}
	}
	for k, m := range b.byOuter {
		if !now.Before(m.until) {
			delete(b.byOuter, k)
		}
	}
	for _, t := range []map[outerKey]time.Time{b.permits, b.squatted} {
		for k, until := range t {
			if !now.Before(until) {
				delete(t, k)
			}
		}
	}
	return len(b.byInner) < maxSessions && len(b.permits) < maxSessions && len(b.squatted) < maxSessions
}
