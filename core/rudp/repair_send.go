package rudp

import (
	"math/bits"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Redundancy of the sending side. Small reliable messages of a flow that leaves the path room are protected: some
// milliseconds after a packet that carries any, a packet with a REPAIR frame follows, a sum of the blocks of the last
// unacknowledged packets. docs/PROTOCOL.md says what a block is, and why it is done so.
const (
	// repairSpacing separates a packet from the REPAIR that covers it first. What is lost together (a queue's overflow, a
	// radio's bad moment) lies closer; at 60 Hz it is about a third of the interval.
	repairSpacing = 6 * time.Millisecond
	// repairWindow is how many packets a REPAIR covers at most. Two find nearly every single loss; six find most of
	// what a short run of losses took, and more help no further (measured, docs/PROTOCOL.md).
	repairWindow = 6
	keptSent     = 8 // blocks kept for it
	repairCrowd  = 3 // so many uncovered ones don't wait so long: at high rates a REPAIR could not bring enough of them back

	// Bytes that REPAIR packets may take for each byte of packets with blocks, in percent, and how much may be saved up.
	// It binds when large and small blocks alternate.
	repairShare  = 140
	repairSaving = 4 * (wire.MaxRepairCoded + wireOverhead)

	wireOverhead = packetOverhead + 28 // bytes: with the headers of IPv4 and UDP
)

// repairSender is what a path remembers to make REPAIR frames. It is allocated when the first one may be needed.
type repairSender struct {
	blocks [keptSent]sentBlock
	next   int   // the slot for the next block: the oldest
	stage  int   // bytes of the block of the packet under construction, in slot next
	full   bool  // the next reliable message did not fit; no later one is in the block either
	count  uint8 // messages in it
	budget int   // bytes that REPAIR packets may take

	fresh int    // blocks since the last REPAIR
	at    moment // a REPAIR wants to leave; zero: none
	due   bool   // it is time
	last  moment // the last one left
}

// sentBlock is one packet's block, in its coded form: with its length in front.
type sentBlock struct {
	number  uint64
	at      moment
	size    int   // of b in use; 0: an empty slot
	level   uint8 // of urgency of its first message
	covered bool  // by some REPAIR
	b       [wire.MaxRepairCoded]byte
}

// beginBlock readies the path's sender of redundancy for a packet with data; it does nothing on a path without losses.
func (c *Conn) beginBlock(w *writer) {
	p := w.path
	if c.cfg.NoRedundancy || !p.loss.redundant() || p != c.path(c.route) {
		return
	}
	if p.repair == nil {
		p.repair = &repairSender{budget: repairSaving}
		c.wantTrim()
	}
	p.repair.stage, p.repair.count, p.repair.full = 0, 0, false
	w.repair = p.repair
}

// add appends the frame of a whole reliable message to the block of the packet under construction.
func (r *repairSender) add(frame []byte, level uint8) {
	if r.full = r.full || r.stage+len(frame) > wire.MaxRepairBlock; r.full {
		return
	}
	s := &r.blocks[r.next]
	if r.stage == 0 {
		s.size, s.level = 0, level // the oldest block makes room
	}
	copy(s.b[2+r.stage:], frame)
	r.stage += len(frame)
	r.count++
}

// packetSent makes the staged block that of the packet that leaves now, and says how many messages are in it.
func (r *repairSender) packetSent(now moment, number uint64, size int) (count uint8) {
	if r.stage == 0 {
		return 0
	}
	s := &r.blocks[r.next]
	s.number, s.at, s.size, s.covered = number, now, 2+r.stage, false
	s.b[0], s.b[1] = uint8(r.stage>>8), uint8(r.stage)
	r.next, r.stage = (r.next+1)%keptSent, 0
	r.budget = min(r.budget+(size+28)*repairShare/100, repairSaving)
	if r.fresh++; r.at == 0 && !r.due {
		r.at = now.add(repairSpacing)
	} else if r.fresh == repairCrowd {
		r.at = min(r.at, now.add(repairSpacing/2))
	}
	return r.count
}

// timeout notes that a REPAIR has become due.
func (r *repairSender) timeout(now moment) {
	if r.at != 0 && r.at <= now {
		r.at, r.due = 0, true
	}
}

// deadline is when timeout has something to do; zero: never.
func (r *repairSender) deadline() moment {
	if r == nil {
		return 0
	}
	return r.at
}

// roomBehind reports whether the path has room to spare for traffic of this level of urgency: redundancy is for game
// state, not for bulk. What is less urgent and waits does not count.
func (c *Conn) roomBehind(p *path, level uint8) bool {
	for i := range c.queue.bands {
		if !c.queue.bands[i].empty() {
			return i > int(level)
		}
	}
	return p.cong.open()
}

// writeRepair ends the packet, number, with a REPAIR frame if one is due and worth its bytes.
func (c *Conn) writeRepair(w *writer, number uint64) {
	p, r := w.path, w.path.repair
	if r == nil {
		return
	}
	if r.timeout(c.now); !r.due {
		return
	}
	r.due, r.fresh = false, 0
	if !p.loss.redundant() || p != c.path(c.route) || c.away() {
		return
	}
	var chosen [repairWindow]*sentBlock
	n, size, wanted := 0, 0, false
	for i := 1; i <= keptSent && n < repairWindow; i++ {
		s := &r.blocks[(r.next-i+keptSent)%keptSent]
		if s.size == 0 || number-s.number > wire.RepairSpan {
			break
		}
		if c.now.since(s.at) < repairSpacing/2 {
			r.fresh++
			r.at = s.at.add(repairSpacing) // too young: lost together with this packet
			continue
		}
		if !c.roomBehind(p, s.level) || !c.awaited(p, s.number) {
			continue
		}
		chosen[n] = s
		n, size, wanted = n+1, max(size, s.size), wanted || !s.covered
	}
	if cost := size + wire.RepairFrameSize + wireOverhead; !wanted || cost > r.budget || size+wire.RepairFrameSize > w.room() {
		return
	}
	before := len(w.b)
	r.write(w, number, chosen[:n], size)
	cost := len(w.b) - before
	if before == w.start {
		cost += packetOverhead
	}
	c.stats.Repairs++
	c.stats.RepairBytes += uint64(cost)
	w.redundant = cost
	r.last = c.now
}

// write encodes the sum of the blocks.
func (r *repairSender) write(w *writer, number uint64, chosen []*sentBlock, size int) {
	covered := uint32(0)
	for _, s := range chosen {
		covered |= 1 << (number - 1 - s.number)
		s.covered = true
	}
	w.b = wire.AppendRepair(w.b, covered)
	start := len(w.b)
	w.b = append(w.b, emptyBlock[:size]...)
	for _, s := range chosen {
		addScaled(w.b[start:], s.b[:s.size], repairFactor(number, s.number))
	}
	w.repaired = true
	r.budget -= size + wire.RepairFrameSize + wireOverhead
}

var emptyBlock [wire.MaxRepairCoded]byte

// nextOfBlock gives the first piece from q on that is a whole reliable message; the first of a packet's are its block's.
func nextOfBlock(q *piece) *piece {
	for q != nil && (!q.msg.mode.Reliable() || q.from != 0 || q.to != q.msg.span()) {
		q = q.next
	}
	return q
}

// awaited reports whether some message of a packet's block is not known to have arrived.
func (c *Conn) awaited(p *path, number uint64) bool {
	i := p.sent.search(number)
	if i >= p.sent.len() || p.sent.at(i).number != number {
		return false
	}
	s := p.sent.at(i)
	for q, n := nextOfBlock(s.pieces), s.block; q != nil && n > 0; q, n = nextOfBlock(q.next), n-1 {
		if !q.msg.done {
			return true
		}
	}
	return false
}

// handleRepaired takes the peer's word that it has the blocks of packets that never arrived. Their other
// content is looked after when the packets count as lost.
func (c *Conn) handleRepaired(f wire.Repaired) error {
	if int(f.Path) >= dataPaths {
		return errFrame
	}
	p := c.paths[f.Path]
	if p == nil || !p.used || f.Newest > p.lastNumber {
		return errAckUnsent
	}
	if !p.open {
		return nil
	}
	c.repairedAtPeer(p, f.Newest)
	for rest := f.Earlier; rest != 0; rest &= rest - 1 {
		if back := uint64(bits.TrailingZeros32(rest)) + 1; back <= f.Newest {
			c.repairedAtPeer(p, f.Newest-back)
		}
	}
	return nil
}

func (c *Conn) repairedAtPeer(p *path, number uint64) {
	i := p.sent.search(number)
	if i >= p.sent.len() || p.sent.at(i).number != number {
		return
	}
	s := p.sent.at(i)
	for q, n := nextOfBlock(s.pieces), s.block; q != nil && n > 0; q, n = nextOfBlock(q.next), n-1 {
		c.pieceAcked(q)
	}
}

// ackDelay is how long the peer may hold back an ACK of what is sent now: longer while it gets REPAIR frames.
func (p *path) ackDelay() time.Duration {
	if r := p.repair; r != nil && r.last != 0 && r.last.add(repairFresh+p.rtt.smoothed) > p.ptoBase {
		return stretchedAckDelay
	}
	return maxAckDelay
}

// trimRepair gives back the memory of redundancy that is no longer used, and reports whether some is left.
func (c *Conn) trimRepair() (left bool) {
	for i := range c.paths {
		if p := c.paths[i]; p != nil && p.repair != nil {
			if newest := &p.repair.blocks[(p.repair.next+keptSent-1)%keptSent]; c.now.since(newest.at) > trimEvery {
				p.repair = nil
			}
			left = left || p.repair != nil
		}
		if a := &c.acks[i]; a.repair != nil {
			if c.now.since(a.repair.last) > trimEvery {
				a.repair = nil
			}
			left = left || a.repair != nil
		}
	}
	return left
}
