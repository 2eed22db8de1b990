package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/rendezvous"
)

// town is a cluster of three nodes with players at home in one each.
type town struct {
	*World
	t     *testing.T
	bus   *Bus
	nodes []*Server
}

var townNodes = []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}

func newTown(t *testing.T, seed uint64, n int) *town {
	w := NewWorld(seed, Weather{Delay: oneWay})
	v := &town{World: w, t: t, bus: w.NewBus(time.Millisecond)}
	for _, addr := range townNodes[:n] {
		s := v.bus.AddNode(addr, nil)
		if testing.Verbose() {
			s.OnLog = func(now time.Time, text string) { t.Logf("%v %s: %s", now.Sub(Start), addr, text) }
		}
		v.nodes = append(v.nodes, s)
	}
	w.Run(2 * time.Second)
	return v
}

// settler is a player whose link goes to a node of its choice first.
func (v *town) settler(name string, site *Site, home int) *Player {
	p := site.AddPlayer(name, 64, func(c *endpoint.Config) {
		c.Servers, c.ServerKey = nil, v.nodes[0].key
		for i := range v.nodes {
			c.Servers = append(c.Servers, v.nodes[(home+i)%len(v.nodes)].Addr())
		}
	})
	return p
}

// rooms checks that no room has two owners in one epoch, and gives how many nodes hold a room.
func (v *town) owners(room uint64) (nodes []int, epoch uint32) {
	for i, s := range v.nodes {
		if s.down {
			continue
		}
		if _, e := s.Hub.RoomEpoch(room); e != 0 {
			if nodes = append(nodes, i); e == epoch && len(nodes) > 1 {
				v.t.Errorf("room %x is at nodes %v in epoch %d", room, nodes, e)
			}
			epoch = max(epoch, e)
		}
	}
	return nodes, epoch
}

// neighbours puts the host at node 1 and the guest at node 2, in one room of node 1's, connected.
func (v *town) neighbours() (host, guest *Player) {
	v.t.Helper()
	host, guest = v.settler("host", v.AddSite("PR", wanA), 0), v.settler("guest", v.AddSite("PR", wanB), 1)
	if !v.Meet(host, guest, 15*time.Second) {
		v.t.Fatal("no connection between players of two nodes")
	}
	return host, guest
}

func (v *town) room(p *Player) (r rendezvous.Room) {
	p.Do(func(_ time.Time, e *endpoint.Endpoint) { r, _ = e.Room() })
	return r
}

// intact checks that both are in the room, still or again, and that nobody was told that anybody left.
func (v *town) intact(was rendezvous.Room, players ...*Player) {
	v.t.Helper()
	for _, p := range players {
		r := v.room(p)
		if r.ID != was.ID || len(r.Members) != len(players) || r.Owner != was.Owner {
			v.t.Errorf("%s: room %x of %d members, owner %x, epoch %d; it was %x, owner %x", p.Name, r.ID, len(r.Members), r.Owner, r.Epoch, was.ID, was.Owner)
		}
		if len(p.Refused) > 0 || len(p.Faults) > 0 || p.left > 0 {
			v.t.Errorf("%s: %v %v, %d were told to have left", p.Name, p.Refused, p.Faults, p.left)
		}
	}
	for _, f := range v.bus.Faults {
		v.t.Error(f)
	}
}

func TestPlayersOfTwoNodesMeet(t *testing.T) {
	v := newTown(t, 1, 3)
	host, guest := v.neighbours()
	host.Stream(100, 50*time.Millisecond, false)
	guest.Stream(100, 50*time.Millisecond, false)
	v.Run(15 * time.Second)
	if host.Received != 100 || guest.Received != 100 || !host.Route.Direct() || !guest.Route.Direct() {
		t.Errorf("%d and %d messages, routes %v and %v", host.Received, guest.Received, host.Route, guest.Route)
	}
	was := v.room(host)
	v.intact(was, host, guest)
	if at, epoch := v.owners(was.ID); fmt.Sprint(at) != "[0]" || epoch != 1 {
		t.Errorf("owned by %v in epoch %d", at, epoch)
	}
}

// The room's node dies: the guest's home takes the room over by the ticket it has kept, the host comes to another node.
func TestRoomsNodeDies(t *testing.T) {
	v := newTown(t, 2, 3)
	host, guest := v.neighbours()
	was := v.room(host)
	host.Stream(1000, 50*time.Millisecond, false)
	guest.Stream(1000, 50*time.Millisecond, false)
	v.Run(5 * time.Second)
	v.nodes[0].Kill()
	killed := v.Now()
	if !v.RunUntil(20*time.Second, func() bool { _, e := v.owners(was.ID); return e == 2 }) {
		t.Fatal("nobody took the room over")
	}
	if took := v.Now().Sub(killed); took > 12*time.Second {
		t.Errorf("a new owner after %v", took)
	}
	if !v.RunUntil(10*time.Second, func() bool { return v.room(host).Epoch == 2 && v.room(guest).Epoch == 2 }) {
		t.Errorf("epochs %d and %d", v.room(host).Epoch, v.room(guest).Epoch)
	}
	v.Run(60 * time.Second)
	v.intact(was, host, guest)
	if host.Received != 1000 || guest.Received != 1000 || host.MaxGap > time.Second || guest.MaxGap > time.Second {
		t.Errorf("%d and %d messages, gaps %v and %v", host.Received, guest.Received, host.MaxGap, guest.MaxGap)
	}
	// The room goes on: a third one joins by the same code.
	third := v.settler("third", v.AddSite("PR", "203.0.113.77"), 2)
	third.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now); _ = e.RoomJoin(now, host.Code) })
	if !v.RunUntil(10*time.Second, func() bool { return len(v.room(host).Members) == 3 && len(v.room(third).Members) == 3 }) {
		t.Errorf("the third: %v, host sees %d members", third.Refused, len(v.room(host).Members))
	}
}

