package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/rendezvous"
)

// The server learns who reaches whom: a pair that goes direct counts once as direct, one that can't once as relayed.
func TestServerLearnsOutcomes(t *testing.T) {
	for _, c := range []struct {
		nats            [2]string
		a, b            rendezvous.NATClass
		direct, relayed uint64
	}{
		{[2]string{"FC", "PR"}, rendezvous.NATCone, rendezvous.NATCone, 1, 0},
		{[2]string{"SR", "SR"}, rendezvous.NATRandom, rendezvous.NATRandom, 0, 1},
		{[2]string{"FC", "SR"}, rendezvous.NATCone, rendezvous.NATRandom, 1, 0},
	} {
		w := NewWorld(7, Weather{Delay: oneWay})
		s := w.AddServer(wanS, nil, "192.0.2.2")
		host, guest := w.AddSite(c.nats[0], wanA).AddPlayer("host", 100, nil), w.AddSite(c.nats[1], wanB).AddPlayer("guest", 100, nil)
		if !w.Meet(host, guest, 20*time.Second) {
			t.Fatalf("%v: no keys", c.nats)
		}
		w.Run(15 * time.Second)
		got := s.Hub.Stats().Outcomes
		if n := got[c.a][c.b]; n.Direct != c.direct || n.Relayed != c.relayed {
			t.Errorf("%v: %v×%v counts %+v; all: %+v", c.nats, c.a, c.b, n, got)
		}
		sum := uint64(0)
		for _, row := range got {
			for _, n := range row {
				sum += n.Direct + n.Relayed
			}
		}
		if sum != 1 {
			t.Errorf("%v: %d pairs counted, 1 met", c.nats, sum)
		}
	}
}
