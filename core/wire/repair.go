package wire

import (
	"encoding/binary"
	"math/bits"
)

// Bounds of redundancy. Both ends must agree on them.
const (
	MaxRepairBlock = 400 // bytes of a packet's block; what is behind them is not covered
	MaxRepairCover = 8   // packets that one REPAIR covers
	RepairSpan     = 32  // a REPAIR in packet n covers packets n-1..n-RepairSpan only

	MaxRepairCoded  = 2 + MaxRepairBlock
	RepairFrameSize = 1 + 5 // bytes in front of the coded ones, at most
)

// Repair is a REPAIR frame: a sum over GF(256) of the blocks of packets sent shortly before on the same path. Whoever
// misses one of them subtracts the others.
//
//	+------+----------------+--------------------------------+
//	| 0x0c | covered varint | coded, to the end of the packet |
//	+------+----------------+--------------------------------+
//
// covered: bit k stands for packet number n-1-k, n the number of the packet that holds this frame; 1..MaxRepairCover
// bits. A packet's block is the concatenation of its MSG frames that hold a whole message of a reliable mode, as they
// stand in it, up to the first with which it would be longer than MaxRepairBlock, with 16 bits of its length in front.
// Shorter ones are filled with zeros. Packet j's block is multiplied
// by g to the power n*j mod 255, g = 2, in the field of x^8+x^4+x^3+x^2+1.
type Repair struct {
	Covered uint32
	Coded   []byte
}

// AppendRepair writes what stands in front of the coded bytes.
func AppendRepair(b []byte, covered uint32) []byte {
	return binary.AppendUvarint(append(b, uint8(FrameRepair)), uint64(covered))
}

// ReadRepair reads the frame behind its type byte, the rest of the packet. Coded aliases the packet.
func ReadRepair(r *Reader) (f Repair) {
	covered := r.Varint()
	f.Coded = r.Rest()
	if covered == 0 || covered>>RepairSpan != 0 || bits.OnesCount64(covered) > MaxRepairCover ||
		len(f.Coded) < 3 || len(f.Coded) > MaxRepairCoded {
		r.Fail()
		return Repair{}
	}
	f.Covered = uint32(covered)
	return f
}

// Repaired tells which packets did not arrive but whose block was computed from REPAIR frames: their whole reliable
// messages need not come again. For loss and congestion they stay lost.
//
//	+------+---------+----------------+----------------+
//	| 0x0e | path(8) | newest varint  | earlier varint |
//	+------+---------+----------------+----------------+
//
// path is the path id in the header of the packets meant. Bit k of earlier, of 32, stands for number newest-1-k.
type Repaired struct {
	Path    PathID
	Newest  uint64
	Earlier uint32
}

// RepairedSize is the largest size of a REPAIRED frame in bytes.
const RepairedSize = 1 + 1 + 10 + 5

// AppendRepaired writes the frame.
func AppendRepaired(b []byte, f Repaired) []byte {
	b = binary.AppendUvarint(append(b, uint8(FrameRepaired), uint8(f.Path)), f.Newest)
	return binary.AppendUvarint(b, uint64(f.Earlier))
}

// ReadRepaired reads the frame behind its type byte.
func ReadRepaired(r *Reader) (f Repaired) {
	f.Path = PathID(r.U8())
	f.Newest = r.Varint()
	earlier := r.Varint()
	if r.Err() || f.Path >= PathCount || earlier>>32 != 0 {
		r.Fail()
		return Repaired{}
	}
	f.Earlier = uint32(earlier)
	return f
}
