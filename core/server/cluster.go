package server

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/bus"
	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/secure"
)

// natsPort is where embedded NATS servers meet by default; natsClientPort where nodes without one come.
const (
	natsPort       = 6222
	natsClientPort = 4222
)

// clustering is what a Config says of other nodes; the zero value: there are none.
type clustering struct {
	url     string         // of an external NATS
	listen  netip.AddrPort // of the embedded one, for other cores; invalid: none
	clients netip.AddrPort // for nodes without a core; invalid: none
	routes  []string       // of the other cores
}

func (c *clustering) on() bool   { return c.url != "" || c.core() }
func (c *clustering) core() bool { return c.listen.IsValid() || c.clients.IsValid() }

// checkCluster understands what is said of other nodes.
func (c *Config) checkCluster(s *settings) (err error) {
	k := &s.cluster
	if c.NATSListen != "" {
		if k.listen, err = parseListen(c.NATSListen, "--nats-listen", natsPort); err != nil {
			return err
		}
	}
	if c.NATSClients != "" {
		if k.clients, err = parseListen(c.NATSClients, "--nats-clients", natsClientPort); err != nil {
			return err
		}
	}
	for _, at := range c.NATSRoutes {
		if _, _, err := net.SplitHostPort(at); err != nil {
			at = net.JoinHostPort(at, fmt.Sprint(natsPort))
		}
		k.routes = append(k.routes, at)
	}
	if c.NATS != "" {
		for _, one := range strings.Split(c.NATS, ",") {
			u, err := url.Parse(one)
			if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
				return usage("--nats %q is not an address of a NATS server, as in nats://10.0.0.5:4222", one)
			}
		}
		k.url = c.NATS
	}
	switch {
	case k.url != "" && k.core():
		return usage("--nats is for an external NATS, --nats-listen and --nats-clients are for the one inside: choose one of the two")
	case len(k.routes) > 0 && !k.listen.IsValid():
		return usage("--nats-routes needs --nats-listen, where the other servers connect to this one")
	case c.Role != "" && c.Role != "edge" && c.Role != "core" && c.Role != "both":
		return usage("--role %q is unknown; allowed are: both (players, and a NATS inside), core (the NATS alone), edge (players alone)", c.Role)
	case (c.Role == "core" || c.Role == "both") && !k.core():
		return usage("--role %s needs --nats-listen or --nats-clients: it has a NATS inside that other servers connect to", c.Role)
	case c.Role == "core" && (c.Listen != "" || c.Public != "" || c.TLSListen != "" && c.TLSListen != "off" || c.WSListen != ""):
		return usage("--role core has no players: leave out --listen, --public, --tls-listen and --ws-listen")
	case c.Role == "edge" && k.url == "":
		return usage("--role edge needs --nats: an edge uses the NATS of a core, or one of your own")
	}
	s.coreOnly = c.Role == "core"
	return nil
}

// clusterConfig makes the hub one of many. Other nodes and their clients must reach it under a number.
func (s *Server) clusterConfig(set *settings, cfg *hub.Config, host string, port uint16) error {
	if !set.cluster.on() {
		return nil
	}
	if !cfg.Public.IsValid() {
		name, portText, err := net.SplitHostPort(host)
		if err != nil {
			return err
		}
		at, err := net.ResolveUDPAddr("udp4", net.JoinHostPort(name, portText))
		if err != nil {
			return fmt.Errorf("--public %s: other nodes need this one's address as a number: %w", host, err)
		}
		cfg.Public = netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), uint16(at.Port))
	}
	// Several nodes of one machine share its name, not its port.
	cfg.Cluster = &hub.ClusterConfig{
		Name: fmt.Sprintf("%s-%d", set.node, port),
		New:  func(now time.Time, c cluster.Config) hub.ClusterNode { return cluster.New(now, c) },
	}
	return nil
}

// openBus connects to the other nodes. It waits for nobody.
func (s *Server) openBus(set *settings, master [32]byte) (err error) {
	node := s.hub.ClusterNode()
	if node == nil {
		return nil
	}
	id := secure.Derive(master, "cluster prefix")
	cfg := bus.Config{Name: s.hub.ClusterName(), ID: node.ID(), Prefix: "musubi-" + hex.EncodeToString(id[:4]), URL: set.cluster.url,
		Password: natsPassword(master), Wake: s.loop.Wake, Log: s.log}
	if set.cluster.core() {
		if s.core, err = set.startCore(cfg.Name, master, s.log); err != nil {
			return err
		}
		cfg.Core = s.core
	}
	if s.bus, err = bus.Open(cfg); err != nil {
		return err
	}
	s.observer.refuse("waiting for NATS")
	s.log.Info("cluster", "node", cfg.Name, "id", fmt.Sprintf("%08x", node.ID()), "nats", natsOf(set), "routes", set.cluster.routes)
	return nil
}

// natsPassword is what embedded ones ask of each other and of nodes without one.
func natsPassword(master [32]byte) string {
	password := secure.Derive(master, "nats password")
	return hex.EncodeToString(password[:])
}

