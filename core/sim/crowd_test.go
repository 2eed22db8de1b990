package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
)

var crowdSeeds = flag.Uint64("crowds", 3, "how many clusters TestCrowdOnABadDay plays")

// crowd is a cluster of three nodes with pairs of players: each pair's host is at home at another node than its guest. Every
// second pair can only be relayed.
type crowd struct {
	*World
	t      *testing.T
	bus    *Bus
	nodes  [3]*Server
	hosts  []*Player
	guests []*Player
	downs  map[*Player]int // links that were lost, by their log lines

	doubled []string // rooms that two running nodes held in one epoch
}

func newCrowd(t *testing.T, seed uint64, pairs int) *crowd {
	w := NewWorld(seed, Weather{Delay: oneWay, Loss: 0.01})
	c := &crowd{World: w, t: t, bus: w.NewBus(time.Millisecond), downs: map[*Player]int{}}
	for i := range c.nodes {
		c.nodes[i] = c.bus.AddNode(fmt.Sprintf("192.0.2.%d", 10+i), nil)
	}
	w.Run(12 * time.Second) // from then on a key that is not there has no owner
	for i := range pairs {
		c.hosts = append(c.hosts, c.player(i, 0))
		c.guests = append(c.guests, c.player(i, 1))
	}
	c.watch()
	for i := range pairs {
		if !w.Meet(c.hosts[i], c.guests[i], 20*time.Second) {
			t.Fatalf("seed %d: pair %d never met: %v %v", seed, i, c.hosts[i].Refused, c.guests[i].Refused)
		}
	}
	return c
}

// watch looks four times a second for rooms with two owners.
func (c *crowd) watch() {
	for _, p := range c.hosts {
		if r, in := p.Endpoint.Room(); in {
			held := map[uint32]int{}
			for i, n := range c.nodes {
				if _, epoch := n.Hub.RoomEpoch(r.ID); epoch != 0 && !n.down {
					if held[epoch]++; held[epoch] > 1 && len(c.doubled) < 8 {
						c.doubled = append(c.doubled, fmt.Sprintf("%v: room %x in epoch %d at node %d and another", c.Now().Sub(Start), r.ID, epoch, i))
					}
				}
			}
		}
	}
	c.After(250*time.Millisecond, func(time.Time) { c.watch() })
}

// player puts one into a network of its own, at home at node (pair + side).
func (c *crowd) player(pair, side int) *Player {
	site := c.AddSite("PR", fmt.Sprintf("198.51.%d.%d", 100+side, 1+pair))
	p := site.AddPlayer(fmt.Sprintf("%c%d", "hg"[side], pair), 64, func(cfg *endpoint.Config) {
		cfg.Servers = nil
		for i := range c.nodes {
			cfg.Servers = append(cfg.Servers, c.nodes[(pair+side+i)%len(c.nodes)].Addr())
		}
	})
	if pair%2 == 1 { // nothing gets from one to the other
		c.Cut(netip.MustParseAddr(fmt.Sprintf("198.51.%d.%d", 100+side, 1+pair)), netip.MustParseAddr(fmt.Sprintf("198.51.%d.%d", 101-side, 1+pair)))
	}
	note := p.OnEvent
	p.OnEvent = func(now time.Time, ev *api.Event) {
		if ev.Kind == api.EventLog && len(ev.Text) > 23 && ev.Text[:23] == "link to the server lost" {
			c.downs[p]++
		}
		if ev.Kind == api.EventMemberLeft || ev.Kind == api.EventPeerClosed {
			p.fault("at %v: event %d: %v %s", now.Sub(Start), ev.Kind, ev.Code, ev.Text)
		}
		note(now, ev)
	}
	return p
}

func (c *crowd) players() []*Player { return append(slices.Clone(c.hosts), c.guests...) }

// talk has all players send a message each 50 ms for so long, and everything arrive.
func (c *crowd) talk(d time.Duration) {
	for _, p := range c.players() {
		p.MaxGap = 0
		p.Stream(p.Sent+int(d/(50*time.Millisecond)), 50*time.Millisecond, false)
	}
}

