package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// writer builds one packet's frames. Nothing outside changes until it is known that the packet will be sent, except by
// frames that make sure of it.
type writer struct {
	b         []byte
	start     int
	end       int // len(b) may not pass it
	path      *path
	pieces    *piece // of reliable messages, in the packet's order
	lastPiece *piece
	acks      uint8 // bit per peer's path whose ACK is in here
	ackRx     int8
	acked     uint64
	credit    uint64
	eliciting bool
	full      bool // a frame without length ends the packet
	refused   bool // a message did not fit behind the ACK
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
	w := writer{b: dst, start: len(dst), end: len(dst) + p.maxFrames, path: p, ackRx: -1}
	due := c.writeAcks(&w, id)
	c.writeControl(&w, id)
	c.writeData(&w, id)
	if !w.eliciting && w.refused && !due { // the ACK can wait, the message can't be sent beside it
		w.b, w.acks, w.ackRx = dst, 0, -1
		c.writeData(&w, id)
	}
	if p.probes > 0 && !w.eliciting && w.room() > 0 {
		w.ping()
	}
	if !w.eliciting && !due {
		return dst, false
	}
	if !w.eliciting && w.room() > 0 && c.wantsPrune(&w) {
		w.ping()
	}
	c.commit(&w, number)
	return w.b, true
}

func (w *writer) ping() {
	w.b = append(w.b, uint8(wire.FramePing))
	w.eliciting = true
}

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
	}
	if !w.eliciting {
		p.ackOnly++
		return
	}
	size := len(w.b) - w.start + packetOverhead
	c.prune(p)
	p.sent.ring.Push(sentPacket{
		number: number, at: c.now, pieces: w.pieces, bytes: uint16(size),
		ackRx: w.ackRx, acked: w.acked, credit: w.credit,
	})
	p.cong.sent(size)
	p.ptoBase = c.now
	p.probes = max(p.probes-1, 0)
	p.flying++
	p.ackOnly = 0
	p.unheard++
	p.sentCount++
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
	}
	return due
}

// writeControl puts what is small and must not wait for the congestion window.
func (c *Conn) writeControl(w *writer, id wire.PathID) {
	if c.credit.due && id == c.route && w.room() >= 11 {
		w.credit = c.advertise()
		w.b = wire.AppendCredit(w.b, w.credit)
		w.eliciting = true
	}
	if w.path.ping && w.room() > 0 {
		w.path.ping = false
		w.ping()
	}
}

// writeData fills the packet with messages as far as the path may send: first what was lost, then new data.
func (c *Conn) writeData(w *writer, id wire.PathID) {
	p := w.path
	if id != c.route && p.dup.ring.Len() == 0 || id == c.route && !c.hasData() {
		return
	}
	if p.probes == 0 {
		if !p.cong.open() {
			return
		}
		if ok, retry := p.cong.paced(c.now, p.rtt.smoothed); !ok {
			p.paceUntil = retry
			return
		}
	}
	if id != c.route {
		c.writeDuplicates(w)
		return
	}
	c.writeResend(w)
	q := &c.queue
	for i := range laneCount {
		switch (q.turn + i) % laneCount {
		case laneReliable:
			c.writeReliable(w)
		case laneUnreliable:
			c.writeUnreliable(w)
		}
	}
	q.turn = (q.turn + 1) % laneCount // a full packet of one lane is followed by one of the other
}

// hasData reports whether anything waits for the route; credit may still hold it back.
func (c *Conn) hasData() bool {
	q := &c.queue
	return q.resendHead != nil || q.lanes[laneReliable].head != nil || q.lanes[laneUnreliable].head != nil
}

func (c *Conn) writeResend(w *writer) {
	for m := c.queue.resendHead; m != nil; m = c.queue.resendHead {
		for !m.done && m.lost.Len() > 0 {
			r := m.lost.At(0)
			n := c.writeMessage(w, m, uint32(r.Low), uint32(r.High))
			if n == 0 {
				return
			}
			m.lost.Remove(r.Low, r.Low+uint64(n))
		}
		c.popResend()
	}
}

func (c *Conn) writeReliable(w *writer) {
	q, k := &c.queue, &c.credit
	for m := q.lanes[laneReliable].head; m != nil; m = q.lanes[laneReliable].head {
		end := m.span()
		if left := k.left(); left < uint64(m.size-min(m.sent, m.size)) {
			if left < uint64(w.path.maxFrames) { // don't cut to crumbs; the next CREDIT is large
				return
			}
			end = m.sent + uint32(left)
		}
		// Only the first message of a window that is full elsewhere waits; see maxOutstanding.
		if m.sent == 0 && q.outstanding >= maxOutstanding {
			return
		}
		n := c.writeMessage(w, m, m.sent, end)
		if n == 0 {
			return
		}
		if m.sent == 0 {
			q.outstanding++
		}
		k.used += uint64(min(n, m.size))
		if m.sent += n; m.sent == m.span() {
			q.lanes[laneReliable].pop()
		}
	}
}

func (c *Conn) writeUnreliable(w *writer) {
	c.dropStale()
	l := &c.queue.lanes[laneUnreliable]
	for m := l.head; m != nil; m = l.head {
		ch := c.queue.channel(m.mode, m.channel)
		if m.sent == 0 {
			m.sequence = ch.next
		}
		n := c.writeMessage(w, m, m.sent, m.span())
		if n == 0 {
			return
		}
		if m.sent == 0 {
			ch.next++
		}
		if m.sent += n; m.sent == m.span() {
			l.pop()
			c.finish(m)
			c.tidy(m)
		}
	}
}

func (c *Conn) writeDuplicates(w *writer) {
	d := &w.path.dup
	for p := d.head(c); p != nil; p = d.head(c) {
		n := c.writeMessage(w, p.msg, p.from, p.to)
		if n == 0 {
			return
		}
		if p.from += n; p.from == p.to {
			c.freePiece(d.ring.Pop())
		}
	}
}

// writeMessage writes units [from, to) of m, or as many of them as fit, and returns how many: 0 if the packet is full.
// A message that fits into a packet of its own is not cut, because then losing either packet would lose it.
func (c *Conn) writeMessage(w *writer, m *message, from, to uint32) (n uint32) {
	if w.full {
		return 0
	}
	frame := wire.Message{Mode: uint8(m.mode), Channel: m.channel, Sequence: m.sequence, Offset: from, Size: m.size}
	frame.Payload = m.payload(from, to)
	frame.Fragment = from != 0 || to != m.span()
	room, tail := w.room(), wire.MessageHeaderSize(&frame, true)
	if !frame.Fragment && tail+len(frame.Payload) > room {
		if tail+len(frame.Payload) <= w.path.maxFrames {
			w.refused = true
			return 0
		}
		frame.Fragment = true
		tail = wire.MessageHeaderSize(&frame, true)
	}
	if fit := room - tail; fit < len(frame.Payload) {
		if fit < minFragment && !w.empty() || fit < 1 {
			w.refused = true
			return 0
		}
		frame.Payload = frame.Payload[:fit]
	}
	w.full = wire.MessageHeaderSize(&frame, false)+len(frame.Payload) > room
	w.b = wire.AppendMessage(w.b, &frame, w.full)
	w.eliciting = true
	if n = uint32(len(frame.Payload)); m.size == 0 {
		n = 1
	}
	if m.mode.Reliable() {
		w.push(c.newPiece(m, from, from+n))
	}
	if w.path == c.path(c.route) {
		c.copyPiece(m, from, from+n)
	}
	return n
}

// The modes' numbers are part of the frame type.
const _ = uint(4 - api.ModeCount)
