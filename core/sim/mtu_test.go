package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Whole players find what their path carries, direct and through the relay, where each datagram has 5 bytes more.
func TestPlayersFindTheMTU(t *testing.T) {
	for _, nats := range [][2]string{{"PR", "PR"}, {"SR", "SR"}} {
		for _, mtu := range []int{0, 1400} {
			w, host, guest := met(t, 1, nats[0], nats[1], Weather{Delay: oneWay, MTU: mtu})
			w.Run(5 * time.Second)
			most := wire.MostDatagram4
			if mtu != 0 {
				most = mtu
			}
			for _, p := range []*Player{host, guest} {
				s, _ := p.Endpoint.PeerStats(p.Peer)
				if s.MTU > uint32(most) || s.MTU < uint32(most)-16 {
					t.Errorf("%v, %d bytes pass: %s has found %d", nats, most, p.Name, s.MTU)
				}
			}
		}
	}
}

// The way shrinks under a bulk transfer: the direct route stays, nothing is lost, and the state beside it is late by less
// than it takes to leave a path.
func TestMTUHoleUnderTraffic(t *testing.T) {
	w, host, guest := met(t, 1, "PR", "PR", Weather{Delay: oneWay})
	w.Run(3 * time.Second)
	loads := []*load{addLoad(host, mixed), addLoad(guest, mixed)}
	w.Run(3 * time.Second)
	w.SetWeather(Weather{Delay: oneWay, MTU: wire.BaseDatagram})
	w.Run(10 * time.Second)
	for _, l := range loads {
		l.stop = true
	}
	w.Run(5 * time.Second)
	for i, p := range []*Player{host, guest} {
		if l := loads[i]; len(l.faults) > 0 || !l.complete(loads[1-i]) || l.gap > 500*time.Millisecond {
			t.Errorf("%s: %v, complete %v, longest gap %v", p.Name, l.faults, l.complete(loads[1-i]), l.gap)
		}
		if s, _ := p.Endpoint.PeerStats(p.Peer); s.MTU != wire.BaseDatagram || s.Route != api.RouteDirect4 || len(p.Refused) > 0 {
			t.Errorf("%s: %+v %v", p.Name, s, p.Refused)
		}
	}
}
