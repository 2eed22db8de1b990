package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/hub"
)

// Bus is what NATS is to real nodes: it carries frames, each at most once and those of one sender in order, and keeps a
// directory and a roster. It can lose, split, lose its quorum, and forget everything.
type Bus struct {
	w        *World
	Delay    time.Duration // one way, node to bus or node to node
	Loss     float64       // of frames
	NoQuorum bool          // directory and roster answer nothing
	nodes    []*Server
	keys     map[string]busKey
	roster   map[string]busLease
	rev      uint64
	last     map[[2]*Server]time.Time // when the last frame between two arrives: order is kept

	Frames, Lost int
	// Owners are all owners that a room's epochs have had by the directory.
	Owners map[string]uint32
	Faults []string
}

type busKey struct {
	value []byte
	rev   uint64
}

type busLease struct {
	value []byte
	at    time.Time
}

// NewBus makes a bus for the nodes to come.
func (w *World) NewBus(delay time.Duration) *Bus {
	return &Bus{w: w, Delay: delay, keys: map[string]busKey{}, roster: map[string]busLease{}, last: map[[2]*Server]time.Time{}, Owners: map[string]uint32{}}
}

// AddNode starts a node of the cluster at an address. All nodes share the first one's secrets.
func (b *Bus) AddNode(addr string, configure func(*hub.Config)) *Server {
	name := fmt.Sprintf("node%d", len(b.nodes)+1)
	first := b.w.server
	s := b.w.AddServer(addr, func(c *hub.Config) {
		if len(b.nodes) > 0 {
			c.Master, c.Static, c.Rand = b.nodes[0].cfg.Master, b.nodes[0].cfg.Static, b.w.source("server "+name)
		}
		if configure != nil {
			configure(c)
		}
		c.Cluster = &hub.ClusterConfig{Name: name, New: func(now time.Time, cfg cluster.Config) hub.ClusterNode { return cluster.New(now, cfg) }}
		c.Public = b.w.servers[mustAddr(addr)].sockets[0]
	})
	if len(b.nodes) > 0 {
		s.key = b.nodes[0].key
		b.w.server = first
	}
	s.bus = b
	b.nodes = append(b.nodes, s)
	b.connect(s)
	return s
}

// connect lets a node use the bus from now on.
func (b *Bus) connect(s *Server) {
	s.onBus = true
	s.tell(func(now time.Time, n *cluster.Node) { n.BusUp(now) })
}

// busNotices is how long a node takes to learn that its connection to the bus has gone.
const busNotices = 2 * time.Second

// Cut takes a node off the bus, as a broken network does; Join brings it back.
func (b *Bus) Cut(s *Server) {
	s.onBus = false
	b.w.After(busNotices, func(time.Time) {
		if !s.onBus {
			s.tell(func(now time.Time, n *cluster.Node) { n.BusDown(now) })
		}
	})
}

func (b *Bus) Join(s *Server) {
	s.tell(func(now time.Time, n *cluster.Node) { n.BusDown(now) })
	b.connect(s)
}

// Wipe forgets the directory, as a NATS whose directory was deleted does that starts again: all nodes lose it for a moment.
func (b *Bus) Wipe(away time.Duration) {
	b.keys, b.roster = map[string]busKey{}, map[string]busLease{}
	nodes := slices.Clone(b.nodes)
	for _, s := range nodes {
		b.Cut(s)
		s.tell(func(now time.Time, n *cluster.Node) { n.BusDown(now) })
	}
	b.w.After(away, func(time.Time) {
		for _, s := range nodes {
			b.connect(s)
		}
	})
}

// tell gives a node's part of the cluster something, if the node runs.
func (s *Server) tell(f func(now time.Time, n *cluster.Node)) {
	if !s.down {
		s.Hub.Bus(s.w.now, f)
		s.drain(s.w.now)
	}
}

// to tells a node after the bus's delay, if it is on the bus then.
func (b *Bus) to(s *Server, f func(now time.Time, n *cluster.Node)) {
	h := s.Hub
	b.w.After(b.Delay, func(time.Time) {
		if s.onBus && s.Hub == h {
			s.tell(f)
		}
	})
}

// take does what a node asks of the bus.
func (b *Bus) take(s *Server, o cluster.BusOut) {
	if !s.onBus {
		return
	}
	switch o.Kind {
	case cluster.Publish:
		for _, x := range b.nodes {
			if x != s && (o.To == 0 || x.Hub.ClusterNode().ID() == o.To) {
				b.frame(s, x, o.Data)
			}
		}
	default:
		b.w.After(b.Delay, func(now time.Time) {
			if s.onBus && !b.NoQuorum {
				b.store(now, s, o)
			}
		})
	}
}

func (b *Bus) frame(from, to *Server, data []byte) {
	if b.Frames++; b.w.rng.Float64() < b.Loss {
		b.Lost++
		return
	}
	way := [2]*Server{from, to}
	at := later(b.w.now.Add(b.Delay), b.last[way])
	b.last[way] = at
	h := to.Hub
	b.w.At(at, func(time.Time) {
		if from.onBus && to.onBus && to.Hub == h {
			to.tell(func(now time.Time, n *cluster.Node) { n.HandleBus(now, data) })
		}
	})
}

// store is directory and roster.
func (b *Bus) store(now time.Time, s *Server, o cluster.BusOut) {
	k, there := b.keys[o.Key]
	a := cluster.Answer{Op: o.Op, Result: cluster.Conflict}
	switch o.Kind {
	case cluster.Renew:
		b.roster[o.Key] = busLease{slices.Clone(o.Data), now}
		b.to(s, func(now time.Time, n *cluster.Node) { n.HandleRenewed(now, o.Op) })
		return
	case cluster.Retire:
		delete(b.roster, o.Key)
		return
	case cluster.Check:
		l, there := b.roster[o.Key]
		if a.Result = cluster.Missing; there && now.Sub(l.at) < cluster.DeadAfter {
			a.Result, a.Value = cluster.Found, l.value
		}
	case cluster.Lookup:
		if a.Result = cluster.Missing; there {
			a.Result, a.Value, a.Rev = cluster.Found, k.value, k.rev
		}
	case cluster.Create, cluster.Update:
		if there == (o.Kind == cluster.Update) && k.rev == o.Rev {
			b.rev++
			b.keys[o.Key] = busKey{slices.Clone(o.Data), b.rev}
			a.Result, a.Rev = cluster.Done, b.rev
			b.note(s, o)
		}
	case cluster.Delete:
		if k.rev == o.Rev {
			delete(b.keys, o.Key)
		}
		return
	}
	b.to(s, func(now time.Time, n *cluster.Node) { n.HandleAnswer(now, a) })
}

// note keeps who owned which epoch of which room: there is one, ever.
func (b *Bus) note(s *Server, o cluster.BusOut) {
	e, ok := cluster.ParseEntry(o.Data)
	if !ok {
		return
	}
	key := fmt.Sprintf("%x epoch %d", e.Room, e.Epoch)
	if was, ok := b.Owners[key]; ok && was != e.Owner {
		b.Faults = append(b.Faults, fmt.Sprintf("room %s had owners %08x and %08x", key, was, e.Owner))
	}
	b.Owners[key] = e.Owner
}
