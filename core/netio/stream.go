package netio

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/websocket"
)

const (
	// streamQueue bounds what waits for a TCP connection that is stalled, in bytes. Beyond it datagrams are dropped, as a
	// router's queue does: what waits longer is worth nothing to a game, and rudp sends it again. Half a second at 1 Mbit/s.
	streamQueue = 64 << 10
	// streamIdleQueue is what a quiet stream's queue may keep of the memory it once needed.
	streamIdleQueue = 4 << 10
	quietWrites     = 64 // in a row that would have fitted into that

	streamWrite  = 10 * time.Second       // one write; a stream that stalls for so long is given up
	streamSilent = 60 * time.Second       // nothing came: the link's keepalive is 15 s
	streamLinger = 300 * time.Millisecond // last words, and the close frame
)

// stream is one WebSocket connection. Its reader and its writer are goroutines of their own; the owner only queues.
//
//	Send ─▶ queue ─Flush▶ writer ─▶ TLS ─▶ TCP        TCP ─▶ TLS ─▶ reader ─▶ Streams.inbox ─Read▶ owner
type stream struct {
	id     api.SocketID
	conn   net.Conn
	raw    net.Conn // conn, or the TCP connection inside it
	client bool     // our frames are masked

	mu    sync.Mutex
	ready sync.Cond
	queue []byte // frames that wait for the writer
	spare []byte // the writer's; the two change places
	quiet int
	ended bool // the writer says the last words and closes

	touched bool // in Streams.touched; the owner's
}

func newStream(id api.SocketID, conn net.Conn, client bool) *stream {
	s := &stream{id: id, conn: conn, raw: conn, client: client}
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		s.raw = t.NetConn()
	}
	limitUnsent(s.raw)
	s.ready.L = &s.mu
	return s
}

// put queues one frame; false: there is no room, or the stream has ended.
func (s *stream) put(op websocket.Opcode, b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.queue)+len(b)+websocket.MaxHeader > streamQueue {
		return false
	}
	if !s.client {
		s.queue = websocket.AppendFrame(s.queue, op, b, nil)
		return true
	}
	k := rand.Uint32() // of the runtime's ChaCha8, seeded by the system: unpredictable, as RFC 6455, 10.3 wants it
	key := [4]byte{byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)}
	s.queue = websocket.AppendFrame(s.queue, op, b, &key)
	return true
}

// end has the writer send what is queued and close. The reader ends at once.
func (s *stream) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.ready.Signal()
	s.conn.SetReadDeadline(time.Unix(1, 0))
	s.conn.SetWriteDeadline(time.Now().Add(streamLinger)) // also for the write that may be stuck
}

// next waits for frames to write and sets the time that this may take. Their memory is the writer's until its next call;
// last: none come after them.
func (s *stream) next() (b []byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.ended {
		s.ready.Wait()
	}
	if s.quiet++; len(s.queue) > streamIdleQueue {
		s.quiet = 0
	}
	b, s.queue, s.spare = s.queue, s.spare[:0], s.queue
	if s.quiet >= quietWrites && cap(s.queue) > streamIdleQueue {
		s.queue = nil
	}
	limit := streamWrite
	if s.ended {
		limit = streamLinger
	}
	s.conn.SetWriteDeadline(time.Now().Add(limit)) // with the lock, so that end has the last word
	return b, s.ended
}

// write is the writer: until the stream ends or the network fails it. It closes the TCP connection: TLS would first wait
// until its own goodbye could be sent, and ours has been said.
func (s *stream) write() {
	defer s.raw.Close()
	for {
		b, last := s.next()
		if last {
			key := new([4]byte) // zero: nothing in these four bytes is anybody's choice
			if !s.client {
				key = nil
			}
			s.conn.Write(websocket.AppendClose(b, websocket.StatusNormal, key))
			return
		}
		if _, err := s.conn.Write(b); err != nil {
			s.end() // wakes the reader, which tells the owner
			return
		}
	}
}

// read is the reader: buf[:have] came with the handshake. It returns why it ended.
func (s *stream) read(in *inbox, buf []byte, have int) error {
	parser := websocket.Parser{FromClient: !s.client}
	renewed := time.Time{}
	for {
		used, err := s.take(in, &parser, buf[:have])
		if err != nil {
			return err
		}
		have = copy(buf, buf[used:have])
		if now := time.Now(); now.Sub(renewed) > streamSilent/6 {
			renewed = now
			s.mu.Lock() // not after end has set its own
			if !s.ended {
				s.conn.SetReadDeadline(now.Add(streamSilent))
			}
			s.mu.Unlock()
		}
		n, err := s.conn.Read(buf[have:])
		if have += n; err != nil && n == 0 {
			return err
		}
	}
}

// take hands on the whole frames of b and returns how many bytes they took.
func (s *stream) take(in *inbox, parser *websocket.Parser, b []byte) (used int, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		m, n, ok, err := parser.Next(b[used:])
		if n == 0 || err != nil {
			return used, err
		}
		used += n
		switch {
		case !ok:
		case m.Op == websocket.Binary:
			in.data(s, m.Data)
		case m.Op == websocket.Ping:
			s.put(websocket.Pong, m.Data)
			s.ready.Signal()
		case m.Op == websocket.Close:
			return used, errStreamClosed
		}
	}
}
