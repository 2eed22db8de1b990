package secure

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/flynn/noise"

	"github.com/musubi-p2p/musubi/core/wire"
)

// The keyring is the library's own function, whatever it is asked for and however often.
func TestKeyringIsX25519(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	for n := range 50 {
		static, _ := GenerateKey(rng)
		stranger, _ := GenerateKey(rng)
		r := &keyring{DHFunc: noise.DH25519, static: NewStaticKey(static)}
		seed := rand.NewChaCha8([32]byte{2, byte(n)})
		ephemeral, err := r.GenerateKeypair(seed)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := noise.DH25519.GenerateKeypair(rand.NewChaCha8([32]byte{2, byte(n)}))
		if !bytes.Equal(ephemeral.Private, want.Private) || !bytes.Equal(ephemeral.Public, want.Public) || static.Public() != r.static.public {
			t.Fatal("another key")
		}
		for range 8 {
			other, _ := GenerateKey(rng)
			public := other.Public()
			for _, private := range [][]byte{ephemeral.Private, ephemeral.Private, static[:], stranger[:]} {
				want, _ := noise.DH25519.DH(private, public[:])
				got, err := r.DH(private, public[:])
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%x, want %x (%v)", got, want, err)
				}
				got[0]++ // the caller's
			}
		}
		for _, private := range [][]byte{ephemeral.Private, static[:], stranger[:]} {
			if _, err := r.DH(private, make([]byte, 32)); err == nil {
				t.Fatal("a key of low order")
			}
			if _, err := r.DH(private, make([]byte, 31)); err == nil {
				t.Fatal("a key of 31 bytes")
			}
		}
	}
}

// BenchmarkAnswer is the server's public-key work for a new and a resumed link, with the client's beside it.
func BenchmarkHandshake(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{1})
	static, _ := GenerateKey(rng)
	client, _ := GenerateKey(rng)
	server := NewStaticKey(static)
	for _, resume := range []bool{false, true} {
		name := "new"
		if resume {
			name = "resumed"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				benchmarkOne(b, LinkConfig{Rand: rng, Static: client, Server: server.public}, LinkConfig{Rand: rng, Own: server}, resume)
			}
		})
	}
}

func benchmarkOne(b *testing.B, client, server LinkConfig, resume bool) {
	begin, answer := NewLinkInitiator, AnswerLink
	if resume {
		begin, answer = NewResumeInitiator, AnswerResume
	}
	hs, msg1, err := begin(client, 1, &wire.ClientInfo{})
	if err != nil {
		b.Fatal(err)
	}
	a, err := answer(server, msg1)
	if err != nil {
		b.Fatal(err)
	}
	msg2, _, _, err := a.Reply(1, &wire.ServerInfo{ConnID: 2})
	if err == nil {
		_, _, _, err = hs.Finish(msg2)
	}
	if err != nil {
		b.Fatal(err)
	}
}
