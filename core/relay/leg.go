package relay

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// leg is one player's end of a session; Table says where it lies. It holds no pointers: a server has hundreds of thousands
// of them, and the garbage collector need not look at them.
type leg struct {
	ip      [16]byte // IPv4 mapped into IPv6
	port    uint16
	bound   bool
	handle  uint32
	counter uint64 // highest of a BIND2; 0: bound by the server itself, or not at all
	rate    wire.RelayRate
}

func (l *leg) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(l.ip).Unmap(), l.port)
}

func (l *leg) at(from netip.AddrPort) bool {
	return l.bound && l.port == from.Port() && l.ip == from.Addr().As16()
}

// session is two legs.
type session struct {
	id    [16]byte
	live  bool
	age   uint32 // which session of its place it is, modulo ages
	bound int64  // when it was made or a leg last proved itself, ns since Server.base

	clients [2]KeyHash // by leg
	before  retiring   // its players' session before
}

// deadline is when the session ends if nothing happens. Both must be heard from: what the relay sends to the one is
// consented to by nothing else, and its address may be another's after a while.
func (s *Server) deadline(i uint32) int64 {
	if !s.legs[2*i].bound || !s.legs[2*i+1].bound {
		return s.sessions[i].bound + int64(UnboundTime)
	}
	return min(s.table.Heard(2*i), s.table.Heard(2*i+1)) + int64(IdleTime)
}

// kept are datagrams for a leg that is not bound yet: the first ones of a connection, whose loss would cost it an RTT.
type kept struct {
	n    int
	at   [keptMost]int64
	data [keptMost][]byte
}

const (
	keptMost = 4
	keptTime = time.Second
)

// add keeps a copy of b unless the place is taken by datagrams that are still fresh.
func (k *kept) add(now int64, b []byte) bool {
	for k.n > 0 && now-k.at[0] > int64(keptTime) {
		first := k.data[0]
		copy(k.at[:], k.at[1:k.n])
		copy(k.data[:], k.data[1:k.n])
		k.n--
		k.data[k.n] = first // its memory is used again
	}
	if k.n == keptMost || len(b) > wire.MaxDatagram {
		return false
	}
	k.at[k.n] = now
	k.data[k.n] = append(k.data[k.n][:0], b...)
	k.n++
	return true
}
