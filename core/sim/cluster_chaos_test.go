package sim

import (
	"flag"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
)

var townSeeds = flag.Uint64("towns", 8, "worlds that TestTownInTrouble plays")

// Whatever happens to nodes and bus, one thing at a time: no room has two owners in one epoch, nobody is told that anybody
// left, and in the end all are in one room again.
func TestTownInTrouble(t *testing.T) {
	for seed := range *townSeeds {
		v := newTown(t, 100+seed, 3)
		v.bus.Loss = 0.02 * float64(seed%4)
		host, guest := v.neighbours()
		third := v.settler("third", v.AddSite("PR", "203.0.113.77"), 2)
		third.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now); _ = e.RoomJoin(now, host.Code) })
		v.Run(5 * time.Second)
		was := v.room(host)
		players := []*Player{host, guest, third}
		rng := v.source("trouble")
		var b [2]byte
		for range 6 {
			_, _ = rng.Read(b[:])
			s := v.nodes[int(b[0])%len(v.nodes)]
			for_ := time.Duration(1+int(b[0]>>4)) * time.Second
			switch b[1] % 5 {
			case 0: // killed, and started again
				s.Kill()
				v.Run(for_)
				s.Restart()
			case 1: // off the bus
				v.bus.Cut(s)
				v.Run(for_)
				v.bus.Join(s)
			case 2: // stands still
				s.Stop()
				v.Run(for_)
				s.Resume()
			case 3:
				v.bus.NoQuorum = true
				v.Run(for_)
				v.bus.NoQuorum = false
			case 4:
				v.bus.Wipe(for_ / 4)
			}
			for range 40 {
				v.Run(time.Second)
				v.owners(was.ID)
			}
		}
		v.Run(60 * time.Second)
		v.intact(was, players...)
		if at, _ := v.owners(was.ID); len(at) != 1 {
			t.Errorf("seed %d: owned by %v", seed, at)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
