package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Two players whose networks let nobody in talk through the caller's home. It dies: the callee's home takes over, warm.
func TestRelaysNodeDies(t *testing.T) {
	for _, dies := range []int{0, 1} {
		v := newTown(t, 7, 3)
		host, guest := v.settler("host", v.AddSite("SR", wanA), 0), v.settler("guest", v.AddSite("SR", wanB), 1)
		if !v.Meet(host, guest, 15*time.Second) {
			t.Fatal("no connection")
		}
		was := v.room(host)
		host.Stream(2000, 20*time.Millisecond, false)
		guest.Stream(2000, 20*time.Millisecond, false)
		v.Run(15 * time.Second)
		if host.Route.Direct() || guest.Route.Direct() || host.MaxGap > time.Second || guest.MaxGap > time.Second {
			t.Fatalf("routes %v and %v, gaps %v and %v", host.Route, guest.Route, host.MaxGap, guest.MaxGap)
		}
		host.MaxGap, guest.MaxGap = 0, 0
		v.nodes[dies].Kill()
		v.Run(60 * time.Second)
		t.Logf("node %d dies: gaps %v and %v", dies+1, host.MaxGap, guest.MaxGap)
		if host.Received != 2000 || guest.Received != 2000 || host.MaxGap > 1500*time.Millisecond || guest.MaxGap > 1500*time.Millisecond {
			t.Errorf("node %d dies: %d and %d messages, gaps %v and %v", dies+1, host.Received, guest.Received, host.MaxGap, guest.MaxGap)
		}
		v.intact(was, host, guest)
	}
}

// walled is a settler who may have to do without UDP.
func (v *town) walled(name string, site *Site, home int) *Player {
	return site.AddPlayer(name, 64, func(c *endpoint.Config) {
		c.Servers, c.ServerKey, c.Streams = nil, v.nodes[0].key, true
		for i := range v.nodes {
			c.Servers = append(c.Servers, v.nodes[(home+i)%len(v.nodes)].Addr())
		}
	})
}

// Players whose networks block UDP reach one node each, by TCP. Those of two nodes, and one with a player who has UDP, talk all the
// same: each node has half of their relay. It goes on when one of the nodes is drained, or dies.
func TestUDPBlockedAtTwoNodes(t *testing.T) {
	for _, kind := range []string{"BLOCKED", "SR"} {
		for _, end := range []string{"", "drain", "kill"} {
			for dies := range 2 {
				v := newTown(t, 9, 3)
				host, guest := v.walled("host", v.AddSite("BLOCKED", wanA), 0), v.walled("guest", v.AddSite(kind, wanB), 1)
				if !v.Meet(host, guest, 40*time.Second) {
					t.Fatalf("%s: no connection: %v %v, %v %v", kind, host.Refused, host.Faults, guest.Refused, guest.Faults)
				}
				was := v.room(host)
				host.Stream(2000, 20*time.Millisecond, false)
				guest.Stream(2000, 20*time.Millisecond, false)
				v.Run(10 * time.Second)
				if host.Received < 400 || guest.Received < 400 || host.Route.Direct() {
					t.Errorf("%s: %d and %d messages in 10 s, route %v", kind, host.Received, guest.Received, host.Route)
				}
				host.MaxGap, guest.MaxGap = 0, 0
				switch end {
				case "drain":
					v.nodes[dies].Hub.Drain(v.Now())
					v.nodes[dies].drain(v.Now())
					if !v.RunUntil(120*time.Second, v.nodes[dies].Hub.Drained) {
						t.Error("not drained")
					}
					v.nodes[dies].Kill()
				case "kill":
					v.nodes[dies].Kill()
				}
				v.Run(60 * time.Second)
				t.Logf("%s and BLOCKED, %s of node %d: gaps %v and %v", kind, end, dies+1, host.MaxGap, guest.MaxGap)
				if host.Received != 2000 || guest.Received != 2000 {
					t.Errorf("%s, %s of node %d: %d and %d messages", kind, end, dies+1, host.Received, guest.Received)
				}
				v.intact(was, host, guest)
				if end == "" {
					break
				}
			}
		}
	}
}
