package sim

import (
	"flag"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Run more: go test ./core/sim -run TestMigrationStory -args -stories 500
var stories = flag.Uint64("stories", 12, "worlds that TestMigrationStory plays")

// frames is a game's traffic at 60 Hz: input, state, and positions of which only the newest counts.
var frames = []stream{
	{api.ReliableOrdered, 0, time.Second / 60, 8, 100},
	{api.Unreliable, 1, time.Second / 60, 8, 100},
	{api.UnreliableSequenced, 2, time.Second / 60, 8, 100},
}

// outageSpan is a time in which what a player sends may be lost, because nobody can know yet that the path is cut.
type outageSpan struct{ from, to time.Time }

// Relay, direct, cut, relay, direct, then the server appears at another address, under the same name or in the list that the
// clients have; and a cut shows that there is a relay there. Under 60 Hz traffic of three modes: nothing reliable is lost,
// doubled or out of order; nothing unreliable is lost, but for what was sent into a cut path before it was suspect; and no
// silence is longer than 400 ms and a round trip.
func TestMigrationStory(t *testing.T) {
	seeds := *stories
	if testing.Short() {
		seeds = min(seeds, 6)
	}
	pairs := [][2]string{{"PR", "PR"}, {"PUB", "FW"}, {"FC", "SR"}, {"AR", "PRx"}}
	for seed := range seeds {
		c := pairs[seed%uint64(len(pairs))]
		migrationStory(t, seed, c[0], c[1])
	}
}

// Two who can't be direct play on when the server moves: the silent relay makes both ask for the server, which they find
// under its name, and their legs follow. Nothing reliable is lost, and nobody is taken for dead.
func TestRelayMoves(t *testing.T) {
	for seed := range uint64(6) {
		w, host, guest := pair(seed, "SR", "SR", Weather{Delay: oneWay}, 100)
		host.Names, guest.Names = true, true
		if !w.Meet(host, guest, 10*time.Second) {
			t.Fatalf("seed %d: no keys", seed)
		}
		host.Stream(1500, 16*time.Millisecond, false)
		guest.Stream(1500, 16*time.Millisecond, false)
		w.Run(8*time.Second + time.Duration(seed)*700*time.Millisecond)
		host.MaxGap, guest.MaxGap = 0, 0
		w.server.Move("192.0.2.9")
		w.Run(25 * time.Second)
		t.Logf("seed %d: nothing came for %v and %v", seed, host.MaxGap, guest.MaxGap)
		for _, p := range []*Player{host, guest} {
			if p.Received != 1500 || len(p.Faults) > 0 || len(p.Refused) > 0 || p.MaxGap > 6*time.Second {
				t.Errorf("seed %d %s: %d messages, gap %v, faults %v, told %v", seed, p.Name, p.Received, p.MaxGap, p.Faults, p.Refused)
			}
		}
	}
}

func migrationStory(t *testing.T, seed uint64, a, b string) {
	t.Helper()
	const moved = "192.0.2.9"
	w := NewWorld(seed, Weather{Delay: oneWay})
	w.AddServer(wanS, nil)
	named := seed%2 == 0
	both := func(cfg *endpoint.Config) {
		if !named {
			cfg.Servers = append(cfg.Servers, netip.AddrPortFrom(netip.MustParseAddr(moved), api.DefaultPort))
		}
	}
	players := []*Player{w.AddSite(a, wanA).AddPlayer("host", 100, both), w.AddSite(b, wanB).AddPlayer("guest", 100, both)}
	players[0].Names, players[1].Names = named, named
	loads := []*load{addLoad(players[0], frames), addLoad(players[1], frames)}
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("seed %d %s×%s: "+format, append([]any{seed, a, b}, args...)...)
		for _, p := range players {
			for _, r := range p.Routes {
				t.Logf("  %v %s: %v, %s", r.At.Sub(Start), p.Name, r.Route, r.Text)
			}
		}
	}
	if !w.Meet(players[0], players[1], 20*time.Second) {
		t.Fatalf("seed %d: no keys", seed)
	}
	direct := func() bool { return players[0].Route.Direct() && players[1].Route.Direct() }
	if !w.RunUntil(3*time.Second, direct) {
		fail("not direct")
		return
	}
	w.Run(time.Second + time.Duration(seed*37%500)*time.Millisecond)
	spans := make([][]outageSpan, 2) // by sender
	wans := []netip.Addr{players[0].site.wan, players[1].site.wan}
	cutAndHeal := func() bool {
		cut := w.Now()
		w.Cut(wans[0], wans[1])
		if seed%3 > 0 {
			w.Cut(wans[1], wans[0])
		}
		w.Run(2 * time.Second)
		for i, p := range players {
			last := len(p.Routes) - 1
			if p.Route != api.RouteRelay {
				fail("%s did not leave the path that is cut", p.Name)
				return false
			}
			spans[i] = append(spans[i], outageSpan{cut.Add(-oneWay), p.Routes[last].At})
		}
		w.Heal(wans[0], wans[1])
		w.Heal(wans[1], wans[0])
		if !w.RunUntil(10*time.Second, direct) {
			fail("not direct after healing")
			return false
		}
		w.Run(time.Second)
		return true
	}
	if !cutAndHeal() {
		return
	}
	routes := len(players[0].Routes) + len(players[1].Routes)
	w.server.Move(moved)
	w.Run(30 * time.Second) // a keepalive and 3 s until its silence is noticed, and a round with each address
	if !direct() || len(players[0].Routes)+len(players[1].Routes) != routes {
		fail("the server's move cost the direct path")
	}
	for _, p := range players {
		if p.Endpoint.Searching() {
			fail("%s has not found the server", p.Name)
		}
	}
	if !cutAndHeal() {
		return
	}
	for _, l := range loads {
		l.stop = true
	}
	w.Run(2 * time.Second)
	for i, l := range loads {
		from := loads[1-i]
		if !l.complete(from) || len(l.faults) > 0 || len(l.p.Refused) > 0 {
			fail("%s got %v of %v, faults %v, %v", l.p.Name, l.got, from.sent, l.faults, l.p.Refused)
		}
		if limit := 400*time.Millisecond + 4*oneWay; l.gap > limit {
			fail("%s heard nothing for %v", l.p.Name, l.gap)
		}
		for k, s := range l.streams {
			for n := range from.sent[k] {
				at := from.at[k][n]
				within := func(s outageSpan) bool { return !at.Before(s.from) && !at.After(s.to) }
				if s.mode.Reliable() || l.seen[k][n] || slices.ContainsFunc(spans[1-i], within) {
					continue
				}
				fail("%s never got message %d of mode %d, sent at %v", l.p.Name, n, s.mode, at.Sub(Start))
				break
			}
		}
	}
}
