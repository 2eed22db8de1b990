// Package secure holds everything cryptographic: Noise handshakes between players and between client and server, the
// session keys that seal and open packets, cookies, tickets, and the address that pins a server's key.
//
//	handshakes      Noise KKpsk0 (players), IK (new link), NNpsk0 (resumed link); 25519, ChaChaPoly, BLAKE2s
//	packets         AES-256-GCM if both ends have AES instructions, else ChaCha20-Poly1305
//	cookies, tokens keyed BLAKE2s; tickets XChaCha20-Poly1305; derived keys HKDF-BLAKE2s
//
// Randomness is always passed in: the same reader gives the same bytes. Nothing here reads a clock, and no value is
// safe for two goroutines at once.
package secure

import (
	"crypto/hkdf"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/curve25519"
)

// Sentinels on which callers branch and by which they count drops.
var (
	ErrAuth    = errors.New("does not authenticate")
	ErrPhase   = errors.New("of a key phase that is over or not begun")
	ErrReplay  = errors.New("packet number seen before")
	ErrFormat  = errors.New("malformed")
	ErrExpired = errors.New("expired")
)

// PublicKey is an X25519 public key.
type PublicKey = [32]byte

// PrivateKey is an X25519 private key. It prints as a placeholder, so that no log line can hold one.
type PrivateKey [32]byte

func (PrivateKey) String() string   { return "(private key)" }
func (PrivateKey) GoString() string { return "(private key)" }

// GenerateKey makes a key from exactly 32 bytes of rand. It does not use crypto/ecdh.GenerateKey, which ignores its
// reader since Go 1.26 and would make runs irreproducible.
func GenerateKey(rand io.Reader) (k PrivateKey, err error) {
	_, err = io.ReadFull(rand, k[:])
	return k, err
}

// Public is the key that others know this one by.
func (k PrivateKey) Public() (p PublicKey) {
	out, err := curve25519.X25519(k[:], curve25519.Basepoint)
	if err != nil {
		panic(err) // cannot happen: the base point has prime order
	}
	copy(p[:], out)
	return p
}

// Derive makes the subkey that label names. Different labels give independent keys; master must be uniformly random.
func Derive(master [32]byte, label string) (k [32]byte) {
	expand(k[:], master[:], label)
	return k
}

// RelayLegKey is the key that a client proves when it binds a relay leg: the relay computes it from the ticket, the
// client gets it over its link.
func RelayLegKey(relayKey [32]byte, ticket []byte) [32]byte {
	return Derive(relayKey, "relay leg "+string(ticket))
}

// KeyHash is the short name of a client's key in a relay ticket.
func KeyHash(key PublicKey) (h [8]byte) {
	sum := blake2s.Sum256(key[:])
	copy(h[:], sum[:])
	return h
}

// AnonymousUser is the user id of a client without a token: it says nothing but which key it is.
func AnonymousUser(key PublicKey) string {
	hash := KeyHash(key)
	return "anon-" + hex.EncodeToString(hash[:])
}

// newHash is BLAKE2s-256 for HKDF and HMAC.
func newHash() hash.Hash {
	h, err := blake2s.New256(nil)
	if err != nil {
		panic(err) // only a key over 32 bytes fails
	}
	return h
}

// expand fills dst with HKDF-Expand(prk, "musubi " + label).
func expand(dst, prk []byte, label string) {
	out, err := hkdf.Expand(newHash, prk, "musubi "+label, len(dst))
	if err != nil {
		panic(err) // only a length over 255 hashes fails
	}
	copy(dst, out)
}

// extract is HKDF-Extract.
func extract(secret, salt []byte) []byte {
	prk, err := hkdf.Extract(newHash, secret, salt)
	if err != nil {
		panic(err)
	}
	return prk
}
