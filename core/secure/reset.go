package secure

import (
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/blake2s"

	"github.com/musubi-p2p/musubi/core/wire"
)

// ResetKey makes the tokens of stateless resets: what a server can say about a connection of which it knows nothing any more, and
// nobody else can. The key must be one node's own: another node does not know the connection while it lives, and would tell the token
// to whoever asks it. Not safe for two goroutines at once.
type ResetKey struct {
	mac hash.Hash // keyed
	buf [4]byte
	sum [wire.ResetTokenSize]byte
}

// NewResetKey makes the key of one node from its own secret.
func NewResetKey(secret [32]byte) *ResetKey {
	mac, err := blake2s.New128(secret[:])
	if err != nil {
		panic(err) // only a key over 32 bytes fails
	}
	return &ResetKey{mac: mac}
}

// Token is the token of a connection id, the same after a restart.
func (k *ResetKey) Token(connID uint32) [wire.ResetTokenSize]byte {
	binary.BigEndian.PutUint32(k.buf[:], connID)
	k.mac.Reset()
	k.mac.Write(k.buf[:])
	k.mac.Sum(k.sum[:0])
	return k.sum
}
