package wire

import (
	"encoding/binary"

	"github.com/musubi-p2p/musubi/core/api"
)

// Grant is what an access token allows a link, as its resume tickets carry it: coming back gives nobody more than before.
//
//	+------------------+-----------+--------------+-----------+------------+
//	| expires s (64)   | perms (8) | privacy (8)  | relay (8) | room: len8 |
//	+------------------+-----------+--------------+-----------+------------+
type Grant struct {
	Expires uint64 // Unix seconds at which the link ends; 0: no token, auth = open
	Perms   uint8  // PermCreate and so on
	Privacy api.Privacy
	Relay   uint8  // rate of each relay leg, in steps of RelayUnit; 0: the server's default
	Room    string // pattern of join codes; empty: every room
}

// What a Grant permits.
const (
	PermCreate = 1 << iota // make rooms
	PermJoin               // enter rooms by code
	PermList               // see the list of public rooms
	PermAll    = PermCreate | PermJoin | PermList
)

const (
	// RelayUnit is a step of Grant.Relay and of a relay ticket's class, kbit/s.
	RelayUnit = 64
	// maxGrantRoom is token.MaxRoom.
	maxGrantRoom = 32
)

// AppendGrant writes g; its room has at most 32 bytes.
func AppendGrant(b []byte, g *Grant) []byte {
	b = append(binary.BigEndian.AppendUint64(b, g.Expires), g.Perms, uint8(g.Privacy), g.Relay)
	return AppendBytes8(b, []byte(g.Room))
}

// Grant reads what AppendGrant wrote.
func (r *Reader) Grant() (g Grant) {
	g.Expires, g.Perms, g.Privacy, g.Relay, g.Room = r.U64(), r.U8(), api.Privacy(r.U8()), r.U8(), string(r.Bytes8())
	if len(g.Room) > maxGrantRoom || g.Privacy > api.PrivacyRelayOnly {
		r.Fail()
	}
	return g
}

// Opens reports whether the grant's pattern fits a join code in its normal form.
func (g *Grant) Opens(code string) bool {
	return g.Room == "" || glob(g.Room, code)
}

// glob matches with * for anything, in time linear in both but for the last *'s retries: both are short.
func glob(pattern, s string) bool {
	star, again := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case star >= 0:
			again++
			p, i = star+1, again
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
