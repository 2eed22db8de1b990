package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// receipts counts what was told of each id, by code.
func (e *end) receipts() map[uint64]map[api.Code]int {
	all := map[uint64]map[api.Code]int{}
	for _, ev := range e.got {
		if ev.Kind == EventDelivered {
			if all[ev.ID] == nil {
				all[ev.ID] = map[api.Code]int{}
			}
			all[ev.ID][ev.Code]++
		}
	}
	return all
}

// Each message that asks gets one receipt. It says OK only for what arrived, and in reliable modes nothing else.
func TestEveryMessageGetsOneReceipt(t *testing.T) {
	for seed := range int64(20 * *seeds) {
		p := newPair(t, seed, Config{})
		p.links[0].loss, p.links[0].jitter, p.links[0].duplicate = 0.1*float64(seed%4), time.Duration(seed%3)*8*time.Millisecond, 0.05
		const count = 200
		for n := range uint64(count) {
			how := api.Outgoing{Mode: api.Mode(n % 4), Channel: uint8(n % 3), ID: n + 1, Priority: api.Priority(p.rng.Intn(4))}
			p.sendAs(p.alice(), how, body(n, mixedSize(n)*(1+int(n%5))))
			p.advance(time.Duration(p.rng.Intn(10)) * time.Millisecond)
		}
		if !p.advanceUntil(20*time.Second, p.idle) {
			t.Fatalf("seed %d: not idle", seed)
		}
		p.settle(0)
		arrived := map[string]bool{}
		for _, ev := range p.bob().got {
			arrived[string(ev.Data)] = true
		}
		got := p.alice().receipts()
		for n := range uint64(count) {
			codes := got[n+1]
			ok, unknown := codes[api.OK], codes[api.ErrUnknown]+codes[api.ErrExpired] // a queue at 30 % loss may last a second
			if ok+unknown != 1 || len(codes) != 1 || unknown > 0 && api.Mode(n%4).Reliable() {
				t.Fatalf("seed %d: mode %d, message %d was told %v", seed, n%4, n, codes)
			}
			if ok == 1 && api.Mode(n%4) != api.UnreliableSequenced && !arrived[string(body(n, mixedSize(n)*(1+int(n%5))))] {
				t.Fatalf("seed %d: mode %d, message %d is reported and did not arrive", seed, n%4, n)
			}
		}
		p.links = [dataPaths]link{}
		p.advance(11 * time.Second)
		p.alice().HandleTimeout(p.now)
		p.alice().wantClean(t)
	}
}

// Unknown comes three probe timeouts after the message left, once; an acknowledgement after that changes nothing.
func TestUnknownIsToldOnce(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.trickle(0, 500*time.Millisecond, constant(100))
	p.advance(time.Second)
	p.links[0].delay = 400 * time.Millisecond // packets arrive after we have given up
	sent, wait := p.now, 3*p.alice().paths[0].rtt.pto()
	for _, id := range []uint64{7, 8} {
		p.sendAs(p.alice(), api.Outgoing{Mode: api.Unreliable, Channel: 9, ID: id}, body(0, int(id-7)*5000+10))
	}
	p.advance(wait - time.Millisecond)
	if n := p.alice().count(EventDelivered); n != 0 {
		t.Fatalf("%d receipts after %v", n, p.now.Sub(sent))
	}
	p.advance(2 * time.Millisecond)
	p.advance(3 * time.Second)
	for _, id := range []uint64{7, 8} {
		if codes := p.alice().receipts()[id]; codes[api.ErrUnknown] != 1 || len(codes) != 1 {
			t.Errorf("message %d: %v", id, codes)
		}
	}
	if n := len(p.bob().messages(api.Unreliable, 9)); n != 2 || p.alice().Queued() != 0 {
		t.Errorf("%d messages arrived, %d bytes of budget in use", n, p.alice().Queued())
	}
}

