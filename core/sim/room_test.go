package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/wire"
)

// The newcomer in a full room of 64 connects to everybody, although that is more requests at once than the server's limit
// on signalling lets through.
func TestNewcomerInACrowd(t *testing.T) {
	w := NewWorld(1, Weather{Delay: oneWay})
	w.AddServer(wanS, func(c *hub.Config) { c.LabLimits = false })
	manual := func(c *endpoint.Config) { c.ManualConnect = true }
	connected := 0
	var code string
	for n := range api.MaxRoomMembers {
		configure := manual
		if n == api.MaxRoomMembers-1 {
			configure = nil
		}
		c := w.AddSite("PUB", fmt.Sprintf("198.51.100.%d", n+1)).AddClient(configure)
		c.OnEvent = func(_ time.Time, ev *api.Event) {
			switch {
			case ev.Kind == api.EventRoomJoined:
				code = string(ev.Data)
			case ev.Kind == api.EventPeerConnected && configure == nil:
				connected++
			case ev.Kind == api.EventPeerClosed || ev.Kind == api.EventRoomLeft || ev.Kind == api.EventServerLost:
				t.Errorf("client %d: event %d, %d %q", n, ev.Kind, ev.Code, ev.Text)
			}
		}
		c.Do(func(now time.Time, e *endpoint.Endpoint) {
			_ = e.Connect(now)
			if n == 0 {
				_ = e.RoomCreate(now, api.MaxRoomMembers, nil)
			} else {
				_ = e.RoomJoin(now, code)
			}
		})
		w.Run(500 * time.Millisecond)
	}
	if !w.RunUntil(10*time.Second, func() bool { return connected == api.MaxRoomMembers-1 }) {
		t.Errorf("%d of %d members connected", connected, api.MaxRoomMembers-1)
	}
}

// A connection outlives the server, and the room's membership outlives the link: direct play goes on.
func TestServerVanishes(t *testing.T) {
	w, host, guest := pair(3, "PR", "PR", Weather{Delay: oneWay}, 100)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	w.Run(2 * time.Second)
	w.server.Stop()
	host.Stream(600, 50*time.Millisecond, false)
	guest.Stream(600, 50*time.Millisecond, false)
	w.Run(35 * time.Second)
	w.server.Resume()
	w.Run(20 * time.Second)
	for _, p := range []*Player{host, guest} {
		if p.Received != 600 || len(p.Faults) > 0 || len(p.Refused) > 0 || !p.Route.Direct() {
			t.Errorf("%s: received %d of 600, route %v, faults %v, %v", p.Name, p.Received, p.Route, p.Faults, p.Refused)
		}
	}
	if n := w.server.Hub.Stats().Links; n != 2 {
		t.Errorf("%d links after the server came back, want 2", n)
	}
}

// Two players in one home talk over their local network, and tell each other private addresses only there.
func TestSameHome(t *testing.T) {
	w := NewWorld(4, Weather{Delay: oneWay})
	w.AddServer(wanS, nil)
	home := w.AddSite("PR", wanA)
	host, guest := home.AddPlayer("host", 100, nil), home.AddPlayer("guest", 100, nil)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	host.Stream(50, 10*time.Millisecond, false)
	guest.Stream(50, 10*time.Millisecond, false)
	w.Run(4 * time.Second)
	for _, p := range []*Player{host, guest} {
		if p.Route != api.RouteLAN || p.Received != 50 || len(p.Faults) > 0 {
			t.Errorf("%s: route %v, received %d of 50, %v, gave up %q", p.Name, p.Route, p.Received, p.Faults, p.GaveUp)
		}
	}
}

// One player leaves: the other is told, once, with a reason.
func TestGoodbye(t *testing.T) {
	w, host, guest := pair(5, "PR", "AR", Weather{Delay: oneWay, Loss: 0.05}, 100)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	host.Stream(20, 10*time.Millisecond, false)
	w.Run(3 * time.Second)
	guest.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerClose(now, guest.Peer, 7, "gg") })
	w.Run(5 * time.Second)
	if len(host.Refused) != 1 || host.Refused[0].Kind != api.EventPeerClosed || host.Refused[0].Text != "gg" {
		t.Errorf("host was told %v", host.Refused)
	}
	if len(guest.Refused) != 1 || guest.Refused[0].Kind != api.EventPeerClosed {
		t.Errorf("guest was told %v", guest.Refused)
	}
	if guest.Received != 20 {
		t.Errorf("%d of 20 messages before the end", guest.Received)
	}
	if err := host.SendReliable(); err == nil {
		t.Error("a message to a closed connection was taken")
	}
}

// A reliable message sent with an id is reported once when the other side has it; one without is not.
func TestReceipts(t *testing.T) {
	w, host, guest := pair(6, "PR", "PR", Weather{Delay: oneWay, Loss: 0.2}, 100)
	if !w.Meet(host, guest, 20*time.Second) {
		t.Fatal("no keys")
	}
	receipts := map[uint64]int{}
	note := host.OnEvent
	host.OnEvent = func(now time.Time, ev *api.Event) {
		if ev.Kind == api.EventDelivered {
			receipts[ev.Count]++
		}
		note(now, ev)
	}
	for id := range uint64(20) {
		host.Do(func(now time.Time, e *endpoint.Endpoint) {
			if err := e.Send(now, host.Peer, api.Outgoing{ID: id}, host.body(uint32(id))); err != nil {
				t.Error(err)
			}
		})
	}
	w.Run(5 * time.Second)
	if guest.Received != 20 || len(receipts) != 19 || receipts[0] != 0 {
		t.Errorf("%d of 20 received, receipts %v", guest.Received, receipts)
	}
	for id, n := range receipts {
		if n != 1 {
			t.Errorf("message %d reported %d times", id, n)
		}
	}
}

// No probe is answered with more bytes than it had: each is sent by one side before the other side's address is proven.
func TestProbesDoNotAmplify(t *testing.T) {
	w, host, guest := pair(7, "PR", "AR", Weather{Delay: oneWay}, 100)
	smallest := 1 << 16
	largest := 0
	w.tap = func(p natsim.Packet) {
		if h, _, ok := wire.ParseSession(p.Data); ok && h.Path == wire.PathProbe {
			smallest = min(smallest, len(p.Data))
			if len(p.Data) < 200 { // full-size ones are asked for, not answered in kind
				largest = max(largest, len(p.Data))
			}
		}
	}
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatal("no keys")
	}
	w.Run(5 * time.Second)
	if challenge := wire.SessionHeader + wire.TagSize + wire.ProbeResponseSize4 + wire.ProbeChallengeSize; largest != challenge {
		t.Errorf("largest probe %d bytes, want %d: a challenge and its answer", largest, challenge)
	}
	if answer := wire.SessionHeader + wire.TagSize + wire.ProbeResponseSize4; smallest != answer {
		t.Errorf("smallest probe %d bytes, want %d: a bare answer", smallest, answer)
	}
}
