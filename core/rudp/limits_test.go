package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func code(err error) api.Code {
	if e, ok := err.(*api.Error); ok {
		return e.Code
	}
	return api.OK
}

func TestSendRefusesWithoutEffect(t *testing.T) {
	p := newPair(t, 1, Config{SendBudget: 100_000, RecvBudget: 64 << 10})
	a := p.alice()
	for _, c := range []struct {
		mode api.Mode
		size int
		want api.Code
	}{
		{api.ReliableOrdered, 48<<10 + 1, api.ErrTooLarge}, {api.ReliableOrdered, 48 << 10, api.OK},
		{api.Unreliable, 64<<10 + 1, api.ErrTooLarge}, {4, 1, api.ErrValue},
	} {
		before := a.Queued()
		if got := code(a.Send(p.now, c.mode, 0, 0, make([]byte, c.size))); got != c.want {
			t.Errorf("mode %d, %d bytes: %v, want %v", c.mode, c.size, got, c.want)
		}
		if c.want != api.OK && a.Queued() != before {
			t.Error("a refused message has an effect")
		}
	}
}

func TestBudgetBlocksAndWritableFollows(t *testing.T) {
	p := newPair(t, 1, Config{SendBudget: 20 * api.Cost(1000)})
	a, sent := p.alice(), 0
	for ; ; sent++ {
		err := a.Send(p.now, api.ReliableOrdered, 0, 0, body(uint64(sent), 1000))
		if code(err) == api.ErrWouldBlock {
			break
		}
	}
	if sent != 20 || a.Queued() != 20*api.Cost(1000) {
		t.Fatalf("%d messages accepted, %d bytes", sent, a.Queued())
	}
	if a.count(EventWritable) != 0 {
		t.Fatal("WRITABLE too early")
	}
	p.advance(100 * time.Millisecond)
	if a.count(EventWritable) != 1 || a.TakeReleased() != 20*api.Cost(1000) || a.TakeReleased() != 0 {
		t.Fatalf("%d WRITABLE events", a.count(EventWritable))
	}
	p.send(a, api.ReliableOrdered, 0, body(20, 1000))
	p.advance(100 * time.Millisecond)
	if a.count(EventWritable) != 1 {
		t.Fatal("WRITABLE without WOULD_BLOCK")
	}
}

// The receiver's game stops polling: the sender stops at the credit, and goes on when the game polls, also over loss.
func TestCreditStallsAndResumes(t *testing.T) {
	for seed := range int64(10) {
		p := newPair(t, seed, Config{SendBudget: 1 << 20, RecvBudget: 100_000})
		p.links[0].loss = 0.2 * float64(seed%2)
		b := p.bob()
		b.hoard = true
		for n := range uint64(300) {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 1000))
		}
		p.advance(5 * time.Second)
		if got := len(b.messages(api.ReliableOrdered, 0)); got != 100 {
			t.Fatalf("seed %d: %d messages within a credit of 100", seed, got)
		}
		if n := p.alice().sent[0]; n > 400 {
			t.Fatalf("seed %d: %d packets while stalled", seed, n)
		}
		b.hoard = false
		b.Consumed(p.now, b.owed)
		b.owed = 0
		if !p.advanceUntil(10*time.Second, p.idle) {
			t.Fatalf("seed %d: deadlock with %d undelivered", seed, p.alice().Undelivered())
		}
		p.wantNumbered(b.messages(api.ReliableOrdered, 0), 0, 300, constant(1000))
	}
}

// A message of the largest size always fits into the credit, whatever was announced.
func TestLargestMessageThroughSmallCredit(t *testing.T) {
	cfg := Config{SendBudget: 4 << 20, RecvBudget: 40_000}
	for first := range 60 {
		p := newPair(t, 1, cfg)
		if first > 0 {
			p.send(p.alice(), api.ReliableOrdered, 0, body(0, first*500))
		}
		for range 3 {
			p.send(p.alice(), api.ReliableOrdered, 1, body(1, 30_000))
		}
		if !p.advanceUntil(10*time.Second, p.idle) {
			t.Fatalf("deadlock after %d bytes", first*500)
		}
	}
}

