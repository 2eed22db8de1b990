package netio

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// portOut is what is to be sent of one Read. Datagrams to one destination that lie anywhere in it leave as one row (GSO), in the
// order in which they came: a relay's batch is full of short bursts, mixed up with each other.
type portOut struct {
	portHalf
	ctrls  [portBatch]control
	gso    bool
	queued int
	slots  [portBatch]portSlot
	rows   [portBatch]portRow
	n      int
	last   [rowBuckets]int16 // by hash of the destination, the newest row there plus one; 0: none
}

// portSlot is a datagram in line.
type portSlot struct {
	at   int32 // its place of the Read
	next int16 // in its row, or -1
}

// portRow is one message for the system: a datagram, or several of one size of which the last may be shorter.
type portRow struct {
	to          netip.AddrPort
	first, tail int16 // slots
	count       int16
	open        bool
	size, bytes int32
}

const rowBuckets = 256 // a power of two, well over portBatch

// bucketOf spreads destinations. Whoever aims at one bucket gets his own datagrams sent singly.
func bucketOf(to netip.AddrPort) int {
	b := to.Addr().As16()
	h := (uint32(b[12])<<24|uint32(b[13])<<16|uint32(b[14])<<8|uint32(b[15]))*0x9e3779b1 + uint32(to.Port())*0x85ebca6b
	return int(h >> 24)
}

// Send queues for Flush what lies at place i, as it is by then. Each place may be sent once between two Reads.
func (p *Port) Send(i int, to netip.AddrPort) {
	if to.Addr().Is4() != p.local.Addr().Is4() {
		p.sendError.Add(1) // the other family: there is no such leg
		return
	}
	o, size, bucket := &p.out, int32(p.in.hdrs[i].n), bucketOf(to)
	slot := int16(o.queued)
	o.slots[slot] = portSlot{int32(i), -1}
	o.queued++
	if k := o.last[bucket] - 1; k >= 0 {
		r := &o.rows[k]
		if r.open && r.to == to && size <= r.size && r.bytes+size <= runBytes {
			o.slots[r.tail].next, r.tail = slot, slot
			r.count++
			r.bytes += size
			r.open = size == r.size && r.count < runSegments
			return
		}
	}
	o.rows[o.n] = portRow{to: to, first: slot, tail: slot, count: 1, open: o.gso && size > 0, size: size, bytes: size}
	o.n++
	o.last[bucket] = int16(o.n)
}

// Flush hands the queued datagrams to the system. What it refuses is dropped and counted; it does not wait.
func (p *Port) Flush() {
	o, iov := &p.out, 0
	for k := range o.n {
		r, h := &o.rows[k], &o.hdrs[k].hdr
		h.Iov = &o.iovs[iov]
		h.SetIovlen(int(r.count))
		for s := r.first; s >= 0; s = o.slots[s].next {
			at := int(o.slots[s].at)
			o.iovs[iov].Base = &p.memory[at*MaxDatagram]
			o.iovs[iov].SetLen(int(p.in.hdrs[at].n))
			iov++
		}
		h.Namelen = setAddrPort(&o.names[k], r.to)
		h.Control = nil
		h.SetControllen(0)
		if r.count > 1 {
			h.Control = (*byte)(unsafe.Pointer(&o.ctrls[k]))
			h.SetControllen(o.ctrls[k].setSegment(int(r.size)))
		}
		o.last[bucketOf(r.to)] = 0
	}
	for k := 0; k < o.n; {
		k = p.flushFrom(k)
	}
	o.n, o.queued = 0, 0
}

// flushFrom sends rows from k on, or finds out why it can't, and returns the first that is left.
func (p *Port) flushFrom(k int) int {
	o := &p.out
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(p.outFD), uintptr(unsafe.Pointer(&o.hdrs[k])), uintptr(o.n-k), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == 0:
		sent, rows := uint64(0), uint64(0)
		for _, r := range o.rows[k : k+int(n)] {
			sent += uint64(r.count)
			if r.count > 1 {
				rows++
			}
		}
		p.sent.Add(sent)
		p.segmented.Add(rows)
		return k + int(n)
	case errno == unix.EINTR:
		return k
	case errno == unix.EAGAIN || errno == unix.ENOBUFS:
		for _, r := range o.rows[k:o.n] {
			p.sendFull.Add(uint64(r.count))
		}
		return o.n
	case o.rows[k].count > 1:
		if p.sendSingly(k) && endsGSO(errno) {
			o.gso = false
		}
	default:
		p.sendError.Add(1)
	}
	return k + 1
}

// sendSingly sends the datagrams of a row that the system did not take as one, and reports whether it took any.
func (p *Port) sendSingly(k int) (any bool) {
	o := &p.out
	h := &o.hdrs[k].hdr
	h.Control = nil
	h.SetControllen(0)
	h.SetIovlen(1)
	for range o.rows[k].count {
		switch _, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(p.outFD), uintptr(unsafe.Pointer(h)), unix.MSG_DONTWAIT); errno {
		case 0:
			p.sent.Add(1)
			any = true
		case unix.EAGAIN, unix.ENOBUFS:
			p.sendFull.Add(1)
		default:
			p.sendError.Add(1)
		}
		h.Iov = (*unix.Iovec)(unsafe.Add(unsafe.Pointer(h.Iov), unsafe.Sizeof(*h.Iov)))
	}
	return any
}
