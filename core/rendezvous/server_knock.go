package rendezvous

import (
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A Join into a room with wire.RoomAsk waits for the owner's word:
//
//	Join --> knocking --Admit yes--> member
//	            \--Admit no, 60 s, locked, emptied, full--> Refused
//	            \--Leave, lost link after its grace--> gone, the owner is told by JoinGone
//
// The owner is told again after a resumed link, and so is whoever becomes the owner.

func (s *Server) knock(now time.Time, m *member, r *room, sig *wire.Signal) {
	switch {
	case m.knocks == r && m.request == sig.Request:
		return // said again over a resumed link
	case len(r.knocks) >= maxKnocks:
		s.refuse(m, sig.Request, api.ErrRoomFull, "too many players are waiting to be let in: try again later")
		return
	}
	s.withdraw(m)
	m.knocks, m.knock, m.knockAt, m.request = r, slices.Clone(sig.Data), now, sig.Request
	r.knocks = append(r.knocks, m)
	s.alarms.set(m)
	s.tellKnock(r, m)
}

func (s *Server) tellKnock(r *room, m *member) {
	s.send(r.owner, wire.Signal{Type: wire.SigJoinRequest, Member: m.ref.Member, User: m.ref.User, Data: m.knock})
}

func (s *Server) repeatKnocks(r *room) {
	for _, m := range r.knocks {
		s.tellKnock(r, m)
	}
}

// endKnock takes m's knock off its room.
func (s *Server) endKnock(m *member) {
	r := m.knocks
	r.knocks = slices.DeleteFunc(r.knocks, func(x *member) bool { return x == m })
	m.knocks, m.knock = nil, nil
}

// withdraw ends a knock because of the one who knocked.
func (s *Server) withdraw(m *member) {
	r := m.knocks
	if r == nil {
		return
	}
	s.endKnock(m)
	if r.owner != nil {
		s.send(r.owner, wire.Signal{Type: wire.SigJoinGone, Member: m.ref.Member})
	}
}

// refuseKnock ends a knock by a refusal. The owner, whose word it may not be, is told that it is over.
func (s *Server) refuseKnock(m *member, code api.Code, text string) {
	s.withdraw(m)
	s.refuse(m, m.request, code, text)
}

func (s *Server) refuseKnocks(r *room, code api.Code, text string) {
	for len(r.knocks) > 0 {
		s.refuseKnock(r.knocks[0], code, text)
	}
}

// admit is the owner's word. Who is let in after the last place was taken stays outside, and the owner hears why.
func (s *Server) admit(r *room, sig *wire.Signal) (api.Code, string) {
	m := s.members[sig.Member]
	switch {
	case m == nil || m.knocks != r:
		return api.ErrPeerGone, "that player no longer asks to be let in"
	case sig.Flags&wire.AdmitYes == 0:
		text := sentence(sig.Text)
		if text == "" {
			text = "the room's owner did not let you in"
		}
		s.endKnock(m)
		// No event: what one player says to another belongs into no log.
		s.send(m, wire.Signal{Type: wire.SigRefused, Request: m.request, Code: int32(api.ErrRejected), Text: text})
		return api.OK, ""
	case len(r.members) >= int(r.max):
		return api.ErrRoomFull, "the room is full"
	}
	s.endKnock(m)
	s.enter(m, r, m.request)
	return api.OK, ""
}
