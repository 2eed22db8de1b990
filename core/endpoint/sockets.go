package endpoint

import (
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/wire"
)

// socketOwner is the connection that a socket was opened for.
type socketOwner struct {
	slot int
	peer *peer.Peer
}

// refusedEvery is how often it is logged at most that the system refuses sockets.
const refusedEvery = 10 * time.Second

// answerCalls does for the connections that were touched what only the client as a whole can: sockets, and the server's
// lock on port prediction.
func (e *Endpoint) answerCalls() {
	t := &e.slots
	for len(t.calling) > 0 {
		i := t.calling[len(t.calling)-1]
		t.calling = t.calling[:len(t.calling)-1]
		s := &t.list[i]
		if s.calling = false; s.cur == nil {
			continue
		}
		if s.cur.TakeMoved() {
			e.link.Check(e.clock)
		}
		e.closeSockets(s.cur)
		for range s.cur.WantSockets() {
			e.lastID++
			e.owners[e.lastID] = socketOwner{i, s.cur}
			e.ops = append(e.ops, SocketOp{ID: e.lastID, Open: true})
		}
		if wish := s.cur.TakeWish(); wish != peer.WishNone {
			e.link.Rooms().Punch(s.member, wish == peer.WishGrant)
			e.link.Flush(e.clock)
		}
	}
	for _, p := range t.leaving {
		e.closeSockets(p)
	}
	t.leaving = t.leaving[:0]
}

// closeSockets closes what a connection gives back.
func (e *Endpoint) closeSockets(p *peer.Peer) {
	for id, ok := p.CloseSocket(); ok; id, ok = p.CloseSocket() {
		delete(e.owners, id)
		e.ops = append(e.ops, SocketOp{ID: id})
	}
}

// SocketOpened answers a SocketOp.
func (e *Endpoint) SocketOpened(now time.Time, id api.SocketID, local netip.AddrPort) {
	now = e.tick(now)
	if e.streamOpened(now, id) {
		return
	}
	if e.profiler != nil && slices.Contains(e.probing, id) {
		e.profiler.SocketOpened(now, id, local)
		e.drainProfiler(now)
		return
	}
	o, ok := e.owners[id]
	if !ok {
		return // its close is on its way
	}
	if e.slots.list[o.slot].cur != o.peer {
		delete(e.owners, id)
		e.ops = append(e.ops, SocketOp{ID: id})
		return
	}
	o.peer.SocketOpened(now, id, local)
	e.slots.touch(o.slot)
}

// SocketFailed answers a SocketOp that the system refused, or tells that a stream broke.
func (e *Endpoint) SocketFailed(now time.Time, id api.SocketID, text string) {
	now = e.tick(now)
	if e.streamFailed(now, id, text) {
		return
	}
	if i := slices.Index(e.probing, id); i >= 0 {
		e.probing = slices.Delete(e.probing, i, i+1)
		e.profiler.SocketFailed(now)
		e.drainProfiler(now)
	} else if o, ok := e.owners[id]; ok {
		delete(e.owners, id)
		if e.slots.list[o.slot].cur == o.peer {
			o.peer.SocketFailed(now)
			e.slots.touch(o.slot)
		}
	}
	if e.refused.IsZero() || now.Sub(e.refused) >= refusedEvery {
		e.refused = now
		e.log(logWarn, "the system refuses a socket for NAT traversal: "+text)
	}
}

// handleSTUN takes an answer of the server: to the profile, or to a connection that samples ports.
func (e *Endpoint) handleSTUN(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) {
	if e.profiler != nil && e.profiler.HandleDatagram(now, socket, from, b) {
		e.drainProfiler(now)
		return
	}
	if o, ok := e.owners[socket]; ok {
		if o.peer.HandleSTUN(now, socket, from, b) {
			e.slots.touch(o.slot)
			return
		}
	} else if socket == api.MainSocket {
		for i := range e.slots.used {
			if p := e.slots.list[i].cur; p != nil && p.HandleSTUN(now, socket, from, b) {
				e.slots.touch(i)
				return
			}
		}
	}
	e.drops.STUN++
}

// punchGranted passes the server's answer about the lock on.
func (e *Endpoint) punchGranted(now time.Time, s *wire.Signal) {
	if i, ok := e.slots.byMember(s.Member); ok && e.slots.list[i].cur != nil {
		d := time.Duration(min(s.Request, 60_000)) * time.Millisecond
		e.slots.list[i].cur.Granted(now, s.Flags&wire.PunchGranted != 0, d, d)
		e.slots.touch(i)
	}
}

// candidates takes news of a member that we are introduced to.
func (e *Endpoint) candidates(now time.Time, s *wire.Signal) {
	i, ok := e.slots.byMember(s.Member)
	if !ok {
		return
	}
	for _, p := range [...]*peer.Peer{e.slots.list[i].cur, e.slots.list[i].next} {
		if p != nil {
			p.SetParty(now, &s.Party)
		}
	}
	e.slots.touch(i)
}
