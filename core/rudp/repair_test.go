package rudp

import (
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

const frame60 = time.Second / 60

// lossyPair has 20 ms each way and loses those of alice's packets whose numbers are given, counted from her next one.
func lossyPair(t *testing.T, numbers ...uint64) *pair {
	p := newPair(t, 1, Config{})
	p.send(p.alice(), api.ReliableOrdered, 9, body(0, 50))
	p.advance(200 * time.Millisecond) // an RTT sample, and bob has seen a REPAIR
	first := p.alice().numbers[0]
	p.links[0].lose = func(from int, number uint64) bool {
		return from == 0 && number >= first && slices.Contains(numbers, number-first)
	}
	return p
}

func TestRepairBringsALostPacketBack(t *testing.T) {
	p := lossyPair(t, 0)
	sent := p.now
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 100))
	if !p.advanceUntil(time.Second, func() bool { return len(p.bob().messages(api.ReliableOrdered, 0)) == 1 }) {
		t.Fatal("not delivered")
	}
	if took := p.now.Sub(sent); took != 20*time.Millisecond+repairSpacing {
		t.Errorf("delivered after %v", took)
	}
	p.send(p.alice(), api.ReliableOrdered, 0, body(1, 100)) // what follows shows the loss
	p.advance(300 * time.Millisecond)
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 2, constant(100))
	if s := p.alice().Stats(); s.Resent != 0 || !p.alice().Idle() {
		t.Errorf("%d messages sent again although bob said that he has them", s.Resent)
	}
	if s := p.alice().PathStats(0); s.Lost != 1 || s.InFlight != 0 {
		t.Errorf("a repaired packet must count as lost: %+v", s)
	}
	if received, missed := p.bob().ReceiveStats(0); missed != 1 || received == 0 || p.bob().Stats().Repaired != 1 {
		t.Errorf("bob got %d packets and misses %d", received, missed)
	}
}

// Every pattern of losses among six packets and their REPAIRs: all arrives, once and in order; and what two REPAIRs can
// tell is not waited for longer.
func TestRepairOfEveryPattern(t *testing.T) {
	for pattern := range uint64(1 << 12) {
		if pattern%32 != 21 && *seeds == 1 {
			continue
		}
		var numbers []uint64
		for n := range uint64(12) {
			if pattern>>n&1 != 0 {
				numbers = append(numbers, n)
			}
		}
		p := lossyPair(t, numbers...)
		for n := range uint64(9) {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 20+int(n*97%300)))
			p.advance(frame60)
		}
		if !p.advanceUntil(2*time.Second, p.idle) {
			t.Fatalf("losses %v: not delivered", numbers)
		}
		p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 9, func(n uint64) int { return 20 + int(n*97%300) })
	}
}

// A run takes a packet, its REPAIR and the next packet: the next two REPAIRs are two equations for two unknowns.
func TestTwoRepairsBringTwoPacketsBack(t *testing.T) {
	p := lossyPair(t, 0, 1, 2)
	sent := p.now
	for n := range uint64(3) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 100+int(n)))
		p.advanceUntil(frame60, func() bool { return len(p.bob().messages(api.ReliableOrdered, 0)) > 0 })
	}
	if !p.advanceUntil(time.Second, func() bool { return len(p.bob().messages(api.ReliableOrdered, 0)) == 3 }) {
		t.Fatal("not delivered")
	}
	if took, want := p.now.Sub(sent), 2*frame60+repairSpacing+20*time.Millisecond; took != want || p.bob().Stats().Repaired != 2 {
		t.Errorf("delivered after %v, want %v", took, want)
	}
}

// What is not in a block is not claimed: a receipt for an unreliable message in the lost packet says UNKNOWN.
func TestRepairClaimsNoMoreThanItBrought(t *testing.T) {
	p := lossyPair(t, 0)
	if err := p.alice().Send(p.now, api.Unreliable, 1, 7, body(7, 50)); err != nil {
		t.Fatal(err)
	}
	if err := p.alice().Send(p.now, api.ReliableOrdered, 0, 8, body(8, 50)); err != nil {
		t.Fatal(err)
	}
	p.advance(50 * time.Millisecond)
	p.send(p.alice(), api.ReliableOrdered, 0, body(9, 50))
	p.advance(time.Second)
	if n := len(p.bob().messages(api.Unreliable, 1)); n != 0 {
		t.Fatal("the scene does not play: the packet arrived")
	}
	for _, ev := range p.alice().got {
		if ev.Kind == EventDelivered && (ev.ID == 7) != (ev.Code == api.ErrUnknown) {
			t.Errorf("receipt %d says %v", ev.ID, ev.Code)
		}
	}
	if n := p.alice().count(EventDelivered); n != 2 {
		t.Errorf("%d receipts", n)
	}
}