// startCore starts the NATS inside.
func (set *settings) startCore(name string, master [32]byte, log *slog.Logger) (*bus.Core, error) {
	return bus.StartCore(bus.CoreConfig{
		Name: name, Routes: set.cluster.routes, Listen: set.cluster.listen, Clients: set.cluster.clients,
		Data: filepath.Join(set.data, "nats"), Password: natsPassword(master), Log: log,
	})
}

func natsOf(set *settings) string {
	if u := set.cluster.url; u != "" {
		if at := strings.LastIndexByte(u, '@'); at >= 0 { // no password in a log
			return u[at+1:]
		}
		return u
	}
	return "embedded"
}

// readBus gives the hub what came from the other nodes, and reports whether there was anything.
func (s *Server) readBus() (any bool) {
	if s.bus == nil {
		return false
	}
	news := s.bus.Read()
	if len(news) > 0 {
		s.hub.Bus(s.now, func(now time.Time, n *cluster.Node) {
			for _, f := range news {
				f(now, n)
			}
		})
	}
	node := s.hub.ClusterNode()
	s.joined = node.Connected()
	if !s.met && node.Met() {
		if s.met = true; !s.hub.Draining() {
			s.observer.refuse("")
		}
	}
	if fenced := s.joined && node.Fenced(s.now) && !s.opened.IsZero() && s.now.Sub(s.opened) > cluster.FenceAfter; fenced != s.fenced {
		if s.fenced = fenced; fenced {
			s.log.Warn("no quorum: NATS accepts no renewal of this node's lease; what runs keeps running, nothing new is created until most servers with a NATS are up and reach each other")
		} else {
			s.log.Info("quorum is back")
		}
	}
	return len(news) > 0
}

// sendBus takes what the hub has for the other nodes.
func (s *Server) sendBus() {
	for o, ok := s.hub.NextBus(s.now); ok; o, ok = s.hub.NextBus(s.now) {
		s.bus.Do(o)
	}
}

// closeBus says goodbye to the other nodes.
func (s *Server) closeBus() {
	if s.bus != nil {
		s.bus.Close()
	}
	if s.core != nil {
		s.core.Close()
	}
}

// stop begins the end: a node of a cluster gives away what it has first.
func (s *Server) stop() (closeBy time.Time) {
	switch {
	case s.hub.Draining():
		if !s.hub.Drained() {
			return time.Time{}
		}
	case s.hub.Drain(s.now):
		s.observer.refuse("draining")
		return time.Time{}
	}
	s.observer.refuse("the server is stopping")
	s.hub.Leave(s.now)
	s.hub.Shutdown(s.now)
	return s.now.Add(shutdownLimit)
}

// clusterSnapshot adds what the operator sees of the other nodes.
func (s *Server) clusterSnapshot(snap *admin.Snapshot) {
	node := s.hub.ClusterNode()
	if node == nil {
		return
	}
	for _, x := range node.Neighbours() {
		state := "up"
		if x.Draining {
			state = "draining"
		}
		snap.Nodes = append(snap.Nodes, admin.Node{Name: x.Name, Region: string(x.Region), State: state, Links: int(x.Load), Age: time.Since(x.Heard).Seconds()})
	}
	t, b := node.Stats(time.Now()), s.bus.Stats()
	fenced := 0.0
	if t.Fenced {
		fenced = 1
	}
	add := func(name, help string, counter bool, v float64) {
		snap.Extra = append(snap.Extra, admin.Metric{Name: name, Help: help, Counter: counter, Value: v})
	}
	add("musubi_cluster_rooms_owned", "Rooms whose directory key this node holds.", false, float64(t.Held))
	add("musubi_cluster_clients_away", "Clients of this node in rooms of others.", false, float64(t.Clients))
	add("musubi_cluster_guests", "Clients of other nodes in rooms of this one.", false, float64(t.Guests))
	add("musubi_cluster_lease_age_seconds", "Since this node's lease was renewed; at 8 it stops changing rooms until the lease is renewed.", false, t.LeaseAge.Seconds())
	add("musubi_cluster_fenced", "1 while this node can't renew its lease.", false, fenced)
	add("musubi_cluster_takeovers_total", "Rooms taken over from dead nodes.", true, float64(t.TakenOver))
	add("musubi_cluster_rooms_lost_total", "Rooms that others took over from this node.", true, float64(t.RoomsLost))
	add("musubi_cluster_frames_repeated_total", "Frames sent again because nobody acknowledged them.", true, float64(t.Repeated))
	add("musubi_cluster_gaps_total", "Frames that came twice or after a missing one.", true, float64(t.OutOfOrder))
	add("musubi_cluster_restarts_total", "Times that the connection between this node and another was started anew.", true, float64(t.Restarts))
	add("musubi_bus_sent_total", "Frames published.", true, float64(b.Sent))
	add("musubi_bus_received_total", "Frames received.", true, float64(b.Received))
	add("musubi_bus_dropped_total", "Frames that a full queue did not take.", true, float64(b.Dropped))
	add("musubi_bus_failed_total", "Requests to the directory without an answer.", true, float64(b.Failed))
}
