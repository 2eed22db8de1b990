package rudp

import (
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// The modes' numbers are part of the frame type.
const _ = uint(4 - api.ModeCount)

// writeData fills the packet with messages as far as the path may send: first what was lost, then new data.
func (c *Conn) writeData(w *writer, id wire.PathID) {
	p := w.path
	if c.away() {
		return
	}
	if id != c.route && p.dup.ring.Len() == 0 || id == c.route && !c.hasData() {
		return
	}
	if p.probes == 0 {
		ok, retry := p.cong.pace.ready(c.now)
		if ok && !p.cong.open() {
			if id != c.route || !c.hasUrgent() {
				return
			}
			ok, retry = p.cong.pace.assured(c.now)
			w.assured = true
		}
		if !ok {
			p.paceUntil = retry
			return
		}
	}
	if id != c.route {
		c.writeDuplicates(w)
		return
	}
	c.beginBlock(w)
	c.writeBands(w)
}

func (c *Conn) writeResend(w *writer, b *band) {
	for m := b.resend.head; m != nil; m = b.resend.head {
		for !m.done && m.parts.lost.Len() > 0 {
			r := m.parts.lost.At(0)
			n := c.writeMessage(w, m, uint32(r.Low), uint32(r.High))
			if n == 0 {
				return
			}
			m.parts.lost.Remove(r.Low, r.Low+uint64(n))
			c.stats.Resent++
		}
		c.popResend(&b.resend)
	}
}

func (c *Conn) writeReliable(w *writer, b *band) {
	q, k := &c.queue, &c.credit
	for m := b.reliable.head; m != nil; m = b.reliable.head {
		end := m.span()
		if left := k.left(); !m.crypto && left < uint64(m.size-min(m.sent, m.size)) {
			if left < uint64(w.most) { // don't cut to crumbs; the next CREDIT is large
				return
			}
			end = m.sent + uint32(left)
		}
		// Only the first message of a window that is full elsewhere waits; see maxOutstanding.
		if m.sent == 0 && !m.crypto && q.outstanding >= maxOutstanding {
			return
		}
		ch := c.channelOf(m)
		if !m.inChan {
			m.sequence = ch.next
		}
		n := c.writeMessage(w, m, m.sent, end)
		if n == 0 {
			return
		}
		if m.sent == 0 {
			q.outstanding++
		}
		if !m.inChan {
			ch.append(m)
		}
		if !m.crypto {
			k.used += uint64(min(n, m.size))
		}
		b.unsent -= int(n)
		if m.sent += n; m.sent == m.span() {
			c.popLane(&b.reliable)
		}
	}
}

func (c *Conn) writeUnreliable(w *writer, b *band) {
	l := &b.unreliable
	for c.expire(l); l.head != nil; c.expire(l) {
		m := l.head
		ch := c.queue.channel(m.mode, m.channel)
		if m.sent == 0 {
			m.sequence = ch.next
		}
		c.writeSwitch(w, m)
		n := c.writeNumbered(w, m, m.sent, m.span())
		if n == 0 {
			return
		}
		if m.sent == 0 {
			ch.next++
			c.queue.numbers.given++
		}
		b.unsent -= int(n)
		if m.sent += n; m.sent < m.span() {
			continue
		}
		if c.popLane(l); m.id != 0 {
			c.await(m, w.path)
			continue
		}
		c.finish(m)
		c.tidy(m)
	}
}

func (c *Conn) writeDuplicates(w *writer) {
	d := &w.path.dup
	for p := d.head(c); p != nil; p = d.head(c) {
		n := c.writeNumbered(w, p.msg, p.from, p.to)
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
	switch {
	case w.full:
		return 0
	case m.crypto:
		return c.writePiece(w, m, from, to)
	}
	frame := wire.Message{Mode: uint8(m.mode), Channel: m.channel, Sequence: m.sequence, Offset: from, Size: m.size}
	frame.Payload = m.payload(from, to)
	frame.Fragment = from != 0 || to != m.span()
	room, tail := w.room(), wire.MessageHeaderSize(&frame, true)
	if !frame.Fragment && tail+len(frame.Payload) > room {
		if tail+len(frame.Payload) <= w.most {
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
	before := len(w.b)
	w.b = wire.AppendMessage(w.b, &frame, w.full)
	w.data = true
	w.unreliable = w.unreliable || !m.mode.Reliable()
	w.ask(wire.FrameType(w.b[before]))
	if n = uint32(len(frame.Payload)); m.size == 0 {
		n = 1
	}
	w.levels[m.level] += len(frame.Payload)
	if m.tracked() {
		w.push(c.newPiece(m, from, from+n))
	}
	if w.repair != nil && m.mode.Reliable() && !frame.Fragment {
		w.repair.add(w.b[before:], m.level)
	}
	if w.path == c.path(c.route) {
		c.copyPiece(m, from, from+n)
	}
	return n
}