func TestRedundancyEndsOnACleanPathAndComesBack(t *testing.T) {
	p := newPair(t, 1, Config{})
	n := uint64(0)
	play := func(count int) (repairs uint64) {
		before := p.alice().Stats().Repairs
		for range count {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 100))
			n++
			p.advance(frame60)
		}
		return p.alice().Stats().Repairs - before
	}
	if got := play(150); got < 145 {
		t.Errorf("%d REPAIRs for the first 150 messages", got)
	}
	play(100)
	if got := play(1000); got != 0 || p.alice().PathStats(0).Redundant {
		t.Errorf("%d REPAIRs on a path that loses nothing", got)
	}
	lose := p.alice().numbers[0]
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && (number == lose || number == lose+40) }
	play(60)
	if got := play(60); got < 55 {
		t.Errorf("%d REPAIRs for 60 messages after two losses", got)
	}
	p.advance(100 * time.Millisecond)
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, int(n), constant(100))
}

// A transfer that keeps the path busy gets no REPAIR frames to speak of: resends serve it, at no cost in bytes.
func TestBulkIsNotRepaired(t *testing.T) {
	for _, size := range []int{300, 100_000} {
		p := newPair(t, 1, Config{})
		p.links[0].rate, p.links[0].buffer, p.links[0].loss = 250_000, 100*time.Millisecond, 0.03
		for n := range uint64(1_000_000 / size) {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, size))
		}
		if !p.advanceUntil(time.Minute, p.idle) {
			t.Fatal("not delivered")
		}
		if s := p.alice().Stats(); s.RepairBytes*50 > s.SentBytes {
			t.Errorf("messages of %d bytes: %d of %d bytes are REPAIR", size, s.RepairBytes, s.SentBytes)
		}
	}
}

// State of higher urgency beside such a transfer is repaired all the same, and the link's losses are not taken for our own by
// chance (6 of 40 seeds did while a trial's end was not asked for more than chance).
func TestStateBesideBulkIsRepaired(t *testing.T) {
	blamed := 0
	for seed := range int64(6 * *seeds) {
		p := newPair(t, seed, Config{})
		guilty := false
		p.links[0].rate, p.links[0].buffer, p.links[0].loss = 250_000, 100*time.Millisecond, 0.05
		for n := range uint64(400) {
			if n%5 == 0 {
				p.sendAs(p.alice(), api.Outgoing{Channel: 1, Priority: api.PriorityLow}, body(n, 50_000))
			}
			p.sendAs(p.alice(), api.Outgoing{Priority: api.PriorityHigh}, body(n, 100))
			p.advance(frame60)
			guilty = guilty || p.alice().paths[0].loss.suspicion.state == suspectGuilty
		}
		if guilty {
			blamed++
		}
		if s := p.bob().Stats(); s.Repaired < 10 {
			t.Errorf("seed %d: %d packets repaired: %+v", seed, s.Repaired, p.alice().Stats())
		}
		if s := p.alice().Stats(); s.RepairBytes*3 > s.SentBytes {
			t.Errorf("seed %d: %d of %d bytes are REPAIR", seed, s.RepairBytes, s.SentBytes)
		}
	}
	if blamed > 6**seeds/40 { // 1 of 200
		t.Errorf("in %d of %d seeds the link's losses are taken for our own", blamed, 6**seeds)
	}
}

// Large and small blocks in turn: REPAIR frames stay within their share of the bytes they protect.
func TestRepairStaysInItsBudget(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].loss = 0.1
	for n := range uint64(1200) {
		size := 8
		if n%12 == 0 {
			size = 390
		}
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, size))
		p.advance(frame60)
	}
	s := p.alice().Stats()
	wire := func(bytes, packets uint64) uint64 { return bytes + 28*packets }
	repairs := wire(s.RepairBytes, s.Repairs)
	fresh := wire(s.SentBytes, uint64(p.alice().sent[0])) - repairs
	if repairs*100 > fresh*repairShare || s.Repairs < 800 {
		t.Errorf("%d REPAIRs, %d bytes for %d", s.Repairs, repairs, fresh)
	}
}

