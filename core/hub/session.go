package hub

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// session is one link and its place in the hub.
//
//	added --client's first packet--> current (its member's one link) --> ended --last words said--> removed
//	  \__ never spoke: ended             \__ resumed elsewhere: removed at once
type session struct {
	link     *link.ServerSession
	id       uint32
	counted  netip.Addr     // the address it counts for
	renewals bucket         // of its token
	addr     netip.AddrPort // last proven one that rooms and relay were told
	current  bool
	ended    bool
	moved    bool // the client has a link to another node by now
	gone     bool
	place    int // in Hub.order
	touched  bool
	ready    bool
	at       time.Time // in the heap, possibly early
	heapAt   int       // -1: not in it
}

// member is a client over all its links.
type member struct {
	session *session       // nil while its link is lost
	addr    netip.AddrPort // where its relay legs are
	legs    []uint32       // handles of legs that were bound for it; some may have ended
	lost    int            // how often; tells entries of Hub.lost apart
}

type lostMember struct {
	id    uint64
	lost  int
	until time.Time
}

// maxLegs is when a member's list is cleared of legs that have ended: one with every other member of the largest room.
const maxLegs = 2 * api.MaxRoomMembers

// freeConnID draws an id for a session: random, so that packets of before a restart meet no session by chance.
func (h *Hub) freeConnID() uint32 {
	for {
		var b [4]byte
		h.random(b[:])
		if id := binary.BigEndian.Uint32(b[:]); id != 0 && h.sessions[id] == nil {
			return id
		}
	}
}

// LinkTable is for whoever sorts datagrams before the hub sees them.
type LinkTable interface {
	Add(id uint32)
	Remove(id uint32)
}

// add takes a session that has not spoken yet. It counts for its address, but is nobody's link.
func (h *Hub) add(l *link.ServerSession) {
	seen, _ := l.Seen()
	s := &session{link: l, id: l.ConnID(), counted: subnet(seen.Addr()), heapAt: -1, place: len(h.order)}
	h.place(s, l.Remote())
	h.sessions[s.id] = s
	if h.cfg.LinkTable != nil {
		h.cfg.LinkTable.Add(s.id)
	}
	h.order = append(h.order, s)
	h.perAddr[s.counted]++
	h.perUser[user{l.App, l.User}]++
	h.touch(s)
}

// touch marks a session to be settled before the present call ends.
func (h *Hub) touch(s *session) {
	if !s.touched && !s.gone {
		s.touched = true
		h.touched = append(h.touched, s)
	}
}

// run settles what was touched and carries signals from the rooms, until nothing moves.
func (h *Hub) run(now time.Time) {
	for settled := 0; ; {
		for ; settled < len(h.touched); settled++ {
			s := h.touched[settled]
			s.touched = false
			h.settle(now, s)
		}
		if h.rooms.HasSignal() {
			to, sig, _ := h.rooms.NextSignal()
			h.tell(now, to, &sig)
		} else if !h.clusterEvents(now) {
			break
		}
	}
	clear(h.touched)
	h.touched = h.touched[:0]
	h.roomEvents()
}

// settle acts on what changed in a session.
func (h *Hub) settle(now time.Time, s *session) {
	if s.gone {
		return
	}
	if !s.current && !s.ended && s.link.Confirmed() {
		if h.spoken >= 2*h.cfg.MaxSessions { // handshakes that lay there are taken up all at once
			h.drop(dropFull)
			s.ended = true
			s.link.Close(now, api.ErrServerFull, api.ErrServerFull.String())
		} else {
			h.enter(now, s)
		}
	}
	bye := false
	for news := s.link.HasNews(); news; { // asked first: mostly it is a keepalive, and a signal is a kilobyte of the heap
		var sig wire.Signal
		if sig, news = s.link.NextSignal(); news {
			bye = h.hear(now, s, &sig) || bye
		}
	}
	if s.current && s.link.Remote() != s.addr {
		h.place(s, s.link.Remote())
		h.linkMoved(now, s)
		h.moveLegs(h.members[s.link.Member], s.addr)
	}
	// NextSignal above is also what tells the session of its end.
	if code, text, closed := s.link.Closed(); closed && !s.ended {
		s.ended = true
		h.leave(now, s, code, text, bye)
	}
	if s.link.Done() {
		h.remove(s)
		return
	}
	if !s.ready { // it is scheduled when it has said what it has to say
		s.ready = true
		h.ready = append(h.ready, s)
	}
}

