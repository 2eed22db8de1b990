package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// listener is a lone connection on path 0 that is told packets by number and asked for its ACKs.
type listener struct {
	*testing.T
	*Conn
	now    time.Time
	number uint64
}

func newListener(t *testing.T) *listener {
	l := &listener{T: t, Conn: New(testStart, Config{}), now: testStart}
	l.OpenPath(l.now, 0, wire.MaxFrames, 0)
	l.SetRoute(l.now, 0)
	return l
}

func (l *listener) hear(numbers ...uint64) {
	l.Helper()
	for _, n := range numbers {
		if err := l.HandlePacket(l.now, 0, n, []byte{uint8(wire.FramePing)}); err != nil {
			l.Fatal(err)
		}
	}
}

// packet gives the frames of the next packet, nil if there is none.
func (l *listener) packet() []byte {
	out, ok := l.AppendPacket(l.now, 0, l.number, nil)
	if !ok {
		return nil
	}
	l.number++
	return out
}

func (l *listener) wantAck(ranges ...wire.AckRange) wire.Ack {
	l.Helper()
	out := l.packet()
	r := wire.NewReader(out)
	var a wire.Ack
	if len(out) == 0 || wire.FrameType(r.U8()) != wire.FrameAck {
		l.Fatalf("packet %x holds no ACK", out)
	}
	if wire.ReadAck(&r, &a); r.Err() || len(a.Ranges) != len(ranges) {
		l.Fatalf("ACK %+v, want %+v", a, ranges)
	}
	for i := range ranges {
		if a.Ranges[i] != ranges[i] {
			l.Fatalf("ACK %+v, want %+v", a, ranges)
		}
	}
	return a
}

func (l *listener) wantNothing() {
	l.Helper()
	if out := l.packet(); out != nil {
		l.Fatalf("unexpected packet %x", out)
	}
}

func TestAckWaitsAtMostFiveMilliseconds(t *testing.T) {
	l := newListener(t)
	l.hear(0)
	l.wantNothing()
	if next := l.NextTimeout(); next != l.now.Add(maxAckDelay) {
		t.Fatalf("timeout in %v", next.Sub(l.now))
	}
	l.now = l.now.Add(maxAckDelay)
	l.HandleTimeout(l.now)
	if a := l.wantAck(wire.AckRange{Low: 0, High: 0}); a.Delay != 5000 {
		t.Fatalf("delay %d µs", a.Delay)
	}
	l.wantNothing() // an ACK is not acknowledged, and told once
	l.hear(1, 2)
	l.wantAck(wire.AckRange{Low: 0, High: 2}) // the second packet does not wait
}

func TestAckOfGapsIsImmediate(t *testing.T) {
	l := newListener(t)
	l.hear(0, 1)
	l.wantAck(wire.AckRange{Low: 0, High: 1})
	l.hear(5)
	l.wantAck(wire.AckRange{Low: 5, High: 5}, wire.AckRange{Low: 0, High: 1})
	l.hear(3)
	l.wantAck(wire.AckRange{Low: 5, High: 5}, wire.AckRange{Low: 3, High: 3}, wire.AckRange{Low: 0, High: 1})
	l.hear(4)
	l.wantAck(wire.AckRange{Low: 3, High: 5}, wire.AckRange{Low: 0, High: 1})
	l.hear(4) // a replay says nothing
	l.wantNothing()
	if l.Stats().Duplicates != 1 {
		t.Fatal("the replay is not counted")
	}
}

func TestAckTravelsWithData(t *testing.T) {
	l := newListener(t)
	l.hear(0)
	_ = l.Send(l.now, api.ReliableOrdered, 0, 0, []byte("data"))
	l.wantAck(wire.AckRange{Low: 0, High: 0})
	l.now = l.now.Add(maxAckDelay)
	l.HandleTimeout(l.now)
	l.wantNothing()
}

