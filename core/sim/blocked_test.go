package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
)

func streams(cfg *endpoint.Config) { cfg.Streams = true }

// A network stops letting UDP out in the midst of a game, and begins again: the game goes on over TCP and the relay, then
// over UDP and the direct path. Nothing reliable is lost, doubled or out of order, and nobody is taken for dead.
//
// Gaps over 400 seeds, three each, before and after the cluster's signals moved the dice: without loss at most 2.7 s, with 1 and 2 % at most
// 4.5 s, where a loss stalls the stream; 1.6 s on average.
func TestUDPBlockedAndFree(t *testing.T) {
	sum, rounds := time.Duration(0), 0
	for seed := range uint64(12) {
		h := lay(t, seed)
		h.SetWeather(Weather{Delay: oneWay, Loss: 0.01 * float64(seed%3)})
		home, away := h.AddSite("BLOCKED", wanA), h.AddSite("PR", wanB)
		host, guest := home.AddPlayer("host", 64, streams), away.AddPlayer("guest", 64, streams)
		if seed%2 == 1 {
			host, guest = guest, host
		}
		h.meet(host, guest)
		if host.Route.Direct() || guest.Route.Direct() || !strings.Contains(host.GaveUp+guest.GaveUp, "UDP is blocked on this network") {
			t.Errorf("seed %d: blocked, yet %v and %v; gave up %q, %q", seed, host.Route, guest.Route, host.GaveUp, guest.GaveUp)
		}
		for round := range 3 {
			home.Box.SetBlocked(false)
			back := h.mustBeDirect(70 * time.Second) // 1 to 60 s between two looks at UDP
			h.Run(5 * time.Second)
			host.MaxGap, guest.MaxGap = 0, 0
			home.Box.SetBlocked(true)
			if !h.RunUntil(10*time.Second, func() bool { return !h.host.Route.Direct() && !h.guest.Route.Direct() }) {
				t.Errorf("seed %d: still direct", seed)
			}
			h.Run(20 * time.Second)
			t.Logf("seed %d.%d: direct %v after UDP was free; gaps when it was blocked %v, %v", seed, round, back, host.MaxGap, guest.MaxGap)
			most := 3 * time.Second
			if seed%3 > 0 {
				most = 5 * time.Second
			}
			gap := max(host.MaxGap, guest.MaxGap)
			if sum, rounds = sum+gap, rounds+1; gap > most {
				t.Errorf("seed %d: nothing came for %v", seed, gap)
			}
		}
		h.rest()
	}
	if mean := sum / time.Duration(rounds); mean > 2*time.Second {
		t.Errorf("nothing came for %v on average", mean)
	}
}

// A stream that TCP stalls is late, not lossy: the transport above must not fill it with resends. Bytes sent, of both
// players, against the same game without loss.
func TestStalledStreamIsNotFlooded(t *testing.T) {
	sent := func(loss float64, seed uint64) (bytes uint64) {
		h := lay(t, seed)
		h.SetWeather(Weather{Delay: oneWay, Loss: loss})
		host, guest := h.AddSite("BLOCKED", wanA).AddPlayer("host", 200, streams), h.AddSite("BLOCKED", wanB).AddPlayer("guest", 200, streams)
		h.meet(host, guest)
		h.Run(60 * time.Second)
		for _, p := range []*Player{host, guest} {
			st, _ := p.Endpoint.PeerStats(p.Peer)
			bytes += st.BytesSent
		}
		h.rest()
		return bytes
	}
	for seed := range uint64(1) {
		calm := sent(0, seed)
		for _, loss := range []float64{0.01, 0.03, 0.1} {
			stalled := sent(loss, seed)
			t.Logf("seed %d, %g %% of segments lost: %.2f × the bytes", seed, 100*loss, float64(stalled)/float64(calm))
			if stalled > 3*calm {
				t.Errorf("seed %d, %g %%: %d bytes, %d without loss", seed, 100*loss, stalled, calm)
			}
		}
	}
}