// hear takes a signal from a client, and reports whether it was its goodbye.
func (h *Hub) hear(now time.Time, s *session, sig *wire.Signal) (bye bool) {
	switch {
	case !s.current || s.ended:
		return false
	case sig.Type == wire.SigBye && sig.Flags&wire.ByeMoved != 0:
		s.moved = true
		return false
	case sig.Type == wire.SigSetToken:
		h.renew(now, s, sig.Data)
		return false
	}
	h.signal(now, s, sig)
	return sig.Type == wire.SigBye
}

func (s *session) ref() rendezvous.LinkRef {
	seen, stream := s.link.Seen()
	return rendezvous.LinkRef{Link: s.id, Member: s.link.Member, App: s.link.App, User: s.link.User, Key: s.link.Key,
		Addr: seen, Stream: stream, RTT: s.link.RTT(), Grant: s.link.Grant, Serial: s.link.Serial, Privacy: s.link.Privacy()}
}

// enter makes a session its member's link, in the place of an earlier one. Only now is it sure that the client itself
// is there, and not somebody who recorded its Hello.
func (h *Hub) enter(now time.Time, s *session) {
	s.current = true
	h.spoken++
	m := h.members[s.link.Member]
	if m == nil {
		m = &member{addr: s.addr}
		h.members[s.link.Member] = m
	}
	if old := m.session; old != nil {
		h.remove(old)
	}
	m.session = s
	h.place(s, s.link.Remote())
	h.moveLegs(m, s.addr)
	verb := "link up: "
	if s.link.Resumed {
		verb = "link resumed: "
	}
	seen, stream := s.link.Seen()
	from := " from " + wire.Network(seen.Addr())
	if stream {
		from += " over TCP"
	}
	h.event(Event{Kind: EventLinkUp, Member: s.link.Member, Text: verb + s.link.User + from})
	h.linkUp(now, s)
}

// leave tells the rooms that a session ended: with a goodbye its member leaves, else it has its time of grace.
func (h *Hub) leave(now time.Time, s *session, code api.Code, text string, bye bool) {
	m := h.members[s.link.Member]
	if !s.current || m == nil || m.session != s {
		return
	}
	m.session = nil
	if bye || code == api.ErrRemoteClosed && !s.moved {
		h.linkGone(now, s)
	} else {
		h.linkLost(now, s)
	}
	m.lost++
	h.lost = append(h.lost, lostMember{s.link.Member, m.lost, now.Add(rendezvous.GraceTime)})
	h.event(Event{Kind: EventLinkDown, Member: s.link.Member, Code: code, Text: "link down: " + s.link.User + ": " + text})
}

// forgetLost forgets members that did not come back in their time of grace. Their relay legs end by being idle.
func (h *Hub) forgetLost(now time.Time) {
	n := 0
	for ; n < len(h.lost) && deadline.Due(now, h.lost[n].until); n++ {
		if m := h.members[h.lost[n].id]; m != nil && m.session == nil && m.lost == h.lost[n].lost {
			delete(h.members, h.lost[n].id)
			if !h.alone() {
				h.cluster.Forget(h.lost[n].id)
			}
		}
	}
	h.lost = append(h.lost[:0], h.lost[n:]...)
}

// remove takes a session out of every table. It says nothing more.
func (h *Hub) remove(s *session) {
	if s.current {
		h.spoken--
	}
	s.gone, s.current = true, false
	h.carried(s.addr, -1)
	delete(h.sessions, s.id)
	if h.cfg.LinkTable != nil {
		h.cfg.LinkTable.Remove(s.id)
	}
	last := h.order[len(h.order)-1]
	h.order[s.place], last.place = last, s.place
	h.order[len(h.order)-1] = nil
	h.order = h.order[:len(h.order)-1]
	if h.perAddr[s.counted]--; h.perAddr[s.counted] == 0 {
		delete(h.perAddr, s.counted)
	}
	who := user{s.link.App, s.link.User}
	if h.perUser[who]--; h.perUser[who] == 0 {
		delete(h.perUser, who)
	}
	h.unschedule(s)
}
