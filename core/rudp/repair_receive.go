package rudp

import (
	"encoding/binary"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Redundancy of the receiving side: blocks of packets that came are kept, and REPAIR frames are equations for the
// blocks of those that did not. It is Gaussian elimination, done as the equations come.
const (
	keptReceived = 12 // blocks; a sender covers 8 packets at most, and some come late
	maxRows      = 6  // equations not solved yet
	maxUnknown   = 12 // packets that one of them is about

	// repairFresh is for how long after a REPAIR the sender counts as redundant: acknowledgements may wait longer.
	repairFresh = 100 * time.Millisecond
	// Packets with an ACK in which a repair is told: the sender would otherwise send the messages again.
	repairTold = 3
)

// repairReceiver is what is remembered of one of the peer's paths. It is allocated when the first REPAIR comes.
type repairReceiver struct {
	blocks [keptReceived]codedBlock
	next   int  // the slot for the next block: the oldest
	stage  int  // bytes of the block of the packet being handled, in slot next
	full   bool // no later frame of that packet is in its block
	rows   [maxRows]repairRow
	oldest int // the row to give up next

	last   moment        // when a REPAIR came
	told   wire.Repaired // the packets repaired last
	toTell int           // packets with an ACK that still have to carry it
}

// codedBlock is one packet's block in its coded form: with its length in front, zeros behind.
type codedBlock struct {
	number uint64
	size   int // of b in use; 0: an empty slot
	b      [wire.MaxRepairCoded]byte
}

// repairRow is an equation: the sum of the unknown packets' blocks, each times its factor, is b.
type repairRow struct {
	n       int // unknowns; 0: an empty slot
	unknown [maxUnknown]uint64
	factor  [maxUnknown]uint8
	size    int
	b       [wire.MaxRepairCoded]byte
}

// add appends a frame to the block of the packet being handled.
func (d *repairReceiver) add(frame []byte) {
	if d.full = d.full || d.stage+len(frame) > wire.MaxRepairBlock; d.full {
		return
	}
	d.blocks[d.next].size = 0 // the oldest block makes room
	copy(d.blocks[d.next].b[2+d.stage:], frame)
	d.stage += len(frame)
}

// packetReceived keeps the staged block as that of packet number.
func (d *repairReceiver) packetReceived(number uint64) (s *codedBlock) {
	if d.stage == 0 {
		return nil
	}
	s = &d.blocks[d.next]
	s.number, s.size = number, 2+d.stage
	s.b[0], s.b[1] = uint8(d.stage>>8), uint8(d.stage)
	d.next, d.stage = (d.next+1)%keptReceived, 0
	return s
}

func (d *repairReceiver) block(number uint64) *codedBlock {
	for i := range d.blocks {
		if s := &d.blocks[i]; s.size > 0 && s.number == number {
			return s
		}
	}
	return nil
}

// keepBlock ends a packet that brought the frames staged; it may have been the missing part of an equation.
func (c *Conn) keepBlock(rx wire.PathID, number uint64) error {
	d := c.acks[rx].repair
	s := d.packetReceived(number)
	if s == nil {
		return nil
	}
	known := false
	for i := range d.rows {
		if r := &d.rows[i]; r.find(number) >= 0 {
			r.subtract(s, r.drop(r.find(number)))
			known = true
		}
	}
	if !known {
		return nil
	}
	_, err := c.solve(rx)
	return err
}

// handleRepair takes the REPAIR frame of packet number.
func (c *Conn) handleRepair(rx wire.PathID, number uint64, f *wire.Repair) error {
	a := &c.acks[rx]
	if a.repair == nil {
		a.repair = new(repairReceiver)
		c.wantTrim()
	}
	d := a.repair
	d.last, d.stage, d.full = c.now, 0, true // a packet with a REPAIR has no block
	var fresh repairRow
	fresh.size = copy(fresh.b[:], f.Coded)
	for k := range uint64(wire.RepairSpan) {
		if f.Covered>>k&1 == 0 {
			continue
		}
		if number < 1+k {
			return errFrame
		}
		covered := number - 1 - k
		factor := repairFactor(number, covered)
		switch s := d.block(covered); {
		case s != nil:
			fresh.subtract(s, factor)
		case a.numbers.Contains(covered): // its block was not kept
			return nil
		default:
			fresh.unknown[fresh.n], fresh.factor[fresh.n] = covered, factor
			fresh.n++
		}
	}
	if fresh.n == 0 {
		return nil
	}
	*d.slot() = fresh
	solved, err := c.solve(rx)
	if solved == 0 { // the sender must know what is missing
		a.due, a.deadline = true, 0
	}
	return err
}

// slot is a free row, or the oldest.
func (d *repairReceiver) slot() *repairRow {
	for i := range d.rows {
		if d.rows[i].n == 0 {
			return &d.rows[i]
		}
	}
	d.oldest = (d.oldest + 1) % maxRows
	return &d.rows[d.oldest]
}

// solve does what the equations allow, after one changed, and handles the blocks that come out.
func (c *Conn) solve(rx wire.PathID) (solved int, err error) {
	d := c.acks[rx].repair
	// Afterwards each row has an unknown that stands in no other: what can be computed is alone in its row.
	for i := range d.rows {
		r := &d.rows[i]
		for j := range d.rows {
			if other := &d.rows[j]; r.n > 0 && i != j {
				other.eliminate(r, r.unknown[0])
			}
		}
	}
	for i := range d.rows {
		r := &d.rows[i]
		if r.n != 1 {
			continue
		}
		s := &d.blocks[d.next]
		if s.number, s.size = r.unknown[0], r.result(s.b[:]); s.size == 0 {
			return solved, errFrame
		}
		r.n = 0
		d.next = (d.next + 1) % keptReceived
		solved++
		d.tell(rx, s.number)
		c.stats.Repaired++
		if err := c.handleBlock(s.b[2:s.size]); err != nil {
			return solved, err
		}
	}
	return solved, nil
}

// handleBlock takes the frames of a packet that did not come. Messages that came otherwise are known by their numbers.
func (c *Conn) handleBlock(frames []byte) error {
	r := wire.NewReader(frames)
	for r.Len() > 0 {
		t := wire.FrameType(r.U8())
		if !t.IsMessage() {
			return errFrame
		}
		m := wire.ReadMessage(&r, t)
		if r.Err() || m.Fragment || !api.Mode(m.Mode).Reliable() {
			return errFrame
		}
		if err := c.handleMessage(&m); err != nil {
			return err
		}
	}
	return nil
}

// tell has the peer know of a repaired packet.
func (d *repairReceiver) tell(rx wire.PathID, number uint64) {
	t := &d.told
	switch {
	case d.toTell == 0 && t.Earlier == 0 && t.Newest == 0, number > t.Newest+32:
		*t = wire.Repaired{Path: rx, Newest: number}
	case number > t.Newest:
		ahead := number - t.Newest
		t.Newest, t.Earlier = number, uint32((uint64(t.Earlier)<<1|1)<<(ahead-1))
	case number < t.Newest && t.Newest-number <= 32:
		t.Earlier |= 1 << (t.Newest - number - 1)
	}
	d.toTell = repairTold
}

// subtract takes a known block, times factor, off the sum.
func (r *repairRow) subtract(s *codedBlock, factor uint8) {
	addScaled(r.b[:], s.b[:s.size], factor)
	r.size = max(r.size, s.size)
}

// find gives the place of an unknown, -1 if it is none of this row's.
func (r *repairRow) find(number uint64) int {
	for i, v := range r.unknown[:r.n] {
		if v == number {
			return i
		}
	}
	return -1
}

// drop takes unknown i out and gives its factor.
func (r *repairRow) drop(i int) (factor uint8) {
	factor = r.factor[i]
	r.n--
	r.unknown[i], r.factor[i] = r.unknown[r.n], r.factor[r.n]
	return factor
}

// eliminate removes one unknown by adding a multiple of another row that has it. A row that would have too many
// unknowns is given up.
func (r *repairRow) eliminate(o *repairRow, number uint64) {
	at := r.find(number)
	if at < 0 {
		return
	}
	scale := fieldQuotient(r.factor[at], o.factor[o.find(number)])
	for i, u := range o.unknown[:o.n] {
		f := fieldProduct(o.factor[i], scale)
		if at := r.find(u); at < 0 {
			if r.n == maxUnknown {
				r.n = 0
				return
			}
			r.unknown[r.n], r.factor[r.n] = u, f
			r.n++
		} else if r.factor[at] ^= f; r.factor[at] == 0 {
			r.drop(at)
		}
	}
	addScaled(r.b[:], o.b[:o.size], scale)
	r.size = max(r.size, o.size)
}

// result computes the only unknown's block into b, at least as long as the row, and gives its coded size; 0: what came
// out is no block, so the sender's sum was wrong.
func (r *repairRow) result(b []byte) int {
	scale := fieldQuotient(1, r.factor[0])
	clear(b[:r.size])
	addScaled(b, r.b[:r.size], scale)
	length := int(binary.BigEndian.Uint16(b))
	if r.size < 2 || length == 0 || length > r.size-2 {
		return 0
	}
	return 2 + length
}
