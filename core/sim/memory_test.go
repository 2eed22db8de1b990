package sim

import (
	"runtime"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// liveHeap is what this process holds, in bytes.
func liveHeap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held for one more round
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A connection that is idle costs a player at most 16 KB, everything included: keys, transport, checks, relay leg, and here
// even the server's part and the simulation's.
func TestIdleConnectionMemory(t *testing.T) {
	const count, limit = 16, 16 << 10
	w := NewWorld(1, Weather{Delay: oneWay})
	w.AddServer(wanS, nil)
	var players []*Player
	for i := range count {
		p := w.AddSite("FC", "203.0.113."+string(rune('1'+i/10))+string(rune('0'+i%10))).AddPlayer("player", 100, nil)
		p.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now) })
		players = append(players, p)
	}
	players[0].Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.RoomCreate(now, count, nil) })
	w.Run(5 * time.Second)
	before := liveHeap()
	for _, p := range players[1:] {
		p.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.RoomJoin(now, players[0].Code) })
		w.Run(2 * time.Second)
	}
	w.Run(30 * time.Second)
	connections := 0
	for _, p := range players {
		p.Endpoint.EachPeer(func(_ api.PeerHandle) { connections++ })
	}
	if each := (liveHeap() - before) / connections; connections != count*(count-1) || each > limit {
		t.Errorf("%d connections of %d bytes, want %d of at most %d", connections, each, count*(count-1), limit)
	} else {
		t.Logf("%d bytes a connection", each)
	}
	runtime.KeepAlive(players)
}
