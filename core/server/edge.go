package server

import (
	"crypto/rand"
	"net/netip"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/forward"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/relay"
)

// openMain opens the main port: for one shard a processor, which forward what is relayed, or where sockets can't share a port for
// the loop. The hub sends through the first shard's socket.
func (s *Server) openMain(set *settings) (bound netip.AddrPort, legs relay.Table, links hub.LinkTable, err error) {
	if !netio.CanShare {
		bound, err = s.openPort(0, set.listen, "--listen")
		return bound, nil, nil, err
	}
	known := forward.NewKnown()
	table := forward.NewTable(s.now, relay.NewHandles(rand.Reader), relay.DefaultSessions, set.egressBits)
	s.edge, err = forward.Open(forward.Config{Bind: set.listen, Shards: set.shards, Buffer: socketBuffer, Table: table, Known: known, Wake: s.loop.Wake, Desk: s})
	if err != nil {
		return bound, nil, nil, describe(err, "UDP", set.listen, "--listen")
	}
	return s.edge.Local(), table, known, s.loop.Borrow(0, s.edge.Port())
}

// readEdge serves a share of what the shards have for the hub.
func (s *Server) readEdge() int {
	if s.edge == nil {
		return 0
	}
	return s.edge.Inbox.Read(s.edgeDatagram)
}

func (s *Server) edgeDatagram(k forward.Kind, from netip.AddrPort, b []byte) {
	if k == forward.Relayed {
		s.hub.Deliver(s.now, from, b)
	} else {
		s.hub.HandleDatagram(s.now, 0, from, b)
	}
	s.transmit()
}

// netStats is what all UDP sockets did.
func (s *Server) netStats() netio.Stats {
	sum := s.loop.Stats()
	if s.edge != nil {
		sum.Add(s.edge.Stats().Net)
	}
	return sum
}

// droppedDatagrams are all counters of datagrams that were thrown away, by reason.
func (s *Server) droppedDatagrams() (all []admin.Count) {
	for _, d := range append(s.hub.Stats().Drops, s.edgeDrops()...) {
		all = append(all, admin.Count{Reason: d.Reason, Count: d.Count})
	}
	return all
}

// thrownAway is that, and connections by TCP.
func (s *Server) thrownAway() []admin.Count {
	all := s.droppedDatagrams()
	for _, c := range s.doors.refused() {
		all = append(all, admin.Count{Reason: "tcp_" + c.Reason, Count: c.Count})
	}
	return all
}

// edgeDrops are the counters of what the kernel had no room for, and of what the hub did not take in time, by reason.
func (s *Server) edgeDrops() (drops []hub.Drop) {
	if s.edge == nil {
		return nil
	}
	e := s.edge.Stats()
	drops = append(drops, hub.Drop{Reason: "socket_overflow", Count: e.Net.Overflow})
	for k, n := range e.Lost {
		drops = append(drops, hub.Drop{Reason: "inbox_" + forward.Kind(k).String(), Count: n})
	}
	return drops
}
