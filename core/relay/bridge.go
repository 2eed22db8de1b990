package relay

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// A player whose network blocks UDP reaches one node only, by a stream. If the other player's leg is at another node, the two
// nodes make one relay of their two halves: each has the player that it reaches as one leg, and the other node as the other one.
//
//	player ══stream══ leg 0 [node A] leg 1 ──0x44 B's handle of its leg 0──▶ leg 0 [node B] leg 1 ── player
//	                                       ◀──0x44 A's handle of its leg 1──
//
// A leg that is a bridge is forwarded to like any other, but that its other end knows it by a handle of its own.

// Half is one node's half of a session, as the other node must know it.
type Half struct {
	Session [16]byte
	Leg     uint8   // that is at this node
	Client  KeyHash // its player's
	Rate    wire.RelayRate
	Counter uint64 // of the player's last word about where it is
	Handle  uint32 // by which this node knows its leg to the other half
}

// Half describes what is here of a session: the given leg, if it is bound to a player. alone: nothing is known of the other one.
func (s *Server) Half(id [16]byte, leg uint8) (h Half, alone, ok bool) {
	i, ok := s.byID[id]
	if !ok {
		return h, false, false
	}
	here, there := 2*i+uint32(leg&1), 2*i+uint32(leg&1)^1
	if _, bridge := s.bridges[here]; bridge || !s.legs[here].bound {
		return h, false, false
	}
	l := &s.legs[here]
	return Half{id, leg & 1, s.sessions[i].clients[leg&1], l.rate, l.counter, s.legs[there].handle}, !s.legs[there].bound, true
}

// Bridge makes the leg of a half that another node has lead there, to the node's address. A leg that is bound to a player here stays,
// unless displace says otherwise of its address, or the other node has a newer word of the player.
func (s *Server) Bridge(now time.Time, h *Half, to netip.AddrPort, displace func(at netip.AddrPort) bool) bool {
	s.clock(now)
	i, ok := s.byID[h.Session]
	if !ok || !to.IsValid() || h.Handle == 0 {
		return false
	}
	place := 2*i + uint32(h.Leg&1)
	l := &s.legs[place]
	if _, bridge := s.bridges[place]; l.bound && !bridge && !displace(l.addr()) && h.Counter <= l.counter {
		return false
	}
	l.rate = h.Rate
	s.bridges[place] = h.Handle
	s.bind(place, h.Client, to)
	return true
}

// name is the handle by which the receiver knows what comes from a leg.
func (s *Server) name(place uint32) uint32 {
	if handle, ok := s.bridges[place]; ok {
		return handle
	}
	return s.legs[place].handle
}