// A deadline drops what has not left, and says so; what comes behind in the lane is looked at on its turn.
func TestDeadline(t *testing.T) {
	p := newPair(t, 1, Config{})
	a := p.alice()
	a.ClosePath(p.now, 0)
	for id, millis := range []uint16{0: 50, 1: 200, 2: 60, 3: 0, 4: 65535} {
		p.sendAs(a, api.Outgoing{Mode: api.Mode(2 + id%2), Deadline: millis, ID: uint64(id + 1)}, body(uint64(id), 300))
	}
	p.advance(49 * time.Millisecond)
	if a.count(EventDelivered) != 0 {
		t.Fatal("dropped before the deadline")
	}
	p.advance(time.Millisecond)
	if a.receipts()[1][api.ErrExpired] != 1 || a.count(EventDelivered) != 1 {
		t.Fatalf("at the deadline: %v", a.receipts())
	}
	p.advance(950 * time.Millisecond) // the usual deadline
	a.OpenPath(p.now, 0, 1171, 0)
	p.advance(time.Second)
	for id := uint64(1); id <= 4; id++ {
		if codes := a.receipts()[id]; codes[api.ErrExpired] != 1 || len(codes) != 1 {
			t.Errorf("message %d: %v", id, codes)
		}
	}
	if codes := a.receipts()[5]; codes[api.OK] != 1 || len(codes) != 1 {
		t.Errorf("the patient message: %v", codes)
	}
	if n := a.Stats().Expired; n != 4 {
		t.Errorf("%d are counted", n)
	}
	if got := append(p.bob().messages(api.Unreliable, 0), p.bob().messages(api.UnreliableSequenced, 0)...); len(got) != 1 {
		t.Errorf("%d messages arrived", len(got))
	}
}

// A game that sends with receipts and never polls is bounded by its budget.
func TestReceiptsNobodyTakesUseBudget(t *testing.T) {
	p := newPair(t, 1, Config{SendBudget: 100_000})
	a := p.alice()
	a.pollLess = true
	for n := range 5000 {
		_ = a.SendMessage(p.now, api.Outgoing{Mode: api.Mode(n % 4), ID: 1}, nil)
		p.advance(time.Millisecond)
	}
	if n := a.events.Len(); n > 100_000/api.MessageCost+10 {
		t.Fatalf("%d events wait", n)
	}
	a.pollLess = false
	p.advance(2 * time.Second)
	if a.Queued() != 0 || a.count(EventWritable) == 0 {
		t.Fatalf("%d bytes of budget in use, %d times writable", a.Queued(), a.count(EventWritable))
	}
}

// Copies on a second path count: the route loses the message, the receipt is OK.
func TestCopiesGiveReceipts(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.openDirect()
	p.trickle(0, 300*time.Millisecond, constant(100))
	p.route(2)
	p.alice().SetDuplicate(p.now, 0, true)
	p.links[2].cut = true
	p.sendAs(p.alice(), api.Outgoing{Mode: api.Unreliable, Channel: 3, ID: 5}, body(0, 3000))
	p.advance(time.Second)
	if codes := p.alice().receipts()[5]; codes[api.OK] != 1 || len(codes) != 1 {
		t.Fatalf("%v", codes)
	}
}

// Receipts, priorities and deadlines cost no allocation.
func TestNoAllocationPerReceipt(t *testing.T) {
	for mode := range api.Mode(api.ModeCount) {
		e, data, n := newEngine(), make([]byte, 3000), 0
		step := func() {
			n++
			how := api.Outgoing{Mode: mode, Channel: uint8(n % 4), ID: 1, Priority: api.Priority(n % 4)}
			if !mode.Reliable() {
				how.Deadline = 50
			}
			if err := e.a.SendMessage(e.now, how, data); err != nil {
				t.Fatal(err)
			}
			e.pump(e.a, e.b, 0)
			e.now = e.now.Add(500 * time.Microsecond)
			for _, c := range []*Conn{e.a, e.b} {
				if next := c.NextTimeout(); !next.After(e.now) {
					c.HandleTimeout(e.now)
				}
			}
			e.pump(e.b, e.a, 1)
		}
		for range 2000 {
			step()
		}
		if allocs := testing.AllocsPerRun(1000, step); allocs != 0 {
			t.Errorf("mode %d: %v allocations a message", mode, allocs)
		}
	}
}
