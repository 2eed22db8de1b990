//go:build cgo

package main

import (
	"sync/atomic"

	"github.com/musubi-p2p/musubi/core/api"
)

// beforeEvent brings the slot up to date with an event that is about to show, so that a game that has seen the event finds
// the calls that it allows allowed.
func (h *host) beforeEvent(ev *api.Event) {
	switch ev.Kind {
	case api.EventMemberJoined, api.EventPeerRequest:
		h.setBits(ev.Peer, peerMember, 0)
	case api.EventMemberLeft:
		h.setBits(ev.Peer, 0, peerMember)
	case api.EventPeerConnected:
		if p := h.peer(ev.Peer); p != nil {
			p.credits.Store(int64(h.s.sendBudget.Load()))
			p.blocked.Store(0)
		}
		h.setBits(ev.Peer, peerConnected, 0)
	case api.EventPeerClosed:
		h.setBits(ev.Peer, 0, peerConnected)
	case api.EventServerConnected:
		h.s.linkUp.Store(1)
	case api.EventServerLost:
		h.s.link.Store(0)
		h.s.linkCode.Store(int32(ev.Code))
		h.s.linkUp.Store(0)
		h.leftRoom()
	case api.EventRoomJoined:
		h.s.room.Store(1)
		h.s.roomUp.Store(1)
	case api.EventRoomLeft:
		if ev.Code != api.ErrClosed { // a call of the game's: it has set the state itself, and may have gone on since
			h.s.room.Store(0)
		}
		h.leftRoom()
	case api.EventNATProfiled:
		h.putNAT(&ev.NAT)
	case api.EventFailed:
		h.s.failed.Store(1)
	}
}

// leftRoom: nobody is a member any more; connections go on.
func (h *host) leftRoom() {
	h.s.roomUp.Store(0)
	for i := range h.s.peers[:h.lastPeer] {
		p := &h.s.peers[i]
		p.key.Store(p.key.Load() &^ peerMember)
	}
}

// setBits changes what a peer is. A new generation begins with no bits.
func (h *host) setBits(peer api.PeerHandle, set, clear uint64) {
	p := h.peer(peer)
	if p == nil {
		return
	}
	h.lastPeer = max(h.lastPeer, peer.Slot()+1)
	key := p.key.Load()
	if uint32(key>>32) != peer.Generation() {
		key = uint64(peer.Generation()) << 32
	}
	p.key.Store(key&^clear | set)
}

func (h *host) peer(peer api.PeerHandle) *peerSlot {
	if peer.Slot() >= uint32(len(h.s.peers)) {
		return nil
	}
	return &h.s.peers[peer.Slot()]
}

// Credit gives send budget back. What belongs to an earlier connection of the same slot is cut off at the budget.
func (h *host) Credit(peer api.PeerHandle, bytes int) {
	p := h.peer(peer)
	if p == nil || uint32(p.key.Load()>>32) != peer.Generation() {
		return
	}
	budget := int64(h.s.sendBudget.Load())
	for now := p.credits.Add(int64(bytes)); now > budget; now = p.credits.Load() {
		if p.credits.CompareAndSwap(now, budget) {
			break
		}
	}
	if p.blocked.Load() != 0 {
		h.writable(peer.Slot())
	}
}

// unblock tells what could not be told at its time: to senders that found the command ring full, once it is empty, and to
// those whose WRITABLE found no room; and what was dropped, once the game has polled.
func (h *host) unblock() {
	if h.dropped > 0 && h.s.eventReleased.Load() == h.put {
		h.tellDropped(0)
	}
	if h.s.ringBlocked.Load() == 0 && !h.owed || h.closing {
		return
	}
	h.s.ringBlocked.Store(0)
	h.owed = false
	for i := range h.lastPeer {
		if h.s.peers[i].blocked.Load() != 0 {
			h.writable(i)
		}
	}
}

// writable sends WRITABLE when half of the budget is free: earlier, each would let one message through.
func (h *host) writable(i uint32) {
	p := &h.s.peers[i]
	key := p.key.Load()
	if key&peerConnected == 0 || p.credits.Load() < int64(h.s.sendBudget.Load()/2) {
		return
	}
	p.blocked.Store(0) // before the event: whoever is refused from here on is owed another
	h.notice = api.Event{Kind: api.EventWritable, Peer: api.NewPeerHandle(i, uint32(key>>32))}
	if !h.place(&h.notice, forState) {
		p.blocked.Store(1)
		h.owed = true
	}
}

// PutStats publishes a peer's snapshot, in the order of musubi_stats.
func (h *host) PutStats(peer api.PeerHandle, s *api.PeerStats) {
	p := h.peer(peer)
	if p == nil {
		return
	}
	putSnapshot(&p.statsSeq, p.stats[:], &[statsWords]uint64{
		uint64(peer.Generation())<<32 | uint64(s.Route),
		uint64(s.MinRTTMicros)<<32 | uint64(s.RTTMicros),
		uint64(s.RouteChanges)<<32 | uint64(s.JitterMicros),
		s.PacketsSent, s.PacketsRecv, s.PacketsLost, s.BytesSent, s.BytesRecv, s.QueuedBytes, s.AuthFailures, s.Replays,
		uint64(s.Window)<<32 | uint64(s.MTU),
		uint64(s.QueueMicros)<<32 | uint64(s.InFlight),
		uint64(s.LossIn)<<32 | uint64(s.LossOut),
		uint64(s.Redundancy),
		s.SendRate, s.ReceiveRate, s.Resent, s.Repaired, s.Expired,
	})
}

func (h *host) putNAT(n *api.NATInfo) {
	var text [8 * (natWords - 2)]byte
	copy(text[:len(text)-1], n.Public)
	var w [statsWords]uint64
	w[0] = uint64(n.Mapping) | uint64(n.Filtering)<<8 | uint64(n.Allocation)<<16 | uint64(n.Poisonable)<<24 | uint64(n.OpenerTTL)<<32
	if n.Certain {
		w[0] |= 1 << 40
	}
	w[1] = uint64(n.PortLow) | uint64(n.PortHigh)<<16 | uint64(uint32(int32(n.PortStep)))<<32
	for i, b := range text {
		w[2+i/8] |= uint64(b) << (i % 8 * 8) // little-endian, as every platform of ours is
	}
	putSnapshot(&h.s.natSeq, h.s.nat[:], &w)
}

// putSnapshot is the writer of query.c's reader.
func putSnapshot(seq *atomic.Uint32, to []atomic.Uint64, from *[statsWords]uint64) {
	seq.Add(1)
	for i := range to {
		to[i].Store(from[i])
	}
	seq.Add(1)
}
