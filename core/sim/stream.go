package sim

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// tcpStream is one client's TCP connection to the server, TLS and WebSocket in it: nothing is lost or overtakes, what the network
// loses comes later, and so does everything behind it.
type tcpStream struct {
	w      *World
	id     api.SocketID
	number uint32 // the hub's
	client *Client
	server *Server
	open   bool
	last   [2]time.Time // when the latest bytes arrive: at the server, at the client
}

// Times of TCP: three round trips from SYN to WebSocket (TLS 1.3), and what a lost segment costs, the first one and a later one
// (RFC 6298; Linux's tail loss probe after two round trips).
const (
	streamTrips = 3
	synAgain    = time.Second
)

// dial opens a stream to the server, if there is one at that address.
func (c *Client) dial(id api.SocketID, to netip.AddrPort) {
	w := c.w
	s := w.servers[to.Addr()]
	w.streams++
	st := &tcpStream{w: w, id: id, number: w.streams, client: c, server: s}
	c.stream = st
	if s == nil || s.down {
		w.After(synAgain, func(time.Time) {
			if c.stream == st {
				c.Do(func(now time.Time, e *endpoint.Endpoint) { e.SocketFailed(now, id, "no answer") })
			}
		})
		return
	}
	took := synAgain * time.Duration(w.losses())
	for range streamTrips {
		took += 2*w.delay(w.weather) + st.resend()
	}
	w.After(took, func(now time.Time) {
		if c.stream != st {
			return // closed meanwhile
		}
		st.open = true
		s.streams[st.number] = st
		s.Hub.StreamOpened(st.number, netip.AddrPortFrom(c.site.Public(), uint16(st.number)))
		c.Do(func(now time.Time, e *endpoint.Endpoint) { e.SocketOpened(now, id, netip.AddrPort{}) })
	})
}

// losses is how often in a row a segment is lost.
func (w *World) losses() (n int) {
	for w.weather.Loss > 0 && w.rng.Float64() < w.weather.Loss {
		n++
	}
	return n
}

// resend is how much later a segment comes for its losses.
func (st *tcpStream) resend() time.Duration {
	return time.Duration(st.w.losses()) * 4 * st.w.weather.Delay
}

// pass takes bytes to one end of the stream: 0 the server's, 1 the client's.
func (st *tcpStream) pass(end int, b []byte, arrive func(now time.Time, b []byte)) {
	if !st.open {
		return
	}
	if st.w.ears != nil {
		st.w.ears.stream(st.number, end, b)
	}
	b = append([]byte(nil), b...)
	at := later(st.w.now.Add(st.w.delay(st.w.weather)+st.resend()), st.last[end])
	st.last[end] = at
	st.w.At(at, func(now time.Time) {
		if st.open {
			arrive(now, b)
		}
	})
}

// toServer and toClient send one datagram.
func (st *tcpStream) toServer(b []byte) {
	st.pass(0, b, func(now time.Time, b []byte) {
		if s := st.server; !s.down {
			s.Hub.HandleStream(now, st.number, b)
			s.drain(now)
		}
	})
}

func (st *tcpStream) toClient(b []byte) {
	st.pass(1, b, func(now time.Time, b []byte) {
		if c := st.client; !c.frozen {
			c.Endpoint.HandleDatagram(c.local(now), st.id, st.server.Addr(), b)
			c.drain(now)
		}
	})
}

// reset is what the server's machine says of a stream whose process is gone.
func (st *tcpStream) reset() {
	st.pass(1, nil, func(time.Time, []byte) {
		if c := st.client; c.stream == st {
			st.open = false
			c.Do(func(now time.Time, e *endpoint.Endpoint) { e.SocketFailed(now, st.id, "reset by the server") })
		}
	})
}

// hangUp ends the stream at both ends.
func (c *Client) hangUp() {
	st := c.stream
	c.stream = nil
	if st.open {
		st.open = false
		delete(st.server.streams, st.number)
		st.server.Hub.StreamClosed(st.number)
	}
}
