package token

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strconv"
	"strings"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Signer is the backend's half of a key: an Ed25519 seed (32 bytes) or an HS256 secret.
type Signer struct {
	Kid, Alg string
	Secret   []byte
}

// Mint writes an access token. It does not judge the claims: tests and `musubi token` make bad ones too; Verify is the judge.
func (s *Signer) Mint(a *Access) (string, error) {
	b := []byte(`{"app":`)
	b = appendString(append(appendString(b, a.App), `,"sub":`...), a.User)
	b = appendTime(b, "iat", a.Issued)
	b = appendTime(b, "nbf", a.Begins)
	b = appendTime(b, "exp", a.Expires)
	if a.Room != "" {
		b = appendString(append(b, `,"room":`...), a.Room)
	}
	if a.Perms != wire.PermAll {
		b = append(b, `,"perm":[`...)
		comma := ""
		for _, n := range permNames {
			if a.Perms&n.perm != 0 {
				b = appendString(append(b, comma...), n.word)
				comma = ","
			}
		}
		b = append(b, ']')
	}
	if a.Relay != 0 {
		b = strconv.AppendInt(append(b, `,"relay":`...), int64(a.Relay), 10)
	}
	if a.Privacy != api.PrivacyDirect {
		b = appendString(append(b, `,"priv":`...), a.Privacy.String())
	}
	if a.Confirm != nil {
		b = appendString(append(b, `,"cnf":`...), b64.EncodeToString(a.Confirm))
	}
	return s.Sign("JWT", append(b, '}'))
}

// MintIdentity writes an identity certificate.
func (s *Signer) MintIdentity(id *Identity) (string, error) {
	b := appendString(append(appendString([]byte(`{"app":`), id.App), `,"sub":`...), id.User)
	b = appendTime(b, "exp", id.Expires)
	b = appendString(append(b, `,"cnf":`...), b64.EncodeToString(id.Key[:]))
	return s.Sign(typIdentity, append(b, '}'))
}

func appendTime(b []byte, name string, at int64) []byte {
	if at == 0 {
		return b
	}
	return strconv.AppendInt(append(b, `,"`+name+`":`...), at, 10)
}

// Sign makes a JWS of claims as they are.
func (s *Signer) Sign(typ string, claims []byte) (string, error) {
	header := appendString([]byte(`{"alg":`), s.Alg)
	if s.Kid != "" {
		header = appendString(append(header, `,"kid":`...), s.Kid)
	}
	if typ != "" {
		header = appendString(append(header, `,"typ":`...), typ)
	}
	signed := []byte(b64.EncodeToString(append(header, '}')) + "." + b64.EncodeToString(claims))
	var signature []byte
	switch s.Alg {
	case EdDSA:
		if len(s.Secret) != ed25519.SeedSize {
			return "", fmt.Errorf("an EdDSA signing key has 32 bytes, this one %d", len(s.Secret))
		}
		signature = ed25519.Sign(ed25519.NewKeyFromSeed(s.Secret), signed)
	case HS256:
		if len(s.Secret) < minSecret {
			return "", fmt.Errorf("an HS256 secret has at least %d bytes, this one %d", minSecret, len(s.Secret))
		}
		signature = mac(s.Secret, signed)
	default:
		return "", fmt.Errorf("algorithm %q is not one of EdDSA, HS256", s.Alg)
	}
	return string(signed) + "." + b64.EncodeToString(signature), nil
}

// Public is what the operator of a server, or a game, needs of the key: Ed25519's public half, or the secret itself.
func (s *Signer) Public() []byte {
	if s.Alg == EdDSA && len(s.Secret) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(s.Secret).Public().(ed25519.PublicKey)
	}
	return s.Secret
}

// ParseSigner reads a backend's half as `musubi token keygen` writes it: KID=ALG:BASE64. Errors never quote the key.
func ParseSigner(text string) (s Signer, err error) {
	kid, rest, ok := strings.Cut(strings.TrimSpace(text), "=")
	alg, coded, ok2 := strings.Cut(rest, ":")
	secret, bad := anyBase64(coded)
	switch {
	case !ok || !ok2 || bad != nil || !goodKid(kid):
		return s, fmt.Errorf("a signing key is written KID=ALG:BASE64, as musubi token keygen prints it")
	case alg == EdDSA && len(secret) != ed25519.SeedSize:
		return s, fmt.Errorf("signing key %q: an EdDSA key has 32 bytes, this one %d", kid, len(secret))
	case alg == HS256 && len(secret) < minSecret:
		return s, fmt.Errorf("signing key %q: an HS256 secret has at least %d bytes, this one %d", kid, minSecret, len(secret))
	case alg != EdDSA && alg != HS256:
		return s, fmt.Errorf("signing key %q: algorithm %q is not one of EdDSA, HS256", kid, alg)
	}
	return Signer{Kid: kid, Alg: alg, Secret: secret}, nil
}

// String is what ParseSigner reads. It is a secret.
func (s *Signer) String() string { return s.Kid + "=" + s.Alg + ":" + b64.EncodeToString(s.Secret) }

// ForServer is what Keys.Parse reads.
func (s *Signer) ForServer() string {
	return s.Kid + "=" + s.Alg + ":" + b64.EncodeToString(s.Public())
}

// Parts shows a token's header and claims as they stand, nothing proven.
func Parts(token []byte) (header, claims []byte, ok bool) {
	parts := bytes.Split(token, []byte{'.'})
	if len(token) > MaxSize || len(parts) != 3 {
		return nil, nil, false
	}
	header, ok = decode(parts[0])
	claims, ok2 := decode(parts[1])
	return header, claims, ok && ok2
}

// ParsePerms reads a comma-separated list of permissions; empty: all.
func ParsePerms(text string) (uint8, bool) {
	if text == "" {
		return wire.PermAll, true
	}
	return perms(&value{kind: kindList, list: strings.Split(text, ",")})
}
