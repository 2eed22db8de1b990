package node

import (
	"net/netip"
	"testing"
)

// What the source address does, and when the client is told of it.
func TestMoved(t *testing.T) {
	home, cafe := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("10.0.0.7")
	none := netip.Addr{}
	var w netWatch
	for i, step := range []struct {
		source netip.Addr
		told   bool
		why    string
	}{
		{home, false, "where it began"},
		{home, false, "nothing of ours changed"},
		{cafe, true, "another address"},
		{none, false, "no way to anywhere"},
		{none, false, "still none"},
		{cafe, true, "back, perhaps elsewhere"},
		{cafe, false, "still there"},
		{none, false, "the old address goes before the new one comes"},
		{home, true, "the new one"},
	} {
		if got := w.moved(step.source, step.source.IsValid()); got != step.told {
			t.Errorf("step %d, %s: told %v", i, step.why, got)
		}
	}
	offline := netWatch{}
	if offline.moved(none, false) || !offline.moved(home, true) {
		t.Error("a client that began without a network is told when there is one")
	}
}
