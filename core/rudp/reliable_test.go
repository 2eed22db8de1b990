package rudp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestOneMessageEachWay(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.send(p.alice(), api.ReliableOrdered, 0, []byte("hello"))
	p.send(p.bob(), api.ReliableOrdered, 3, []byte("world"))
	p.advance(20 * time.Millisecond)
	if got := p.bob().messages(api.ReliableOrdered, 0); len(got) != 1 || string(got[0]) != "hello" {
		t.Fatalf("bob got %q", got)
	}
	if got := p.alice().messages(api.ReliableOrdered, 3); len(got) != 1 || string(got[0]) != "world" {
		t.Fatalf("alice got %q", got)
	}
	p.advance(50 * time.Millisecond)
	if !p.alice().Idle() || p.alice().Undelivered() != 0 || p.alice().TakeReleased() != api.Cost(5) {
		t.Fatal("alice's message is not acknowledged")
	}
	if p.alice().sent[0] > 3 {
		t.Fatalf("%d packets for one message and one acknowledgement", p.alice().sent[0])
	}
	if rtt := p.alice().PathStats(0).SRTT; rtt < 40*time.Millisecond || rtt > 46*time.Millisecond {
		t.Fatalf("RTT %v", rtt)
	}
}

// mixedSize gives small messages, some of several packets, a few empty ones of 8 bytes.
func mixedSize(n uint64) int {
	switch n % 17 {
	case 3:
		return 3000 + int(n)
	case 5:
		return 1170 // with its header about a full packet
	case 11:
		return 0
	}
	return 20 + int(n*37%400)
}

// stream sends count messages a side on one ordered and one unordered channel, at 60 Hz in groups.
func stream(p *pair, count int) {
	for n := uint64(0); n < uint64(count); {
		for range 4 {
			if n < uint64(count) {
				for _, e := range p.ends {
					p.send(e, api.ReliableOrdered, 1, body(n, mixedSize(n)))
					p.send(e, api.ReliableUnordered, 2, body(n, mixedSize(n)))
					p.send(e, api.Unreliable, 3, body(n, mixedSize(n)))
					p.send(e, api.UnreliableSequenced, 4, body(n, mixedSize(n)))
				}
				n++
			}
		}
		p.advance(16 * time.Millisecond)
	}
}

// wantStream checks every promise of every mode.
func (p *pair) wantStream(count int) {
	p.t.Helper()
	for _, e := range p.ends {
		p.wantNumbered(e.messages(api.ReliableOrdered, 1), 0, count, mixedSize)
		p.wantOnce(e.messages(api.ReliableUnordered, 2), count, true)
		p.wantOnce(e.messages(api.Unreliable, 3), count, false)
		last := -1
		for _, b := range e.messages(api.UnreliableSequenced, 4) {
			n := int(binary.BigEndian.Uint64(b))
			if n <= last {
				p.t.Fatalf("%s: sequenced message %d after %d", e.name, n, last)
			}
			last = n
		}
	}
}

func (p *pair) wantOnce(got [][]byte, count int, all bool) {
	p.t.Helper()
	seen := make([]bool, count)
	for _, b := range got {
		n := binary.BigEndian.Uint64(b)
		if seen[n] {
			p.t.Fatalf("message %d came twice", n)
		}
		seen[n] = true
		if want := body(n, mixedSize(n)); string(b) != string(want) {
			p.t.Fatalf("message %d is damaged", n)
		}
	}
	if all && len(got) != count {
		p.t.Fatalf("%d messages of %d", len(got), count)
	}
}

func (p *pair) idle() bool { return p.alice().Idle() && p.bob().Idle() }