// An owner that takes no events at all gets no more than the credit; everything is there once it does.
func TestUndrainedEventsAreBounded(t *testing.T) {
	p := newPair(t, 1, Config{SendBudget: 32 << 20, RecvBudget: 100_000})
	b := p.bob()
	b.pollLess = true
	const count = maxReady + 5000
	for n := range count {
		p.send(p.alice(), api.ReliableOrdered, 0, nil)
		p.send(p.alice(), api.Unreliable, 0, nil)
		if n%500 == 0 {
			p.advance(2 * time.Millisecond)
		}
	}
	p.advance(time.Second)
	if n := b.events.Len(); n > maxReady+1000 {
		t.Fatalf("%d events wait", n)
	}
	if b.Stats().Refused == 0 {
		t.Fatal("nothing was refused")
	}
	b.pollLess = false
	if !p.advanceUntil(20*time.Second, p.idle) {
		t.Fatal("does not go on")
	}
	if n := len(b.messages(api.ReliableOrdered, 0)); n != count {
		t.Fatalf("%d messages of %d", n, count)
	}
}

func TestUnreliableIDsWrap(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0] = link{delay: 5 * time.Millisecond, jitter: 3 * time.Millisecond, duplicate: 0.05}
	const count = 70_000
	for n := range uint64(count) {
		p.send(p.alice(), api.Unreliable, 7, body(n, 8))
		if n%100 == 0 {
			p.advance(time.Millisecond)
		}
	}
	p.advance(time.Second)
	p.wantOnceSized(p.bob().messages(api.Unreliable, 7), count)
	if n := len(p.bob().messages(api.Unreliable, 7)); n != count {
		t.Fatalf("%d of %d, without loss", n, count)
	}
}

// State that could not be sent for a second is dropped, and its budget comes free.
func TestStaleUnreliableIsDropped(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.alice().ClosePath(p.now, 0)
	p.send(p.alice(), api.Unreliable, 0, body(0, 100))
	p.advance(900 * time.Millisecond)
	if p.alice().Queued() != api.Cost(100) {
		t.Fatal("dropped too early")
	}
	p.advance(200 * time.Millisecond)
	if p.alice().Queued() != 0 || p.alice().TakeReleased() != api.Cost(100) || !p.alice().Idle() {
		t.Fatal("a stale message holds its budget")
	}
}

