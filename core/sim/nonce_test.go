package sim

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/wire"
)

// numbers watches the wire for a packet number that was used twice under one key, which would give both packets away. It needs
// no keys: a connection id belongs to one direction's key, path id and number stand in the header, and two packets that differ under the
// same three were sealed with the same nonce. (The low 24 bits are the number: no test sends more.)
type numbers struct {
	seen   map[string][]byte
	twice  []string
	keys   map[uint32]bool
	direct int
}

func (n *numbers) look(p natsim.Packet) {
	b := p.Data
	if _, inner, ok := wire.ParseRelayed(b); ok {
		b = inner
	} else {
		n.direct++
	}
	h, _, ok := wire.ParseSession(b)
	if !ok {
		return
	}
	n.keys[h.ConnID] = true
	id := fmt.Sprintf("connection %08x, path %d, number %d", h.ConnID, h.Path, h.Number)
	if old, ok := n.seen[id]; ok && !bytes.Equal(old, b) {
		n.twice = append(n.twice, id)
		return
	}
	n.seen[id] = bytes.Clone(b)
}

// No (key, nonce) comes twice over everything that makes connections anew or moves them: a lossy and doubling network, a server
// that is killed and knows nothing afterwards, links that are resumed, new addresses, routers that forget, sleep, reconnects.
func TestNoPacketNumberComesTwice(t *testing.T) {
	for seed := range uint64(3) {
		n := &numbers{seen: map[string][]byte{}, keys: map[uint32]bool{}}
		w, host, guest := pair(seed+900, "PR", "AR", Weather{Delay: oneWay, Loss: 0.05, Duplicate: 0.05}, 64)
		w.tap = n.look
		if !w.Meet(host, guest, 20*time.Second) {
			t.Fatal("no keys")
		}
		host.Stream(1500, 40*time.Millisecond, false)
		guest.Stream(1500, 40*time.Millisecond, false)
		steps := []func(){
			func() { host.Move() },
			func() { w.server.Kill() },
			func() { w.server.Restart() },
			func() { guest.Site().Box.Reboot() },
			func() { host.Do(func(now time.Time, e *endpoint.Endpoint) { e.Suspend(now, 3*time.Second) }) },
			func() { host.Do(func(now time.Time, e *endpoint.Endpoint) { e.Resume(now) }) },
			func() { guest.Do(func(now time.Time, e *endpoint.Endpoint) { e.NetworkChanged(now) }) },
			func() {
				host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerClose(now, host.Peer, 1, "again") })
			},
			func() {
				host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerConnect(now, host.Peer, nil) })
			},
			func() { host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Disconnect(now) }) },
			func() { host.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now) }) },
		}
		for _, step := range steps {
			step()
			w.Run(4 * time.Second)
		}
		if len(n.twice) > 0 {
			t.Errorf("seed %d: %d numbers were used twice, first %s", seed, len(n.twice), n.twice[0])
		}
		if len(n.keys) < 8 || len(n.seen) < 3000 || n.direct < 1000 {
			t.Errorf("seed %d: %d directions, %d packets, %d direct: the story did not happen", seed, len(n.keys), len(n.seen), n.direct)
		}
	}
}

// The watch itself: a number that comes twice with another content is noticed, a copy is not.
func TestNumbersAreWatched(t *testing.T) {
	n := &numbers{seen: map[string][]byte{}, keys: map[uint32]bool{}}
	packet := func(fill byte) natsim.Packet {
		b := wire.AppendSession(nil, wire.Session{Path: 2, ConnID: 7, Number: 9})
		return natsim.Packet{Data: append(b, bytes.Repeat([]byte{fill}, 30)...)}
	}
	n.look(packet(1))
	n.look(packet(1))
	if n.look(natsim.Packet{Data: wire.AppendRelayed(nil, 5)}); len(n.twice) != 0 {
		t.Error("a copy is taken for a second use")
	}
	if n.look(packet(2)); len(n.twice) != 1 {
		t.Error("a second use is not noticed")
	}
}
