package hub

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// This is where links and rooms meet the other nodes (docs/CLUSTER.md). A node alone has no cluster.Node, and nothing here runs.

// ClusterConfig makes a hub a node of many.
type ClusterConfig struct {
	Name string // stays over restarts, unique in the cluster
	// New is cluster.New; see ClusterNode.
	New func(now time.Time, cfg cluster.Config) ClusterNode
}

// joinCluster makes the node's part of the cluster. Config.Public must be known.
func (h *Hub) joinCluster(now time.Time) {
	h.cluster = h.cfg.Cluster.New(now, cluster.Config{
		Rand: h.cfg.Rand, Name: h.cfg.Cluster.Name, Key: secure.Derive(h.cfg.Master, "cluster bus"), Addr: h.cfg.Public,
		Region: h.cfg.Region, Load: func() uint32 { return uint32(len(h.order)) },
	})
}

// mayCluster is false in the game's library, as the compiler knows: nothing of what only nodes do is linked there.
const mayCluster = cluster.Built

// alone reports whether this node is one of one.
func (h *Hub) alone() bool { return !mayCluster || h.cluster == nil }

// otherNodes are where a client may go when this node dies.
func (h *Hub) otherNodes() []netip.AddrPort {
	if h.alone() {
		return nil
	}
	return h.cluster.Others(wire.MaxNodes)
}

// ClusterName is the node's name among the others.
func (h *Hub) ClusterName() string { return h.cfg.Cluster.Name }

// Leave tells the other nodes that this one ends.
func (h *Hub) Leave(now time.Time) {
	if h.cluster != nil {
		h.clock(now)
		h.cluster.Retire()
	}
}

// ClusterNode is the node's part of the cluster, for what only asks it; nil: the hub is alone.
func (h *Hub) ClusterNode() *cluster.Node {
	n, _ := h.cluster.(*cluster.Node)
	return n
}

// RoomEpoch is the epoch in which this node owns a room, 0 if it does not.
func (h *Hub) RoomEpoch(room uint64) (code string, epoch uint32) { return h.rooms.Epoch(room) }

// Bus tells the node's part of the cluster what came from the bus, or became of it, and acts on what follows.
func (h *Hub) Bus(now time.Time, tell func(now time.Time, n *cluster.Node)) {
	now = h.clock(now)
	tell(now, h.ClusterNode())
	h.rooms.SetNodes(h.cluster.Stats(now).Nodes - 1)
	h.run(now)
}

// NextBus takes what the bus is to do next, until !ok.
func (h *Hub) NextBus(now time.Time) (cluster.BusOut, bool) {
	if h.alone() {
		return cluster.BusOut{}, false
	}
	return h.cluster.NextBus(h.clock(now))
}

// signal takes a client's signal to its room: here, or to the node that has it.
func (h *Hub) signal(now time.Time, s *session, sig *wire.Signal) {
	ref := s.ref()
	if h.alone() {
		h.rooms.HandleSignal(now, ref, sig)
		return
	}
	h.rooms.SetFenced(h.cluster.Fenced(now))
	switch {
	case !h.cluster.Far(ref.Member) || staysHome(sig):
		h.rooms.HandleSignal(now, ref, sig)
	case h.rooms.May(now, ref, sig):
		h.cluster.Up(now, ref, sig)
	}
}

// staysHome are the signals that have nothing to do with the client's room.
func staysHome(sig *wire.Signal) bool {
	switch sig.Type {
	case wire.SigBye, wire.SigList, wire.SigPresence:
		return true
	case wire.SigUser:
		return sig.Flags&wire.UserInvite == 0
	}
	return false
}

// linkUp tells the rooms of a member's new link.
func (h *Hub) linkUp(now time.Time, s *session) {
	ref := s.ref()
	if !h.alone() {
		h.cluster.Came(now, ref.Member)
		if h.cluster.Far(ref.Member) {
			h.rooms.LinkBack(now, ref)
			h.cluster.LinkUp(now, ref, s.link.Rejoin)
			return
		}
	}
	if s.link.Rejoin {
		h.rooms.LinkBack(now, ref)
	} else {
		h.rooms.LinkUp(now, ref, s.link.Resumed)
	}
}