// Hostile frames: each is refused, or costs bounded memory.
func TestHostileFrames(t *testing.T) {
	message := func(m wire.Message) []byte { return wire.AppendMessage(nil, &m, true) }
	for name, c := range map[string]struct {
		frames []byte
		want   bool // refused
	}{
		"empty packet":      {nil, true},
		"unknown frame":     {[]byte{0x0b, 0}, true},
		"challenge":         {wire.AppendChallenge(nil, 1), true},
		"ack of the unsent": {wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: 0, High: 9}}}), true},
		"ack of path 7":     {wire.AppendAck(nil, &wire.Ack{Path: 7, Ranges: []wire.AckRange{{}}}), true},
		"far ahead":         {message(wire.Message{Sequence: maxOutstanding}), true},
		"as far as allowed": {message(wire.Message{Sequence: maxOutstanding - 1}), false},
		"huge message":      {message(wire.Message{Fragment: true, Size: 1<<20 + 1, Payload: []byte{1}}), true},
		"huge unreliable":   {message(wire.Message{Mode: 2, Fragment: true, Size: 64<<10 + 1, Payload: []byte{1}}), true},
		"largest message":   {message(wire.Message{Fragment: true, Size: 1 << 20, Offset: 1<<20 - 1, Payload: []byte{1}}), false},
		"huge credit":       {wire.AppendCredit(nil, ^uint64(0)), false},
		"largest sequence":  {message(wire.Message{Sequence: ^uint64(0)}), true},
	} {
		conn := New(testStart, Config{})
		err := conn.HandlePacket(testStart, 0, 5, c.frames)
		if (err != nil) != c.want || err != nil && code(err) != api.ErrProtocol {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := New(testStart, Config{}).HandlePacket(testStart, wire.PathProbe, 0, []byte{1}); err == nil {
		t.Error("a packet on the probe path is taken")
	}
}

func TestWindowsOfAllChannelsAreBoundedTogether(t *testing.T) {
	conn := New(testStart, Config{})
	var err error
	n := 0
	for ; n < 512 && err == nil; n++ {
		m := wire.Message{Mode: uint8(n % 2), Channel: uint8(n / 2), Sequence: 1000}
		err = conn.HandlePacket(testStart, 0, uint64(n), wire.AppendMessage(nil, &m, true))
	}
	if n != maxOutstanding/1001+1 || conn.inbox.ahead > maxOutstanding || conn.inbox.slots > 2*maxOutstanding {
		t.Fatalf("refused at channel %d: %d ahead, %d slots", n, conn.inbox.ahead, conn.inbox.slots)
	}
}

// One byte each of many large messages: the memory taken for them stays near the credit.
func TestReassemblyIsBoundedByCredit(t *testing.T) {
	conn := New(testStart, Config{RecvBudget: 2 << 20})
	var err error
	n := 0
	for ; n < 1000 && err == nil; n++ {
		m := wire.Message{Sequence: uint64(n), Fragment: true, Size: 1 << 20, Payload: []byte{1}}
		err = conn.HandlePacket(testStart, 0, uint64(n), wire.AppendMessage(nil, &m, true))
	}
	if code(err) != api.ErrProtocol || n > 7 {
		t.Fatalf("%d megabytes are held for %d bytes", n, n)
	}
}

func TestUnreliableReassemblyEvictsTheOldest(t *testing.T) {
	conn := New(testStart, Config{})
	frame := func(id, offset int) []byte {
		m := wire.Message{Mode: 2, Sequence: uint64(id), Fragment: true, Size: 64 << 10, Offset: uint32(offset), Payload: make([]byte, 32<<10)}
		return wire.AppendMessage(nil, &m, true)
	}
	for id := range 20 {
		if err := conn.HandlePacket(testStart, 0, uint64(id), frame(id, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if conn.inbox.partialBytes > 8*64<<10 || conn.Stats().Evicted != 12 {
		t.Fatalf("%d bytes under reassembly, %d evicted", conn.inbox.partialBytes, conn.Stats().Evicted)
	}
	for id := range 20 {
		if err := conn.HandlePacket(testStart, 0, uint64(100+id), frame(id, 32<<10)); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for ev, ok := conn.NextEvent(); ok; ev, ok = conn.NextEvent() {
		if ev.Kind == EventMessage && len(ev.Data) == 64<<10 {
			got++
		}
	}
	if got != 8 || conn.inbox.partialBytes != 0 {
		t.Fatalf("%d of the newest 8 were completed", got)
	}
	// The rest gives up after two seconds.
	for id := range 5 {
		_ = conn.HandlePacket(testStart, 0, uint64(200+id), frame(100+id, 0))
	}
	conn.HandleTimeout(testStart.Add(6 * time.Second))
	if conn.inbox.partial.Len() != 0 || conn.inbox.partialBytes != 0 {
		t.Fatal("incomplete messages are kept for ever")
	}
}

func TestCreditOverdrawIsRefused(t *testing.T) {
	conn := New(testStart, Config{RecvBudget: 20_000})
	for n := range uint64(21) {
		m := wire.Message{Sequence: n, Payload: make([]byte, 1000)}
		err := conn.HandlePacket(testStart, 0, n, wire.AppendMessage(nil, &m, true))
		if (err != nil) != (n >= 20) {
			t.Fatalf("message %d: %v", n, err)
		}
	}
}

// A burst's memory is given back when it is over.
func TestMemoryIsTrimmed(t *testing.T) {
	p := newPair(t, 1, Config{})
	for n := range uint64(5000) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 500))
	}
	if !p.advanceUntil(10*time.Second, p.idle) {
		t.Fatal("not delivered")
	}
	for range 30 {
		p.advance(time.Second)
	}
	for _, e := range p.ends {
		held := len(e.pool.messages.items) + len(e.pool.pieces.items)
		for i := range e.pool.buffers {
			held += len(e.pool.buffers[i].items)
		}
		if held > 100 || e.events.Cap() > 1024 {
			t.Fatalf("%s holds %d objects half a minute later", e.name, held)
		}
	}
}
