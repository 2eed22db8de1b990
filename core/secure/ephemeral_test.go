package secure

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/curve25519"
)

// The public key made the other way round is the one that X25519 itself would make.
func TestFastKeysAreX25519Keys(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	seen := map[string]bool{}
	for range 300 {
		key, err := fastDH{}.GenerateKeypair(rng)
		if err != nil {
			t.Fatal(err)
		}
		want, err := curve25519.X25519(key.Private, curve25519.Basepoint)
		if err != nil || !bytes.Equal(want, key.Public) {
			t.Fatalf("%x: %x, want %x", key.Private, key.Public, want)
		}
		seen[string(key.Public)] = true
	}
	if len(seen) != 300 {
		t.Errorf("%d different keys of 300", len(seen))
	}
	if _, err := (fastDH{}).GenerateKeypair(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("a key of too little randomness")
	}
}

func BenchmarkKeypair(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{1})
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			_, _ = fastDH{}.GenerateKeypair(rng)
		}
	})
	b.Run("ladder", func(b *testing.B) {
		for b.Loop() {
			_, _ = suite.GenerateKeypair(rng)
		}
	})
}
