package endpoint

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/wire"
)

// slot is one place in the peer table: a member of our room, or a living connection to somebody who has left it.
type slot struct {
	generation  uint32
	used        bool
	member      uint64 // server's id
	user        string
	key         [32]byte
	present     bool     // in our room
	outcome     api.Code // as the server was told: OK, direct; else why not. outcomeTold: it was
	outcomeTold bool

	cur      *peer.Peer   // the connection in use
	next     *peer.Peer   // callee's side of a newer introduction; replaces cur when its handshake completes
	request  *wire.Signal // waits for PeerAccept or PeerReject
	held     *wire.Signal // Request that was accepted, or Introduction, that waits for the password's key
	until    time.Time    // the request is rejected then
	askAgain time.Time    // a rate-limited connect is repeated then
	asked    bool         // by the game, not by the library itself
	awaits   bool         // the game asked or accepted, and was told neither PEER_CONNECTED nor PEER_CLOSED since
	released int          // send budget that came free and was not told yet

	at time.Time // the earlier deadline of cur and next, when it was last looked at

	sending, telling, calling, timing bool // in the table's lists of that name
}

// table holds the slots. Loops go in slot order, so that equal inputs give equal outputs.
type table struct {
	list    []slot
	used    int            // list[:used] have been in use
	sending []int          // slots that may have a datagram
	telling []int          // slots that may have an event
	relays  map[uint32]int // our relay handle -> slot; handles are unique per relay and random, the source is checked too
	conns   map[uint32]int // connection id -> slot
	calling []int          // slots whose connection wants something of the client
	timing  []int          // slots whose deadline may have changed
	leaving []*peer.Peer   // connections that were taken off and have sockets to give back
	free    []int
}

func (t *table) init() {
	t.relays, t.conns = map[uint32]int{}, map[uint32]int{}
}

func (t *table) handle(i int) api.PeerHandle {
	return api.NewPeerHandle(uint32(i), t.list[i].generation)
}

// lookup finds a slot by its handle.
func (t *table) lookup(h api.PeerHandle) (int, bool) {
	i := int(h.Slot())
	if i >= t.used || !t.list[i].used || t.list[i].generation != h.Generation() {
		return 0, false
	}
	return i, true
}

func (t *table) byMember(id uint64) (int, bool) {
	for i := range t.used {
		if t.list[i].used && t.list[i].member == id {
			return i, true
		}
	}
	return 0, false
}

// add makes a slot for a member; ok is false when the table is full.
func (t *table) add(m *wire.Member) (int, bool) {
	i := t.used
	switch {
	case len(t.free) > 0:
		i = t.free[len(t.free)-1]
		t.free = t.free[:len(t.free)-1]
	case t.used == api.MaxPeers:
		return 0, false
	default:
		t.used++
		t.list = append(t.list, slot{})
	}
	old := &t.list[i]
	*old = slot{generation: old.generation + 1, used: true, member: m.ID, user: m.User, key: m.Key, present: true,
		sending: old.sending, telling: old.telling, calling: old.calling, timing: old.timing}
	return i, true
}

// release frees a slot that holds neither a member nor a connection.
func (t *table) release(i int) {
	s := &t.list[i]
	if !s.used || s.present || s.cur != nil || s.next != nil {
		return
	}
	s.used, s.request, s.held = false, nil, nil
	t.free = append(t.free, i)
}

// touch marks a slot as perhaps having something to send and to tell, and another deadline. Every input of a connection is
// followed by it: what nobody touched is not asked again. With sixteen players that was two thirds of a client's work.
func (t *table) touch(i int) {
	s := &t.list[i]
	t.retime(i)
	if !s.sending {
		s.sending = true
		t.sending = append(t.sending, i)
	}
	if !s.telling {
		s.telling = true
		t.telling = append(t.telling, i)
	}
	if !s.calling && s.cur != nil && s.cur.Calling() {
		s.calling = true
		t.calling = append(t.calling, i)
	}
}

// retime has a slot's deadline looked at again.
func (t *table) retime(i int) {
	if s := &t.list[i]; !s.timing {
		s.timing = true
		t.timing = append(t.timing, i)
	}
}

// register makes a connection's ids findable. It is called again after each input, since a relay leg binds later.
func (t *table) register(i int, p *peer.Peer) {
	t.conns[p.ConnID()] = i
	handles, _ := p.RelayHandles()
	for _, h := range handles {
		if h != 0 {
			t.relays[h] = i
		}
	}
}

func (t *table) forget(i int, p *peer.Peer) {
	if t.conns[p.ConnID()] == i {
		delete(t.conns, p.ConnID())
	}
	handles, _ := p.RelayHandles()
	t.forgetHandles(i, handles)
	p.Forget()
	t.leaving = append(t.leaving, p)
	t.retime(i)
}

func (t *table) forgetHandles(i int, handles [2]uint32) {
	for _, h := range handles {
		if at, ok := t.relays[h]; ok && at == i {
			delete(t.relays, h)
		}
	}
}