func (h *Hub) linkMoved(now time.Time, s *session) {
	ref := s.ref()
	ref.Addr, ref.Stream = s.addr, false // a link moves by UDP only
	h.rooms.LinkMoved(ref)
	if !h.alone() {
		h.cluster.LinkMoved(now, ref)
	}
}

func (h *Hub) linkLost(now time.Time, s *session) {
	h.rooms.LinkLost(now, s.ref())
	if !h.alone() {
		h.cluster.LinkLost(now, s.ref())
	}
}

func (h *Hub) linkGone(now time.Time, s *session) {
	h.rooms.LinkGone(now, s.ref())
	if !h.alone() {
		h.cluster.LinkGone(now, s.ref())
	}
}

// tell sends a signal of our rooms to its member, wherever that is.
func (h *Hub) tell(now time.Time, to rendezvous.To, sig *wire.Signal) {
	if to.Node == 0 || h.alone() {
		h.tellHere(now, to.Link, sig)
		return
	}
	h.cluster.Down(now, to, sig)
	if (sig.Type == wire.SigRefused || sig.Type == wire.SigLeft) && h.rooms.Idle(to.Member) {
		h.dismiss(now, to)
	}
}

// dismiss ends the visit of another node's client that is in none of our rooms.
func (h *Hub) dismiss(now time.Time, to rendezvous.To) {
	h.cluster.Detach(now, to.Member, false)
	h.rooms.LinkGone(now, rendezvous.LinkRef{Node: to.Node, Link: to.Link, Member: to.Member})
}

// tellHere sends a signal over a link of ours.
func (h *Hub) tellHere(now time.Time, link uint32, sig *wire.Signal) {
	s := h.sessions[link]
	if s == nil || !s.current || s.ended {
		return
	}
	h.bindLegs(now, s, sig)
	if s.link.Send(now, sig) != nil {
		h.drop(dropSignal)
	}
	h.touch(s)
}

// bindLegs binds the legs of an introduction that are at this node to its client's address: no BIND is needed, and the grant
// holds a handle in the place of the address.
func (h *Hub) bindLegs(now time.Time, s *session, sig *wire.Signal) {
	if h.alone() {
		return
	}
	var leg uint8
	switch sig.Type {
	case wire.SigIntroduction:
	case wire.SigAccepted:
		leg = 1
	default:
		return
	}
	for _, g := range []*wire.RelayGrant{&sig.Relay, &sig.Backup} {
		if m := h.members[s.link.Member]; m != nil && g.Addr == h.cfg.Public && g.Addr.IsValid() && g.Handle == 0 {
			if handle, ok := h.relay.Prebind(now, sig.Intro, leg, secure.KeyHash(s.link.Key), m.addr, g.Rate); ok {
				h.own(s.link.Member, handle)
				g.Handle, g.Addr = handle, netip.AddrPort{}
				h.seekHalf(now, m.addr, sig.Intro, leg)
			}
		}
	}
}

// asCluster is what the rooms ask the other nodes for.
type asCluster struct{ h *Hub }

func (a asCluster) Reserve(code string, room uint64, epoch uint32) {
	a.h.cluster.Reserve(a.h.now, code, room, epoch)
}

func (a asCluster) Closed(code string) { a.h.cluster.Closed(code) }

func (a asCluster) Relays(caller, callee *rendezvous.LinkRef) (relay, backup [2]netip.AddrPort) {
	return a.h.relays(caller, callee)
}

func (a asCluster) Seek(from rendezvous.LinkRef, sig *wire.Signal, code string, t *wire.RoomTicket, profile wire.Profile) {
	s := cluster.Search{Ref: from, Code: code, Signal: wire.AppendSignal(nil, sig),
		Profile: wire.AppendSignal(nil, &wire.Signal{Type: wire.SigProfile, Profile: profile})}
	if t != nil {
		s.Rejoin, s.Room, s.Epoch = true, t.Room, t.Epoch
	}
	a.h.cluster.Seek(a.h.now, s)
}
