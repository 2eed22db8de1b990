package cluster

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Two ends over a bus that loses a third: every message arrives once and in order. When one end begins anew, what it had is
// void at both, and what comes after arrives.
func TestPairDeliversOnceAndInOrder(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := newPair(2), newPair(1)
		var got []uint64
		now, voided := epoch, 0
		carry := func(from, to *pair, self uint32) {
			for f, ok := from.transmit(now, self, nil); ok; f, ok = from.transmit(now, self, nil) {
				if rng.Float64() < 0.3 {
					continue
				}
				h, r, ok := readFrame(f)
				if !ok {
					t.Fatal("frame does not read")
				}
				again, take := to.handle(now, h)
				if again {
					voided++
				}
				for take && r.Len() > 0 {
					m, ok := readMessage(&r)
					if !ok {
						t.Fatal("message does not read")
					}
					got = append(got, m.room)
				}
			}
		}
		sent, first := uint64(0), uint64(0)
		for step := range 1200 {
			if step < 250 {
				for range rng.IntN(4) {
					sent++
					a.put(&message{typ: msgHanded, room: sent})
				}
			}
			if step == 120 && seed%2 == 0 {
				a.restart(true)
				got, first = nil, sent
			}
			carry(a, b, 1)
			carry(b, a, 2)
			now = now.Add(100 * time.Millisecond)
			a.timeout(now)
			b.timeout(now)
		}
		if uint64(len(got)) != sent-first || len(a.frames) != 0 || a.bytes != 0 {
			t.Fatalf("seed %d: %d of %d messages, %d frames and %d bytes left", seed, len(got), sent-first, len(a.frames), a.bytes)
		}
		for i, n := range got {
			if n != first+uint64(i)+1 {
				t.Fatalf("seed %d: message %d came as number %d", seed, n, i+1)
			}
		}
		if seed%2 == 0 && voided == 0 {
			t.Fatalf("seed %d: the other end did not hear of the restart", seed)
		}
	}
}

// Both ends begin anew at once, with frames of before still under way: they find each other.
func TestBothEndsRestart(t *testing.T) {
	a, b := newPair(2), newPair(1)
	now := epoch
	talk := func() (n int) {
		for range 8 {
			for f, ok := a.transmit(now, 1, nil); ok; f, ok = a.transmit(now, 1, nil) {
				h, _, _ := readFrame(f)
				if _, take := b.handle(now, h); take {
					n++
				}
			}
			for f, ok := b.transmit(now, 2, nil); ok; f, ok = b.transmit(now, 2, nil) {
				h, _, _ := readFrame(f)
				a.handle(now, h)
			}
		}
		return n
	}
	a.put(&message{typ: msgHanded, room: 1})
	talk()
	a.put(&message{typ: msgHanded, room: 2})
	old, _ := a.transmit(now, 1, nil)
	a.restart(true)
	b.restart(true)
	talk()
	h, _, _ := readFrame(old)
	if _, take := b.handle(now, h); take {
		t.Error("a frame of before is taken")
	}
	a.put(&message{typ: msgHanded, room: 3})
	if n := talk(); n != 1 {
		t.Errorf("%d frames taken after both restarted", n)
	}
}

// A pair that nobody empties is bounded.
func TestPairOverflows(t *testing.T) {
	p := newPair(2)
	m := message{typ: msgUp, signal: make([]byte, 12<<10)}
	n := 0
	for ; !p.overflowed && n < 10_000; n++ {
		p.put(&m)
		p.close()
	}
	if size := n * 12 << 10; !p.overflowed || size > maxUnacked+64<<10 {
		t.Errorf("overflow %v after %d bytes", p.overflowed, size)
	}
}