// abandon ends a handshake under way: whatever would complete it does not come any more.
func (t *table) abandon(i int, code api.Code, text string) {
	if p := t.list[i].next; p != nil {
		p.Abandon(code, text)
		t.touch(i)
	}
}

// relayed returns the connection that a relayed datagram belongs to, its slot, and the leg that it came by.
func (t *table) relayed(handle uint32, from netip.AddrPort) (int, *peer.Peer, wire.PathID) {
	i, ok := t.relays[handle]
	if !ok {
		return 0, nil, 0
	}
	for _, p := range [...]*peer.Peer{t.list[i].cur, t.list[i].next} {
		if p == nil {
			continue
		}
		handles, addrs := p.RelayHandles()
		for leg := range handles {
			if handles[leg] == handle && addrs[leg] == from {
				return i, p, wire.PathRelay + wire.PathID(leg)
			}
		}
	}
	return 0, nil, 0
}

// owner returns the connection with a connection id.
func (t *table) owner(conn uint32) (int, *peer.Peer) {
	i, ok := t.conns[conn]
	if !ok {
		return 0, nil
	}
	for _, p := range [...]*peer.Peer{t.list[i].cur, t.list[i].next} {
		if p != nil && p.ConnID() == conn {
			return i, p
		}
	}
	return 0, nil
}

func (t *table) handleTimeout(now time.Time, e *Endpoint, i int) {
	s := &t.list[i]
	if !s.used {
		return
	}
	if !s.until.IsZero() && !now.Before(s.until) {
		e.rejectRequest(i, api.ErrTimeout, "the player did not answer the request")
	}
	if !s.askAgain.IsZero() && !now.Before(s.askAgain) {
		s.askAgain = time.Time{}
		if s.present && (s.cur == nil || !s.cur.Heard()) {
			e.connectMember(i)
			e.link.Flush(now)
		}
	}
	if s.at.IsZero() || now.Before(s.at) {
		return
	}
	t.retime(i)
	for _, p := range [...]*peer.Peer{s.cur, s.next} {
		if p == nil {
			continue
		}
		if at := p.NextTimeout(); !at.IsZero() && !now.Before(at) {
			p.HandleTimeout(now)
			t.register(i, p)
			t.touch(i)
		}
	}
}

// nextTimeout is the earliest deadline of all slots.
func (t *table) nextTimeout() (at time.Time) {
	t.refresh()
	for i := range t.used {
		if s := &t.list[i]; s.used {
			at = deadline.Earlier(at, deadline.Earlier(s.at, deadline.Earlier(s.until, s.askAgain)))
		}
	}
	return at
}

// refresh asks the connections that were touched for their deadlines.
func (t *table) refresh() {
	for _, i := range t.timing {
		s := &t.list[i]
		s.timing, s.at = false, time.Time{}
		if s.cur != nil {
			s.at = s.cur.NextTimeout()
		}
		if s.next != nil {
			s.at = deadline.Earlier(s.at, s.next.NextTimeout())
		}
	}
	t.timing = t.timing[:0]
}

func (t *table) appendTransmit(now time.Time, dst []byte) ([]byte, Transmit, bool) {
	for len(t.sending) > 0 {
		t.retime(t.sending[0])
		s := &t.list[t.sending[0]]
		for _, p := range [...]*peer.Peer{s.cur, s.next} {
			if p == nil {
				continue
			}
			if out, tx, ok := p.AppendTransmit(now, dst); ok {
				return out, tx, true
			}
		}
		s.sending = false
		t.sending = append(t.sending[:0], t.sending[1:]...)
	}
	return dst, Transmit{}, false
}

// nextEvent drains the slots that were touched, and retires connections that are done.
func (t *table) nextEvent() (api.Event, bool) {
	for len(t.telling) > 0 {
		i := t.telling[0]
		t.retime(i)
		if ev, ok := t.slotEvent(i); ok {
			ev.Peer = t.handle(i)
			return ev, true
		}
		t.list[i].telling = false
		t.telling = append(t.telling[:0], t.telling[1:]...)
		t.release(i)
	}
	return api.Event{}, false
}

func (t *table) slotEvent(i int) (api.Event, bool) {
	s := &t.list[i]
	for s.next != nil { // it tells nothing but its end: with its handshake complete it becomes cur
		ev, ok := s.next.NextEvent()
		if !ok && !s.next.Done() {
			break
		}
		if !ok {
			t.forget(i, s.next)
			s.next = nil
		} else if s.cur == nil && !s.next.Unwanted() {
			return ev, true
		}
	}
	if s.cur == nil {
		return api.Event{}, false
	}
	s.released += s.cur.TakeReleased()
	if ev, ok := s.cur.NextEvent(); ok {
		return ev, true
	}
	if s.cur.Done() {
		t.forget(i, s.cur)
		s.cur = nil
	}
	return api.Event{}, false
}

func (t *table) nextRelease() (api.PeerHandle, int, bool) {
	for i := range t.used {
		s := &t.list[i]
		if s.cur != nil {
			s.released += s.cur.TakeReleased()
		}
		if s.used && s.released > 0 {
			n := s.released
			s.released = 0
			return t.handle(i), n, true
		}
	}
	return 0, 0, false
}