// whole demands that everything arrived once and in order, that nobody left or was left, and that no room had two owners.
func (c *crowd) whole() {
	c.t.Helper()
	c.RunUntil(20*time.Second, func() bool {
		for i := range c.hosts {
			if c.hosts[i].Received < c.guests[i].Sent || c.guests[i].Received < c.hosts[i].Sent {
				return false
			}
		}
		return true
	})
	for i := range c.hosts {
		for _, p := range [][2]*Player{{c.hosts[i], c.guests[i]}, {c.guests[i], c.hosts[i]}} {
			if p[0].Received != p[1].Sent || len(p[0].Faults) > 0 || len(p[0].Refused) > 0 {
				c.t.Errorf("seed %d: %s has %d of %d messages, %v, %v", c.seed, p[0].Name, p[0].Received, p[1].Sent, p[0].Faults, p[0].Refused)
			}
		}
	}
	if len(c.bus.Faults)+len(c.doubled) > 0 {
		c.t.Errorf("seed %d: two owners: %q %q", c.seed, c.bus.Faults, c.doubled)
	}
}

// newcomer joins a room by its code, and says how long that took; its members must see it.
func (c *crowd) newcomer(pair int, most time.Duration) time.Duration {
	c.t.Helper()
	began := c.Now()
	seen, gone := 0, 0
	for _, p := range []*Player{c.hosts[pair], c.guests[pair]} {
		note := p.OnEvent
		p.OnEvent = func(now time.Time, ev *api.Event) {
			if ev.Kind == api.EventMemberJoined {
				seen++
				return // not its partner
			}
			if ev.Kind == api.EventMemberLeft {
				gone++
				return
			}
			note(now, ev)
		}
		defer func() { p.OnEvent = note }()
	}
	n := c.AddSite("PUB", fmt.Sprintf("198.18.0.%d", 1+len(c.sites))).AddPlayer("newcomer", 64, func(cfg *endpoint.Config) {
		cfg.ManualConnect, cfg.Servers = true, nil
		for i := range c.nodes {
			cfg.Servers = append(cfg.Servers, c.nodes[i].Addr())
		}
	})
	n.Do(func(now time.Time, e *endpoint.Endpoint) {
		_ = e.Connect(now)
		_ = e.RoomJoin(now, c.hosts[pair].Code)
	})
	if !c.RunUntil(most, func() bool { return n.Code != "" && seen == 2 }) {
		c.t.Errorf("seed %d: a newcomer was not in room %d within %v: seen by %d, %v", c.seed, pair, most, seen, n.Refused)
	}
	took := c.Now().Sub(began)
	n.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Disconnect(now) })
	c.RunUntil(3*time.Second, func() bool { return gone >= seen })
	return took
}

// Players at home at different nodes meet, directly and relayed, and a third one finds their rooms from anywhere.
func TestCrowdSpansNodes(t *testing.T) {
	for seed := range uint64(1) {
		c := newCrowd(t, seed, 6)
		c.talk(5 * time.Second)
		c.Run(6 * time.Second)
		for i := range c.hosts {
			if relayed := i%2 == 1; c.hosts[i].Route.Direct() == relayed {
				t.Errorf("pair %d: route %v", i, c.hosts[i].Route)
			}
			if took := c.newcomer(i, 3*time.Second); took > time.Second {
				t.Errorf("a newcomer took %v", took)
			}
		}
		c.whole()
	}
}

