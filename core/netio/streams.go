package netio

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/websocket"
)

const (
	streamBuffer = 2304      // a reader's, in bytes: one frame of any size, and no more, since there are thousands
	inboxBytes   = 256 << 10 // what readers may have for the owner; then they wait, and TCP has the other side wait
	inboxItems   = 4096
)

var errStreamClosed = errors.New("the other side closed the connection")

// Streams carry datagrams over TCP where UDP is blocked, each stream a WebSocket under a number like a socket's. They
// belong to the owner of a Loop, beside it: the owner alone calls Send, Flush, Read and Shut.
type Streams struct {
	spawn   func(f func(), failed func(text string))
	in      inbox
	open    map[api.SocketID]*stream // that the owner has heard of
	touched []*stream                // with something queued since the last Flush
	stats   StreamStats
}

// StreamStats counts datagrams.
type StreamStats struct {
	Received uint64
	Sent     uint64 // given to a stream's queue
	Full     uint64 // dropped: the queue of a stalled connection is full
	Broken   uint64 // streams, not datagrams: ended since the other side did not keep to WebSocket
}

// StreamNews tells the owner that a stream is open, or that it will never be, or is no more.
type StreamNews struct {
	ID     api.SocketID
	Open   bool
	Remote netip.AddrPort // of the other end, as far as this one sees; Open only
	Text   string         // why not
}

// NewStreams makes streams for the owner that wake wakes. Goroutines start through spawn, which recovers panics.
func NewStreams(wake func(), spawn func(f func(), failed func(text string))) *Streams {
	s := &Streams{spawn: spawn, open: map[api.SocketID]*stream{}}
	s.in.wake, s.in.room.L = wake, &s.in.mu
	return s
}

// run reads a connection that speaks WebSocket by now, until it ends; early came behind the handshake.
func (s *Streams) run(st *stream, remote netip.AddrPort, early []byte) {
	if !s.in.enter(st, remote) {
		st.raw.Close()
		return
	}
	s.spawn(func() { defer s.in.running.Done(); st.write() }, func(string) { st.raw.Close() })
	buf := make([]byte, streamBuffer)
	err := st.read(&s.in, buf, copy(buf, early))
	st.end()
	if _, broken := err.(*websocket.Error); broken {
		s.in.broken.Add(1)
	}
	s.in.leave(st, err.Error())
}

// Adopt runs a connection that a server has accepted and answered, in the calling goroutine. id is of the caller's choice
// and never used again.
func (s *Streams) Adopt(id api.SocketID, conn net.Conn, remote netip.AddrPort, early []byte) {
	s.run(newStream(id, conn, false), remote, early)
}

// Send queues one datagram; what finds no room is dropped and counted. It leaves with the next Flush.
func (s *Streams) Send(id api.SocketID, b []byte) error {
	st := s.open[id]
	if st == nil {
		return ErrNoSocket
	}
	if len(b) > MaxDatagram {
		return ErrTooLarge
	}
	if !st.put(websocket.Binary, b) {
		s.stats.Full++
		return nil
	}
	s.stats.Sent++
	if !st.touched {
		st.touched = true
		s.touched = append(s.touched, st)
	}
	return nil
}

// Flush has the writers send what is queued. It does not wait for them.
func (s *Streams) Flush() {
	for _, st := range s.touched {
		st.touched = false
		st.ready.Signal()
	}
	s.touched = s.touched[:0]
}

// Read hands on what has come and returns how much that was. b is valid during the call of data, which may scribble in it.
func (s *Streams) Read(data func(id api.SocketID, b []byte), news func(StreamNews)) int {
	bytes, items := s.in.swap()
	for i := range items {
		it := &items[i]
		switch it.kind {
		case itemData:
			if s.open[it.st.id] == it.st {
				s.stats.Received++
				data(it.st.id, bytes[it.at:it.at+it.size])
			}
		case itemOpen:
			s.open[it.st.id] = it.st
			news(StreamNews{ID: it.st.id, Open: true, Remote: it.remote})
		case itemEnd:
			if it.st.conn == nil || s.open[it.st.id] == it.st { // else the owner closed it itself
				delete(s.open, it.st.id)
				news(StreamNews{ID: it.st.id, Text: it.text})
			}
		}
		it.st = nil
	}
	return len(items)
}

// Shut ends a stream: what is queued still goes out. No news of it follows. Unknown numbers are ignored.
func (s *Streams) Shut(id api.SocketID) {
	if st := s.open[id]; st != nil {
		delete(s.open, id)
		st.end()
	}
}

// Stats returns the counters.
func (s *Streams) Stats() StreamStats {
	t := s.stats
	t.Broken = s.in.broken.Load()
	return t
}

// Close ends all streams and waits until their goroutines have ended, at most about streamLinger. Dials end, too.
func (s *Streams) Close() {
	s.Flush()
	s.in.shut()
	s.in.running.Wait()
}

// inbox is where readers put what has come, for the owner.
type inbox struct {
	wake   func()
	broken atomic.Uint64 // StreamStats.Broken

	mu      sync.Mutex
	room    sync.Cond // the owner took everything
	bytes   []byte
	items   []item
	spareB  []byte // the owner's; each pair changes places at swap
	spareI  []item
	closed  bool
	all     []*stream      // that run
	dial    func()         // ends the one under way
	running sync.WaitGroup // writers and dials
}

type item struct {
	kind     itemKind
	st       *stream
	at, size int // in bytes
	remote   netip.AddrPort
	text     string
}

type itemKind uint8

const (
	itemData itemKind = iota
	itemOpen
	itemEnd
)

// put adds an item, waking the owner for the first. The caller holds the lock.
func (in *inbox) put(it item) {
	in.items = append(in.items, it)
	if len(in.items) == 1 {
		in.wake()
	}
}

// data adds a datagram, after waiting for room. The caller holds the lock.
func (in *inbox) data(st *stream, b []byte) {
	for (len(in.bytes)+len(b) > inboxBytes || len(in.items) >= inboxItems) && !in.closed {
		in.room.Wait()
	}
	if !in.closed {
		at := len(in.bytes)
		in.bytes = append(in.bytes, b...)
		in.put(item{kind: itemData, st: st, at: at, size: len(b)})
	}
}

// enter makes a stream known, and counts its writer; false: everything is being closed.
func (in *inbox) enter(st *stream, remote netip.AddrPort) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	in.running.Add(1)
	in.all = append(in.all, st)
	in.put(item{kind: itemOpen, st: st, remote: remote})
	return true
}

func (in *inbox) leave(st *stream, text string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if i := slices.Index(in.all, st); i >= 0 {
		last := len(in.all) - 1
		in.all[i], in.all[last] = in.all[last], nil
		in.all = in.all[:last]
	}
	in.put(item{kind: itemEnd, st: st, text: text})
}

// swap takes everything that came.
func (in *inbox) swap() ([]byte, []item) {
	in.mu.Lock()
	defer in.mu.Unlock()
	bytes, items := in.bytes, in.items
	in.bytes, in.items, in.spareB, in.spareI = in.spareB[:0], in.spareI[:0], bytes, items
	if len(items) > 0 {
		in.room.Broadcast()
	}
	return bytes, items
}

// shut ends everything that runs and keeps anything from starting.
func (in *inbox) shut() {
	in.mu.Lock()
	in.closed = true
	all, dial := in.all, in.dial
	in.all, in.dial = nil, nil
	in.room.Broadcast()
	in.mu.Unlock()
	for _, st := range all {
		st.end()
	}
	if dial != nil {
		dial()
	}
}
