package rudp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

func (p *pair) sendAs(e *end, how api.Outgoing, data []byte) {
	p.t.Helper()
	if err := e.SendMessage(p.now, how, data); err != nil {
		p.t.Fatalf("%s sends: %v", e.name, err)
	}
}

var priorities = []api.Priority{api.PriorityUrgent, api.PriorityHigh, api.PriorityNormal, api.PriorityLow}

// narrow is a link of 1 Mbit/s whose queue never overflows here.
var narrow = link{delay: 20 * time.Millisecond, rate: 125_000, buffer: time.Minute}

// Two packets' worth of each priority, handed in from the least urgent to the most: they leave the other way round.
func TestUrgentLeavesFirst(t *testing.T) {
	for _, mode := range []api.Mode{api.ReliableOrdered, api.ReliableUnordered, api.Unreliable, api.UnreliableSequenced} {
		p := newPair(t, 1, Config{})
		for i := range 8 {
			level := uint64(3 - i/2)
			p.sendAs(p.alice(), api.Outgoing{Mode: mode, Channel: uint8(level), Priority: priorities[level]}, body(level, 1100))
		}
		p.advance(time.Second)
		var order []uint64
		for _, ev := range p.bob().got {
			order = append(order, binary.BigEndian.Uint64(ev.Data))
		}
		if len(order) != 8 {
			t.Fatalf("mode %d: %v", mode, order)
		}
		for i, level := range order {
			if level != uint64(i/2) {
				t.Fatalf("mode %d: levels arrived as %v", mode, order)
			}
		}
	}
}

// A message of one packet that is lost leaves again before everything less urgent, and behind everything more urgent.
func TestResendsKeepTheirPriority(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0] = narrow
	lost := p.alice().numbers[0]
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number == lost }
	p.sendAs(p.alice(), api.Outgoing{Channel: 1, Priority: api.PriorityHigh}, body(0, 1100))
	for n := range uint64(100) {
		p.sendAs(p.alice(), api.Outgoing{Channel: 2, Priority: api.PriorityLow}, body(n, 1100))
	}
	p.advanceUntil(time.Second, func() bool { return len(p.bob().messages(api.ReliableOrdered, 2)) == 3 })
	for n := range uint64(60) { // from now on there is always something more urgent, but it does not fill the link
		p.sendAs(p.alice(), api.Outgoing{Channel: 3, Priority: api.PriorityUrgent}, body(n, 300))
		p.advance(5 * time.Millisecond)
	}
	p.advance(200 * time.Millisecond)
	if n := len(p.bob().messages(api.ReliableOrdered, 1)); n != 1 {
		t.Error("the lost message still waits")
	}
	if n := len(p.bob().messages(api.ReliableOrdered, 2)); n > 60 {
		t.Errorf("%d messages of low priority overtook", n)
	}
	if n := len(p.bob().messages(api.ReliableOrdered, 3)); n < 50 {
		t.Errorf("%d urgent ones arrived", n)
	}
}

// Urgent traffic that alone would fill the link three times leaves each other priority at least a sixteenth of the bytes.
func TestNobodyStarves(t *testing.T) {
	for _, size := range []int{60, 1100, 9000} {
		p := newPair(t, 1, Config{})
		p.links[0] = narrow
		p.links[0].buffer = 100 * time.Millisecond
		var sent [4]uint64
		for range 500 {
			for level, priority := range priorities {
				how := api.Outgoing{Channel: uint8(level), Priority: priority}
				for n := 0; n*size < 4000 && p.alice().Queued() < 3<<20; n++ {
					p.sendAs(p.alice(), how, body(sent[level], size))
					sent[level]++
				}
			}
			p.advance(10 * time.Millisecond)
		}
		var bytes [4]int
		total := 0
		for level := range bytes {
			bytes[level] = len(p.bob().messages(api.ReliableOrdered, uint8(level))) * size
			total += bytes[level]
		}
		for level := 1; level < 4; level++ {
			if (bytes[level]+size)*starveShare < total*17/20 || bytes[level] > total/8 {
				t.Errorf("messages of %d bytes: level %d got %d of %d bytes", size, level, bytes[level], total)
			}
		}
	}
}

