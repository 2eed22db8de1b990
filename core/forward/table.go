package forward

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
)

// Table is relay.Table for a machine that is not alone: the hub's goroutine writes what legs there are, every shard reads it
// and keeps the legs' allowances, and nobody waits for anybody. It holds no pointers.
//
// Each leg has two cache lines: one that changes when the leg is bound, which all shards read, and one that changes with
// each of its packets, which mostly one shard does, the one that the leg's handle is hashed to.
type Table struct {
	base    time.Time
	handles relay.Handles
	legs    []leg // all that there may be; the system gives memory as places are used
	egress  egress
	shards  []*Shard // for their counters; complete before the first packet
}

type leg struct {
	// handle is zero between two legs of one place. Handles of a place never come again within thousands of sessions: one
	// that is the same before and after reading says that all that was read belongs to one session.
	handle  atomic.Uint32
	version atomic.Uint32 // of address: where[version&1] is the one that counts
	bits    atomic.Uint32 // per second; 0: no limit
	packets atomic.Uint32
	where   [2]place

	bitsFull, packetsFull atomic.Int64 // relay.Spend
	heard                 atomic.Int64 // ns since base
	_                     [5]uint64
}

// place is an address as words that can be read while another thread writes the other one.
type place struct {
	high, low atomic.Uint64 // the address, IPv4 mapped into IPv6
	port      atomic.Uint64 // bit 16: there is an address; from bit 32 on: the handle by which the leg is known there
}

// address is a place as it was read.
type address struct {
	high, low uint64
	port      uint32
}

const bound = 1 << 16

func addressOf(a netip.AddrPort) address {
	if !a.IsValid() {
		return address{}
	}
	b := a.Addr().As16()
	return address{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]), bound | uint32(a.Port())}
}

// addrPort is the same in the form that sockets take; invalid if there is none.
func (a address) addrPort() netip.AddrPort {
	if a.port&bound == 0 {
		return netip.AddrPort{}
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], a.high)
	binary.BigEndian.PutUint64(b[8:], a.low)
	return netip.AddrPortFrom(netip.AddrFrom16(b).Unmap(), uint16(a.port))
}

// NewTable makes the table of a relay of so many sessions; time begins at base. egressBits is what the node's way out carries
// a second; zero: not known, no guard.
func NewTable(base time.Time, handles relay.Handles, sessions int, egressBits uint64) *Table {
	t := &Table{base: base, handles: handles}
	t.legs = memory[leg](2*min(sessions, relay.MostSessions), t)
	t.egress.limit(egressBits)
	return t
}

// Handles names the legs.
func (t *Table) Handles() relay.Handles { return t.handles }

// Now is an instant as the table counts.
func (t *Table) Now(now time.Time) int64 { return int64(now.Sub(t.base)) }

// Set tells of a new leg, or of a leg's new address or rate. Readers see the old address or the new one, whole.
func (t *Table) Set(i uint32, l relay.Leg) {
	e, a := &t.legs[i], addressOf(l.Addr)
	next := e.version.Load() + 1
	w := &e.where[next&1]
	w.high.Store(a.high)
	w.low.Store(a.low)
	name := l.Name
	if name == 0 {
		name = l.Handle
	}
	w.port.Store(uint64(a.port) | uint64(name)<<32)
	e.bits.Store(l.Rate.BitsPerSecond)
	e.packets.Store(l.Rate.PacketsPerSecond)
	e.version.Store(next)
	e.handle.Store(l.Handle)
}

// Clear ends a leg: from now on nothing is sent through it, nor to it by who looks from now on.
func (t *Table) Clear(i uint32) {
	t.legs[i].handle.Store(0)
	t.Set(i, relay.Leg{})
	t.legs[i].bitsFull.Store(0)
	t.legs[i].packetsFull.Store(0)
	t.legs[i].heard.Store(0)
}

