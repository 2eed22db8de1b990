package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
)

// Run more: go test ./core/sim -run TestChaos -args -seeds 2000 [-first 17]
var (
	chaosSeeds = flag.Uint64("seeds", 25, "worlds that TestChaos plays")
	chaosFirst = flag.Uint64("first", 0, "seed of the first of them")
)

const (
	chaosTime  = 25 * time.Second // of trouble
	maxTrouble = 3 * time.Second  // of one kind; what breaks the relay never overlaps, so silence stays below 10 s
)

// chaos is one world in which things go wrong.
type chaos struct {
	w       *World
	rng     *rand.Rand // of its own: the same troubles whatever the library sends
	players [2]*Player
	relayUp time.Time // no trouble with the relay before
	moved   bool      // an address changed: plain punching has no way to tell the other side
	log     []string
}

func (c *chaos) note(now time.Time, format string, args ...any) {
	c.log = append(c.log, fmt.Sprintf("%8v ", now.Sub(Start).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (c *chaos) until() time.Duration {
	return 50*time.Millisecond + time.Duration(c.rng.Int64N(int64(maxTrouble)))
}

// trouble lets one random thing go wrong, for a while.
func (c *chaos) trouble(now time.Time) {
	who := c.rng.IntN(2)
	p, other := c.players[who], c.players[1-who]
	d := c.until()
	kind := c.rng.IntN(12)
	quiet := !now.Before(c.relayUp)
	if kind >= 6 && kind < 11 {
		if !quiet {
			return
		}
		c.relayUp = now.Add(d + 6*time.Second)
	}
	switch kind {
	case 0, 1, 2: // the direct path, in one direction or both
		ways := 1 + c.rng.IntN(2)
		c.note(now, "%s cut, %d ways, for %v", p.Name, ways, d)
		c.cut(p.site.wan, other.site.wan, d)
		if ways == 2 {
			c.cut(other.site.wan, p.site.wan, d)
		}
	case 3:
		weather := Weather{Delay: time.Duration(2+c.rng.IntN(60)) * time.Millisecond, Jitter: time.Duration(c.rng.IntN(20)) * time.Millisecond,
			Loss: c.rng.Float64() * 0.3, Duplicate: c.rng.Float64() * 0.1, Reorder: c.rng.Float64() * 0.3}
		c.note(now, "weather %+v", weather)
		c.w.SetWeather(weather)
	case 4:
		c.note(now, "%s punches", p.Name)
		p.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.PeerPunch(now, p.Peer) })
	case 5, 11:
		c.note(now, "%s is deaf for %v", p.Name, d)
		p.Pause()
		c.w.After(d, func(time.Time) { p.Unpause() })
	case 6:
		c.note(now, "server stops for %v", d)
		c.w.server.Stop()
		c.w.After(d, func(time.Time) { c.w.server.Resume() })
	case 7:
		server := c.w.server.addr
		c.note(now, "%s and the server cut for %v", p.Name, d)
		c.cut(p.site.wan, server, d)
		if c.rng.IntN(2) == 0 {
			c.cut(server, p.site.wan, d)
		}
	case 8:
		c.note(now, "%s's box reboots", p.Name)
		c.moved = true
		p.site.Box.Reboot()
	case 9:
		old := p.site.wan
		c.note(now, "%s gets another public address", p.Name)
		c.moved = true
		if !p.site.public {
			p.site.SetWAN(netip.AddrFrom4([4]byte{old.As4()[0], old.As4()[1], old.As4()[2], old.As4()[3] + 1}))
		}
	case 10:
		c.note(now, "%s moves to another interface", p.Name)
		c.moved = true
		if !p.site.public {
			p.Move()
		}
	}
}

func (c *chaos) cut(from, to netip.Addr, d time.Duration) {
	c.w.Cut(from, to)
	c.w.After(d, func(time.Time) { c.w.Heal(from, to) })
}

// Whatever happens to the network short of 10 s of silence: every reliable message arrives once and in order, nothing
// else comes twice, no deadline spins, the route does not flap, and afterwards data goes direct again.
func TestChaos(t *testing.T) {
	seeds := *chaosSeeds
	if testing.Short() {
		seeds = min(seeds, 8)
	}
	for seed := *chaosFirst; seed < *chaosFirst+seeds; seed++ {
		chaosTrial(t, seed)
	}
}

func chaosTrial(t *testing.T, seed uint64) {
	t.Helper()
	boxes := []string{"PUB", "FC", "AR", "PR", "PRx", "SR"}
	first, second := boxes[seed/2%6], boxes[seed/12%6]
	w, host, guest := pair(seed, first, second, Weather{Delay: oneWay}, 100)
	if !w.Meet(host, guest, 10*time.Second) {
		t.Fatalf("seed %d: no keys", seed)
	}
	c := &chaos{w: w, rng: rand.New(rand.NewPCG(seed, 99)), players: [2]*Player{host, guest}}
	streams := mixed
	if seed%2 == 1 {
		streams = sparse
	}
	loads := []*load{addLoad(host, streams), addLoad(guest, streams)}
	end := w.Now().Add(chaosTime)
	w.Run(time.Second)
	for w.Now().Before(end) {
		c.trouble(w.Now())
		w.Run(time.Duration(c.rng.IntN(900)) * time.Millisecond)
	}
	w.Run(maxTrouble)
	w.SetWeather(Weather{Delay: oneWay, Loss: 0.01})
	for _, l := range loads {
		l.stop = true
	}
	c.note(w.Now(), "peace")
	done := w.RunUntil(30*time.Second, func() bool { return loads[0].complete(loads[1]) && loads[1].complete(loads[0]) })
	c.note(w.Now(), "complete: %v", done)
	w.Run(20 * time.Second)
	faults := c.judge(loads, done, first == "SR" && slices.Contains(boxes[3:], second) || second == "SR" && slices.Contains(boxes[3:], first))
	if len(faults) == 0 {
		return
	}
	for _, p := range c.players {
		for _, r := range p.Routes {
			c.note(r.At, "%s: route %v, %s", p.Name, r.Route, r.Text)
		}
	}
	slices.Sort(c.log)
	t.Errorf("seed %d, %s×%s:", seed, first, second)
	for _, line := range append(c.log, faults...) {
		t.Log(line)
	}
}

func (c *chaos) judge(loads []*load, done, relayed bool) (faults []string) {
	elapsed := c.w.Now().Sub(Start)
	for i, l := range loads {
		p, from := l.p, loads[1-i]
		bad := func(format string, args ...any) { faults = append(faults, p.Name+": "+fmt.Sprintf(format, args...)) }
		if len(l.faults) > 0 {
			bad("%d faults, the first: %s", len(l.faults), l.faults[0])
		}
		if len(p.Refused) > 0 {
			bad("%v", p.Refused)
		}
		if !done {
			bad("got %v of %v", l.got, from.sent)
		}
		if !relayed && !c.moved && !p.Route.Direct() {
			bad("route %v after 20 s of peace", p.Route)
		}
		if limit := 10 + int(elapsed/time.Second); len(p.Routes) > limit {
			bad("%d route changes in %v", len(p.Routes), elapsed)
		}
		if perSecond := p.wakes / int(elapsed/time.Second); perSecond > 2000 {
			bad("%d wakeups a second", perSecond)
		}
		if st, _ := p.Endpoint.PeerStats(p.Peer); done && st.QueuedBytes > 0 {
			bad("%d bytes of the send budget are lost", st.QueuedBytes)
		}
		if limit := 8 * time.Second; l.streams[0] == sparse[0] && l.gap > limit { // a backlog of mixed may take longer
			bad("stood still for %v", l.gap)
		}
	}
	return faults
}
