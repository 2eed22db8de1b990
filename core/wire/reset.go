package wire

import "encoding/binary"

const (
	TypeReset      = 0xc7
	ResetTokenSize = 16
	// ResetSize is less than any session packet has, which is what it answers: two servers can't go on resetting each other.
	ResetSize = 1 + 4 + ResetTokenSize
)

// Reset answers a session packet whose connection id the server does not know: it was restarted, or has ended the link. The token
// is the one that it gave to the client in ServerInfo.
//
//	+------+-------------+------------+
//	| 0xc7 | conn id(32) | token(128) |
//	+------+-------------+------------+
//
// conn id is the one in the packet that it answers.
type Reset struct {
	ConnID uint32
	Token  [ResetTokenSize]byte
}

func AppendReset(b []byte, m *Reset) []byte {
	return append(binary.BigEndian.AppendUint32(append(b, TypeReset), m.ConnID), m.Token[:]...)
}

func ParseReset(b []byte) (m Reset, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeReset {
		return m, false
	}
	m.ConnID = r.U32()
	r.Copy(m.Token[:])
	return m, !r.Err() && r.Len() == 0
}
