package relay

import (
	"encoding/binary"
	"io"
)

// Handles turns the place of a leg into its handle and back: a permutation of 32 bits under a secret key. So a handle looks
// random to whoever was not told it, two legs never have the same one, and finding a leg by its handle takes arithmetic
// instead of a table. A place that is used again has another generation, and with it another handle.
type Handles struct{ key [4]uint16 }

// placeBits are the bits of a handle that number a leg; the others are its generation.
const (
	placeBits = 20
	mostLegs  = 1 << placeBits
	ages      = 1 << (32 - placeBits)
)

// NewHandles draws a key.
func NewHandles(rand io.Reader) (h Handles) {
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		panic("relay: randomness: " + err.Error())
	}
	for i := range h.key {
		h.key[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return h
}

// mix is the round function of the Feistel network below: it need not be one-way, only not guessed without the key.
func mix(x, key uint16) uint16 {
	v := (uint32(x)<<16 | uint32(key)) * 0x9e3779b1
	v = (v ^ v>>15) * 0x85ebca6b
	return uint16(v >> 16)
}

func (h Handles) of(place, age uint32) uint32 {
	v := age<<placeBits | place
	left, right := uint16(v>>16), uint16(v)
	for _, k := range h.key {
		left, right = right, left^mix(right, k)
	}
	return uint32(left)<<16 | uint32(right)
}

// Place is where the leg with this handle lies, if it lives: whether that leg has this handle now is to be checked.
func (h Handles) Place(handle uint32) uint32 {
	left, right := uint16(handle>>16), uint16(handle)
	for i := len(h.key) - 1; i >= 0; i-- {
		left, right = right^mix(left, h.key[i]), left
	}
	return (uint32(left)<<16 | uint32(right)) & (mostLegs - 1)
}
