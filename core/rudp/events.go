package rudp

import "github.com/musubi-p2p/musubi/core/api"

// EventKind says what an Event reports.
type EventKind uint8

const (
	EventMessage     EventKind = iota + 1 // Mode, Channel, Data
	EventDelivered                        // ID, Code: OK, the peer's transport has the whole message; ErrUnknown; ErrExpired
	EventWritable                         // after ErrWouldBlock: there is room again
	EventInterrupted                      // nothing heard for two keepalives, or the peer announced its absence: Text
	EventRecovered                        // heard again
	EventClosed                           // the last event: Code, Text, Remote, Undelivered
)

// Event is one thing that happened. Fields not named at its kind are zero.
type Event struct {
	Kind        EventKind
	Mode        api.Mode
	Channel     uint8
	Remote      bool     // the peer closed
	Code        api.Code // of EventClosed: as given to Close, here or there
	Undelivered int      // reliable messages not known to have arrived
	ID          uint64
	Data        []byte // borrowed until the next call of NextEvent
	Text        string
}

// queuedEvent keeps the payload's buffer until the event is taken.
type queuedEvent struct {
	Event
	buf *buffer
}

// NextEvent takes the oldest event.
func (c *Conn) NextEvent() (Event, bool) {
	if c.lent != nil {
		c.pool.putBuffer(c.lent)
		c.lent = nil
	}
	if c.events.Len() == 0 {
		return Event{}, false
	}
	e := c.events.Pop()
	switch c.lent = e.buf; {
	case e.Kind == EventMessage && !e.Mode.Reliable():
		c.inbox.unreliableReady -= len(e.Data)
	case e.Kind == EventDelivered && c.state < stateClosing: // it took budget, so that a game that never polls stays bounded
		c.free(api.MessageCost)
	}
	return e.Event, true
}

// deliver hands a whole message to the owner, together with its buffer.
func (c *Conn) deliver(mode api.Mode, channel uint8, buf *buffer, size uint32) {
	if mode.Reliable() {
		c.credit.delivered += uint64(size)
	} else {
		if c.inbox.unreliableReady+int(size) > c.cfg.unreliableReady() || c.events.Len() >= maxReady {
			c.stats.Overrun++
			c.pool.putBuffer(buf)
			return
		}
		c.inbox.unreliableReady += int(size)
	}
	c.events.Push(queuedEvent{Event: Event{Kind: EventMessage, Mode: mode, Channel: channel, Data: buf.b[:size]}, buf: buf})
}
