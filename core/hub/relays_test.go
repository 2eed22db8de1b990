package hub

import (
	"bytes"
	"testing"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

func TestHalfOnTheBus(t *testing.T) {
	x := relay.Half{Session: [16]byte{1, 2}, Leg: 1, Client: relay.KeyHash{3}, Rate: wire.RelayRate{BitsPerSecond: 4, PacketsPerSecond: 5}, Counter: 6, Handle: 7}
	b := appendHalf(halfAsks, &x)
	flags, y, ok := parseHalf(b)
	if !ok || flags != halfAsks || y != x {
		t.Errorf("%v %d %+v", ok, flags, y)
	}
	for n := range b {
		if _, _, ok := parseHalf(b[:n]); ok {
			t.Errorf("%d bytes of %d are read", n, len(b))
		}
	}
}

func FuzzHalf(f *testing.F) {
	f.Add(appendHalf(halfAsks, &relay.Half{Leg: 1, Handle: 7}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if flags, x, ok := parseHalf(b); ok {
			if again := appendHalf(flags, &x); !bytes.HasPrefix(b, again) {
				t.Errorf("%x is written as %x", b, again)
			}
		}
	})
}
