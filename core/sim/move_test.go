package sim

import (
	"testing"
	"time"
)

// A player's computer gets another address: data flows again within a relay round trip and 100 ms, and both are direct again
// within a second where plain punching finds a way (docs/NAT.md, goals). The other one hears of it from the player and of
// the new address from the server.
func TestNetworkChange(t *testing.T) {
	const data = 4*oneWay + 100*time.Millisecond + trialInterval // a silence begins with the last message before it
	for _, c := range []struct{ a, b string }{
		{"PR", "PUB"}, {"FC", "FC"}, {"PR", "PR"}, {"FC", "PR"}, {"AR", "AR"}, {"PRx", "PR"}, {"PR", "PRx"}, {"SR", "FC"}, {"PR", "FW"},
	} {
		var gap, back time.Duration
		for seed := range uint64(6) {
			h := lay(t, seed)
			a, b := h.AddSite(c.a, wanA).AddPlayer("moved", 64, nil), h.AddSite(c.b, wanB).AddPlayer("peer", 64, nil)
			h.host, h.guest = a, b
			if seed%2 == 1 {
				h.host, h.guest = b, a
			}
			a.streamFromKeys(trialInterval)
			b.streamFromKeys(trialInterval)
			if !h.Meet(h.host, h.guest, 20*time.Second) || !h.RunUntil(5*time.Second, h.direct) {
				t.Fatalf("%s × %s seed %d: never direct", c.a, c.b, seed)
			}
			h.Run(time.Duration(1+seed%3*3) * time.Second) // some move at once, some later
			h.Run(time.Duration(seed) * 7 * time.Millisecond)
			h.mustBeDirect(0)
			a.MaxGap, b.MaxGap = 0, 0
			a.Move()
			h.RunUntil(time.Second, func() bool { return !h.direct() })
			back = max(back, h.mustBeDirect(time.Second))
			h.Run(3 * time.Second)
			if !h.direct() {
				t.Errorf("%s × %s seed %d: direct only for a while", c.a, c.b, seed)
			}
			gap = max(gap, a.MaxGap, b.MaxGap)
			h.rest()
		}
		t.Logf("%s × %s: gap %v, direct again after %v", c.a, c.b, gap, back)
		if gap > data {
			t.Errorf("%s × %s: gap %v, want at most %v", c.a, c.b, gap, data)
		}
	}
}
