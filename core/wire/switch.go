package wire

import "encoding/binary"

// Switch is the SWITCH frame: the route has just left Path, where packets up to Last may still be under way. It speaks for
// the sequenced messages that follow it in its packet: older ones may be among those, so let these wait until all of them
// came, at most WaitMillis.
//
//	+------+---------+------------+-------------+
//	| 0x07 | path(8) | wait ms(8) | last varint |
//	+------+---------+------------+-------------+
type Switch struct {
	Path       PathID
	WaitMillis uint8
	Last       uint64
}

// SwitchSize is the largest size of a SWITCH frame in bytes.
const SwitchSize = 1 + 1 + 1 + 10

// AppendSwitch writes the frame.
func AppendSwitch(b []byte, f Switch) []byte {
	return binary.AppendUvarint(append(b, uint8(FrameSwitch), uint8(f.Path), f.WaitMillis), f.Last)
}

// ReadSwitch reads the frame behind its type byte.
func ReadSwitch(r *Reader) (f Switch) {
	f.Path, f.WaitMillis = PathID(r.U8()), r.U8()
	if f.Last = r.Varint(); f.Path >= PathProbe {
		r.Fail()
	}
	return f
}