// Inherit has a leg begin with what another one has used. What that one spends in this very moment may be missed.
func (t *Table) Inherit(i, from uint32) {
	to, old := &t.legs[i], &t.legs[from]
	to.bitsFull.Store(max(to.bitsFull.Load(), old.bitsFull.Load()))
	to.packetsFull.Store(max(to.packetsFull.Load(), old.packetsFull.Load()))
}

// Touch notes that a leg's client was there.
func (t *Table) Touch(i uint32, now int64) { t.legs[i].heard.Store(now) }

// Heard says when it last was.
func (t *Table) Heard(i uint32) int64 { return t.legs[i].heard.Load() }

// Spend takes a packet from the leg's allowance, and from the node's.
func (t *Table) Spend(i uint32, now int64, size int) (relay.Drop, bool) {
	switch {
	case !t.legs[i].spend(now, size):
		return relay.DropRate, false
	case !t.egress.take(now, size):
		return relay.DropEgress, false
	}
	return 0, true
}

// Counts sums up what the shards did.
func (t *Table) Counts() (c relay.Counts) {
	for _, s := range t.shards {
		s.counts.addTo(&c)
	}
	return c
}

// address reads where the leg is, and by which handle it is known there. A reader that is overtaken by two changes reads again.
func (e *leg) address() (a address, name uint32) {
	for {
		v := e.version.Load()
		w := &e.where[v&1]
		high, low, port := w.high.Load(), w.low.Load(), w.port.Load()
		if e.version.Load() == v {
			return address{high, low, uint32(port)}, uint32(port >> 32)
		}
	}
}

// spend takes from both buckets. Two shards do that at once only while their number changes; then what the first
// bucket gave may be lost with a packet that the second refuses.
func (e *leg) spend(now int64, size int) bool {
	if r := e.bits.Load(); r > 0 && !take(&e.bitsFull, now, relay.BitCost(size, r)) {
		return false
	}
	if r := e.packets.Load(); r > 0 && !take(&e.packetsFull, now, relay.PacketCost(r)) {
		return false
	}
	e.heard.Store(now)
	return true
}

func take(full *atomic.Int64, now, cost int64) bool {
	for {
		old := full.Load()
		after, ok := relay.Spend(old, now, cost)
		if !ok {
			return false
		}
		if full.CompareAndSwap(old, after) {
			return true
		}
	}
}

// verdict is what becomes of a relayed packet.
type verdict uint8

const (
	pass   verdict = iota // send it there
	ask                   // the hub's machine knows what to do: the other leg is not bound, or bound to a stream
	refuse                // drop it, for a reason
)

// route decides about a relayed datagram from an address. With pass and ask the leg has paid for it, and with pass
// b carries the receiver's handle.
func (t *Table) route(now int64, from netip.AddrPort, b []byte) (to netip.AddrPort, v verdict, why relay.Drop) {
	handle, ok := relay.RelayedHandle(b)
	if !ok {
		return to, refuse, relay.DropFormat
	}
	i := t.handles.Place(handle)
	if handle == 0 || i >= uint32(len(t.legs)) || t.legs[i].handle.Load() != handle {
		return to, refuse, relay.DropHandle
	}
	if at, _ := t.legs[i].address(); at != addressOf(from) || isStream(from.Addr()) {
		return to, refuse, relay.DropSource
	}
	name, to, ok := t.other(i, handle)
	if !ok {
		return to, refuse, relay.DropHandle
	}
	if why, ok = t.Spend(i, now, len(b)); !ok {
		return to, refuse, why
	}
	if !to.IsValid() || isStream(to.Addr()) {
		return to, ask, 0
	}
	binary.BigEndian.PutUint32(b[1:], name)
	return to, pass, 0
}

// other is the name and the address of the other leg of the session in which place i has this handle. It is not ok when the
// session has ended, maybe only while we looked: then what was read may be another session's.
func (t *Table) other(i, handle uint32) (name uint32, at netip.AddrPort, ok bool) {
	where, name := t.legs[i^1].address()
	return name, where.addrPort(), t.legs[i].handle.Load() == handle
}