// A link that drops what is above its rate: redundancy would make it worse, and finds that out. Messages come at uneven times:
// in step it would always be the REPAIR that finds the buffer full.
func TestRedundancyThatCausesLossesStops(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].rate, p.links[0].buffer = 12_000, 100*time.Millisecond // messages and headers are 9,400 a second, with REPAIR 16,000
	found := 0
	for n := range uint64(2400) {
		p.send(p.alice(), api.Unreliable, 0, body(n, 40))
		p.send(p.alice(), api.ReliableUnordered, 0, body(n, 50))
		p.advance(frame60/4 + time.Duration(p.rng.Int63n(int64(frame60*3/2))))
		if found == 0 && p.alice().paths[0].loss.suspicion.state == suspectGuilty {
			found = int(n)
		}
	}
	lost := p.alice().PathStats(0).Lost
	t.Logf("found after %d messages; %d packets of 2400 lost, %d REPAIRs", found, lost, p.alice().Stats().Repairs)
	if found == 0 || lost > 240 || p.alice().Stats().Repairs > 1200 {
		t.Errorf("found after %d messages; %d packets of 2400 lost, %d REPAIRs", found, lost, p.alice().Stats().Repairs)
	}
	// Losses that have nothing to do with it don't end it.
	p = newPair(t, 1, Config{})
	p.links[0].loss = 0.4
	n, off := 0, 0
	for ; n < 3000; n++ {
		p.send(p.alice(), api.ReliableUnordered, 0, body(uint64(n), 50))
		p.advance(frame60)
		if !p.alice().PathStats(0).Redundant {
			off++
		}
	}
	if off > n/5 {
		t.Errorf("off for %d of %d messages", off, n)
	}
}

// Two ends of which only one sends REPAIR frames.
func TestOneSidedRedundancy(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.ends[1] = &end{Conn: New(p.now, Config{NoRedundancy: true, SendBudget: 1 << 20, IdleTimeout: 20 * time.Second}), name: "bob"}
	p.ends[1].OpenPath(p.now, 0, wire.MaxFramesRelayed, 0)
	p.ends[1].SetRoute(p.now, 0)
	p.links[0].loss = 0.1
	stream(p, 200)
	if !p.advanceUntil(30*time.Second, p.idle) {
		t.Fatal("not delivered")
	}
	p.wantStream(200)
	if a, b := p.alice().Stats(), p.bob().Stats(); a.Repairs == 0 || b.Repairs != 0 || b.Repaired == 0 {
		t.Errorf("alice sent %d REPAIRs, bob %d", a.Repairs, b.Repairs)
	}
}

// Redundancy is memory of ten kilobytes a side; it goes when it is no longer used.
func TestRepairMemoryIsGivenBack(t *testing.T) {
	p := lossyPair(t)
	if p.alice().paths[0].repair == nil || p.bob().acks[0].repair == nil {
		t.Fatal("no redundancy")
	}
	p.advance(30 * time.Second)
	if p.alice().paths[0].repair != nil || p.bob().acks[0].repair != nil {
		t.Error("its memory stays")
	}
}

// All promises of all modes while the link does everything at once: up to half of the packets lost, in runs too, doubled,
// late; with REPAIR frames on one side, the other or both.
func TestExactlyOnceThroughRuns(t *testing.T) {
	for seed := range int64(16 * *seeds) {
		p := newPair(t, seed, Config{NoRedundancy: seed%4 == 3})
		l := &p.links[0]
		l.loss, l.run, l.runs = 0.1*float64(seed%3), 3, 0.1*float64(seed%4)
		l.duplicate, l.jitter = 0.05, time.Duration(seed%5)*6*time.Millisecond
		const count = 150
		for n := range uint64(count) {
			for _, e := range p.ends {
				p.send(e, api.ReliableOrdered, 1, body(n, mixedSize(n)/8))
				p.send(e, api.ReliableUnordered, 2, body(n, mixedSize(n)/8))
			}
			p.advance(frame60)
		}
		if !p.advanceUntil(time.Minute, p.idle) {
			t.Fatalf("seed %d: not delivered", seed)
		}
		for _, e := range p.ends {
			p.wantNumbered(e.messages(api.ReliableOrdered, 1), 0, count, func(n uint64) int { return mixedSize(n) / 8 })
			if got := e.messages(api.ReliableUnordered, 2); len(got) != count {
				t.Fatalf("seed %d: %d unordered messages", seed, len(got))
			}
			if s := e.Stats(); seed%4 != 3 && s.Repairs == 0 {
				t.Fatalf("seed %d: no redundancy", seed)
			}
		}
	}
}
