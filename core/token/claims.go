package token

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Access is what an access token says, and after Verify what is proven.
type Access struct {
	Key     string // kid
	App     string
	User    string // sub
	Expires int64  // Unix seconds, as the next two; 0: none
	Issued  int64
	Begins  int64
	Room    string // pattern of join codes, * for anything; empty: every room
	Perms   uint8  // wire.Perm*; a token without perm has all of them
	Relay   int    // kbit/s of each relay leg; 0: the server's default
	Privacy api.Privacy
	Confirm []byte // the client's static key, 32 bytes; nil: any client may use the token
}

// permNames are the words of the perm claim.
var permNames = [...]struct {
	word string
	perm uint8
}{{"create", wire.PermCreate}, {"join", wire.PermJoin}, {"list", wire.PermList}}

// Grant is what a link keeps of the token, and a resume ticket carries.
func (a *Access) Grant() wire.Grant {
	g := wire.Grant{Expires: uint64(a.Expires), Perms: a.Perms, Privacy: a.Privacy, Room: a.Room}
	if a.Relay > 0 {
		g.Relay = uint8(min((a.Relay+wire.RelayUnit-1)/wire.RelayUnit, 255))
	}
	return g
}

// read takes the claims of either kind. A claim that is not ours is left alone: backends add iss, aud and jti.
func (a *Access) read(b []byte) Reason {
	members, ok := parseObject(b)
	if !ok {
		return Malformed
	}
	a.Perms = wire.PermAll
	for i := range members {
		m := &members[i]
		if r := a.claim(m.name, &m.value); r != OK {
			return r
		}
	}
	return OK
}

func (a *Access) claim(name string, v *value) Reason {
	good := true
	switch name {
	case "app":
		a.App = v.text
		if v.kind != kindString || v.text == "" || len(v.text) > maxName {
			return App
		}
	case "sub":
		a.User = v.text
		if v.kind != kindString || !goodUser(v.text) {
			return User
		}
	case "exp":
		good = v.time(&a.Expires)
	case "iat":
		good = v.time(&a.Issued)
	case "nbf":
		good = v.time(&a.Begins)
	case "room":
		a.Room = strings.ToUpper(v.text)
		good = v.kind == kindString && goodPattern(a.Room)
	case "perm":
		a.Perms, good = perms(v)
	case "relay":
		a.Relay = int(v.number)
		good = v.kind == kindInteger && v.number >= 1 && v.number <= 255*wire.RelayUnit
	case "priv":
		a.Privacy, good = api.ParsePrivacy(v.text)
		good = good && v.kind == kindString
	case "cnf":
		a.Confirm, good = decode([]byte(v.text))
		good = good && v.kind == kindString && len(a.Confirm) == 32
	}
	if !good {
		return Claim
	}
	return OK
}

// time takes a NumericDate: whole seconds. Zero is 1970, and would mean "none" here.
func (v *value) time(to *int64) bool {
	*to = v.number
	return v.kind == kindInteger && v.number > 0
}

func perms(v *value) (p uint8, ok bool) {
	for _, word := range v.list {
		known := false
		for _, n := range permNames {
			if word == n.word {
				p, known = p|n.perm, true
			}
		}
		if !known {
			return 0, false
		}
	}
	return p, v.kind == kindList
}

// goodUser reports whether a user id can be shown and logged: 1 to 64 bytes of UTF-8 without control characters. Names
// with "anon-" in front are the server's, for players without a token.
func goodUser(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) || strings.HasPrefix(s, "anon-") {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) < 0
}

func goodPattern(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '*') {
			return false
		}
	}
	return s != "" && len(s) <= MaxRoom
}

// timely checks exp, nbf and iat at now.
func (a *Access) timely(now time.Time, maxLife int64) Reason {
	t := now.Unix()
	switch {
	case a.Expires == 0:
		return NoExpiry
	case t >= a.Expires:
		return Expired
	case maxLife > 0 && a.Expires > t+maxLife+Leeway:
		return TooLong
	case a.Begins > t+Leeway || a.Issued > t+Leeway:
		return NotYet
	}
	return OK
}