// One channel, every priority mixed: the modes that keep order still do, by the order of Send.
func TestMixedPrioritiesKeepOrder(t *testing.T) {
	for seed := range int64(20 * *seeds) {
		p := newPair(t, seed, Config{})
		p.links[0] = narrow
		p.links[0].loss = float64(seed%3) * 0.1
		const count = 300
		for n := range uint64(count) {
			for mode := range api.Mode(api.ModeCount) {
				p.sendAs(p.alice(), api.Outgoing{Mode: mode, Channel: uint8(1 + mode), Priority: api.Priority(p.rng.Intn(4))}, body(n, mixedSize(n)))
			}
			p.advance(time.Duration(p.rng.Intn(8)) * time.Millisecond)
		}
		if !p.advanceUntil(time.Minute, p.idle) {
			t.Fatalf("seed %d: not delivered", seed)
		}
		for _, ch := range p.alice().queue.channels {
			for i := range ch {
				if ch[i].waiting != 0 {
					t.Fatalf("seed %d: channel %d says that %d wait", seed, i, ch[i].waiting)
				}
			}
		}
		p.ends = [2]*end{p.bob(), p.bob()}
		p.wantStream(count)
	}
}

// A message of low priority waits while more messages of its channel overtake it than either end could remember as a hole.
func TestLowPriorityLeavesNoHole(t *testing.T) {
	p := newPair(t, 1, Config{SendBudget: 64 << 20})
	p.links[0] = link{delay: time.Millisecond}
	low := api.Outgoing{Mode: api.ReliableUnordered, Priority: api.PriorityLow}
	high := api.Outgoing{Mode: api.ReliableUnordered, Priority: api.PriorityHigh}
	p.alice().ClosePath(p.now, 0) // so that it waits
	p.sendAs(p.alice(), low, body(0, 500))
	const count = maxOutstanding + 5000
	for n := range uint64(count) {
		p.sendAs(p.alice(), high, body(1+n, 8))
	}
	p.alice().OpenPath(p.now, 0, 1171, 0)
	if !p.advanceUntil(10*time.Second, p.idle) {
		t.Fatalf("%d messages are stuck", p.alice().Undelivered())
	}
	if n := len(p.bob().messages(api.ReliableUnordered, 0)); n != count+1 {
		t.Fatalf("%d messages of %d", n, count+1)
	}
}

// One message lost on each of 256 channels in each mode that waits: all others go on at once.
func TestNoChannelBlocksAnother(t *testing.T) {
	p := newPair(t, 1, Config{})
	for channel := range 256 {
		for mode := range api.Mode(api.ModeCount) {
			p.links[0].lose = func(from int, _ uint64) bool { return from == 0 }
			p.send(p.alice(), mode, uint8(channel), body(0, 20))
			p.settle(0)
			p.links[0].lose = nil
			p.send(p.alice(), mode, uint8(channel), body(1, 20))
			p.settle(0)
			other := uint8(channel + 1)
			p.send(p.alice(), mode, other, body(2, 20))
			p.settle(0)
			p.advance(21 * time.Millisecond)
			if mode != api.ReliableOrdered && len(p.bob().messages(mode, uint8(channel))) == 0 || len(p.bob().messages(mode, other)) == 0 {
				t.Fatalf("mode %d, channel %d: a loss blocks others", mode, channel)
			}
			if !p.advanceUntil(time.Second, p.idle) {
				t.Fatal("not repaired")
			}
		}
	}
}

func TestSendRefusesBadOutgoing(t *testing.T) {
	p := newPair(t, 1, Config{})
	for _, how := range []api.Outgoing{{Mode: 4}, {Priority: 4}, {Deadline: 1}, {Mode: api.ReliableUnordered, Deadline: 9}} {
		if err := p.alice().SendMessage(p.now, how, nil); code(err) != api.ErrValue || !p.alice().Idle() {
			t.Errorf("%+v: %v", how, err)
		}
	}
}
