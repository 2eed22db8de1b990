//go:build linux

package wan

import (
	"net/netip"
	"slices"
)

// Drop is a reason for which the router did not forward a packet.
type Drop uint8

const (
	DropNotIPv4  Drop = iota // no whole IPv4 packet
	DropSource               // source address that does not live on that side
	DropTTL                  // time to live ran out
	DropRoute                // nobody has that destination
	DropCut                  // the direction is cut
	DropLoss                 // by the seeded dice
	DropQueue                // more packets under way than the router holds
	DropLinkDown             // the far device did not take it
	DropNAT                  // a NAT in the router did not let it out or in
	dropCount
)

func (d Drop) String() string {
	return [...]string{"not IPv4", "wrong source", "TTL ran out", "no route", "cut", "lost", "queue full", "link down", "refused by the NAT", "?"}[min(d, dropCount)]
}

// Count is traffic: packets, and their bytes with IP headers.
type Count struct{ Packets, Bytes uint64 }

// Counters is what the router saw. Delivered[A][B] is proof of a direct path: these packets never met the server.
type Counters struct {
	Delivered [Sides][Sides]Count
	Dropped   [dropCount]uint64
}

// Direct counts what went between the two peers' networks in both directions.
func (c Counters) Direct() Count {
	x, y := c.Delivered[A][B], c.Delivered[B][A]
	return Count{x.Packets + y.Packets, x.Bytes + y.Bytes}
}

// Since gives what has been delivered from an earlier reading to this one.
func (c Counters) Since(earlier Counters) (d [Sides][Sides]Count) {
	for i := range Sides {
		for j := range Sides {
			d[i][j].Packets = c.Delivered[i][j].Packets - earlier.Delivered[i][j].Packets
			d[i][j].Bytes = c.Delivered[i][j].Bytes - earlier.Delivered[i][j].Bytes
		}
	}
	return d
}

// Counters reads the counters.
func (r *Router) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counters
}

// Flow is one direction between two public transport addresses. Ports are zero for anything but UDP.
type Flow struct{ Src, Dst netip.AddrPort }

// FlowCount is a flow and what the router accepted of it.
type FlowCount struct {
	Flow
	Count
}

// Flows lists what was accepted by source and destination, in a fixed order.
func (r *Router) Flows() []FlowCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]FlowCount, 0, len(r.flows))
	for f, c := range r.flows {
		list = append(list, FlowCount{f, c})
	}
	slices.SortFunc(list, func(x, y FlowCount) int {
		if c := x.Src.Compare(y.Src); c != 0 {
			return c
		}
		return x.Dst.Compare(y.Dst)
	})
	return list
}

// countFlow counts a packet for its pair of addresses. A port scan could make more flows than anybody reads: past the limit
// new ones are not counted apart, known ones still are. r.mu is held.
func (r *Router) countFlow(h header, n int) {
	f := Flow{netip.AddrPortFrom(h.src, h.srcPort), netip.AddrPortFrom(h.dst, h.dstPort)}
	c, known := r.flows[f]
	if !known && len(r.flows) >= flowLimit {
		return
	}
	c.Packets++
	c.Bytes += uint64(n)
	r.flows[f] = c
}

// Search is the result of looking for a plaintext in the UDP payloads of one direction.
type Search struct{ Datagrams, Bytes, Hits uint64 }

// SetMarker starts the search for a plaintext in all datagrams and clears earlier results; empty ends it.
func (r *Router) SetMarker(marker string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marker = []byte(marker)
	r.found = [Sides][Sides]Search{}
}

// Found tells what the search met in one direction so far.
func (r *Router) Found(from, to Side) Search {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.found[from][to]
}
