package wire

import "encoding/binary"

// MaxCrypto is the largest message of the stream that CRYPTO frames carry, in bytes: an X25519 key and an ML-KEM-768
// encapsulation key.
const MaxCrypto = 32 + 1184

// Crypto is a piece of a message of the connection itself, not of the game: what its two ends tell each other to renew keys.
//
//	+------+-----------------+---------------+-------------+---------------+---------+
//	| 0x0a | sequence varint | offset varint | size varint | length varint | payload |
//	+------+-----------------+---------------+-------------+---------------+---------+
//
// Messages are numbered from 0 in each direction, and come in this order. offset is where the payload lies in the message,
// size, 1 to MaxCrypto, the whole message's length. An empty payload is malformed.
type Crypto struct {
	Sequence     uint64
	Offset, Size uint32
	Payload      []byte
}

// CryptoHeaderSize is what AppendCrypto adds to a payload of at most MaxCrypto bytes, or one byte more.
func CryptoHeaderSize(f *Crypto) int {
	return 1 + varintSize(f.Sequence) + varintSize(uint64(f.Offset)) + varintSize(uint64(f.Size)) + varintSize(MaxCrypto)
}

func AppendCrypto(b []byte, f *Crypto) []byte {
	b = binary.AppendUvarint(append(b, uint8(FrameCrypto)), f.Sequence)
	b = binary.AppendUvarint(b, uint64(f.Offset))
	b = binary.AppendUvarint(b, uint64(f.Size))
	return append(binary.AppendUvarint(b, uint64(len(f.Payload))), f.Payload...)
}

// ReadCrypto reads a CRYPTO frame after its type byte. Payload aliases the packet.
func ReadCrypto(r *Reader) (f Crypto) {
	f.Sequence = r.Varint()
	offset, size, length := r.Varint(), r.Varint(), r.Varint()
	if size > MaxCrypto || offset > size || length == 0 || length > size-offset || length > uint64(r.Len()) {
		r.Fail()
		return Crypto{}
	}
	f.Offset, f.Size, f.Payload = uint32(offset), uint32(size), r.Take(int(length))
	return f
}
