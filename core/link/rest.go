package link

import (
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/rudp"
)

// Most of a server's links say nothing for fifteen seconds, then PING. In between the server's end rests: of its transport
// rudp.Resting stays, of its keys what can't be made again. A packet that opens, a signal to send or a deadline wakes it. A
// keepalive is answered in the same instant, and the pipe rests again, so that it costs no timer and no memory.
//
//	awake --- nothing to do, no signal for restAfter ---> at rest --- packet, signal, deadline ---> awake

// resting is that part of a server's pipe. A client's pipe, without spares, never rests.
type resting struct {
	spares *spares
	state  rudp.Resting // while conn is nil
	spoke  time.Time    // the last signal, either way
	due    time.Time    // the pipe may rest from then on, if nothing happens before; zero: something must happen first
}

// restAfter keeps a link awake between the signals of one conversation.
const restAfter = time.Second

// spares are the transports of links at rest, for those that wake.
type spares struct{ list []*rudp.Conn }

// maxSpares is how many are kept, some kilobytes each. A keepalive needs one for an instant, a ticket for a round trip.
const maxSpares = 128

func (s *spares) get() *rudp.Conn {
	last := len(s.list) - 1
	if last < 0 {
		return new(rudp.Conn)
	}
	c := s.list[last]
	s.list[last] = nil
	s.list = s.list[:last]
	return c
}

func (s *spares) put(c *rudp.Conn) {
	if len(s.list) < maxSpares {
		s.list = append(s.list, c)
	}
}

// awake gives the transport, woken if it rested.
func (p *pipe) awake(now time.Time) *rudp.Conn {
	if p.conn == nil {
		p.conn = p.rest.spares.get()
		p.conn.Wake(now, serverTransport, &p.rest.state)
	}
	return p.conn
}

// settle puts the pipe to rest if nothing is left to do. Call it when there is nothing more to send.
func (p *pipe) settle(now time.Time) {
	if p.conn == nil {
		p.keys.Rest() // what a forgery or a probe had them build
		return
	}
	p.rest.due = time.Time{}
	if p.rest.spares == nil {
		return
	}
	if at := p.rest.spoke.Add(restAfter); !deadline.Due(now, at) {
		p.rest.due = at
		return
	}
	state, ok := p.conn.Rest(now)
	if !ok {
		return
	}
	p.rest.spares.put(p.conn)
	p.rest.state, p.conn, p.in, p.out = state, nil, nil, nil
	p.keys.Rest()
}

// nextTimeout is when handleTimeout is due.
func (p *pipe) nextTimeout() time.Time {
	if p.conn == nil {
		return p.rest.state.NextTimeout()
	}
	return deadline.Earlier(p.conn.NextTimeout(), p.rest.due)
}

// handleTimeout is rudp's, if it is due.
func (p *pipe) handleTimeout(now time.Time) {
	if p.conn != nil || deadline.Due(now, p.rest.state.NextTimeout()) {
		p.awake(now).HandleTimeout(now)
	}
}

// Resting reports whether the session has been put away.
func (s *ServerSession) Resting() bool { return s.pipe.conn == nil }
