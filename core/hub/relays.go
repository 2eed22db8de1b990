package hub

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// nearerBy is by how much one home must be nearer to its client than the other to its own, to be the better relay.
const nearerBy = 5 * time.Millisecond

// relays chooses the nodes by which two members' packets go when they don't go directly, for each of the two: one home, and the
// other, or any other node of the region, as the backup. Through a home the way is the direct one and at most twice the home's distance
// from its client: so the nearer home is the better relay, of two as near the one with fewer links. A client without UDP reaches
// its home only; two such with two homes have half a relay each (seekHalf).
func (h *Hub) relays(caller, callee *rendezvous.LinkRef) (relay, backup [2]netip.AddrPort) {
	homes := [2]netip.AddrPort{h.cluster.AddrOf(caller.Node), h.cluster.AddrOf(callee.Node)}
	if caller.Stream && callee.Stream && homes[0] != homes[1] && homes[0].IsValid() && homes[1].IsValid() {
		return homes, backup
	}
	first, second := homes[0], homes[1]
	if !first.IsValid() || second.IsValid() && h.better(callee, caller) {
		first, second = second, first
	}
	if second == first || !second.IsValid() {
		second = netip.AddrPort{}
		for _, a := range append(h.cluster.Others(2), h.cfg.Public) {
			if a != first {
				second = a
				break
			}
		}
	}
	return [2]netip.AddrPort{first, first}, [2]netip.AddrPort{second, second}
}

// better reports whether a's home is a better relay for the two than b's.
func (h *Hub) better(a, b *rendezvous.LinkRef) bool {
	links, draining := h.cluster.Burden(a.Node)
	others, drains := h.cluster.Burden(b.Node)
	switch {
	case a.Stream != b.Stream:
		return a.Stream
	case draining != drains:
		return drains
	case a.RTT+nearerBy <= b.RTT || b.RTT+nearerBy <= a.RTT:
		return a.RTT < b.RTT
	}
	return links+links/fewerBy < others
}

// fewerBy: a home has fewer links if it has an eighth fewer. Else the caller's is as good, and one is as often caller as callee.
const fewerBy = 8

// A half of a relayed pair, as nodes tell it to each other:
//
//	+----------+--------------+--------+----------+-------------+------------+----------------+-----------------+
//	| flags(8) | session(128) | leg(8) | handle32 | counter(64) | client(64) | bits/s(32)     | packets/s(32)   |
//	+----------+--------------+--------+----------+-------------+------------+----------------+-----------------+
const halfAsks = 1 // the other half is to answer with its own

func appendHalf(flags uint8, x *relay.Half) []byte {
	be := binary.BigEndian
	b := append(append([]byte{flags}, x.Session[:]...), x.Leg)
	b = be.AppendUint64(be.AppendUint32(b, x.Handle), x.Counter)
	b = append(b, x.Client[:]...)
	return be.AppendUint32(be.AppendUint32(b, x.Rate.BitsPerSecond), x.Rate.PacketsPerSecond)
}

func parseHalf(b []byte) (flags uint8, x relay.Half, ok bool) {
	r := wire.NewReader(b)
	flags = r.U8()
	r.Copy(x.Session[:])
	x.Leg, x.Handle, x.Counter = r.U8(), r.U32(), r.U64()
	r.Copy(x.Client[:])
	x.Rate.BitsPerSecond, x.Rate.PacketsPerSecond = r.U32(), r.U32()
	return flags, x, !r.Err() && x.Leg <= 1
}

// seekHalf asks the other nodes for the other player of a session, whose one leg has just been bound here, to a stream: that is the
// only node which that player reaches.
func (h *Hub) seekHalf(now time.Time, at netip.AddrPort, session [16]byte, leg uint8) {
	if h.alone() || streamID(at) == 0 {
		return
	}
	if x, alone, ok := h.relay.Half(session, leg); ok && alone {
		h.cluster.Half(now, 0, appendHalf(halfAsks, &x))
	}
}

// halfCame leads one leg of a session of ours to the node that has its player.
func (h *Hub) halfCame(now time.Time, e *cluster.Event) {
	flags, x, ok := parseHalf(e.Body)
	at := h.cluster.AddrOf(e.Node)
	if !ok || !at.IsValid() {
		return
	}
	ours, _, ok := h.relay.Half(x.Session, 1-x.Leg)
	if !ok { // of that pair nobody is here
		return
	}
	// Whoever asks has its player in a stream, and just heard from it: a stream that it had here is no more.
	asks := flags&halfAsks != 0
	displace := func(leg netip.AddrPort) bool { return asks && streamID(leg) != 0 }
	if !asks {
		x.Counter = 0
	}
	if h.relay.Bridge(now, &x, at, displace) && asks {
		h.cluster.Half(now, e.Node, appendHalf(0, &ours))
	}
}

// boundByStream looks whether a BIND2 that came through a stream has bound a leg whose other end is elsewhere.
func (h *Hub) boundByStream(now time.Time, from netip.AddrPort, b []byte) {
	if h.alone() || b[0] != wire.TypeBind2 {
		return
	}
	m, _, ok := wire.ParseBind2(b)
	if !ok {
		return
	}
	// Each asks all other nodes: who binds again and again, with the ticket that it has, is not to keep them busy.
	if st := h.streams[streamID(from)]; !h.cfg.LabLimits && (st == nil || !h.halves.take(now, st.seen.Addr(), halfLimit)) {
		return
	}
	if t, _, ok := h.openTicket(now, m.Ticket); ok {
		h.seekHalf(now, from, t.Session, t.Leg)
	}
}
