package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Keys are the keys by which a server knows its backends' tokens. The zero value has none; it is filled at the start and
// only read from then on.
type Keys struct {
	list []key
}

type key struct {
	kid, alg string
	material []byte
	app      string // the only app that it may sign for; empty: any
}

const (
	maxKeys = 64
	// minSecret is HS256's least key: as long as its hash (RFC 7518, 3.2).
	minSecret = 32
	maxSecret = 512
)

// Len is the number of keys.
func (k *Keys) Len() int { return len(k.list) }

// Names are the keys' names and algorithms, in their order, for logs.
func (k *Keys) Names() (names []string) {
	for i := range k.list {
		name := k.list[i].kid + "=" + k.list[i].alg
		if app := k.list[i].app; app != "" {
			name += ":" + app
		}
		names = append(names, name)
	}
	return names
}

// spki is what stands before an Ed25519 public key in the form that OpenSSL and most languages export (RFC 8410).
var spki = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}

// Parse adds a key as an operator writes it, KID=ALG:BASE64[:APP]: for EdDSA the public key, 32 bytes or the 44 of its DER
// form; for HS256 the secret, at least 32 bytes. Errors never quote the key.
func (k *Keys) Parse(text string) error {
	kid, rest, ok := strings.Cut(text, "=")
	alg, coded, ok2 := strings.Cut(rest, ":")
	coded, app, limited := strings.Cut(coded, ":")
	if !ok || !ok2 {
		return fmt.Errorf("an access key is written KID=ALG:BASE64, as in studio=EdDSA:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	}
	material, err := anyBase64(coded)
	switch {
	case !goodKid(kid):
		return fmt.Errorf("access key %q: a kid has 1 to 64 letters, digits, dots, - and _", kid)
	case k.find(kid) != nil:
		return fmt.Errorf("access key %q is named twice", kid)
	case err != nil:
		return fmt.Errorf("access key %q: the part after %s: is not base64", kid, alg)
	case limited && (app == "" || len(app) > maxName):
		return fmt.Errorf("access key %q: the app after the key has 1 to 64 bytes", kid)
	case len(k.list) == maxKeys:
		return fmt.Errorf("access key %q: at most %d keys are allowed", kid, maxKeys)
	}
	switch alg {
	case EdDSA:
		material = bytes.TrimPrefix(material, spki)
		if len(material) != ed25519.PublicKeySize {
			return fmt.Errorf("access key %q: an EdDSA public key has 32 bytes, this one %d", kid, len(material))
		}
	case HS256:
		if len(material) < minSecret || len(material) > maxSecret {
			return fmt.Errorf("access key %q: an HS256 secret has %d to %d bytes, this one %d", kid, minSecret, maxSecret, len(material))
		}
	default:
		return fmt.Errorf("access key %q: algorithm %q is not one of EdDSA, HS256", kid, alg)
	}
	k.list = append(k.list, key{kid: kid, alg: alg, material: material, app: app})
	return nil
}

// ParseFile adds the keys of a file's text: one a line, # begins a comment.
func (k *Keys) ParseFile(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := k.Parse(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// anyBase64 takes all four usual forms of base64; a key is no token, and people paste what their tools print.
func anyBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.DecodeString(s)
}

func goodKid(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (k *Keys) find(kid string) *key {
	for i := range k.list {
		if k.list[i].kid == kid {
			return &k.list[i]
		}
	}
	return nil
}

// Verify reads an access token at now. What it returns with a reason other than OK is not proven; Key and Expires may be
// of use for a log once the signature was found good, and are zero before.
func (k *Keys) Verify(now time.Time, token []byte) (a Access, r Reason) {
	if len(token) == 0 {
		return a, Missing
	}
	j, r := split(token)
	if r != OK {
		return a, r
	}
	if j.typ != "" && j.typ != "JWT" {
		return a, Type
	}
	key := k.find(j.kid)
	if key == nil {
		return a, UnknownKey
	}
	if r := j.verify(key.alg, key.material); r != OK {
		return a, r
	}
	a.Key = key.kid
	if r := a.read(j.claims); r != OK {
		return a, r
	}
	if r := a.timely(now, MaxLife); r != OK {
		return a, r
	}
	switch {
	case a.App == "" || key.app != "" && a.App != key.app:
		return a, App
	case a.User == "":
		return a, User
	}
	return a, OK
}
