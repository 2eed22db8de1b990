package secure

import (
	"bytes"
	"crypto/ecdh"
	"io"

	"github.com/flynn/noise"
)

// StaticKey is a long-lived private key, made ready once.
type StaticKey struct {
	private PrivateKey
	public  PublicKey
	key     *ecdh.PrivateKey
}

// NewStaticKey makes a key ready. It costs as much as a Diffie-Hellman operation, which is why a server does it once.
func NewStaticKey(k PrivateKey) *StaticKey {
	key, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		panic(err) // only a wrong length fails
	}
	return &StaticKey{private: k, public: PublicKey(key.PublicKey().Bytes()), key: key}
}

// keyring is the Diffie-Hellman function of one handshake, X25519. The standard library computes the public key of every private
// key that it is given, which takes as long as the operation itself: 80 µs here. The two private keys of a handshake are made ready once
// instead, and the last result is kept, because readSecond asks for it before the handshake does.
type keyring struct {
	noise.DHFunc
	static    *StaticKey // nil: the pattern has none
	ephemeral *StaticKey // nil: not made yet
	pub, out  []byte     // the last operation with ephemeral
}

// GenerateKeypair makes the ephemeral key from exactly 32 bytes of rand.
func (r *keyring) GenerateKeypair(rand io.Reader) (noise.DHKey, error) {
	var k PrivateKey
	if _, err := io.ReadFull(rand, k[:]); err != nil {
		return noise.DHKey{}, err
	}
	r.ephemeral = NewStaticKey(k)
	return r.ephemeral.pair(), nil
}

func (k *StaticKey) pair() noise.DHKey {
	return noise.DHKey{Private: bytes.Clone(k.private[:]), Public: bytes.Clone(k.public[:])}
}

// DH is X25519 of one of the two keys. An all-zero result, that of a public key of low order, is an error.
func (r *keyring) DH(private, public []byte) ([]byte, error) {
	switch {
	case r.ephemeral != nil && bytes.Equal(private, r.ephemeral.private[:]):
		if r.pub != nil && bytes.Equal(public, r.pub) {
			return bytes.Clone(r.out), nil
		}
		out, err := r.ephemeral.with(public)
		if err == nil {
			r.pub, r.out = bytes.Clone(public), bytes.Clone(out)
		}
		return out, err
	case r.static != nil && bytes.Equal(private, r.static.private[:]):
		return r.static.with(public)
	}
	return r.DHFunc.DH(private, public)
}

func (k *StaticKey) with(public []byte) ([]byte, error) {
	other, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return k.key.ECDH(other)
}
