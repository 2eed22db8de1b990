package cluster

import (
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	maxFrame    = 60 << 10 // bytes of messages in a frame; with what is around them below the 64 KiB that CLUSTER.md promises
	maxUnacked  = 4 << 20  // bytes; a node that can't take more within a lease is not keeping up
	repeatAfter = 300 * time.Millisecond
	repeatMost  = 2 * time.Second
	ackAfter    = 50 * time.Millisecond
)

// pair is what we have with one other node: two numbered streams of frames. NATS loses frames and never reorders those of one
// sender; whatever comes out of order is thrown away, and repeated by the other end.
//
//	state of both streams = (our generation, its generation). Whoever starts again raises its own; frames that echo another
//	one of ours are answered with it and otherwise ignored, and a higher one of the other end's makes us start again as well.
type pair struct {
	id           uint32
	alive        bool // by the roster
	gen, peerGen uint32
	strict       bool // a frame must echo our generation
	building     []byte
	frames       [][]byte // not acknowledged, in order
	first        uint32   // number of frames[0]; what comes next has first + len(frames)
	sent         int      // of frames; the others are to be sent
	bytes        int
	repeatAt     time.Time
	repeats      int
	in           uint32 // last number taken
	ackAt        time.Time
	ackNow       bool
	overflowed   bool
}

func newPair(id uint32) *pair { return &pair{id: id, gen: 1, first: 1} }

// restart forgets both streams. raise: of our own accord, so the other end has to follow.
func (p *pair) restart(raise bool) {
	if raise {
		p.gen++
		p.strict = true
	}
	p.building, p.frames, p.first, p.sent, p.bytes, p.in = nil, nil, 1, 0, 0, 0
	p.repeatAt, p.ackAt, p.repeats, p.overflowed = time.Time{}, time.Time{}, 0, false
	p.ackNow = true // tells the generation
}

// put queues a message. One that is too large for any frame is impossible: signals are at most 12 KiB.
func (p *pair) put(m *message) {
	was := len(p.building)
	if p.building = appendMessage(p.building, m); len(p.building) > maxFrame && was > 0 {
		last := append([]byte(nil), p.building[was:]...)
		p.building = p.building[:was]
		p.close()
		p.building = last
	}
}

// close makes a frame of what was put.
func (p *pair) close() {
	if len(p.building) == 0 {
		return
	}
	p.frames = append(p.frames, p.building)
	p.bytes += len(p.building)
	p.building = nil
	p.overflowed = p.overflowed || p.bytes > maxUnacked
}

// transmit appends the next frame that is to go out, unsealed.
func (p *pair) transmit(now time.Time, self uint32, dst []byte) ([]byte, bool) {
	p.close()
	h := header{from: self, to: p.id, gen: p.gen, echo: p.peerGen, ack: p.in}
	switch {
	case p.sent < len(p.frames):
		h.seq = p.first + uint32(p.sent)
		dst = append(appendHeader(dst, h), p.frames[p.sent]...)
		p.sent++
		if p.repeatAt.IsZero() {
			p.repeatAt = now.Add(repeatAfter)
		}
	case p.ackNow:
		dst = appendHeader(dst, h)
	default:
		return dst, false
	}
	p.ackNow, p.ackAt = false, time.Time{}
	return dst, true
}

// handle takes a frame's header. again: the other end started again, and what was between the two is void. take: its messages
// are the next ones.
func (p *pair) handle(now time.Time, h header) (again, take bool) {
	if h.gen > p.peerGen {
		if again = p.peerGen != 0; again {
			p.restart(false)
		}
		p.peerGen = h.gen
	}
	if h.gen < p.peerGen || h.echo != p.gen && (h.echo != 0 || p.strict) {
		p.ackNow = true // it does not know our generation yet
		return again, false
	}
	p.acked(now, h.ack)
	if h.seq == 0 {
		return again, false
	}
	if h.seq != p.in+1 {
		p.ackNow = true // repeated, or one before it is missing
		return again, false
	}
	p.in = h.seq
	if p.ackAt.IsZero() {
		p.ackAt = now.Add(ackAfter)
	}
	return again, true
}

// acked frees what the other end has.
func (p *pair) acked(now time.Time, number uint32) {
	n := int(int32(number - p.first + 1))
	if n <= 0 || n > p.sent {
		return
	}
	for _, f := range p.frames[:n] {
		p.bytes -= len(f)
	}
	clear(p.frames[:n])
	p.frames, p.first, p.sent = p.frames[n:], p.first+uint32(n), p.sent-n
	p.repeats, p.repeatAt = 0, time.Time{}
	if p.sent > 0 {
		p.repeatAt = now.Add(repeatAfter)
	}
}

func (p *pair) timeout(now time.Time) {
	if deadline.Due(now, p.repeatAt) {
		p.sent, p.repeatAt = 0, now.Add(min(repeatAfter<<min(p.repeats, 4), repeatMost))
		p.repeats++
	}
	if deadline.Due(now, p.ackAt) {
		p.ackNow, p.ackAt = true, time.Time{}
	}
}

func (p *pair) next() time.Time { return deadline.Earlier(p.repeatAt, p.ackAt) }

// readFrame splits an opened frame; the messages are read by the caller.
func readFrame(b []byte) (h header, r wire.Reader, ok bool) {
	r = wire.NewReader(b)
	h = readHeader(&r)
	return h, r, !r.Err() && h.from != 0
}