// A node dies: it was home to some, owner of the rooms of some, relay of some. Direct players notice nothing, relayed ones a
// moment; all are on another node soon after they notice, still in their rooms, and newcomers find these.
func TestCrowdLosesANode(t *testing.T) {
	for seed := range uint64(3) {
		c := newCrowd(t, seed, 6)
		c.Run(3 * time.Second) // the last ones go direct, room tickets arrive
		dead := int(seed % 3)
		c.talk(60 * time.Second)
		c.Run(2 * time.Second)
		for _, p := range c.players() {
			p.MaxGap = 0
		}
		c.nodes[dead].Kill()
		joined := time.Duration(0)
		for i := range c.hosts {
			if i%3 == dead { // the host's home made the room
				joined = max(joined, c.newcomer(i, 30*time.Second))
			}
		}
		c.Run(40 * time.Second)
		var direct, relayed time.Duration
		for i, p := range c.players() {
			if i%len(c.hosts)%2 == 1 {
				relayed = max(relayed, p.MaxGap)
			} else {
				direct = max(direct, p.MaxGap)
			}
		}
		c.whole()
		for i := range c.hosts {
			c.newcomer(i, 3*time.Second)
		}
		t.Logf("seed %d: gaps direct %v, relayed %v, a newcomer to an orphaned room was in after %v", seed, direct, relayed, joined)
		if relayed > 1500*time.Millisecond || direct > 400*time.Millisecond || joined > 14*time.Second {
			t.Errorf("seed %d: gaps direct %v, relayed %v, newcomer %v", seed, direct, relayed, joined)
		}
	}
}

// All nodes are drained and started anew, one after the other. Nobody's link is lost, and nobody notices anything.
func TestCrowdIsDrained(t *testing.T) {
	for seed := range uint64(3) {
		c := newCrowd(t, seed, 6)
		c.Run(3 * time.Second)
		c.talk(4 * time.Minute)
		for i, n := range c.nodes {
			if !n.Hub.Drain(c.Now()) {
				t.Fatal("there was nobody to take over")
			}
			n.drain(c.Now())
			began := c.Now()
			if !c.RunUntil(90*time.Second, n.Hub.Drained) {
				t.Fatalf("seed %d: node %d is not empty after 90 s", seed, i)
			}
			t.Logf("seed %d: node %d was empty after %v", seed, i, c.Now().Sub(began))
			n.Kill()
			c.Run(time.Second)
			n.Restart()
			c.Run(15 * time.Second)
			c.newcomer(i, 3*time.Second)
		}
		c.Run(2 * time.Minute)
		c.whole()
		for p, n := range c.downs {
			t.Errorf("seed %d: %s lost its link %d times", seed, p.Name, n)
		}
	}
}

// Many clusters with nodes that die, stand still, are cut off, drained and started anew, one at a time, on a bus that loses
// messages: whatever happens, everything arrives, nobody leaves, and no room has two owners in one epoch.
func TestCrowdOnABadDay(t *testing.T) {
	for seed := range *crowdSeeds {
		c := newCrowd(t, 100+seed, 6)
		dice := rand.New(rand.NewPCG(seed, 7))
		c.bus.Loss = 0.05 * float64(seed%3)
		c.Run(3 * time.Second)
		c.talk(5 * time.Minute)
		var told []string
		for range 5 {
			n := c.nodes[dice.IntN(len(c.nodes))]
			lasts := time.Duration(1+dice.IntN(40)) * time.Second
			what := []string{"dies", "stands still", "is cut off", "drains", "is wiped"}[dice.IntN(5)]
			told = append(told, fmt.Sprintf("%v: %v %s for %v", c.Now().Sub(Start).Round(time.Second), n.addr, what, lasts))
			switch what {
			case "dies":
				n.Kill()
				c.Run(lasts)
				n.Restart()
			case "stands still":
				n.Stop()
				c.Run(lasts)
				n.Resume()
			case "is cut off":
				c.bus.Cut(n)
				c.Run(lasts)
				c.bus.Join(n)
			case "drains":
				n.Hub.Drain(c.Now())
				n.drain(c.Now())
				c.RunUntil(90*time.Second, n.Hub.Drained)
				n.Kill()
				n.Restart()
			case "is wiped":
				c.bus.Wipe(4 * time.Second)
			}
			c.Run(30 * time.Second) // one thing at a time
		}
		c.Run(time.Minute)
		for i := range c.hosts {
			c.newcomer(i, 20*time.Second)
		}
		if c.whole(); t.Failed() {
			t.Fatalf("%q", told)
		}
	}
}
