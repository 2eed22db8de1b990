package natsim

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

func (b *Box) innerKey(inner, remote netip.AddrPort) innerKey {
	switch {
	case b.perFlow():
		return innerKey{inner, remote}
	case b.cfg.Mapping == api.AddressDependent:
		return innerKey{inner, netip.AddrPortFrom(remote.Addr(), 0)}
	}
	return innerKey{inner: inner}
}

func (b *Box) outerKey(port uint16, remote netip.AddrPort) outerKey {
	switch {
	case b.perFlow():
		return outerKey{port, remote}
	case b.cfg.Mapping == api.AddressDependent:
		return outerKey{port, netip.AddrPortFrom(remote.Addr(), 0)}
	}
	return outerKey{port: port}
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
	if len(b.byInner) >= maxSessions && !b.sweep(now) {
		return nil
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

// allocate chooses an outer port whose tuple with remote is free.
func (b *Box) allocate(now time.Time, inner uint16, remote netip.AddrPort) (uint16, bool) {
	if b.cfg.Alloc == Preserve && b.free(now, inner, remote) {
		return inner, true
	}
	for range 1000 {
		port := uint16(1024 + b.rng.IntN(65536-1024))
		if b.cfg.Alloc == Sequential {
			if b.next++; b.next < 1024 {
				b.next = 1024
			}
			port = b.next
		}
		if b.free(now, port, remote) {
			return port, true
		}
	}
	return 0, false
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
	switch b.cfg.Filtering {
	case api.EndpointIndependent:
		return permitKey{}
	case api.AddressDependent:
		return permitKey{port, netip.AddrPortFrom(remote.Addr(), 0)}
	}
	return permitKey{port, remote}
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
