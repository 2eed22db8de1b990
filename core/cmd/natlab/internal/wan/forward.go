//go:build linux

package wan

import (
	"bytes"
	"net/netip"
	"time"
)

// Address is the router's own, seen only as the sender of ICMP errors (RFC 2544's benchmark range).
var Address = netip.MustParseAddr("198.18.0.1")

// forward decides about one packet that came in from a side: it is queued for another, or dropped for a counted reason.
// The packet belongs to the queue or to the free list afterwards. r.mu is held.
func (r *Router) forward(now time.Duration, from Side, p *packet) {
	p.turned = false // packets are used again
	h, ok := parseIPv4(p.data)
	if !ok {
		r.drop(p, DropNotIPv4) // router solicitations of a namespace with IPv6, nothing of ours
		return
	}
	if r.links[from].NAT != nil {
		if h, ok = r.translateOut(now, from, p, h); !ok {
			r.drop(p, DropNAT)
			return
		}
		if p.turned && h.ttl > 1 && len(r.queue.heap) < queueLimit {
			decrementTTL(p.data)
			p.from, p.to, p.due = from, from, now
			r.queue.put(p)
			return
		}
	}
	if !r.links[from].Prefix.Contains(h.src) {
		r.drop(p, DropSource) // a NAT that leaks private addresses; providers drop these too (BCP 38)
		return
	}
	if h.ttl <= 1 {
		r.expire(now, from, p, h)
		return
	}
	to, ok := r.route(h.dst)
	if !ok || to == from {
		r.drop(p, DropRoute) // among them candidates that are somebody's private address
		return
	}
	if h.payload != nil {
		r.search(from, to, h.payload)
	}
	decrementTTL(p.data)
	r.send(now, from, to, p, h)
}

// expire drops a packet whose TTL runs out here and tells the sender, as routers do.
func (r *Router) expire(now time.Duration, from Side, p *packet, h header) {
	p.turned = false
	r.counters.Dropped[DropTTL]++
	if h.proto == protoICMP || len(r.queue.heap) >= queueLimit {
		r.free = append(r.free, p) // never an error about an error (RFC 1122)
		return
	}
	var reply [128]byte
	p.data = append(p.buf[:0], timeExceeded(reply[:0], Address, p.data, h)...)
	p.from, p.to = from, from
	p.due = now + r.paths[from][from].shape.Delay // half the way there and half the way back
	r.queue.put(p)
}

// send applies the shape of the direction and puts the packet on its way. The dice are thrown in a fixed order, and only
// for what the shape asks for: the same packets with the same seed meet the same fate.
func (r *Router) send(now time.Duration, from, to Side, p *packet, h header) {
	way := &r.paths[from][to]
	switch {
	case way.cut:
		r.drop(p, DropCut)
		return
	case way.shape.Loss > 0 && way.rng.Float64() < way.shape.Loss:
		r.drop(p, DropLoss)
		return
	case len(r.queue.heap) >= queueLimit:
		r.drop(p, DropQueue)
		return
	}
	r.countFlow(h, len(p.data))
	p.from, p.to = from, to
	p.due = way.schedule(now)
	if way.shape.Duplicate > 0 && way.rng.Float64() < way.shape.Duplicate {
		twin := &packet{due: p.due, from: from, to: to}
		twin.data = append(twin.buf[:0], p.data...)
		r.queue.put(twin)
	}
	r.queue.put(p)
}

// schedule says when a packet that comes now leaves. Jitter never lets one packet pass another, because a queue in a real
// router does not either; what passes is Reorder's, which a receiver must be able to tell from jitter in a measurement.
func (w *path) schedule(now time.Duration) time.Duration {
	due := now + w.shape.Delay
	if w.shape.Reorder > 0 && w.rng.Float64() < w.shape.Reorder {
		hold := w.shape.HoldBack
		if hold == 0 {
			hold = w.shape.Delay / 2
		}
		return due + hold // and w.last stays: later packets may pass
	}
	if w.shape.Jitter > 0 {
		due += time.Duration(w.rng.Int64N(int64(w.shape.Jitter)))
	}
	w.last = max(w.last, due)
	return w.last
}

// route finds the side where an address lives. The prefixes don't overlap, so that the first match is the only one.
func (r *Router) route(dst netip.Addr) (Side, bool) {
	for side := range Side(Sides) {
		if r.links[side].Prefix.Contains(dst) {
			return side, true
		}
	}
	return 0, false
}

// drop ends a packet's way and counts why.
func (r *Router) drop(p *packet, why Drop) {
	r.counters.Dropped[why]++
	r.free = append(r.free, p)
}

// search looks for the marker in a datagram's payload: a plaintext that crosses the internet unencrypted is found here.
func (r *Router) search(from, to Side, payload []byte) {
	if len(r.marker) == 0 {
		return
	}
	s := &r.found[from][to]
	s.Datagrams++
	s.Bytes += uint64(len(payload))
	if bytes.Contains(payload, r.marker) {
		s.Hits++
	}
}
