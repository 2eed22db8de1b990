package secure

import (
	"encoding/binary"

	"golang.org/x/crypto/argon2"
)

// Cost of one guess at a room's password: 19 MiB, two passes, one lane, which is what OWASP's password storage sheet asks
// for; 20 to 60 ms on a player's machine, once per room.
const (
	passwordMemory = 19 << 10 // KiB
	passwordPasses = 2
)

// RoomKey is what a password is worth in one room. The room's id is drawn by its server and serves as salt, so that
// nothing computed for one room helps in another. It takes tens of milliseconds: never on an owner's goroutine.
func RoomKey(password []byte, room uint64) (k [32]byte) {
	salt := binary.BigEndian.AppendUint64([]byte("musubi room 1 "), room)
	copy(k[:], argon2.IDKey(password, salt, passwordPasses, passwordMemory, 1, uint32(len(k))))
	return k
}

// MixPassword makes an introduction's secret depend on the room's password, which the server that drew the secret does
// not know: HKDF over both.
func MixPassword(psk, roomKey [32]byte) (k [32]byte) {
	both := append(append(make([]byte, 0, 64), psk[:]...), roomKey[:]...)
	expand(k[:], extract(both, nil), "room password")
	return k
}
