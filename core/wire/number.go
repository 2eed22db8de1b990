package wire

import "encoding/binary"

// Number is the NUMBER frame: the whole number of the unreliable message that follows it, whose frame has its low 16 bits
// only. A sender adds it when so much was sent without an acknowledgement that the low bits could mean several numbers.
//
//	+------+---------+------------+---------------+
//	| 0x0d | mode(8) | channel(8) | number varint |
//	+------+---------+------------+---------------+
type Number struct {
	Mode    uint8
	Channel uint8
	Number  uint64
}

// NumberSize is the largest size of a NUMBER frame in bytes; MaxNumber the largest number.
const (
	NumberSize = 1 + 1 + 1 + 9
	MaxNumber  = 1<<62 - 1
)

// AppendNumber writes the frame.
func AppendNumber(b []byte, n Number) []byte {
	return binary.AppendUvarint(append(b, uint8(FrameNumber), n.Mode, n.Channel), n.Number)
}

// ReadNumber reads the frame behind its type byte.
func ReadNumber(r *Reader) (n Number) {
	n.Mode, n.Channel = r.U8(), r.U8()
	if n.Number = r.Varint(); n.Mode < 2 || n.Mode > 3 || n.Number > MaxNumber {
		r.Fail()
	}
	return n
}
