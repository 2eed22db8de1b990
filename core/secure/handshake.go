package secure

import (
	"bytes"
	"io"

	"github.com/flynn/noise"
)

// noiseConfig is one handshake in our words. Zero keys are left out.
type noiseConfig struct {
	rand      io.Reader
	pattern   noise.HandshakePattern
	initiator bool
	prologue  []byte
	psk       []byte // nil: the pattern without psk0
	static    *StaticKey
	remote    *PublicKey
}

// handshake is one under way, with its keys.
type handshake struct {
	*noise.HandshakeState
	keys *keyring
}

// newNoise starts a handshake. A machine without its randomness would silently fall back to the system's in the
// library, so it is refused here.
func newNoise(c noiseConfig) (*handshake, error) {
	if c.rand == nil {
		panic("secure: handshake without a random source")
	}
	keys := &keyring{DHFunc: noise.DH25519, static: c.static}
	cfg := noise.Config{
		// What all our handshakes use: X25519, ChaCha20-Poly1305, BLAKE2s.
		CipherSuite: noise.NewCipherSuite(keys, noise.CipherChaChaPoly, noise.HashBLAKE2s),
		Random:      c.rand, Pattern: c.pattern, Initiator: c.initiator,
		Prologue: c.prologue, PresharedKey: c.psk,
	}
	if c.static != nil {
		cfg.StaticKeypair = c.static.pair()
	}
	if c.remote != nil {
		cfg.PeerStatic = bytes.Clone(c.remote[:])
	}
	hs, err := noise.NewHandshakeState(cfg)
	return &handshake{hs, keys}, err
}

// readSecond reads message 2 as the initiator. A forged message must not spoil the handshake for the true one that may
// follow: the library rolls back after a failed tag, but not after a failed Diffie-Hellman, so a public key of low
// order, the only reason for one, is refused before it gets there.
func readSecond(hs *handshake, msg2 []byte) (payload []byte, k1, k2 *noise.CipherState, err error) {
	if len(msg2) < 32+16 {
		return nil, nil, nil, ErrFormat
	}
	if _, err := hs.keys.DH(hs.keys.ephemeral.private[:], msg2[:32]); err != nil {
		return nil, nil, nil, ErrAuth
	}
	payload, k1, k2, err = hs.ReadMessage(nil, msg2)
	if err != nil {
		return nil, nil, nil, ErrAuth
	}
	return payload, k1, k2, nil
}

// finish makes the session and the resume secret of a completed handshake. k1 seals what the initiator sends.
func finish(hs *handshake, k1, k2 *noise.CipherState, initiator, aes bool, local, remote uint32) (*Session, [32]byte) {
	one, two := k1.UnsafeKey(), k2.UnsafeKey()
	s := &Session{local: local, remote: remote, send: newDirection(one, aes), recv: newDirection(two, aes)}
	if !initiator {
		s.send, s.recv = s.recv, s.send
	}
	var resume [32]byte
	both := append(one[:], two[:]...)
	expand(resume[:], extract(both, hs.ChannelBinding()), "resume secret")
	return s, resume
}
