package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// newUnequal has ends of different budgets.
func newUnequal(t *testing.T, a, b Config) *pair {
	p := newPair(t, 1, a)
	p.ends[1].Conn = New(p.now, b)
	p.bob().OpenPath(p.now, 0, wire.MaxFramesRelayed, 0)
	p.bob().SetRoute(p.now, 0)
	return p
}

// The ends need not know each other's budgets: each way takes what its receiver has, from the first packet on, and not a
// byte more.
func TestBudgetsMayDiffer(t *testing.T) {
	const message = 256 << 10
	for _, c := range []struct {
		name    string
		a, b    Config
		stalled int // bytes that bob holds at most while his game takes none
	}{
		{"both usual", Config{}, Config{}, 4 << 20},
		{"large to usual", Config{SendBudget: 12 << 20, RecvBudget: 12 << 20}, Config{}, 4 << 20},
		{"usual to large", Config{SendBudget: 12 << 20}, Config{RecvBudget: 12 << 20}, 12 << 20},
		{"both large", Config{SendBudget: 12 << 20, RecvBudget: 12 << 20}, Config{SendBudget: 12 << 20, RecvBudget: 8 << 20}, 8 << 20},
	} {
		p := newUnequal(t, c.a, c.b)
		p.links[0] = link{delay: time.Millisecond, rate: 125_000_000, buffer: time.Minute}
		p.bob().hoard = true
		sent := 0
		for range 100 {
			for p.alice().Send(p.now, api.ReliableOrdered, 0, 0, make([]byte, message)) == nil {
				sent += message
			}
			p.advance(20 * time.Millisecond)
		}
		got := len(p.bob().messages(api.ReliableOrdered, 0)) * message
		if got > c.stalled || got < c.stalled-message && got < sent {
			t.Errorf("%s: %d bytes reached a game that takes none, want %d", c.name, got, c.stalled)
		}
		p.bob().hoard = false
		p.bob().Consumed(p.now, p.bob().owed)
		p.bob().owed = 0
		if !p.advanceUntil(30*time.Second, p.idle) {
			t.Errorf("%s: does not go on", c.name)
		}
		if got := len(p.bob().messages(api.ReliableOrdered, 0)) * message; got != sent {
			t.Errorf("%s: %d bytes of %d", c.name, got, sent)
		}
	}
}

// A CREDIT that is lost is told again: a large budget works over a path that loses half of everything at the start.
func TestLargeBudgetIsToldOverLoss(t *testing.T) {
	for seed := range int64(10) {
		p := newUnequal(t, Config{SendBudget: 32 << 20}, Config{RecvBudget: 32 << 20})
		p.rng.Seed(seed)
		p.links[0].loss = 0.5
		p.advance(5 * time.Second)
		if p.alice().credit.limit != 32<<20 {
			t.Fatalf("seed %d: alice knows of %d bytes", seed, p.alice().credit.limit)
		}
	}
}

// One gigabit a second over 40 ms holds 5 MB: more than the usual credit, so that both budgets must be raised, and suffice.
func TestLargeBudgetsFillAFatPipe(t *testing.T) {
	rate := func(budget int) float64 {
		p := newPair(t, 1, Config{SendBudget: budget, RecvBudget: budget})
		p.links[0] = link{delay: 20 * time.Millisecond}
		p.bulk(8 << 20) // the window has grown
		return float64(24<<20) / p.bulk(24<<20).Seconds() * 8 / 1e6
	}
	usual, large := rate(4<<20), rate(32<<20)
	t.Logf("%.0f and %.0f Mbit/s", usual, large)
	if large < 2*usual {
		t.Errorf("%.0f Mbit/s with 4 MiB, %.0f with 32", usual, large)
	}
}
