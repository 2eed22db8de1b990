// Package token reads and writes what a game's backend signs: access tokens, which say what a player may do on a server,
// and identity certificates, which tell other players whose key a key is. Both are JWS in the compact form (RFC 7515)
// with flat JSON claims (RFC 7519), read strictly: whatever this package has no use for in a header is refused, so that
// none of the ways in which such tokens were forged elsewhere (alg none, an algorithm of the attacker's choice, keys by
// URL, duplicate members that two parsers read differently) is even expressible.
//
//	access token  header  {"alg":"EdDSA","kid":"studio"[,"typ":"JWT"]}
//	              claims  {"app":"racer","sub":"user-17","exp":1767323045[,"room":"EAB*"][,"perm":["join"]][,"relay":512]
//	                       [,"priv":"relay-only"][,"cnf":"<base64url of the client's key>"][,"iat":…][,"nbf":…]}
//	certificate   header  {"alg":"EdDSA","typ":"musubi-id"[,"kid":"…"]}
//	              claims  {"app":"racer","sub":"user-17","cnf":"<base64url>","exp":1767323045}
//
// The kid chooses a key, and the key's own algorithm, which the operator wrote down, must be the one in the header.
package token

import (
	"github.com/musubi-p2p/musubi/core/api"
)

// Limits of tokens.
const (
	// MaxSize bounds what is looked at at all (docs/SECURITY.md). What fits the handshake is less: wire.MaxToken.
	MaxSize = 1536
	// MaxLife is how far in the future exp may lie: a stolen token is of use for a day at most.
	MaxLife = 24 * 60 * 60 // seconds
	// Leeway is granted where another machine's clock is compared with ours: too long a life, nbf, iat. Not to exp.
	Leeway = 60 // seconds
	// MaxRoom bounds a room pattern; a join code has 8 characters.
	MaxRoom = 32
	maxName = 64 // bytes of app and sub
)

// Reason says why a token was refused. The numbers travel in REFUSE (Code): never renumber.
type Reason uint8

const (
	OK         Reason = 0
	Missing    Reason = 1  // none came
	TooLarge   Reason = 2  // over MaxSize
	Malformed  Reason = 3  // not three parts in base64url of flat JSON without duplicates
	Header     Reason = 4  // a member that is not allowed: jku, crit, …
	Type       Reason = 5  // typ: the one kind used as the other
	Algorithm  Reason = 6  // none, or not the key's
	UnknownKey Reason = 7  // no kid, or nobody's
	Signature  Reason = 8  // does not fit
	NoExpiry   Reason = 9  // no exp
	Expired    Reason = 10 // exp is over
	TooLong    Reason = 11 // exp is more than a day away
	NotYet     Reason = 12 // nbf or iat is to come
	App        Reason = 13 // of another app, or none
	User       Reason = 14 // sub is missing, too long, or not the one that was asked for
	Claim      Reason = 15 // a claim with a value that is not allowed
	Confirm    Reason = 16 // cnf is not the client's key
	Changed    Reason = 17 // a renewal for another user or app
	TooOften   Reason = 18 // renewals in quick succession
	NotWanted  Reason = 19 // auth = open: the server has no keys to check it
	reasons           = 20
)

var names = [reasons]string{"ok", "missing", "too_large", "malformed", "header", "type", "algorithm", "unknown_key", "signature",
	"no_expiry", "expired", "too_long", "not_yet", "app", "user", "claim", "cnf", "changed", "too_often", "not_wanted"}

var sentences = [reasons]string{
	"good",
	"the server wants an access token, and none came",
	"the token is larger than 1536 bytes",
	"the token is not a JWS of flat JSON claims",
	"the token's header has a member other than alg, kid and typ",
	"the token's typ is that of another kind of token",
	"the token's alg is not that of its key",
	"the token's kid names no key of this server",
	"the token's signature does not match its key",
	"the token has no exp",
	"the token has expired",
	"the token's exp is more than 24 hours away",
	"the token is not valid yet: compare the clocks of backend and server",
	"the token is for another app",
	"the token's sub is missing, too long, or not the user id asked for",
	"a claim of the token has a value that is not allowed",
	"the token's cnf is not this client's key",
	"the token is for another user or app than the one it should renew",
	"the token was renewed too often in a short time",
	"the server runs with auth = open and checks no tokens",
}

// Name is the reason's name in metrics.
func (r Reason) Name() string {
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// String is a sentence for people; the server's log and the client get the same.
func (r Reason) String() string {
	if int(r) < len(sentences) {
		return sentences[r]
	}
	return "for a reason that this version does not know"
}

// Reasons is how many there are, OK included.
const Reasons = reasons

// firstCode is where the reasons' codes begin: on the wire only, games get ErrUnauthorized or ErrTokenExpired.
const firstCode = -330

// Code is the reason as REFUSE carries it.
func (r Reason) Code() api.Code {
	if r == OK {
		return api.OK
	}
	return api.Code(firstCode - int(r))
}

// ReasonOf is the reason that a code stands for; ok is false for codes of other things.
func ReasonOf(c api.Code) (r Reason, ok bool) {
	if n := firstCode - int(c); n > 0 && n < reasons {
		return Reason(n), true
	}
	return OK, false
}

// ForGame is the code that a game sees.
func (r Reason) ForGame() api.Code {
	switch r {
	case OK:
		return api.OK
	case Expired:
		return api.ErrTokenExpired
	}
	return api.ErrUnauthorized
}
