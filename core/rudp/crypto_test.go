package rudp

import (
	"bytes"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A ping-pong of messages over the stream: sizes of an offer and an answer, one at a time as their users have it.
type cryptoTalk struct {
	*pair
	sent, got int
}

func (t *cryptoTalk) payload(n int) []byte { return body(uint64(n), 1216-96*(n%2)) }

func (t *cryptoTalk) look(i int) {
	data := t.ends[i].TakeCrypto()
	if data == nil {
		return
	}
	if t.got++; t.got != t.sent || i == (t.sent-1)%2 || !bytes.Equal(data, t.payload(t.sent-1)) {
		t.t.Fatalf("message %d of %d came to %d with %d bytes", t.got, t.sent, i, len(data))
	}
	t.say()
}

func (t *cryptoTalk) say() {
	e := t.ends[t.sent%2]
	e.SendCrypto(t.now, t.payload(t.sent))
	t.sent++
}

// On bad networks, beside a game's messages and changes of the path, each message comes once, whole and in turn; and it costs
// the game neither budget nor credit, nor counts as one of its messages.
func TestCryptoStream(t *testing.T) {
	for seed := range int64(20) {
		p := newPair(t, seed, Config{Crypto: true})
		talk := &cryptoTalk{pair: p}
		p.onSettled = talk.look
		p.openDirect()
		for id := range p.links {
			l := &p.links[id]
			l.loss, l.duplicate, l.jitter = 0.1*float64(seed%4), 0.1, 15*time.Millisecond
		}
		talk.say()
		for n := range uint64(600) {
			e := p.ends[n%2]
			p.send(e, api.ReliableOrdered, 0, body(n/2, 100))
			p.advance(16 * time.Millisecond)
			if n%50 == 49 {
				e.SetRoute(p.now, wire.PathID(n/50%2*2))
				e.SetDuplicate(p.now, 0, n%100 == 49)
			}
		}
		p.onSettled = nil
		p.advance(20 * time.Second)
		if talk.got < 20 {
			t.Errorf("seed %d: %d messages", seed, talk.got)
		}
		for i, e := range p.ends {
			p.wantNumbered(e.messages(api.ReliableOrdered, 0), 0, 300, constant(100))
			if k := &e.credit; k.used != 300*100 || k.received != 300*100 || e.TakeReleased() != 300*api.Cost(100) {
				t.Errorf("seed %d, end %d: the game's books %+v", seed, i, *k)
			}
			if e.TakeCrypto(); e.Undelivered() != 0 || !e.Idle() {
				t.Errorf("seed %d: the game is told of %d messages", seed, e.Undelivered())
			}
			if q := &e.queue; q.bytes != 0 || q.messages != 0 || q.outstanding != 0 || e.hasData() || e.crypto.out.head != nil {
				t.Errorf("seed %d: left over: %+v, %+v", seed, *q, *e.crypto)
			}
		}
	}
}

// A game that takes nothing and has used up its credit, and a bulk transfer that fills the line, hold no key up.
func TestCryptoPassesAGameThatStands(t *testing.T) {
	p := newPair(t, 1, Config{Crypto: true, SendBudget: 64 << 20})
	p.links[0].rate, p.links[0].buffer = 125_000, 250*time.Millisecond
	p.bob().hoard = true
	for n := range uint64(8) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 1<<20))
	}
	p.advance(5 * time.Second)
	for _, name := range []string{"bulk", "no credit"} {
		p.alice().SendCrypto(p.now, body(1, 1216))
		if came := p.advanceUntil(4*time.Second, func() bool { return p.bob().TakeCrypto() != nil }); !came {
			t.Errorf("%s: not here after 4 s", name)
		}
		p.advance(time.Minute) // bob's game has all that its credit is good for
	}
	if left := p.alice().credit.left(); left >= 1<<20 {
		t.Errorf("there is credit for %d bytes: the story did not happen", left)
	}
}

// What a hostile peer can send as CRYPTO: the connection holds two messages at most, and does not know the frame where it was
// not agreed on.
func TestHostileCrypto(t *testing.T) {
	piece := func(sequence uint64, offset, size uint32, n int) []byte {
		return wire.AppendCrypto(nil, &wire.Crypto{Sequence: sequence, Offset: offset, Size: size, Payload: make([]byte, n)})
	}
	for name, c := range map[string]struct {
		frames []byte
		plain  bool
	}{
		"not agreed on": {piece(0, 0, 10, 10), true},
		"far ahead":     {piece(1, 0, 10, 10), false},
		"one not taken": {append(piece(0, 0, 10, 10), piece(1, 0, 10, 10)...), false},
		"another size":  {append(piece(0, 0, 10, 5), piece(0, 0, 11, 5)...), false},
		"no size":       {[]byte{0x0a, 0, 0, 0, 0}, false},
	} {
		conn := New(testStart, Config{Crypto: !c.plain})
		conn.OpenPath(testStart, 0, wire.MaxFramesRelayed, 0)
		if err := conn.HandlePacket(testStart, 0, 1, c.frames); code(err) != api.ErrProtocol {
			t.Errorf("%s: %v", name, err)
		}
	}
	conn := New(testStart, Config{Crypto: true})
	conn.OpenPath(testStart, 0, wire.MaxFramesRelayed, 0)
	for n := range uint64(2000) { // every second byte, and again: no more than the message is remembered
		if err := conn.HandlePacket(testStart, 0, n, piece(0, uint32(n*2)%1216, 1216, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := conn.crypto.runs.Len(); n > wire.MaxCrypto/2 || len(conn.crypto.buf) != wire.MaxCrypto {
		t.Errorf("%d runs of %d bytes", n, len(conn.crypto.buf))
	}
}