func messages() []message {
	ref := rendezvous.LinkRef{Member: 1, Link: 2, Addr: netip.MustParseAddrPort("203.0.113.9:4000"), Stream: true, Privacy: api.PrivacyConsent, RTT: 40 * time.Millisecond}
	short := ref
	ref.App, ref.User, ref.Key, ref.Grant = "app", "ana", [32]byte{3}, wire.Grant{Expires: 9, Perms: wire.PermAll, Room: "E*"}
	name := rendezvous.LinkRef{Member: 1, Link: 2}
	return []message{
		{typ: msgAttach, ref: ref, flags: attachResumed, profile: []byte("p"), signal: []byte("s")}, {typ: msgUp, ref: short, signal: []byte("s")},
		{typ: msgDown, ref: name, signal: []byte("s")}, {typ: msgMoved, ref: short}, {typ: msgLost, ref: name}, {typ: msgGone, ref: name},
		{typ: msgDetach, ref: name, flags: detachSeek}, {typ: msgHandover, body: []byte("room")}, {typ: msgHanded, room: 7, flags: handedTaken},
		{typ: msgAsk, id: 5, body: []byte("q")}, {typ: msgTell, id: 5, body: []byte("a")}, {typ: msgHello, flags: helloBye, body: []byte("n")},
	}
}

func TestMessagesSurvive(t *testing.T) {
	for _, m := range messages() {
		b := appendMessage(nil, &m)
		r := wire.NewReader(b)
		if back, ok := readMessage(&r); !ok || r.Len() != 0 || !reflect.DeepEqual(m, back) {
			t.Errorf("sent %+v\ngot  %+v %v", m, back, ok)
		}
	}
	e := Entry{Owner: 1, Epoch: 2, Room: 3}
	if back, ok := ParseEntry(appendEntry(nil, e)); !ok || back != e {
		t.Errorf("%+v", back)
	}
	if want := append([]byte{0, 0, 0, 1, 0, 0, 0, 2}, binary.BigEndian.AppendUint64(nil, 3)...); !bytes.Equal(appendEntry(nil, e), want) {
		t.Errorf("entry %x", appendEntry(nil, e))
	}
	q := rendezvous.Question{Kind: rendezvous.AskInvite, App: "a", Prefix: []byte("p"), After: []byte("c"), Most: 3, User: "u", From: "f", Code: "E1234567", Data: []byte("d")}
	if back, ok := ParseQuestion(AppendQuestion(nil, &q)); !ok || !reflect.DeepEqual(q, back) {
		t.Errorf("%+v", back)
	}
	a := rendezvous.Answer{Presence: 2, Code: api.ErrRejected, More: true, Rooms: []rendezvous.Listed{{Cursor: []byte("c"), Room: wire.RoomEntry{Code: "E1234567", Flags: 1, Members: 2, Max: 3, Data: []byte("d")}}}}
	if back, ok := ParseAnswer(AppendAnswer(nil, &a)); !ok || !reflect.DeepEqual(a, back) {
		t.Errorf("%+v", back)
	}
}

type counting struct{ n byte }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n
	}
	return len(b), nil
}

// FuzzFrames gives a node any frame, sealed by somebody who has the key: it must not panic, and what it keeps is bounded.
func FuzzFrames(f *testing.F) {
	key := secure.TicketKey{7}
	for i, m := range messages() {
		f.Add(appendMessage(appendHeader(nil, header{from: 9, to: 0x01020304, gen: 1, seq: 1}), &m))
		f.Add(appendMessage(appendHeader(nil, header{from: uint32(i) + 9}), &m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := New(epoch, Config{Rand: &counting{}, Name: "a", Key: key, Addr: netip.MustParseAddrPort("192.0.2.1:3478"), Region: 'E'})
		if n.ID() != 0x01020304 {
			t.Fatalf("id %08x", n.ID())
		}
		n.BusUp(epoch)
		sealed, _ := key.SealFrame(&counting{}, nil, b)
		now := epoch
		for range 3 {
			n.HandleBus(now, sealed)
			n.HandleBus(now, b) // not sealed: nothing comes of it
			for _, ok := n.NextEvent(); ok; _, ok = n.NextEvent() {
			}
			for _, ok := n.NextBus(now); ok; _, ok = n.NextBus(now) {
			}
			now = now.Add(time.Second)
			n.HandleTimeout(now)
		}
		ParseEntry(b)
		ParseNodeInfo(b)
		ParseQuestion(b)
		ParseAnswer(b)
	})
}
