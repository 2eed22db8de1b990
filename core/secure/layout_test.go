package secure

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"hash"
	"io"
	"testing"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/hkdf"

	"github.com/musubi-p2p/musubi/core/wire"
)

// A packet written by hand from docs/PROTOCOL.md, with other code than ours: keys by HKDF-Expand with BLAKE2s from the
// Noise split, nonce = iv xor (path | number), header as associated data. It must be what Seal makes, byte for byte.
func TestPacketIsWhatTheDocumentSays(t *testing.T) {
	split := [32]byte{1, 2, 3}
	for suite, golden := range map[string]string{
		"aes-256-gcm":       "94aabbccdd030405",
		"chacha20-poly1305": "94aabbccdd030405",
	} {
		derive := func(what string, n int) []byte {
			out := make([]byte, n)
			r := hkdf.Expand(func() hash.Hash { h, _ := blake2s.New256(nil); return h }, split[:], []byte("musubi packet "+what+" "+suite))
			if _, err := io.ReadFull(r, out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		key, nonce := derive("key", 32), derive("iv", 12)
		const path, number = 5, uint64(0x0102030405)
		nonce[3] ^= path
		for i := range 8 {
			nonce[11-i] ^= byte(number >> (8 * i))
		}
		header := unhex(golden)
		aead, _ := chacha20poly1305.New(key)
		if suite == "aes-256-gcm" {
			block, _ := aes.NewCipher(key)
			aead, _ = cipher.NewGCM(block)
		}
		want := aead.Seal(bytes.Clone(header), nonce, []byte("frames"), header)

		s := Session{remote: 0xaabbccdd, send: newDirection(split, suite == "aes-256-gcm")}
		s.next[path] = number
		out, n := s.Begin(nil, path)
		got := s.Seal(append(out, "frames"...), 0)
		if n != number || !bytes.Equal(got, want) || len(got) != wire.SessionHeader+6+wire.TagSize {
			t.Errorf("%s: %s, want %s", suite, hex.EncodeToString(got), hex.EncodeToString(want))
		}
	}
}
