package secure

import (
	"crypto/hmac"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/blake2s"
)

// LANTagger makes the tags of LAN announcements under one join code. A code has 35 random bits, and whoever hears a tag can
// guess at leisure: Argon2id makes a guess cost 8 MiB and milliseconds (SECURITY, "Room password", has the same shape).
type LANTagger struct{ key []byte }

// NewLANTagger derives the key; code is in its normal form. It takes some milliseconds.
func NewLANTagger(code string) *LANTagger {
	return &LANTagger{argon2.IDKey([]byte(code), []byte("musubi lan 1 join code"), 1, 8<<10, 1, 32)}
}

// Tag is the MAC of an announcement: HMAC-BLAKE2s, its first 16 bytes.
func (t *LANTagger) Tag(announcement []byte) (tag [16]byte) {
	mac := hmac.New(func() hash.Hash { h, _ := blake2s.New256(nil); return h }, t.key)
	mac.Write(announcement)
	copy(tag[:], mac.Sum(nil))
	return tag
}