// Thousands of holes: the frame stays bounded, and the list shrinks when the peer confirms that it knows.
func TestAckRangesAreBoundedAndForgotten(t *testing.T) {
	l := newListener(t)
	pinged := uint64(0)
	for n := uint64(0); n < 4000; n += 2 {
		l.hear(n)
		out := l.packet()
		if len(out) > 200 {
			t.Fatalf("ACK of %d bytes", len(out))
		}
		if n > 0 && out[len(out)-1] == uint8(wire.FramePing) && pinged == 0 {
			pinged = l.number - 1
		}
	}
	if l.acks[0].numbers.Len() != wire.MaxAckRanges {
		t.Fatalf("%d ranges", l.acks[0].numbers.Len())
	}
	if pinged == 0 {
		t.Fatal("no ACK asked to be confirmed")
	}
	ack := wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: 0, High: l.number - 1}}})
	if err := l.HandlePacket(l.now, 0, 4000, ack); err != nil {
		t.Fatal(err)
	}
	if n := l.acks[0].numbers.Len(); n > 18 {
		t.Fatalf("%d ranges after the peer confirmed", n)
	}
}

// A full message and an ACK that do not fit into one packet: the message does not wait for ever.
func TestFullPacketBesideAck(t *testing.T) {
	for size := wire.MaxFrames - 60; size <= wire.MaxFrames; size++ {
		l := newListener(t)
		l.hear(0)
		if err := l.Send(l.now, api.ReliableOrdered, 0, 0, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		for l.packet() != nil {
		}
		if l.queue.bands[2].reliable.head != nil {
			t.Fatalf("%d bytes are not sent beside an ACK", size)
		}
	}
}

func TestRTTFollowsRFC9002(t *testing.T) {
	var r rtt
	r.init(0)
	if r.smoothed != firstRTT || r.pto() != firstRTT+4*firstRTT/2+maxAckDelay {
		t.Fatalf("at first: %+v", r)
	}
	r.sample(100*time.Millisecond, 0, maxAckDelay)
	if r.smoothed != 100*time.Millisecond || r.variance != 50*time.Millisecond {
		t.Fatalf("after one sample: %+v", r)
	}
	r.sample(109*time.Millisecond, 9*time.Millisecond, maxAckDelay) // only 5 ms of the delay are believed
	if r.smoothed != 100*time.Millisecond+500*time.Microsecond || r.minimum != 100*time.Millisecond {
		t.Fatalf("after the second: %+v", r)
	}
	for range 200 {
		r.sample(40*time.Millisecond, 0, maxAckDelay)
	}
	if r.pto().Round(time.Millisecond) != 55*time.Millisecond {
		t.Fatalf("a steady 40 ms has PTO %v", r.pto())
	}
}

// Two games that send each other unreliable state every frame tell what came beside it: no packet leaves for an ACK alone,
// whatever the frames' phase, and the wait is taken off the round trip. Reliable messages are answered within 5 ms.
func TestStateCarriesItsAcks(t *testing.T) {
	for phase := range 16 {
		p := newPair(t, 1, Config{})
		p.links[0].delay = 20 * time.Millisecond
		for range 120 {
			p.send(p.alice(), api.Unreliable, 0, make([]byte, 64))
			p.advance(time.Duration(phase) * time.Millisecond)
			p.send(p.bob(), api.Unreliable, 0, make([]byte, 64))
			p.advance(time.Duration(16-phase) * time.Millisecond)
		}
		for i, e := range p.ends {
			path := e.paths[0]
			if alone := path.lastNumber + 1 - path.sentCount; path.sentCount > 125 || alone > 5 {
				t.Errorf("phase %d, end %d: %d packets with something in them, %d without, for 120 messages", phase, i, path.sentCount, alone)
			}
			if off := (path.rtt.smoothed - 40*time.Millisecond).Abs(); off > 2*time.Millisecond || path.ptoCount > 0 {
				t.Errorf("phase %d, end %d: RTT %v of 40 ms, %d probe timeouts", phase, i, path.rtt.smoothed, path.ptoCount)
			}
		}
	}
	p := newPair(t, 1, Config{})
	p.send(p.alice(), api.ReliableOrdered, 0, make([]byte, 64))
	before := p.now
	p.advanceUntil(time.Second, func() bool { return p.alice().paths[0].ackCount > 0 })
	if took := p.now.Sub(before) - 2*p.links[0].delay; took > maxAckDelay {
		t.Errorf("a reliable message was acknowledged after %v", took)
	}
}
