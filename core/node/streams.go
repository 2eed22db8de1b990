package node

import (
	"cmp"
	"net/netip"
	"sync/atomic"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/netio"
)

// tcp is the client's stream, where UDP does not reach the server. There is one at most.
type tcp struct {
	*netio.Streams
	id     api.SocketID // 0: none
	server netip.AddrPort
	abort  func() // ends a dial

	trouble atomic.Pointer[panicError] // of one of its goroutines

	data func(id api.SocketID, b []byte) // made once, as owner.reader
	news func(netio.StreamNews)
}

func (o *owner) initTCP() {
	o.tcp.Streams = netio.NewStreams(o.loop.Wake, func(f func(), failed func(text string)) {
		Spawn(func() {
			Trouble("stream")
			f()
		}, func(text string) {
			bug := panicError(text)
			o.tcp.trouble.Store(&bug)
			failed(text)
			o.loop.Wake()
		})
	})
	o.tcp.data = func(id api.SocketID, b []byte) {
		if id == o.tcp.id { // datagrams of the server, whatever address carries them
			o.reader(id, o.tcp.server, b)
		}
	}
	o.tcp.news = func(n netio.StreamNews) {
		switch {
		case n.ID != o.tcp.id:
			if n.Open {
				o.tcp.Shut(n.ID) // given up while it was dialled
			}
		case n.Open:
			o.engine.SocketOpened(o.now, n.ID, n.Remote)
		default:
			o.tcp.id = 0
			o.engine.SocketFailed(o.now, n.ID, n.Text)
		}
	}
}

// readTCP takes what has come through the stream.
func (o *owner) readTCP() int {
	if bug := o.tcp.trouble.Load(); bug != nil {
		panic(*bug)
	}
	return o.tcp.Read(o.tcp.data, o.tcp.news)
}

// dial opens the stream that the endpoint asks for. A server in the local network has none.
func (o *owner) dial(op endpoint.SocketOp) {
	name, known := o.servers.hosts[op.Stream]
	if !known {
		o.engine.SocketFailed(o.now, op.ID, "a host in the local network has no TCP port")
		return
	}
	port := cmp.Or(o.cfg.WS, o.cfg.TLS, api.DefaultTLSPort)
	o.tcp.id, o.tcp.server = op.ID, op.Stream
	o.tcp.abort = o.tcp.Dial(op.ID, netio.StreamDial{
		To: netip.AddrPortFrom(op.Stream.Addr(), port), From: o.cfg.Bind.Addr(), Name: name, Plain: o.cfg.WS != 0,
	})
}

// hangUp closes the stream; false: the number is none of it.
func (o *owner) hangUp(id api.SocketID) bool {
	if id != o.tcp.id || id == 0 {
		return false
	}
	o.tcp.abort()
	o.tcp.Flush()
	o.tcp.Shut(id)
	o.tcp.id = 0
	return true
}

// put sends one datagram the way it is to go. What can't be sent is lost, as anything on a network may be; netio counts it.
func (o *owner) put(tx *endpoint.Transmit, b []byte) {
	if tx.Socket != api.MainSocket && tx.Socket == o.tcp.id {
		_ = o.tcp.Send(tx.Socket, b)
		return
	}
	_ = o.loop.Send(o.mains.outside(tx.Socket), tx.To, b, tx.TTL)
}
