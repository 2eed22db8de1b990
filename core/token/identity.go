package token

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// MaxCertificate bounds an identity certificate: it travels inside a handshake message.
const MaxCertificate = api.MaxCertificate

// Identity is what a certificate says: this app's backend knows the holder of Key as User.
type Identity struct {
	App     string
	User    string
	Key     [32]byte // the client's static key
	Expires int64    // Unix seconds
}

// VerifyIdentity reads a certificate at now under the app's public key. The caller compares App, User and Key with what it
// was told. EdDSA only: with a shared secret every player could sign for every other. A certificate may live for longer
// than an access token, since it grants nothing.
func VerifyIdentity(now time.Time, certificate []byte, app [32]byte) (id Identity, r Reason) {
	switch {
	case len(certificate) == 0:
		return id, Missing
	case len(certificate) > MaxCertificate:
		return id, TooLarge
	}
	j, r := split(certificate)
	if r != OK {
		return id, r
	}
	if j.typ != typIdentity {
		return id, Type
	}
	if r := j.verify(EdDSA, app[:]); r != OK {
		return id, r
	}
	var a Access
	if r := a.read(j.claims); r != OK {
		return id, r
	}
	if r := a.timely(now, 0); r != OK {
		return id, r
	}
	switch {
	case a.App == "":
		return id, App
	case a.User == "":
		return id, User
	case a.Confirm == nil:
		return id, Confirm
	}
	return Identity{App: a.App, User: a.User, Key: [32]byte(a.Confirm), Expires: a.Expires}, OK
}
