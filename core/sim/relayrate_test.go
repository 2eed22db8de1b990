package sim

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/hub"
)

// A transfer over the relay stays below what the relay grants: nothing is dropped there, and most of the grant is used,
// in both directions at once.
func TestRelayGrantIsKept(t *testing.T) {
	w := NewWorld(1, Weather{Delay: 20 * time.Millisecond})
	w.AddServer("203.0.113.1", func(c *hub.Config) { c.LabLimits = false })
	host := w.AddSite("SR", "198.51.100.1").AddPlayer("host", 1000, nil)
	guest := w.AddSite("SR", "198.51.100.2").AddPlayer("guest", 1000, nil)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	const seconds = 20
	for _, p := range []*Player{host, guest} {
		p.Stream(seconds*200, time.Second/200, false) // 1.6 Mbit/s wanted, 1 granted
	}
	w.Run(seconds * time.Second)
	for _, p := range []*Player{host, guest} {
		t.Logf("%s: route %v, %d of %d messages in %d s", p.Name, p.Route, p.Received, p.Sent, seconds)
		if p.Received < seconds*125_000/1000*75/100 {
			t.Errorf("%s: %d messages of 1000 bytes in %d s", p.Name, p.Received, seconds)
		}
	}
	if n := w.server.Hub.Stats().Dropped("relay_rate"); n > 0 {
		t.Errorf("the relay dropped %d packets", n)
	}
}
