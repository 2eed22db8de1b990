package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// Algorithms of JWS that there are here.
const (
	EdDSA = "EdDSA" // Ed25519, RFC 8037
	HS256 = "HS256" // HMAC-SHA256
)

// typIdentity is an identity certificate's typ: neither kind of token can be taken for the other.
const typIdentity = "musubi-id"

// jws is a token taken apart, nothing proven yet.
type jws struct {
	alg, kid, typ string
	signed        []byte // header.claims, as it stands
	claims        []byte
	signature     []byte
}

var b64 = base64.RawURLEncoding.Strict()

// decode is strict base64url: the library's decoder leaves out line breaks, which would make one token into many.
func decode(s []byte) ([]byte, bool) {
	for _, c := range s {
		if c == '\r' || c == '\n' {
			return nil, false
		}
	}
	out := make([]byte, b64.DecodedLen(len(s)))
	n, err := b64.Decode(out, s)
	return out[:n], err == nil
}

// split takes a token apart.
func split(token []byte) (j jws, r Reason) {
	if len(token) > MaxSize {
		return j, TooLarge
	}
	parts := bytes.Split(token, []byte{'.'})
	if len(parts) != 3 {
		return j, Malformed
	}
	header, ok := decode(parts[0])
	claims, ok2 := decode(parts[1])
	signature, ok3 := decode(parts[2])
	if !ok || !ok2 || !ok3 {
		return j, Malformed
	}
	j = jws{signed: token[:len(parts[0])+1+len(parts[1])], claims: claims, signature: signature}
	return j, j.header(header)
}

func (j *jws) header(b []byte) Reason {
	members, ok := parseObject(b)
	if !ok {
		return Malformed
	}
	for i := range members {
		m := &members[i]
		var to *string
		switch m.name {
		case "alg":
			to = &j.alg
		case "kid":
			to = &j.kid
		case "typ":
			to = &j.typ
		default: // jku, jwk, x5c, crit, b64, …: each has been an attack
			return Header
		}
		if m.value.kind != kindString {
			return Header
		}
		*to = m.value.text
	}
	return OK
}

// verify checks the signature with a key whose algorithm the header must name.
func (j *jws) verify(alg string, key []byte) Reason {
	if j.alg != alg {
		return Algorithm
	}
	good := false
	switch alg {
	case EdDSA:
		good = len(j.signature) == ed25519.SignatureSize && ed25519.Verify(key, j.signed, j.signature)
	case HS256:
		good = hmac.Equal(mac(key, j.signed), j.signature)
	}
	if !good {
		return Signature
	}
	return OK
}

func mac(key, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)
}
