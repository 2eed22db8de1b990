//go:build linux

package wan

import (
	"net/netip"
	"testing"
)

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// Whatever a namespace sends, the router does not panic, and what it accepts is as long as it says.
func FuzzForward(f *testing.F) {
	f.Add(udp(addrA, addrB, 64, "hello"))
	f.Add(udp(addrA, addrB, 1, ""))
	f.Add(udp(addrA, addrB, 64, "hello")[:27])
	f.Add([]byte{0x4f, 0, 0, 20, 0, 0, 0, 0, 9, 17, 0, 0, 198, 51, 100, 1, 203, 0, 113, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > packetSize {
			return
		}
		r := &Router{flows: make(map[Flow]Count), marker: []byte("x")}
		for i, prefix := range []string{"198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"} {
			r.links[i].Prefix = mustPrefix(prefix)
		}
		p := new(packet)
		p.data = append(p.buf[:0], b...)
		r.forward(0, A, p)
		if len(r.queue.heap)+len(r.free) != 1 {
			t.Errorf("%d queued, %d given back", len(r.queue.heap), len(r.free))
		}
	})
}
