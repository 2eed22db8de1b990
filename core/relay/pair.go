package relay

import (
	"bytes"
	"time"
)

// Two players have one session at a relay. Each introduction brings another one; without this, players who let themselves be
// introduced again and again would have a fresh allowance each time, and all the earlier ones beside it. So a leg begins
// with what its client has used of the one before it to the same player, and the session before ends soon, or with the next.
//
// A client is known by the hash of its key, which its ticket names. All zeros: not known, as in tests.

// retireTime is how long the session before goes on: the new one carries nothing until a handshake through the server is
// complete, which takes two round trips.
const retireTime = 2 * time.Second

// retiring is a session that another one took the place of.
type retiring struct {
	at      int64
	session uint32
	id      [16]byte // the place may be used again by then
}

// KeyHash is the hash of a client's key.
type KeyHash [8]byte

// pairKey is the same for both orders.
func pairKey(a, b KeyHash) (key [16]byte) {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	copy(key[:], a[:])
	copy(key[8:], b[:])
	return key
}

// succeed makes session i its players' session, once both are known.
func (s *Server) succeed(i uint32) {
	c := s.sessions[i].clients
	if c[0] == (KeyHash{}) || c[1] == (KeyHash{}) || c[0] == c[1] || !s.legs[2*i].bound || !s.legs[2*i+1].bound {
		return
	}
	key := pairKey(c[0], c[1])
	old, known := s.pairs[key]
	if known && old == i {
		return
	}
	s.pairs[key] = i
	if !known {
		return
	}
	for n := range uint32(2) {
		before := 2 * old
		if s.sessions[old].clients[0] != c[n] {
			before++
		}
		s.table.Inherit(2*i+n, before)
	}
	s.end(s.sessions[old].before) // two at a time are enough
	s.sessions[i].before = retiring{s.now + int64(retireTime), old, s.sessions[old].id}
	s.retired = append(s.retired, s.sessions[i].before)
}

// end releases the session that was to retire, if that has not happened. The zero value is none.
func (s *Server) end(r retiring) {
	if r.at != 0 && s.sessions[r.session].live && s.sessions[r.session].id == r.id {
		s.release(r.session)
	}
}

// retire ends the sessions whose time is over, oldest first.
func (s *Server) retire(now int64) {
	n := 0
	for ; n < len(s.retired) && s.retired[n].at <= now; n++ {
		s.end(s.retired[n])
	}
	s.retired = append(s.retired[:0], s.retired[n:]...)
}
