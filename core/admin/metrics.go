package admin

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// collector turns a Snapshot into metrics when somebody asks. Names: musubi_<subsystem>_<unit>, counters end in _total. No label
// names a player, a room or an address.
type collector struct{ source Source }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	up       = desc("musubi_server_up", "1 when the server's loop answered this scrape.")
	ready    = desc("musubi_server_ready", "1 while the server wants new players.")
	build    = desc("musubi_server_info", "What runs here; always 1.", "version", "node", "region")
	started  = desc("musubi_server_start_seconds", "When the server started, Unix time.")
	drops    = desc("musubi_drop_datagrams_total", "Datagrams and signals thrown away, by reason.", "reason")
	refused  = desc("musubi_drop_connections_total", "TCP connections that were refused or ended because of a fault of the other side, by reason.", "reason")
	outcomes = desc("musubi_outcome_pairs", "Pairs of players since the start, by the classes of their NATs and the route they got. A pair that goes direct later moves over.", "nat_a", "nat_b", "route")
	nodes    = desc("musubi_cluster_nodes", "Servers of the cluster as this one knows them, by state.", "state")
)

// simple are the metrics without labels.
var simple = []struct {
	desc    *prometheus.Desc
	counter bool
	value   func(s *Snapshot) float64
}{
	{desc("musubi_link_sessions", "Links of players to this server."), false, func(s *Snapshot) float64 { return float64(s.Links) }},
	{desc("musubi_link_streams", "Of these over TCP, because their network blocks UDP."), false, func(s *Snapshot) float64 { return float64(s.Streams) }},
	{desc("musubi_link_handshakes_total", "Full handshakes."), true, func(s *Snapshot) float64 { return float64(s.Handshakes) }},
	{desc("musubi_link_resumes_total", "Links resumed by ticket."), true, func(s *Snapshot) float64 { return float64(s.Resumed) }},
	{desc("musubi_room_rooms", "Rooms."), false, func(s *Snapshot) float64 { return float64(s.Rooms) }},
	{desc("musubi_room_members", "Players known to the rooms, those with a lost link in their time of grace among them."), false, func(s *Snapshot) float64 { return float64(s.Members) }},
	{desc("musubi_room_refusals_total", "Requests and handshakes that were refused."), true, func(s *Snapshot) float64 { return float64(s.Refused) }},
	{desc("musubi_introduction_pending", "Introductions under way."), false, func(s *Snapshot) float64 { return float64(s.Introductions) }},
	{desc("musubi_introduction_pairs_total", "Pairs of players that were introduced."), true, func(s *Snapshot) float64 { return float64(s.Introduced) }},
	{desc("musubi_relay_sessions", "Relayed pairs."), false, func(s *Snapshot) float64 { return float64(s.RelaySessions) }},
	{desc("musubi_relay_legs", "Bound relay legs."), false, func(s *Snapshot) float64 { return float64(s.RelayLegs) }},
	{desc("musubi_relay_packets_total", "Packets forwarded."), true, func(s *Snapshot) float64 { return float64(s.RelayPackets) }},
	{desc("musubi_relay_bytes_total", "Bytes forwarded."), true, func(s *Snapshot) float64 { return float64(s.RelayBytes) }},
	{desc("musubi_socket_received_datagrams_total", "Datagrams received."), true, func(s *Snapshot) float64 { return float64(s.Received) }},
	{desc("musubi_socket_sent_datagrams_total", "Datagrams sent."), true, func(s *Snapshot) float64 { return float64(s.Sent) }},
	{desc("musubi_socket_full_datagrams_total", "Datagrams not sent because the kernel had no room."), true, func(s *Snapshot) float64 { return float64(s.SendFull) }},
	{desc("musubi_socket_error_datagrams_total", "Datagrams not sent because the kernel refused."), true, func(s *Snapshot) float64 { return float64(s.SendError) }},
}

// Describe sends nothing: what is there depends on the server, so this is an unchecked collector.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect asks the server.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, counter bool, v float64, labels ...string) {
		kind := prometheus.GaugeValue
		if counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	s, err := ask(context.Background(), c.source)
	if err != nil {
		put(up, false, 0)
		return
	}
	put(up, false, 1)
	isReady := 1.0
	if c.source.Ready() != nil {
		isReady = 0
	}
	put(ready, false, isReady)
	put(build, false, 1, s.Version, s.Node, s.Region)
	put(started, false, float64(s.Started.Unix()))
	for _, m := range simple {
		put(m.desc, m.counter, m.value(s))
	}
	for _, d := range s.Drops {
		put(drops, true, float64(d.Count), d.Reason)
	}
	for _, d := range s.Connections {
		put(refused, true, float64(d.Count), d.Reason)
	}
	for _, o := range s.Outcomes {
		put(outcomes, false, float64(o.Direct), o.A, o.B, "direct")
		put(outcomes, false, float64(o.Relayed), o.A, o.B, "relayed")
	}
	states := map[string]int{}
	for _, n := range s.Nodes {
		states[n.State]++
	}
	for state, n := range states {
		put(nodes, false, float64(n), state)
	}
	for _, m := range s.Extra {
		put(desc(m.Name, m.Help), m.Counter, m.Value)
	}
}
