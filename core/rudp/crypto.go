package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// cryptoStream carries the few messages of the connection itself, those that renew its keys: reliable and in order like a
// game's, in CRYPTO frames. They take neither the game's budget nor its credit, so that a game that doesn't poll holds no key
// up, and leave when nothing of the game's waits, or when they have waited for cryptoPatience.
type cryptoStream struct {
	band    band       // only reliable messages are in it
	out     outChannel // numbers them
	waiting moment     // since when packets leave without what is in band; zero: nothing is

	next  uint64     // of the message that comes next from the peer
	buf   []byte     // it, as far as it came; nil: nothing of it did
	runs  seq.Ranges // which bytes
	ready []byte     // the last one that came whole and was not taken
}

// cryptoPatience is how long they let the game's messages go first, as long as those fill every packet.
const cryptoPatience = time.Second

// SendCrypto queues a message of 1 to wire.MaxCrypto bytes, copying it. It is for connections with Config.Crypto.
func (c *Conn) SendCrypto(now time.Time, data []byte) {
	c.tick(now)
	s := c.crypto
	if s == nil || c.state >= stateClosing {
		return
	}
	m := c.newMessage(&api.Outgoing{}, data)
	m.crypto, m.level = true, uint8(api.PriorityLow.Level())
	s.out.waiting++
	s.out.append(m)
	s.band.unsent += int(m.span())
	s.band.reliable.push(m)
}

// Hold keeps the game's messages back, as long as it is on; SendCrypto's leave.
func (c *Conn) Hold(now time.Time, on bool) {
	c.tick(now)
	c.hold = on
}

// TakeCrypto gives the peer's message that has come whole, once; nil: none has. Take it after each packet: a second one that
// finds the first still here is the peer's mistake.
func (c *Conn) TakeCrypto() (data []byte) {
	if c.crypto != nil {
		data, c.crypto.ready = c.crypto.ready, nil
	}
	return data
}

// urgentCrypto reports whether the stream has let the game's messages go first for long enough.
func (c *Conn) urgentCrypto() bool {
	s := c.crypto
	switch {
	case s == nil:
		return false
	case s.band.empty():
		s.waiting = 0
		return false
	case s.waiting == 0:
		s.waiting = c.now
	}
	return c.now.since(s.waiting) >= cryptoPatience
}

// writeCrypto fills the packet from the stream.
func (c *Conn) writeCrypto(w *writer) {
	if s := c.crypto; s != nil && !w.assured {
		c.writeBand(w, &s.band)
	}
}

// writePiece is writeMessage for the stream, whose frames hold any piece of a message.
func (c *Conn) writePiece(w *writer, m *message, from, to uint32) (n uint32) {
	f := wire.Crypto{Sequence: m.sequence, Offset: from, Size: m.size, Payload: m.payload(from, to)}
	fit := w.room() - wire.CryptoHeaderSize(&f)
	if fit < min(minFragment, len(f.Payload)) {
		w.refused = true
		return 0
	}
	f.Payload = f.Payload[:min(fit, len(f.Payload))]
	w.b = wire.AppendCrypto(w.b, &f)
	w.data = true
	w.ask(wire.FrameCrypto)
	n = uint32(len(f.Payload))
	w.levels[m.level] += len(f.Payload)
	w.push(c.newPiece(m, from, from+n))
	if w.path == c.path(c.route) {
		c.copyPiece(m, from, from+n)
	}
	return n
}

// bandOf is where a message waits.
func (c *Conn) bandOf(m *message) *band {
	if m.crypto {
		return &c.crypto.band
	}
	return &c.queue.bands[m.level]
}

// channelOf is the channel of a message; the pointer holds until the next call.
func (c *Conn) channelOf(m *message) *outChannel {
	if m.crypto {
		return &c.crypto.out
	}
	return c.queue.channel(m.mode, m.channel)
}

// handleCrypto takes a piece of a message: of the one that comes next, or of one that is here. Who sends more before the
// first was taken, or more than fits, breaks the protocol; so a peer makes us hold two messages at most.
func (c *Conn) handleCrypto(f *wire.Crypto) error {
	s := c.crypto
	switch {
	case s == nil:
		return errFrame
	case f.Sequence < s.next:
		c.stats.RepeatedMessage++
		return nil
	case f.Sequence > s.next:
		return errWindow
	case s.buf != nil && len(s.buf) != int(f.Size):
		return errSize
	}
	if s.buf == nil {
		s.buf = make([]byte, f.Size)
	}
	copy(s.buf[f.Offset:], f.Payload)
	s.runs.Add(uint64(f.Offset), uint64(f.Offset)+uint64(len(f.Payload)))
	if !s.runs.Covers(0, uint64(f.Size)) {
		return nil
	}
	if s.ready != nil {
		return errWindow
	}
	s.ready, s.buf = s.buf, nil
	s.runs.Clear()
	s.next++
	return nil
}

// LongestPTO is the longest probe timeout of the open paths: nearly everything under way arrives within it, or never.
func (c *Conn) LongestPTO() (pto time.Duration) {
	for _, p := range c.paths {
		if p != nil && p.open {
			pto = max(pto, p.rtt.pto())
		}
	}
	return pto
}
