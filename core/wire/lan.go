package wire

import "encoding/binary"

// Datagrams of LAN discovery, in clear. They travel between a browser's socket and port LANPort, or a LAN server's own
// port; the first byte lies in STUN's family, with a value that STUN never uses.
//
//	query, padded to LANQuerySize so that no answer is larger than its question
//	+------------------+------------+---------+-----------+-----------+---------+
//	| 3F 4D 55 53 (32) | version(8) | 1 (8)   | nonce(64) | app: len8 | padding |
//	+------------------+------------+---------+-----------+-----------+---------+
//
//	announcement
//	+------------------+------------+---------+-----------+-------------+----------+------------+--------+
//	| 3F 4D 55 53 (32) | version(8) | 2 (8)   | nonce(64) | session(64) | port(16) | members(8) | max(8) |
//	+------------------+------------+---------+-----------+-------------+----------+------------+--------+
//	| server key (256) | app: len8  | data: len8          | tag (128)   |
//	+------------------+------------+---------------------+-------------+
//
// nonce is the query's. session is random for each LAN server, so that answers over several interfaces count as one.
// port takes the link. tag is a MAC over all before it under a key made from the join code: only who knows the code can
// make it, and only who knows it can check it. Trailing bytes are for later versions; in an announcement they may not be.
const (
	LANPort      = 47623 // UDP
	LANQuerySize = 640
	LANTagSize   = 16

	lanMagic    = 0x3f4d5553
	lanQuery    = 1
	lanAnnounce = 2
)

// LANQuery asks who hosts a game.
type LANQuery struct {
	Nonce uint64
	App   string
}

// LANAnnouncement answers it.
type LANAnnouncement struct {
	Nonce, Session uint64
	Port           uint16
	Members, Max   uint8
	Key            [32]byte
	App            string
	Data           []byte
}

// IsLAN reports whether a datagram belongs to LAN discovery.
func IsLAN(b []byte) bool { return len(b) >= 4 && binary.BigEndian.Uint32(b) == lanMagic }

func AppendLANQuery(b []byte, q *LANQuery) []byte {
	start := len(b)
	b = append(binary.BigEndian.AppendUint32(b, lanMagic), Version, lanQuery)
	b = binary.BigEndian.AppendUint64(b, q.Nonce)
	return pad(AppendBytes8(b, []byte(q.App)), start, LANQuerySize)
}

// ParseLANQuery reads a query. A short one is refused: it might be somebody's who wants more bytes sent to a third.
func ParseLANQuery(b []byte) (q LANQuery, ok bool) {
	r := NewReader(b)
	if r.U32() != lanMagic || r.U8() != Version || r.U8() != lanQuery || len(b) < LANQuerySize {
		return q, false
	}
	q.Nonce, q.App = r.U64(), string(r.Bytes8())
	return q, !r.Err()
}

// AppendLANAnnouncement writes all but the tag, which the caller appends.
func AppendLANAnnouncement(b []byte, a *LANAnnouncement) []byte {
	b = append(binary.BigEndian.AppendUint32(b, lanMagic), Version, lanAnnounce)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, a.Nonce), a.Session)
	b = append(binary.BigEndian.AppendUint16(b, a.Port), a.Members, a.Max)
	return AppendBytes8(AppendBytes8(append(b, a.Key[:]...), []byte(a.App)), a.Data)
}

// ParseLANAnnouncement reads one; the tag is over b without its last LANTagSize bytes. Data aliases b.
func ParseLANAnnouncement(b []byte) (a LANAnnouncement, tag []byte, ok bool) {
	r := NewReader(b)
	if r.U32() != lanMagic || r.U8() != Version || r.U8() != lanAnnounce {
		return a, nil, false
	}
	a.Nonce, a.Session, a.Port, a.Members, a.Max = r.U64(), r.U64(), r.U16(), r.U8(), r.U8()
	copy(a.Key[:], r.Take(len(a.Key)))
	a.App, a.Data = string(r.Bytes8()), r.Bytes8()
	tag = r.Take(LANTagSize)
	return a, tag, !r.Err() && r.Len() == 0 && a.Port != 0
}
