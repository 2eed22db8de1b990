package link

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/wire"
)

// grantWarning is how long before its access token ends a client is told: time for the game to ask its backend for a new
// one, also where that takes some tries. A token that has less left is warned about at once.
const grantWarning = 60 * time.Second

// Privacy is the stricter of what the token says and what the client asks for itself.
func (s *ServerSession) Privacy() api.Privacy { return max(s.Grant.Privacy, s.Wish) }

// Renew puts a new token's grant in the place of the old one. The next ticket, which leaves at once, carries it.
func (s *ServerSession) Renew(now time.Time, g wire.Grant) {
	now = s.tick(now)
	s.Grant, s.warned = g, false
	s.sendTicket(now)
}

func (s *ServerSession) grantEnd() time.Time { return time.Unix(int64(s.Grant.Expires), 0) }

// grantDeadline is when the warning or the end is due; zero: the link has no token.
func (s *ServerSession) grantDeadline() time.Time {
	switch {
	case s.Grant.Expires == 0:
		return time.Time{}
	case s.warned:
		return s.grantEnd()
	}
	return s.grantEnd().Add(-grantWarning)
}

// grantTimeout warns a client of its token's end, and ends its link then.
func (s *ServerSession) grantTimeout(now time.Time) {
	if s.closed || s.Grant.Expires == 0 || !deadline.Due(now, s.grantDeadline()) {
		return
	}
	left := s.grantEnd().Sub(now)
	if left <= 0 {
		s.Close(now, api.ErrTokenExpired, "the access token has expired")
		return
	}
	s.warned = true
	s.Send(now, &wire.Signal{Type: wire.SigTokenEnding, Request: uint32((left + time.Second - 1) / time.Second)})
}

// ticketLife is a new ticket's life: nobody comes back after the token's end.
func (s *ServerSession) ticketLife(now time.Time) time.Duration {
	if s.Grant.Expires == 0 {
		return ticketLife
	}
	return max(0, min(ticketLife, s.grantEnd().Sub(now)))
}
