// Package wire holds every layout that Musubi puts on the network, each once: a type, an Append function and a Parse
// function, with the diagram above the type. It has no state, no clock and no cryptography. Numbers are big-endian.
//
// A datagram's first byte tells its family by the two high bits:
//
//	00  STUN (RFC 8489; package stun)
//	01  relay: bind a leg, or a forwarded packet
//	10  session packet, sealed: peer <-> peer or client <-> server
//	11  link handshake: client <-> server
//
// Parsers take exactly one unit. Trailing bytes are refused unless the layout says otherwise.
package wire

import "encoding/binary"

// Version of the protocol. A server answers an INIT of another version with RETRY whose version is its own.
const Version = 1

// Family is a datagram's kind by its first two bits.
type Family uint8

const (
	FamilySTUN      Family = 0
	FamilyRelay     Family = 1
	FamilySession   Family = 2
	FamilyHandshake Family = 3
)

// FamilyOf classifies a datagram; an empty one is STUN, whose parser refuses it.
func FamilyOf(b []byte) Family {
	if len(b) == 0 {
		return FamilySTUN
	}
	return Family(b[0] >> 6)
}

// Sizes in bytes.
const (
	TagSize       = 16   // AEAD tag, both suites
	SessionHeader = 8    // flags, connection id, packet number
	RelayHeader   = 5    // type, handle
	BaseDatagram  = 1200 // UDP payload that every path is taken to carry until path MTU discovery proves more
	// MaxFrames is the room for frames in a base datagram, direct and relayed.
	MaxFrames        = BaseDatagram - SessionHeader - TagSize
	MaxFramesRelayed = MaxFrames - RelayHeader
	// What an Ethernet's 1500 bytes leave for a UDP payload: the most that path MTU discovery tries. IPv6's is also what
	// an IPv4 path with 20 bytes of encapsulation carries.
	MostDatagram4 = 1500 - 20 - 8
	MostDatagram6 = 1500 - 40 - 8
	MaxDatagram   = 2048 // receive buffers; nothing larger is ever sent
)

// PathID is the sender's number for a path. Packet numbers, ACK, RTT and congestion are per path id and direction.
type PathID uint8

const (
	PathRelay       PathID = 0
	PathBackup      PathID = 1
	PathDirectFirst PathID = 2
	PathDirectLast  PathID = 6
	PathProbe       PathID = 7 // connectivity checks: carries CHALLENGE, RESPONSE and PADDING only
	PathCount              = 8
)

// Session is the header of a sealed packet. It is the AEAD's associated data.
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+----------------+-------------------------+
//	|1 0|k|p p p|K|r| connection id  | packet number, low bits |  then sealed frames, then tag (16)
//	+-+-+-+-+-+-+-+-+-----(32)-------+----------(24)-----------+
//
// Kk is the key phase modulo 4, k its low bit, so that the last, this and the next phase can be told apart; ppp is the sender's
// path id, r reserved and zero. The connection id was chosen by the receiver.
type Session struct {
	KeyPhase uint8 // modulo 4
	Path     PathID
	ConnID   uint32
	Number   uint32 // low 24 bits of the 64-bit packet number
}

func AppendSession(b []byte, h Session) []byte {
	b = append(b, 0x80|h.KeyPhase&1<<5|uint8(h.Path&7)<<2|h.KeyPhase&2)
	b = binary.BigEndian.AppendUint32(b, h.ConnID)
	return append(b, uint8(h.Number>>16), uint8(h.Number>>8), uint8(h.Number))
}

// ParseSession reads the header and leaves the sealed part in body. ok is false for another family, a set reserved bit
// or a body too short for a tag.
func ParseSession(b []byte) (h Session, body []byte, ok bool) {
	if len(b) < SessionHeader+TagSize || b[0]>>6 != uint8(FamilySession) || b[0]&1 != 0 {
		return Session{}, nil, false
	}
	h = Session{
		KeyPhase: b[0]>>5&1 | b[0]&2,
		Path:     PathID(b[0] >> 2 & 7),
		ConnID:   binary.BigEndian.Uint32(b[1:]),
		Number:   uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7]),
	}
	return h, b[SessionHeader:], true
}

// ExpandNumber finds the 64-bit packet number nearest to largest+1 whose low 24 bits are low (RFC 9000, A.3).
func ExpandNumber(largest uint64, low uint32) uint64 {
	const window = 1 << 24
	expected := largest + 1
	candidate := expected&^(window-1) | uint64(low&(window-1))
	switch {
	case candidate+window/2 <= expected && candidate <= ^uint64(0)-window:
		return candidate + window
	case candidate > expected+window/2 && candidate >= window:
		return candidate - window
	}
	return candidate
}
