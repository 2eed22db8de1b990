package hub

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A node that drains has hundreds of legs that only stay warm: a PING each 20 s, so that its relay never has a quiet second. It ends
// nevertheless, and not while two players talk.
func TestDrainingRelayIsAtRest(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	h := &Hub{relay: relay.NewServer(relay.ServerConfig{Rand: bytes.NewReader(make([]byte, 4096))})}
	const sessions = 200
	var handles [sessions]uint32
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(1000+i))
	}
	for i := range sessions {
		handles[i], _ = h.relay.Prebind(now, [16]byte{byte(i)}, 0, relay.KeyHash{}, at(2*i), wire.RelayRate{})
		h.relay.Prebind(now, [16]byte{byte(i)}, 1, relay.KeyHash{}, at(2*i+1), wire.RelayRate{})
	}
	say := func(i int) {
		packet := wire.AppendSession(wire.AppendRelayed(nil, handles[i]), wire.Session{ConnID: 7})
		if _, ok := h.relay.Forward(now, at(2*i), append(packet, make([]byte, wire.TagSize)...)); !ok {
			t.Fatal("not forwarded")
		}
	}
	looks := func(talks bool) (atRest int) {
		for tick := range 200 { // 20 s: each session has one PING
			now = now.Add(100 * time.Millisecond)
			if say(tick % sessions); talks && tick%5 == 0 {
				say(7)
			}
			if tick%10 == 9 && h.relayAtRest(now) {
				atRest++
			}
		}
		return atRest
	}
	if n := looks(false); n == 0 {
		t.Error("not at rest in 20 s in which nobody talked")
	}
	h.drain = drain{}
	if n := looks(true); n != 0 {
		t.Error("at rest while two players talk")
	}
}
