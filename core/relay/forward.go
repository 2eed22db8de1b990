package relay

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Forward takes a relayed datagram (first byte wire.TypeRelayed). If ok, b, with its handle rewritten to the receiver's,
// is to be sent to that address. It does not allocate.
func (s *Server) Forward(now time.Time, from netip.AddrPort, b []byte) (to netip.AddrPort, ok bool) {
	return s.forward(now, from, b, false)
}

// Deliver is Forward for a packet that the leg's allowance has paid for: the table's owner took it, and could not send it
// itself.
func (s *Server) Deliver(now time.Time, from netip.AddrPort, b []byte) (to netip.AddrPort, ok bool) {
	return s.forward(now, from, b, true)
}

func (s *Server) forward(now time.Time, from netip.AddrPort, b []byte, paid bool) (to netip.AddrPort, ok bool) {
	handle, ok := RelayedHandle(b)
	if !ok {
		s.drop(DropFormat)
		return to, false
	}
	i, ok := s.find(handle)
	if !ok {
		s.drop(DropHandle)
		return to, false
	}
	l, other := &s.legs[i], &s.legs[i^1]
	if !l.at(from) {
		s.drop(DropSource)
		return to, false
	}
	t := s.clock(now)
	if !paid {
		if why, ok := s.table.Spend(i, t, len(b)); !ok {
			s.drop(why)
			return to, false
		}
	}
	// From here on the packet looks as the receiver expects it; the sender's handle goes no further.
	binary.BigEndian.PutUint32(b[1:], s.name(i^1))
	if !other.bound {
		s.keep(i^1, t, b)
		return to, false
	}
	s.stats.Packets++
	s.stats.Bytes += uint64(len(b))
	return other.addr(), true
}

// RelayedHandle is the handle of a relayed datagram that may be forwarded, if it is one.
func RelayedHandle(b []byte) (handle uint32, ok bool) {
	handle, packet, ok := wire.ParseRelayed(b)
	return handle, ok && len(packet) >= wire.SessionHeader+wire.TagSize && wire.FamilyOf(packet) == wire.FamilySession
}

// find is the place of the leg that has this handle now.
func (s *Server) find(handle uint32) (place uint32, ok bool) {
	place = s.handles.Place(handle)
	return place, handle != 0 && place < uint32(len(s.legs)) && s.legs[place].handle == handle
}

func (s *Server) keep(i uint32, now int64, b []byte) {
	k := s.waiting[i]
	if k == nil {
		k = new(kept)
		s.waiting[i] = k
	}
	if !k.add(now, b) {
		s.drop(DropUnbound)
	}
}
