package sim

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

// All of them: ./build.sh adversity 10000. One again: go test ./core/sim -run TestAdversity -args -worlds 1 -world 1234
var (
	adverseWorlds = flag.Uint64("worlds", 0, "worlds that TestAdversity plays; 0: 300, or 12 under the race detector")
	adverseFirst  = flag.Uint64("world", 0, "seed of the first of them")
)

// adverse is one world whose network is as bad as networks get, and to which one more thing happens.
type adverse struct {
	rng     *rand.Rand // of its own: the same world whatever the library sends
	w       *World
	players [2]*Player
	story   string
}

// weather draws a network: from good to one that loses half of everything, alone or in runs.
func (a *adverse) weather() Weather {
	r := a.rng
	share := func(most float64) float64 { return most * r.Float64() * r.Float64() }
	c := Weather{
		Delay: time.Duration(1+r.IntN(80)) * time.Millisecond, Jitter: time.Duration(r.IntN(40)) * time.Millisecond,
		Loss: share(0.5), Duplicate: share(0.2), Reorder: share(0.3), Corrupt: share(0.1),
	}
	switch r.IntN(4) {
	case 0:
		c.Loss = 0.5
	case 1:
		c.Run = 1 + 9*r.Float64()
	case 2:
		c.MTU = 1200 + r.IntN(273) // a hole from the start, for what is larger than every path must carry
	}
	return c
}

// blow lets the one thing happen, and comes back when it is over.
func (a *adverse) blow() {
	who := a.rng.IntN(2)
	p, other := a.players[who], a.players[1-who]
	still := func(d time.Duration) {
		p.Freeze()
		a.w.Run(d)
		p.Thaw()
	}
	switch a.rng.IntN(9) {
	case 0:
		a.story = "nothing"
	case 1:
		a.story = "a hole opens for large packets"
		c := a.w.weather
		c.MTU = 1200
		a.w.SetWeather(c)
	case 2:
		d := time.Duration(1+a.rng.IntN(40)) * time.Second
		a.story = fmt.Sprintf("%s's clock jumps by %v", p.Name, d)
		p.JumpClock(d)
	case 3:
		a.story = p.Name + "'s box forgets everything"
		p.site.Box.Reboot()
	case 4:
		a.story = p.Name + " moves to another interface"
		if !p.site.public {
			p.Move()
		}
	case 5:
		a.story = p.Name + " stands still for 30 s"
		still(30 * time.Second)
	case 6:
		a.story = p.Name + " sleeps for 5 min, announced"
		p.Do(func(now time.Time, e *endpoint.Endpoint) { e.Suspend(now, 6*time.Minute) })
		told := func() bool { return other.interrupted > 0 }
		if !a.w.RunUntil(5*time.Second, told) { // a network that lets nothing through for so long is another story
			a.story = "it can't be said that " + a.story
		} else {
			still(5 * time.Minute)
		}
		p.Do(func(now time.Time, e *endpoint.Endpoint) { e.Resume(now) })
	case 7:
		d := time.Duration(1+a.rng.IntN(20)) * time.Second
		a.story = fmt.Sprintf("nothing passes between them directly for %v", d)
		a.w.Cut(p.site.wan, other.site.wan)
		a.w.Cut(other.site.wan, p.site.wan)
		from, to := p.site.wan, other.site.wan
		a.w.After(d, func(time.Time) { a.w.Heal(from, to); a.w.Heal(to, from) })
	case 8:
		a.story = p.Name + "'s game does not poll for 20 s"
		p.Pause()
		a.w.Run(20 * time.Second)
		p.Unpause()
	}
}

// play runs one world and returns what was wrong.
func play(seed uint64) (story string, faults []string) {
	a := &adverse{rng: rand.New(rand.NewPCG(seed, 0xadbe125e))}
	boxes := []string{"PUB", "FC", "AR", "PR", "PRx", "SR"}
	a.w = NewWorld(seed, Weather{Delay: oneWay})
	a.w.AddServer(wanS, nil)
	patient := func(cfg *endpoint.Config) { cfg.IdleTimeout = time.Minute }
	var kinds [2]string
	for i, wan := range []string{wanA, wanB} {
		kinds[i] = boxes[a.rng.IntN(len(boxes))]
		a.players[i] = a.w.AddSite(kinds[i], wan).AddPlayer([]string{"host", "guest"}[i], 100, patient)
	}
	if !a.w.Meet(a.players[0], a.players[1], 10*time.Second) {
		return "", []string{"no keys"}
	}
	a.w.Run(time.Duration(a.rng.IntN(3000)) * time.Millisecond)
	streams := [][]stream{mixed, sparse}[a.rng.IntN(2)]
	loads := []*load{addLoad(a.players[0], streams), addLoad(a.players[1], streams)}
	weather := a.weather()
	if slices.Contains(kinds[:], "SR") { // perhaps over the relay: two ways, which together lose as much as the one
		weather.Loss, weather.Corrupt = 1-math.Sqrt(1-weather.Loss), weather.Corrupt/2
	}
	a.w.SetWeather(weather)
	a.w.Run(time.Duration(1+a.rng.IntN(4000)) * time.Millisecond)
	a.blow()
	a.w.Run(4 * time.Second)
	for _, l := range loads {
		l.stop = true
	}
	if weather.Loss > 0.1 { // a backlog of megabytes would take many minutes
		weather.Loss = 0.1
		a.w.SetWeather(weather)
	}
	// A full budget of 4 MiB at the rate that is always granted (32 KB/s), of which a relay's two legs lose a third: 200 s.
	done := a.w.RunUntil(5*time.Minute, func() bool { return loads[0].complete(loads[1]) && loads[1].complete(loads[0]) })
	a.w.SetWeather(Weather{Delay: oneWay})
	a.w.Run(5 * time.Second)
	for i, l := range loads {
		bad := func(format string, args ...any) { faults = append(faults, l.p.Name+": "+fmt.Sprintf(format, args...)) }
		if len(l.faults) > 0 {
			bad("%d faults, the first: %s", len(l.faults), l.faults[0])
		}
		if slices.ContainsFunc(l.p.Refused, ended) {
			bad("%+v", l.p.Refused)
		}
		if !done {
			bad("got %v of %v", l.got, loads[1-i].sent)
		}
		if st, _ := l.p.Endpoint.PeerStats(l.p.Peer); done && st.QueuedBytes > 0 {
			bad("%d bytes of the send budget are lost", st.QueuedBytes)
		}
	}
	return fmt.Sprintf("%s×%s, %+v, %s", kinds[0], kinds[1], weather, a.story), faults
}

func ended(ev api.Event) bool { return ev.Kind == api.EventPeerClosed }

// raced: this test runs under the race detector, ten times as slowly.
var raced bool

// Whatever the network does and whoever stands still: every reliable message once and in order, nothing else twice or out
// of its order, no budget lost, memory bounded.
func TestAdversity(t *testing.T) {
	count := *adverseWorlds
	if count == 0 {
		count = 300
		if raced {
			count = 12
		}
	}
	var next atomic.Uint64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < count; n = next.Add(1) - 1 {
				seed := *adverseFirst + n
				if story, faults := play(seed); len(faults) > 0 {
					t.Errorf("world %d: %s", seed, story)
					for _, f := range faults {
						t.Log("    " + f)
					}
				}
			}
		})
	}
	workers.Wait()
	// Two players' budgets both ways, four times over for what lies in the network and in the test's own books.
	if limit := runtime.GOMAXPROCS(0) * 64 << 20; liveHeap() > limit {
		t.Errorf("%d bytes of memory at the end", liveHeap())
	}
}