func TestExactlyOnceOverSeeds(t *testing.T) {
	for seed := range int64(30 * *seeds) {
		run := func() uint64 {
			p := newPair(t, seed, Config{})
			p.links[0].loss = float64(seed%5) * 0.05
			p.links[0].duplicate = float64(seed%3) * 0.05
			p.links[0].jitter = time.Duration(seed%4) * 10 * time.Millisecond
			stream(p, 160)
			if !p.advanceUntil(30*time.Second, p.idle) {
				t.Fatalf("seed %d: not delivered", seed)
			}
			p.wantStream(160)
			return p.trace
		}
		if first := run(); seed%10 == 0 && run() != first {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}

func TestLargestMessages(t *testing.T) {
	for seed := range int64(4) {
		p := newPair(t, seed, Config{})
		p.links[0].loss, p.links[0].jitter = 0.05*float64(seed%2), 5*time.Millisecond
		sizes := []int{api.MaxReliable, 1, 500_000, 65_537, 0}
		for n, size := range sizes {
			p.send(p.alice(), api.ReliableOrdered, 0, body(uint64(n), size))
		}
		p.send(p.alice(), api.Unreliable, 0, body(9, api.MaxUnreliable))
		if !p.advanceUntil(30*time.Second, p.idle) {
			t.Fatal("not delivered")
		}
		p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, len(sizes), func(n uint64) int { return sizes[n] })
		if seed%2 == 0 {
			p.wantNumbered(p.bob().messages(api.Unreliable, 0), 9, 1, constant(api.MaxUnreliable))
		}
	}
}

func TestEmptyMessages(t *testing.T) {
	p := newPair(t, 3, Config{})
	p.links[0].loss = 0.2
	for range 50 {
		for mode := range api.Mode(api.ModeCount) {
			p.send(p.alice(), mode, 0, nil)
		}
		p.advance(10 * time.Millisecond)
	}
	if !p.advanceUntil(10*time.Second, p.idle) {
		t.Fatal("not delivered")
	}
	for _, mode := range []api.Mode{api.ReliableOrdered, api.ReliableUnordered} {
		if n := len(p.bob().messages(mode, 0)); n != 50 {
			t.Fatalf("mode %d: %d empty messages of 50", mode, n)
		}
	}
	if n := len(p.bob().messages(api.Unreliable, 0)); n == 0 || n > 50 {
		t.Fatalf("%d unreliable empty messages", n)
	}
}

// A lost packet must not hold up other channels, and must be repaired after about a round trip.
func TestChannelsDoNotBlockEachOther(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number == 0 }
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 50))
	p.advance(time.Millisecond)
	p.send(p.alice(), api.ReliableOrdered, 0, body(1, 50))
	p.advance(time.Millisecond)
	p.send(p.alice(), api.ReliableOrdered, 1, body(2, 50))
	p.advance(25 * time.Millisecond)
	if n := len(p.bob().messages(api.ReliableOrdered, 1)); n != 1 {
		t.Fatalf("channel 1 has %d messages", n)
	}
	if n := len(p.bob().messages(api.ReliableOrdered, 0)); n != 0 {
		t.Fatalf("channel 0 delivered %d messages past a gap", n)
	}
	p.advance(80 * time.Millisecond)
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 2, constant(50))
}

// The last packet of a burst has nobody behind it to show that it was lost: a probe repeats it.
func TestTailLossIsProbed(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 50))
	p.advance(200 * time.Millisecond) // an RTT sample
	lost := p.alice().numbers[0]
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number == lost }
	p.send(p.alice(), api.ReliableOrdered, 0, body(1, 50))
	sentAt := p.now
	if !p.advanceUntil(time.Second, func() bool { return len(p.bob().messages(api.ReliableOrdered, 0)) == 2 }) {
		t.Fatal("not repaired")
	}
	if took := p.now.Sub(sentAt); took > 200*time.Millisecond {
		t.Fatalf("tail loss repaired after %v", took)
	}
}

func TestReceipts(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].loss = 0.1
	for id := uint64(1); id <= 20; id++ {
		if err := p.alice().Send(p.now, api.ReliableUnordered, 0, id, body(id, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	p.advanceUntil(10*time.Second, p.idle)
	p.settle(0)
	seen := map[uint64]int{}
	for _, ev := range p.alice().got {
		if ev.Kind == EventDelivered {
			seen[ev.ID]++
		}
	}
	for id := uint64(1); id <= 20; id++ {
		if seen[id] != 1 {
			t.Fatalf("receipt %d came %d times", id, seen[id])
		}
	}
}

// Sixty thousand outstanding messages, then acknowledgements of every second packet, highest first: each must cost the
// same. With a cost per outstanding message this test would run for minutes.
func TestScatteredAcksAreCheap(t *testing.T) {
	now := testStart
	c := New(now, Config{SendBudget: 16 << 20, RecvBudget: 16 << 20})
	c.OpenPath(now, 0, minFrameRoom, time.Second)
	c.SetRoute(now, 0)
	c.paths[0].cong.window = maxWindow
	for range 60000 {
		if err := c.Send(now, api.ReliableOrdered, 0, 0, make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	packets := uint64(0)
	for c.queue.bands[2].reliable.head != nil {
		now = now.Add(10 * time.Microsecond)
		c.paths[0].cong.pace.tokens = 1 << 20
		if _, ok := c.AppendPacket(now, 0, packets, nil); !ok {
			t.Fatal("nothing to send")
		}
		packets++
	}
	c.SetRoute(now, 1)
	c.Requeue(now, 0) // ghosts: not settled by loss detection, so that every ACK has to be matched
	for n := packets - 1; n > 1; n -= 2 {
		ack := wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: n, High: n}}})
		if err := c.HandlePacket(now, 0, n, ack); err != nil {
			t.Fatal(err)
		}
	}
	// Now the whole span again and again: what is settled already must be stepped over at once.
	ack := wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: 1, High: packets - 1}}})
	for n := packets; n < packets+20000; n++ {
		if err := c.HandlePacket(now, 0, n, ack); err != nil {
			t.Fatal(err)
		}
	}
	if left := c.queue.messages; left > 6 {
		t.Fatalf("%d messages unacknowledged", left)
	}
}