// The home of a guest dies: it comes to another node with its room.
func TestHomeDies(t *testing.T) {
	v := newTown(t, 3, 3)
	host, guest := v.neighbours()
	was := v.room(host)
	v.Run(5 * time.Second)
	v.nodes[1].Kill()
	v.Run(60 * time.Second)
	v.intact(was, host, guest)
	if at, epoch := v.owners(was.ID); fmt.Sprint(at) != "[0]" || epoch != 1 {
		t.Errorf("owned by %v in epoch %d", at, epoch)
	}
}

// A node drains: nobody notices anything.
func TestNodeDrains(t *testing.T) {
	v := newTown(t, 4, 3)
	host, guest := v.neighbours()
	was := v.room(host)
	host.Stream(400, 50*time.Millisecond, false)
	guest.Stream(400, 50*time.Millisecond, false)
	v.Run(5 * time.Second)
	if !v.nodes[0].Hub.Drain(v.Now()) {
		t.Fatal("no drain")
	}
	v.nodes[0].drain(v.Now())
	began := v.Now()
	if !v.RunUntil(2*time.Second, func() bool { _, e := v.owners(was.ID); return e == 2 }) {
		t.Error("the room was not handed over within 2 s")
	}
	if !v.RunUntil(120*time.Second, v.nodes[0].Hub.Drained) {
		t.Errorf("not drained after %v: %+v", v.Now().Sub(began), v.nodes[0].Hub.Stats())
	}
	t.Logf("drained after %v", v.Now().Sub(began))
	v.nodes[0].Kill()
	v.Run(60 * time.Second)
	v.intact(was, host, guest)
	if host.Received != 400 || guest.Received != 400 || host.MaxGap > time.Second || guest.MaxGap > time.Second {
		t.Errorf("%d and %d messages, gaps %v and %v", host.Received, guest.Received, host.MaxGap, guest.MaxGap)
	}
}

// A room's node loses the bus and finds it again: for so long as others may take it for dead, or only for a moment.
func TestRoomsNodeIsCutOff(t *testing.T) {
	for _, away := range []time.Duration{5 * time.Second, 13 * time.Second, 40 * time.Second} {
		v := newTown(t, 5, 3)
		host, guest := v.neighbours()
		was := v.room(host)
		v.bus.Cut(v.nodes[0])
		v.Run(away)
		v.owners(was.ID)
		v.bus.Join(v.nodes[0])
		v.Run(60 * time.Second)
		v.intact(was, host, guest)
		at, epoch := v.owners(was.ID)
		t.Logf("away %v: owned by %v in epoch %d", away, at, epoch)
		if len(at) != 1 {
			t.Errorf("away %v: owned by %v", away, at)
		}
	}
}

// Without quorum nothing new is made, and what is there stays; so it does when the directory was lost altogether.
func TestNoQuorum(t *testing.T) {
	v := newTown(t, 6, 3)
	host, guest := v.neighbours()
	was := v.room(host)
	v.bus.NoQuorum = true
	v.Run(60 * time.Second)
	v.intact(was, host, guest)
	late := v.settler("late", v.AddSite("PR", "203.0.113.77"), 2)
	late.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now); _ = e.RoomCreate(now, 0, nil) })
	v.Run(5 * time.Second)
	if late.Code != "" {
		t.Error("a room was made without quorum")
	}
	v.bus.NoQuorum = false
	v.Run(30 * time.Second)
	v.bus.Wipe(time.Second)
	v.Run(30 * time.Second)
	v.intact(was, host, guest)
	if at, epoch := v.owners(was.ID); fmt.Sprint(at) != "[0]" || epoch != 1 {
		t.Errorf("owned by %v in epoch %d", at, epoch)
	}
	other := v.settler("other", v.AddSite("PR", "203.0.113.78"), 1)
	other.Do(func(now time.Time, e *endpoint.Endpoint) { _ = e.Connect(now); _ = e.RoomJoin(now, host.Code) })
	if !v.RunUntil(10*time.Second, func() bool { return len(v.room(other).Members) == 3 }) {
		t.Errorf("the room's code is lost: %v", other.Refused)
	}
}
