package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/bus"
)

// CoreNode is `musubi server --role core`: the NATS of a cluster without a server for players, so that those may come and go while
// the three or five that make its quorum stay. It has a part of the admin address: health, and what Go and the process use.
type CoreNode struct {
	log     *slog.Logger
	set     settings
	version string
	started time.Time
	core    *bus.Core
	admin   *admin.Admin // nil: none

	once sync.Once
	stop chan struct{}
}

// OpenCore checks the configuration, whose Role is "core", and starts. It waits for no other node.
func OpenCore(cfg Config) (*CoreNode, error) {
	log := cmp.Or(cfg.Log, slog.Default())
	set, _, err := cfg.read()
	if err != nil {
		return nil, err
	}
	if !set.coreOnly {
		return nil, usage("--role is %q: this starts a core", cfg.Role)
	}
	master, err := loadKey(set.data, log)
	if err != nil {
		return nil, err
	}
	c := &CoreNode{log: log, set: set, version: cfg.Version, started: time.Now(), stop: make(chan struct{})}
	// Several nodes of one machine share its name, not its ports.
	name := fmt.Sprintf("%s-%d", set.node, max(set.cluster.listen.Port(), set.cluster.clients.Port()))
	if c.core, err = set.startCore(name, master, log); err != nil {
		return nil, err
	}
	if set.admin.IsValid() {
		if c.admin, err = openAdminAt(&set, c, log); err != nil {
			c.core.Close()
			return nil, err
		}
	}
	log.Info("core", "node", name, "listen", set.cluster.listen, "clients", set.cluster.clients, "routes", set.cluster.routes)
	return c, nil
}

// Clients is where nodes without a core come, and Listen where other cores do; invalid: nowhere.
func (c *CoreNode) Clients() netip.AddrPort { return c.set.cluster.clients }
func (c *CoreNode) Listen() netip.AddrPort  { return c.set.cluster.listen }

// Run returns after Shutdown or Kill. A core has nothing to hand over: the others have all that it has.
func (c *CoreNode) Run() error {
	<-c.stop
	if c.admin != nil {
		c.admin.Close()
	}
	c.core.Close()
	return nil
}

// Shutdown ends it, and so does Kill. Any goroutine.
func (c *CoreNode) Shutdown() { c.once.Do(func() { close(c.stop) }) }
func (c *CoreNode) Kill()     { c.Shutdown() }

// Ready is nil while it serves nodes.
func (c *CoreNode) Ready() error { return c.core.Ready() }

// Snapshot is what the admin page shows of a node without players.
func (c *CoreNode) Snapshot(context.Context) (*admin.Snapshot, error) {
	state := "up"
	if c.Ready() != nil {
		state = "waiting"
	}
	snap := &admin.Snapshot{
		Time: time.Now(), Started: c.started, Version: c.version, Node: c.set.node, Region: string(c.set.region),
		Nodes: []admin.Node{{Name: c.set.node, Region: string(c.set.region), State: state}},
	}
	add := func(name, help string, v float64) {
		snap.Extra = append(snap.Extra, admin.Metric{Name: name, Help: help, Value: v})
	}
	add("musubi_core_edges", "Connections of nodes to the NATS of this core.", float64(c.core.Edges()))
	add("musubi_core_routes", "Connections of other cores' NATS.", float64(c.core.Routes()))
	return snap, nil
}
