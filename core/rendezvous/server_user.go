package rendezvous

import (
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// userKey names a user: ids are the app's own.
type userKey struct{ app, id string }

func (m *member) user() userKey { return userKey{m.ref.App, m.ref.User} }

// addUser makes a member findable by its user id. Several clients of one user are a chain.
func (s *Server) addUser(m *member) {
	m.sameUser = s.users[m.user()]
	s.users[m.user()] = m
}

func (s *Server) removeUser(m *member) {
	first := s.users[m.user()]
	if first == m {
		if first = m.sameUser; first == nil {
			delete(s.users, m.user())
		} else {
			s.users[m.user()] = first
		}
	} else {
		for x := first; x != nil; x = x.sameUser {
			if x.sameUser == m {
				x.sameUser = m.sameUser
			}
		}
	}
	m.sameUser = nil
}

// setRef takes what a link attests of a member now.
func (s *Server) setRef(m *member, ref LinkRef) {
	if m.ref.App == ref.App && m.ref.User == ref.User {
		m.ref = ref
		return
	}
	s.removeUser(m)
	m.ref = ref
	s.addUser(m)
}

// user answers a question about a user, or delivers an invitation, after the other nodes were asked.
func (s *Server) user(now time.Time, m *member, sig *wire.Signal) {
	invite := sig.Flags&wire.UserInvite != 0
	q := Question{Kind: AskUser, App: m.ref.App, User: sig.User}
	code, text := api.OK, ""
	switch {
	case sig.User == "" || len(sig.User) > api.MaxUserID:
		code, text = api.ErrValue, "a user id has 1 to 64 bytes"
	case len(sig.Data) > api.MaxRequestData:
		code, text = api.ErrTooLarge, "payload is larger than 256 bytes"
	case invite && m.room == nil:
		code, text = api.ErrNotInRoom, "users can be invited only into the room that you are in"
	case invite:
		q = Question{Kind: AskInvite, App: m.ref.App, User: sig.User, From: m.ref.User, Code: m.room.code, Data: slices.Clone(sig.Data)}
	}
	if code != api.OK {
		s.refuse(m, sig.Request, code, text)
		return
	}
	s.gather(now, m, sig.Request, q)
}

// where tells what this node knows of a user.
func (s *Server) where(u userKey) (presence uint8) {
	for m := s.users[u]; m != nil; m = m.sameUser {
		switch {
		case m.up && m.room != nil:
			return wire.UserInRoom
		case m.up:
			presence = wire.UserOnline
		}
	}
	return presence
}

// invite shows an invitation to every client of a user that takes it. The code tells why none did. A guest of another node is
// left to its home, which knows whether it takes invitations, and is asked as well.
func (s *Server) invite(now time.Time, q *Question) api.Code {
	code := api.ErrUserOffline
	delivered := false
	for m := s.users[userKey{q.App, q.User}]; m != nil; m = m.sameUser {
		switch {
		case !m.up:
		case m.room != nil && m.room.code == q.Code:
			code = api.ErrAlready
		case m.ref.Node != 0: // its home delivers
		case m.ref.Node != 0:
		case m.noInvite:
			code = api.ErrRejected
		case !s.cfg.NoLimits && !m.invited.take(now, 1, inviteInterval, inviteBurst):
			s.stats.RateLimited++
			code = api.ErrRateLimited
		default:
			delivered = true
			s.send(m, wire.Signal{Type: wire.SigInvited, User: q.From, Text: q.Code, Data: q.Data})
		}
	}
	if delivered {
		return api.OK
	}
	return code
}

// inviteText says why an invitation reached nobody.
func inviteText(code api.Code) string {
	switch code {
	case api.ErrAlready:
		return "that user is in this room already"
	case api.ErrRejected:
		return "that user accepts no invitations"
	case api.ErrRateLimited:
		return "that user gets too many invitations at the moment"
	}
	return code.String()
}
