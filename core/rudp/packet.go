package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// writer builds one packet's frames. Nothing outside changes until it is known that the packet will be sent, except by
// frames that make sure of it.
type writer struct {
	b          []byte
	start      int
	most       int // frame bytes of this packet
	end        int // len(b) may not pass it
	path       *path
	pieces     *piece // of messages whose acknowledgement matters, in the packet's order
	lastPiece  *piece
	acks       uint8 // bit per peer's path whose ACK is in here
	told       uint8 // and whose repaired packets are told
	ackRx      int8
	acked      uint64
	credit     uint64
	suspend    uint8                  // mark of the announcement in here, 0 for none
	levels     [api.PriorityCount]int // payload bytes by level
	wants      demand
	data       bool          // a message is in here
	unreliable bool          // and an unreliable one
	full       bool          // a frame without length ends the packet
	assured    bool          // the window is full: urgent messages only, from the assured rate
	switched   bool          // a SWITCH is in here
	refused    bool          // a message did not fit behind the ACK
	repair     *repairSender // where the reliable messages' frames are copied; nil: the packet is not protected
	repaired   bool          // a REPAIR frame ends the packet
	redundant  int           // bytes of that frame
}

func (w *writer) room() int   { return w.end - len(w.b) }
func (w *writer) empty() bool { return len(w.b) == w.start }

// AppendPacket appends the frames of the next packet on a path, at most its maxFrames bytes. ok false: nothing to send
// there now, dst unchanged. If ok, the caller will seal and send them as this number, larger than any before on the
// path. Call it for every open path until none has anything, after each input.
func (c *Conn) AppendPacket(now time.Time, id wire.PathID, number uint64, dst []byte) (out []byte, ok bool) {
	c.tick(now)
	p := c.path(id)
	if p == nil || c.state == stateEnded {
		return dst, false
	}
	if p.used && number <= p.lastNumber {
		panic("rudp: packet number used twice")
	}
	if c.state == stateLingering {
		c.lingerDone()
	}
	if c.state >= stateClosing {
		return c.appendClose(p, number, dst)
	}
	if out, ok := c.writeMTUProbe(p, number, dst); ok {
		return out, true
	}
	w := writer{b: dst, start: len(dst), most: p.maxFrames, path: p, ackRx: -1}
	if p.probes > 0 && p.mtu.base > 0 {
		w.most = min(w.most, p.mtu.base) // whatever swallowed large packets, these pass
	}
	w.end = w.start + w.most
	due := c.writeAcks(&w, id)
	c.writeControl(&w, id)
	c.writeData(&w, id)
	if w.wants == noAck && w.refused && !due { // the ACK can wait, the message can't be sent beside it
		w.b, w.acks, w.told, w.ackRx, w.switched = dst, 0, 0, -1, false
		c.writeData(&w, id)
	}
	if p.probes > 0 && w.wants == noAck && w.room() > 0 {
		w.ping()
	}
	if !w.data {
		c.writeRepair(&w, number)
	}
	if w.wants == noAck && !due && !w.repaired {
		return dst, false
	}
	if w.wants == noAck && !w.repaired && w.room() > 0 && c.wantsPrune(&w) {
		w.ping()
	}
	c.commit(&w, number)
	return w.b, true
}

func (w *writer) ping() {
	w.b = append(w.b, uint8(wire.FramePing))
	w.ask(wire.FramePing)
}

// ask notes what a frame that was written asks for.
func (w *writer) ask(t wire.FrameType) { w.wants = max(w.wants, demandOf(t)) }

func (w *writer) push(p *piece) {
	if w.lastPiece == nil {
		w.pieces = p
	} else {
		w.lastPiece.next = p
	}
	w.lastPiece = p
}

// wantsPrune: an ACK is never acknowledged when it travels alone, so that its list of holes would never shrink.
func (c *Conn) wantsPrune(w *writer) bool {
	return w.ackRx >= 0 && c.acks[w.ackRx].numbers.Len() >= 8 && w.path.ackOnly >= 16
}

// commit remembers the packet.
func (c *Conn) commit(w *writer, number uint64) {
	p := w.path
	p.used, p.lastNumber = true, number
	for rx := range c.acks {
		if w.acks>>rx&1 != 0 {
			c.acks[rx].sent()
		}
		if w.told>>rx&1 != 0 {
			c.acks[rx].repair.toTell--
		}
	}
	size := len(w.b) - w.start + packetOverhead
	c.stats.SentBytes += uint64(size)
	c.meterSent(w, size)
	if w.wants == noAck {
		p.ackOnly++
		if w.repaired || p.cong.pace.bound > 0 {
			p.cong.pace.spendUnasked(c.now, size)
		}
		return
	}
	block := uint8(0)
	if w.repair != nil {
		block = w.repair.packetSent(c.now, number, size)
	}
	c.prune(p)
	p.sent.ring.Push(sentPacket{
		number: number, at: c.now, pieces: w.pieces, bytes: uint16(size),
		block: block, ackRx: w.ackRx, acked: w.acked, credit: w.credit,
		suspend: w.suspend,
	})
	if w.unreliable {
		p.sent.at(p.sent.len() - 1).given = c.queue.numbers.given
	}
	p.cong.sent(size, c.now)
	if w.assured {
		p.cong.pace.floor -= int64(size)
	}
	if w.data || p.flying == 0 { // a PING that comes often must not put off the probes that repeat data
		p.ptoBase, p.ptoWants = c.now, w.wants
	}
	p.probes = max(p.probes-1, 0)
	p.flying++
	p.ackOnly = 0
	p.unheard++
	p.sentCount++
	if p.earlyAt == 0 && w.pieces != nil && block == 0 && p.responsive() {
		p.earlyAt = c.now.add(p.lateAfter())
	}
}

// writeAcks puts the ACKs that go out on this path first; due: at least one can't wait for data.
func (c *Conn) writeAcks(w *writer, id wire.PathID) (due bool) {
	for rx := range c.acks {
		a := &c.acks[rx]
		if !a.due && a.deadline == 0 || c.returnPath(wire.PathID(rx)) != id {
			continue
		}
		before := len(w.b)
		if w.b = c.appendAck(w.b, wire.PathID(rx), w.room()); len(w.b) == before {
			continue
		}
		due = due || a.due || a.deadline <= c.now
		w.acks |= 1 << rx
		w.ackRx, w.acked = int8(rx), a.largest
		if d := a.repair; d != nil && d.toTell > 0 && w.room() >= wire.RepairedSize {
			w.b = wire.AppendRepaired(w.b, d.told)
			w.told |= 1 << rx
		}
	}
	return due
}

// writeControl puts what is small and must not wait for the congestion window.
func (c *Conn) writeControl(w *writer, id wire.PathID) {
	if c.credit.due && id == c.route && w.room() >= 11 {
		w.credit = c.advertise()
		w.b = wire.AppendCredit(w.b, w.credit)
		w.ask(wire.FrameCredit)
	}
	c.writeSuspend(w, id)
	if w.path.ping && w.room() > 0 {
		w.path.ping = false
		w.ping()
	}
}
