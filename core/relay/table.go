package relay

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Table holds what changes with every packet of a leg, and is told what forwarding needs to know of it. The machine has a
// plain one of its own; a server whose sockets are read by several threads gives it one that they share (core/forward).
// Leg n of session i has place 2i+n, so that the other leg's is this one's xor 1. Instants are ns since ServerConfig.Base.
type Table interface {
	// Handles names the legs.
	Handles() Handles
	// Set tells of a new leg, or of a leg's new address or rate. What it has used of its allowance stays used.
	Set(place uint32, l Leg)
	// Clear ends a leg. Its place may be used again, by another handle and with a fresh allowance.
	Clear(place uint32)
	// Inherit has a leg begin with what another one has used of its allowance.
	Inherit(place, from uint32)
	// Touch notes that the leg's client was there, Heard says when it last was.
	Touch(place uint32, now int64)
	Heard(place uint32) int64
	// Spend takes a packet of so many bytes from the leg's allowance, and notes that its client was there.
	Spend(place uint32, now int64, size int) (Drop, bool)
	// Counts is what the table's owner forwarded and dropped by itself.
	Counts() Counts
}

// Leg is what forwarding must know of a leg.
type Leg struct {
	Handle uint32
	Name   uint32         // by which its other end knows it; zero: by Handle
	Addr   netip.AddrPort // proven; invalid: the leg is not bound
	Rate   wire.RelayRate
}

// Counts are packets.
type Counts struct {
	Packets, Bytes uint64 // forwarded, headers of ours included
	Drops          [DropCount]uint64
}

// burst is how much of its rate a leg may use at once.
const burst = time.Second

// Spend is the token bucket of all legs, as the instant at which it would be full again (GCRA). What costs ns of a
// bucket that is full at that instant may go if at most a burst is owed then. The zero instant is a full bucket.
func Spend(full, now, cost int64) (after int64, ok bool) {
	after = max(full, now) + cost
	return after, after-now <= int64(burst)
}

// BitCost is what a datagram of so many bytes costs of a bucket of bits, in ns; bits per second not zero.
func BitCost(size int, bitsPerSecond uint32) int64 {
	return int64(size) * 8 * int64(time.Second) / int64(bitsPerSecond)
}

// PacketCost is what a packet costs of a bucket of packets, in ns.
func PacketCost(perSecond uint32) int64 { return int64(time.Second) / int64(perSecond) }

// plain is the machine's own table. It holds no pointers.
type plain struct {
	handles Handles
	legs    []meter
}

// meter is a leg's: rate 0 is no limit.
type meter struct {
	rate                  wire.RelayRate
	bitsFull, packetsFull int64
	heard                 int64
}

func (p *plain) Handles() Handles { return p.handles }

func (p *plain) Set(place uint32, l Leg) {
	for uint32(len(p.legs)) <= place {
		p.legs = append(p.legs, meter{})
	}
	p.legs[place].rate = l.Rate
}

func (p *plain) Clear(place uint32)            { p.legs[place] = meter{} }
func (p *plain) Touch(place uint32, now int64) { p.legs[place].heard = now }
func (p *plain) Heard(place uint32) int64      { return p.legs[place].heard }
func (p *plain) Counts() Counts                { return Counts{} }

func (p *plain) Inherit(place, from uint32) {
	to, old := &p.legs[place], &p.legs[from]
	to.bitsFull, to.packetsFull = max(to.bitsFull, old.bitsFull), max(to.packetsFull, old.packetsFull)
}

func (p *plain) Spend(place uint32, now int64, size int) (Drop, bool) {
	m := &p.legs[place]
	bits, packets, ok := m.bitsFull, m.packetsFull, true
	if r := m.rate.BitsPerSecond; r > 0 {
		if bits, ok = Spend(bits, now, BitCost(size, r)); !ok {
			return DropRate, false
		}
	}
	if r := m.rate.PacketsPerSecond; r > 0 {
		if packets, ok = Spend(packets, now, PacketCost(r)); !ok {
			return DropRate, false
		}
	}
	m.bitsFull, m.packetsFull, m.heard = bits, packets, now
	return 0, true
}
