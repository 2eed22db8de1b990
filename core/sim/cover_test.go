package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Two hard NATs of which one has a small block meet if both players ask for the most (docs/NAT.md, class C5): with a counting
// NAT at least 35 % of the time, of two blocks 55 %, by arithmetic 87 and 77. Who does not meet is relayed within 10 s.
func TestCoveringInTheMatrix(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		least int // of 12: with the chance that arithmetic gives, one sample in 2,000 has fewer
	}{{"SS", "SB", 6}, {"SB", "SB", 5}} {
		direct := 0
		for seed := range uint64(12) {
			o := Trial{A: c.a, B: c.b, Seed: seed, Weather: Weather{Delay: oneWay, Loss: 0.02}, Client: func(e *endpoint.Config) { e.Punch = api.PunchMax }}.Play()
			if o.Direct {
				direct++
			} else if !o.Connected || o.GaveUp < 0 || o.GaveUp > 10*time.Second || !strings.Contains(o.Why, "both sides are behind symmetric NATs") {
				t.Errorf("%s × %s seed %d: %+v", c.a, c.b, seed, o)
			}
			if o.Lost+o.Doubled+o.Reordered+o.Corrupt > 0 {
				t.Errorf("%s × %s seed %d: messages: %+v", c.a, c.b, seed, o)
			}
		}
		if direct < c.least {
			t.Errorf("%s × %s: %d of 12 direct, want %d", c.a, c.b, direct, c.least)
		}
	}
}

// One who asks for the most and one who does not: nothing is used up, and both stay on the relay at once.
func TestCoveringNeedsBoth(t *testing.T) {
	for seed := range uint64(4) {
		w := NewWorld(seed, Weather{Delay: oneWay})
		w.AddServer(wanS, nil, "192.0.2.2")
		host := w.AddSite("SB", wanA).AddPlayer("host", 100, func(e *endpoint.Config) { e.Punch = api.PunchMax })
		guest := w.AddSite("SB", wanB).AddPlayer("guest", 100, nil)
		if seed%2 == 1 {
			host, guest = guest, host
		}
		if !w.Meet(host, guest, 20*time.Second) {
			t.Fatal("no keys")
		}
		opened := [2]int{host.Opened, guest.Opened} // for the profiles
		w.Run(5 * time.Second)
		for i, p := range []*Player{host, guest} {
			if p.GaveUp == "" || p.Opened > opened[i] {
				t.Errorf("seed %d: %s: %q, %d sockets", seed, p.Name, p.GaveUp, p.Opened-opened[i])
			}
		}
		sockets(t, "covering", host, guest)
	}
}
