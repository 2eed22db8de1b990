package relay

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// leg is one player's end of a session. Leg n of session i lies at 2i+n, so the other leg's index is this one's xor 1.
// It holds no pointers: a server has hundreds of thousands of them, and the garbage collector need not look at them.
type leg struct {
	ip      [16]byte // IPv4 mapped into IPv6
	port    uint16
	bound   bool
	handle  uint32
	counter uint64 // highest of a BIND2; 0: bound by the server itself, or not at all
	rate    wire.RelayRate
	heard   int64 // ns since Server.base: it sent a packet or proved its address
	// Both buckets as the instant (ns since Server.base) at which they would be full again.
	bitsFull, packetsFull int64
}

// burst is how much of its rate a leg may use at once.
const burst = time.Second

func (l *leg) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(l.ip).Unmap(), l.port)
}

func (l *leg) at(from netip.AddrPort) bool {
	return l.bound && l.port == from.Port() && l.ip == from.Addr().As16()
}

// move binds the leg to an address that is proven now.
func (l *leg) move(now int64, to netip.AddrPort) {
	l.ip, l.port, l.bound, l.heard = to.Addr().As16(), to.Port(), true, now
}

// pass takes one packet of that size from the leg's allowance. Rate 0 is no limit.
func (l *leg) pass(now int64, size int) bool {
	bits, packets := max(l.bitsFull, now), max(l.packetsFull, now)
	if r := int64(l.rate.BitsPerSecond); r > 0 {
		if bits += int64(size) * 8 * int64(time.Second) / r; bits-now > int64(burst) {
			return false
		}
	}
	if r := int64(l.rate.PacketsPerSecond); r > 0 {
		if packets += int64(time.Second) / r; packets-now > int64(burst) {
			return false
		}
	}
	l.bitsFull, l.packetsFull = bits, packets
	return true
}

// session is two legs.
type session struct {
	id    [16]byte
	used  bool
	bound int64 // when it was made or a leg last proved itself, ns since Server.base
}

// deadline is when the session ends if nothing happens. Both must be heard from: what the relay sends to the one is
// consented to by nothing else, and its address may be another's after a while.
func (s *session) deadline(one, two *leg) int64 {
	if !one.bound || !two.bound {
		return s.bound + int64(UnboundTime)
	}
	return min(one.heard, two.heard) + int64(IdleTime)
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
