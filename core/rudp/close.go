package rudp

import (
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	drainPTOs   = 3 // how long a closed connection still answers, in PTO
	maxDrainPTO = time.Second
)

// closing is the end of a connection: what was asked, and the deadlines of the state it is in.
type closing struct {
	code        api.Code
	text        string
	lingerUntil moment
	pto         time.Duration
	repeatAt    moment
	endAt       moment
	unsaid      bool // closed by us when no path was open: said on the first one that opens
	undelivered int  // when it ended
}

func (l *closing) nextTimeout(s state) moment {
	if s == stateEnded {
		return 0
	}
	return earliest(l.endAt, l.repeatAt)
}

// Close ends the connection: at once, or when everything accepted has been delivered, at most linger later. code and
// text are what the peer reports; text is cut to api.MaxCloseText bytes. EventClosed follows here as well.
func (c *Conn) Close(now time.Time, code api.Code, text string, linger time.Duration) {
	c.tick(now)
	if c.state > stateLingering {
		return
	}
	until := c.now.add(max(linger, 0))
	if c.state == stateOpen {
		c.state = stateLingering
		c.closing.code, c.closing.text, c.closing.lingerUntil = code, text, until
	}
	c.closing.lingerUntil = min(c.closing.lingerUntil, until)
	c.lingerDone()
}

// lingerDone goes on to CLOSE when there is nothing left to wait for.
func (c *Conn) lingerDone() {
	if c.queue.messages == 0 || c.now >= c.closing.lingerUntil {
		c.startClosing(c.closing.code, c.closing.text)
	}
}

// startClosing sends CLOSE on every path and again after one and two PTO, unless the peer answers with its own.
func (c *Conn) startClosing(code api.Code, text string) {
	if len(text) > api.MaxCloseText {
		text = strings.ToValidUTF8(text[:api.MaxCloseText], "")
	}
	c.end(stateClosing, Event{Kind: EventClosed, Code: code, Text: text, Undelivered: c.Undelivered()})
	c.closing.code, c.closing.text = code, text
	c.closing.repeatAt = c.now.add(c.closing.pto)
	c.wantClose()
}

// wantClose has a CLOSE leave on every path.
func (c *Conn) wantClose() {
	for _, p := range c.paths {
		if p != nil {
			p.closeDue = true
		}
	}
}

// peerClosed takes the peer's CLOSE. Events of what came before it are ahead of this one in the queue.
func (c *Conn) peerClosed(rx wire.PathID, f wire.Close) {
	text := strings.ToValidUTF8(string(f.Text[:min(len(f.Text), api.MaxCloseText)]), "")
	c.end(stateDraining, Event{Kind: EventClosed, Code: api.Code(f.Code), Text: text, Remote: true, Undelivered: c.Undelivered()})
	c.closing.code, c.closing.text = api.ErrRemoteClosed, ""
	c.answerClose(rx) // so that the peer need not repeat itself
}

// end enters a closed state: nothing queued will be sent any more, its memory goes.
func (c *Conn) end(s state, e Event) {
	c.closing.undelivered = e.Undelivered
	c.state = s
	c.events.Push(queuedEvent{Event: e})
	c.closing.pto = 0
	for i, p := range c.paths {
		if c.acks[i].repair = nil; p == nil {
			continue
		}
		p.repair = nil
		if p.open {
			c.closing.pto = max(c.closing.pto, min(p.rtt.pto(), maxDrainPTO))
		}
		p.sent, p.dup, p.flying, p.cong.inFlight, p.lossAt, p.paceUntil = sentList{}, dupQueue{}, 0, 0, 0, 0
		p.calm()
	}
	switch {
	case c.closing.pto > 0:
	case s == stateClosing:
		c.closing.unsaid, c.closing.pto = true, maxDrainPTO
	default:
		c.state = stateEnded // no path: nobody can be answered
	}
	c.closing.endAt = c.now.add(drainPTOs * c.closing.pto)
	q := &c.queue
	*q = sendQueue{released: q.released + q.bytes}
	ready := c.inbox.unreliableReady
	c.crypto = nil
	c.inbox, c.pool = inbox{unreliableReady: ready}, pool{}
}

// Unsaid reports whether the connection is closed and waits for a path to say so on.
func (c *Conn) Unsaid() bool { return c.closing.unsaid && c.state == stateClosing }

// say says CLOSE on a path that has opened, if it could not be said before.
func (l *closing) say(now moment, p *path) {
	if l.unsaid {
		l.unsaid, p.closeDue = false, true
		l.pto = min(p.rtt.pto(), maxDrainPTO)
		l.repeatAt, l.endAt = now.add(l.pto), now.add(drainPTOs*l.pto)
	}
}

func (c *Conn) answerClose(rx wire.PathID) {
	if back := c.returnPath(rx); back != noPath {
		c.paths[back].closeDue = true
	}
}

// packetWhileClosing answers with CLOSE again, or ends if the packet holds the peer's own.
func (c *Conn) packetWhileClosing(rx wire.PathID, frames []byte) error {
	r := wire.NewReader(frames)
	for r.Len() > 0 && !r.Err() {
		switch t := wire.FrameType(r.U8()); {
		case t.IsMessage():
			wire.ReadMessage(&r, t)
		case t == wire.FrameAck:
			wire.ReadAck(&r, &c.ackScratch)
		case t == wire.FrameCredit:
			r.Varint()
		case t == wire.FrameCrypto:
			wire.ReadCrypto(&r)
		case t == wire.FrameNumber:
			wire.ReadNumber(&r)
		case t == wire.FrameSuspend:
			wire.ReadSuspend(&r)
		case t == wire.FrameSwitch:
			wire.ReadSwitch(&r)
		case t == wire.FrameRepair:
			wire.ReadRepair(&r)
		case t == wire.FrameRepaired:
			wire.ReadRepaired(&r)
		case t == wire.FrameClose:
			if wire.ReadClose(&r); !r.Err() {
				c.state = stateEnded
				return nil
			}
		}
	}
	c.answerClose(rx)
	return nil
}

// closeTimeout repeats CLOSE, then ends.
func (c *Conn) closeTimeout() {
	l := &c.closing
	if l.endAt <= c.now {
		c.state = stateEnded
		return
	}
	if c.state == stateClosing && l.repeatAt != 0 && l.repeatAt <= c.now {
		l.repeatAt = c.now.add(l.pto) // beyond endAt in the end, where it no longer matters
		c.wantClose()
	}
}

// appendClose is AppendPacket of a closed connection.
func (c *Conn) appendClose(p *path, number uint64, dst []byte) ([]byte, bool) {
	if !p.closeDue {
		return dst, false
	}
	p.closeDue = false
	p.used, p.lastNumber = true, number
	return wire.AppendClose(dst, wire.Close{Code: int32(c.closing.code), Text: []byte(c.closing.text)}), true
}

// Closed reports whether EventClosed has been queued: nothing can be sent or received any more.
func (c *Conn) Closed() bool { return c.state >= stateClosing }

// Drained reports whether the connection needs nothing any more, not even to answer the peer with CLOSE.
func (c *Conn) Drained() bool { return c.state == stateEnded }
