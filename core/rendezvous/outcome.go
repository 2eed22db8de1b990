package rendezvous

import (
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// outcome is how a pair of acquainted members fares, as the one with the lower id told last.
type outcome uint8

const (
	untold outcome = iota
	direct
	relayed
)

// NATClass sorts players for statistics of who reaches whom. It follows what they say of themselves, so it is for charts and
// for nothing else.
type NATClass uint8

const (
	NATUnknown NATClass = iota
	NATOpen
	NATCone        // endpoint-independent mapping
	NATPredictable // the outer port changes with the destination, and can be guessed
	NATRandom      // it changes and can't
	NATBlocked     // no UDP
	NATClasses
)

var natClassNames = [NATClasses]string{"unknown", "open", "cone", "symmetric_predictable", "symmetric_random", "udp_blocked"}

func (c NATClass) String() string { return natClassNames[c] }

func classOf(p wire.Profile) NATClass {
	switch api.Behaviour(p.Mapping) {
	case api.BehaviourNone:
		return NATOpen
	case api.EndpointIndependent:
		return NATCone
	case api.AddressDependent, api.AddressAndPortDependent:
		if api.Allocation(p.Allocation) == api.AllocRandom {
			return NATRandom
		}
		return NATPredictable
	case api.BehaviourUDPBlocked:
		return NATBlocked
	}
	return NATUnknown
}

// Outcomes counts pairs of players by the classes of their NATs, the lower class first. A pair that was relayed and went direct
// later counts as direct only.
type Outcomes [NATClasses][NATClasses]struct{ Direct, Relayed uint64 }

// Outcomes are the counts now.
func (s *Server) Outcomes() Outcomes { return s.outcomes }

// acquaint notes that two were told each other's addresses: from here on they may say what came of it.
func (s *Server) acquaint(a, b *member) { s.acquainted[pairOf(a, b)] = untold }

// outcome takes what a member says of its connection to another. Only the lower id's word counts, or pairs would count twice.
func (s *Server) outcome(m *member, sig *wire.Signal) {
	other := s.members[sig.Member]
	if other == nil || m.ref.Member > sig.Member {
		return
	}
	p := pairOf(m, other)
	was, ok := s.acquainted[p]
	now := relayed
	if sig.Code == int32(api.OK) {
		now = direct
	}
	if !ok || was == now || was == direct { // a direct pair that falls back has shown that it can
		return
	}
	s.acquainted[p] = now
	a, b := classOf(m.profile), classOf(other.profile)
	count := &s.outcomes[min(a, b)][max(a, b)]
	switch {
	case now == relayed:
		count.Relayed++
	case was == relayed && count.Relayed > 0: // their profiles may have changed since
		count.Relayed--
		count.Direct++
	default:
		count.Direct++
	}
	if now == relayed {
		s.event(Event{Kind: EventRelayed, Room: roomID(m), Member: m.ref.Member, Other: sig.Member, Code: api.Code(sig.Code),
			Text: a.String() + " and " + b.String()})
	}
}

func roomID(m *member) uint64 {
	if m.room == nil {
		return 0
	}
	return m.room.id
}
