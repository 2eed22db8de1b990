package sim

import (
	"testing"
	"time"
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
