package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// A PING carries nothing, so it must not put off the probes that repeat unacknowledged data: whoever receives a lot sends
// one with every 16th lone ACK.
func TestPingsDontPutOffProbes(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.trickle(0, 300*time.Millisecond, constant(100))
	p.links[0].lose = func(from int, _ uint64) bool { return from == 0 }
	p.send(p.alice(), api.ReliableOrdered, 1, body(0, 100))
	for range 40 {
		p.advance(25 * time.Millisecond)
		p.alice().Ping(p.now, 0)
	}
	if n := p.alice().paths[0].ptoCount; n < 2 {
		t.Errorf("%d probe timeouts in a second of silence", n)
	}
}

// Packets behind a window that is full of lost ones don't wait for each other's probes: after a while without any answer
// all of it counts as lost. The caller still sees since when nothing was answered.
func TestSilenceEmptiesTheWindow(t *testing.T) {
	worst := time.Duration(0)
	for seed := range int64(20 * *seeds) {
		p := newPair(t, seed, Config{})
		p.trickle(0, time.Second, constant(300))
		cut := p.now
		p.links[0].cut = true
		n := p.trickle(200, 3*time.Second, constant(300))
		if since := p.alice().PathStats(0).Oldest.Sub(cut).Abs(); since > 50*time.Millisecond {
			t.Fatalf("seed %d: the oldest unanswered packet is said to be sent %v off the cut", seed, since)
		}
		p.links[0] = link{delay: 20 * time.Millisecond, loss: 0.5}
		healed := p.now
		heard := func() bool {
			return p.alice().PathStats(0).LastAck.After(healed) && p.bob().PathStats(0).LastAck.After(healed)
		}
		if !p.advanceUntil(8*time.Second, heard) {
			t.Fatalf("seed %d: nothing acknowledged", seed)
		}
		worst = max(worst, p.now.Sub(healed))
		p.links[0].loss = 0.05
		p.wantTrickle(n, constant(300))
	}
	if t.Logf("worst %v", worst); worst > 2500*time.Millisecond {
		t.Errorf("the path healed, and the first answer came %v later", worst)
	}
}

// A game that leaves a full queue of events lying for a minute keeps its connection: its transport still answers.
func TestStalledGameKeepsItsConnection(t *testing.T) {
	p := newPair(t, 1, Config{SendBudget: 32 << 20})
	a, b := p.alice(), p.bob()
	b.pollLess = true
	const count = maxReady + 3000
	for n := range count {
		p.send(a, api.ReliableOrdered, 0, body(uint64(n), 8))
		if n%500 == 0 {
			p.advance(2 * time.Millisecond)
		}
	}
	p.advance(time.Minute)
	if a.Closed() || b.Closed() || b.Stats().Refused == 0 {
		t.Fatalf("closed: %v and %v, %d packets refused", a.Closed(), b.Closed(), b.Stats().Refused)
	}
	b.pollLess = false
	if !p.advanceUntil(20*time.Second, p.idle) {
		t.Fatal("does not go on")
	}
	p.wantNumbered(b.messages(api.ReliableOrdered, 0), 0, count, constant(8))
}

// The relay died long ago, unnoticed beside a good direct path. Data that strays onto it for a moment comes back with the
// route, although nobody probes the quiet path any more.
func TestDataLeavesADeadPathWithTheRoute(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.openDirect()
	p.route(2)
	n := p.trickle(0, 200*time.Millisecond, constant(100))
	p.links[0].cut = true
	for _, e := range p.ends {
		e.Ping(p.now, 0)
	}
	n = p.trickle(n, 8*time.Second, constant(100))
	p.route(0)
	n = p.trickle(n, 300*time.Millisecond, constant(100))
	p.route(2)
	if !p.advanceUntil(200*time.Millisecond, p.idle) {
		t.Errorf("%d and %d messages undelivered on a path that works", p.alice().Undelivered(), p.bob().Undelivered())
	}
	p.wantTrickle(n, constant(100))
}

// An ordered message behind a lost one (the first of three packets; REPAIR and resend are lost as well) was acknowledged but never handed over: it counts as undelivered as well.
func TestMessagesBehindAHoleAreUndelivered(t *testing.T) {
	p := newPair(t, 1, Config{})
	first := p.alice().numbers[0]
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && (number == first || number > first+2) }
	for n := range uint64(3) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 100))
		p.send(p.alice(), api.ReliableUnordered, 0, body(n, 100))
		p.settle(0)
	}
	p.advance(43 * time.Millisecond) // the ACKs of the others are here, the loss not yet detected
	p.links[0].cut = true
	p.alice().Close(p.now, 1, "", 0)
	p.advance(time.Second)
	closed := p.alice().got[len(p.alice().got)-1]
	if got := len(p.bob().messages(api.ReliableOrdered, 0)); got != 0 || closed.Undelivered != 4 {
		t.Errorf("%d ordered messages arrived, %d reported as undelivered, want 0 and 3 + 1", got, closed.Undelivered)
	}
}

// A server with many clients asks one that does not answer ever more rarely; a game's peer is asked every second.
func TestLongestPTO(t *testing.T) {
	sent := func(cfg Config) int {
		cfg.IdleTimeout, cfg.KeepAlive = 50*time.Second, 25*time.Second
		p := newPair(t, 1, cfg)
		p.advance(time.Second)
		p.links[0].cut = true
		p.send(p.alice(), api.ReliableOrdered, 0, []byte("anybody there?"))
		before := p.alice().sent[0]
		p.advance(40 * time.Second)
		return p.alice().sent[0] - before
	}
	if often, rarely := sent(Config{}), sent(Config{LongestPTO: 8 * time.Second}); often < 60 || rarely > 30 {
		t.Errorf("%d packets in 40 s of silence, and %d where probes may be 8 s apart", often, rarely)
	}
}
