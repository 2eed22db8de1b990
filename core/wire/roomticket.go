package wire

import (
	"encoding/binary"

	"github.com/musubi-p2p/musubi/core/api"
)

// RoomTicket is what a sealed room ticket says: enough for a node that never heard of the room to become its owner
// (docs/CLUSTER.md, "Tickets").
//
//	+----------+-----------+------------+-----------+--------+-----------+------------+-----------+
//	| room(64) | app: len8 | code: len8 | epoch(32) | max(8) | flags(32) | member(64) | owner(64) |
//	+----------+-----------+------------+-----------+--------+-----------+------------+-----------+
//	| members(8) | version(32) | data digest(64) | expiry s (64) | n(8), n x ban digest(64) |
//	+------------+-------------+-----------------+---------------+--------------------------+
type RoomTicket struct {
	Room    uint64
	App     string
	Code    string
	Epoch   uint32
	Max     uint8
	Flags   uint32
	Member  uint64 // whose ticket it is; 0: the server's own, on its way to another node
	Owner   uint64 // of the room, a member
	Members uint8  // how many there are
	Version uint32 // of the metadata
	Digest  [8]byte
	Expiry  uint64    // Unix seconds
	Bans    [][8]byte // of users and keys, at most MaxTicketBans
}

// MaxTicketBans is how many of a room's bans its tickets carry, the latest ones.
const MaxTicketBans = 8

func AppendRoomTicket(b []byte, t *RoomTicket) []byte {
	be := binary.BigEndian
	b = AppendBytes8(be.AppendUint64(b, t.Room), []byte(t.App))
	b = append(be.AppendUint32(AppendBytes8(b, []byte(t.Code)), t.Epoch), t.Max)
	b = be.AppendUint64(be.AppendUint64(be.AppendUint32(b, t.Flags), t.Member), t.Owner)
	b = append(be.AppendUint32(append(b, t.Members), t.Version), t.Digest[:]...)
	b = append(be.AppendUint64(b, t.Expiry), uint8(len(t.Bans)))
	for _, x := range t.Bans {
		b = append(b, x[:]...)
	}
	return b
}

func ParseRoomTicket(b []byte) (t RoomTicket, ok bool) {
	r := NewReader(b)
	t.Room, t.App, t.Code, t.Epoch, t.Max = r.U64(), string(r.Bytes8()), string(r.Bytes8()), r.U32(), r.U8()
	t.Flags, t.Member, t.Owner, t.Members, t.Version = r.U32(), r.U64(), r.U64(), r.U8(), r.U32()
	r.Copy(t.Digest[:])
	t.Expiry = r.U64()
	n := int(r.U8())
	if n > MaxTicketBans {
		return t, false
	}
	for range n {
		var x [8]byte
		r.Copy(x[:])
		t.Bans = append(t.Bans, x)
	}
	return t, !r.Err() && r.Len() == 0 && t.Room != 0 && len(t.Code) == api.RoomCodeLength && t.Max <= api.MaxRoomMembers
}
