package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// A game closes a peer at any moment of the introduction, on either side, over a link that loses: no connection stays, and
// nobody is left waiting. A quarter of the seeds each has the host close as the guest reports its keys, and the guest as it has its
// own, before the host has any; the others close at any time.
func TestCloseWhileComingUp(t *testing.T) {
	seeds := uint64(80)
	if raced || testing.Short() {
		seeds = 16
	}
	reasons, early := 0, 0
	for seed := range seeds {
		w, host, guest := pair(seed, "PUB", "FC", Weather{Delay: 25 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.03}, 100)
		closing, other := host, guest
		if seed%4 >= 2 {
			closing, other = guest, host
		}
		up := map[*Player]int{} // PEER_CONNECTED
		for _, p := range []*Player{host, guest} {
			p.OnEvent = func(now time.Time, ev *api.Event) {
				if ev.Kind == api.EventPeerConnected {
					up[p]++
				}
				p.note(now, ev)
			}
		}
		closed := false
		end := func(time.Time) {
			closing.Do(func(now time.Time, e *endpoint.Endpoint) {
				before := up[closing]
				if closed = e.PeerClose(now, closing.Peer, 42, "full") == nil; closed && before == 0 {
					early++
				}
			})
		}
		switch seed % 4 {
		case 0:
			other.onKeys = func() { w.After(0, end) }
		case 2:
			closing.onKeys = func() { w.After(0, end) }
		default:
			rng := rand.New(rand.NewPCG(seed, 1))
			var at func(time.Time)
			at = func(now time.Time) {
				if guest.Joined.IsZero() || closing.Peer == 0 {
					w.After(time.Millisecond, at)
					return
				}
				w.After(time.Duration(rng.IntN(250))*time.Millisecond, end)
			}
			w.After(0, at)
		}
		w.Meet(host, guest, 10*time.Second)
		w.Run(20 * time.Second) // longer than the silence that ends a connection
		if !closed {
			continue // nothing had begun
		}
		for _, p := range []*Player{host, guest} {
			if _, open := p.Endpoint.PeerStats(p.Peer); open || up[p] > 1 || len(p.Refused) > 1 || len(p.Refused) < up[p] {
				t.Errorf("seed %d: %s: connection open %v, PEER_CONNECTED %d times, then %+v", seed, p.Name, open, up[p], p.Refused)
			}
		}
		if n := len(closing.Refused); n > 0 && closing.Refused[0].Code != 42 {
			t.Errorf("seed %d: %s closed with %+v", seed, closing.Name, closing.Refused)
		}
		if len(other.Refused) == 1 && other.Refused[0].Code == 42 && other.Refused[0].Text == "full" {
			reasons++
		} else {
			t.Logf("seed %d: %s heard %+v", seed, other.Name, other.Refused)
		}
	}
	t.Logf("%d of %d told the reason, %d closed before PEER_CONNECTED", reasons, seeds, early)
	if early < int(seeds)/4 {
		t.Errorf("%d of %d closed before their connection was there: the story tells little", early, seeds)
	}
	if reasons < int(seeds)*8/10 {
		t.Errorf("%d of %d heard the reason", reasons, seeds)
	}
}
