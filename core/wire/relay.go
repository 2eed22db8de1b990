package wire

import "encoding/binary"

// Relay datagram types (family 01).
const (
	TypeBind      = 0x40
	TypeChallenge = 0x41
	TypeBind2     = 0x42
	TypeBound     = 0x43
	TypeRelayed   = 0x44
)

const (
	RelayMACSize = 16
	// MaxRelayTicket bounds a sealed relay ticket.
	MaxRelayTicket = 160
)

// Bind claims a relay leg. mac is over everything before it, with the leg key: a ticket that was merely seen is useless.
//
//	+------+----------------+------------+----------+
//	| 0x40 | ticket: len16  | nonce(128) | mac(128) |
//	+------+----------------+------------+----------+
type Bind struct {
	Ticket []byte
	Nonce  [16]byte
	MAC    [RelayMACSize]byte
}

// AppendBind writes m without its MAC, which the caller computes over these bytes and appends.
func AppendBind(b []byte, m *Bind) []byte {
	return append(AppendBytes16(append(b, TypeBind), m.Ticket), m.Nonce[:]...)
}

// ParseBind also returns the bytes that the MAC covers.
func ParseBind(b []byte) (m Bind, covered []byte, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeBind {
		return m, nil, false
	}
	m.Ticket = r.Bytes16()
	r.Copy(m.Nonce[:])
	r.Copy(m.MAC[:])
	if r.Err() || r.Len() != 0 || len(m.Ticket) > MaxRelayTicket {
		return m, nil, false
	}
	return m, b[:len(b)-RelayMACSize], true
}

// BindChallenge makes the client prove its address.
//
//	+------+------------+-------------+
//	| 0x41 | nonce(128) | cookie(168) |
//	+------+------------+-------------+
type BindChallenge struct {
	Nonce  [16]byte
	Cookie Cookie
}

func AppendBindChallenge(b []byte, m *BindChallenge) []byte {
	return append(append(append(b, TypeChallenge), m.Nonce[:]...), m.Cookie[:]...)
}

func ParseBindChallenge(b []byte) (m BindChallenge, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeChallenge {
		return m, false
	}
	r.Copy(m.Nonce[:])
	r.Copy(m.Cookie[:])
	return m, !r.Err() && r.Len() == 0
}

// Bind2 completes a bind. The highest counter of a leg wins; an equal or lower one is refused.
//
//	+------+---------------+------------+-------------+-------------+----------+
//	| 0x42 | ticket: len16 | nonce(128) | cookie(168) | counter(64) | mac(128) |
//	+------+---------------+------------+-------------+-------------+----------+
type Bind2 struct {
	Ticket  []byte
	Nonce   [16]byte
	Cookie  Cookie
	Counter uint64
	MAC     [RelayMACSize]byte
}

// AppendBind2 writes m without its MAC, which the caller computes over these bytes and appends.
func AppendBind2(b []byte, m *Bind2) []byte {
	b = AppendBytes16(append(b, TypeBind2), m.Ticket)
	b = append(append(b, m.Nonce[:]...), m.Cookie[:]...)
	return binary.BigEndian.AppendUint64(b, m.Counter)
}

// ParseBind2 also returns the bytes that the MAC covers.
func ParseBind2(b []byte) (m Bind2, covered []byte, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeBind2 {
		return m, nil, false
	}
	m.Ticket = r.Bytes16()
	r.Copy(m.Nonce[:])
	r.Copy(m.Cookie[:])
	m.Counter = r.U64()
	r.Copy(m.MAC[:])
	if r.Err() || r.Len() != 0 || len(m.Ticket) > MaxRelayTicket {
		return m, nil, false
	}
	return m, b[:len(b)-RelayMACSize], true
}

// Bound grants a leg: handle goes into every packet the client sends through the relay.
//
//	+------+------------+------------+------------+----------------+----------+
//	| 0x43 | nonce(128) | handle(32) | bit/s (32) | packets/s (32) | mac(128) |
//	+------+------------+------------+------------+----------------+----------+
type Bound struct {
	Nonce  [16]byte
	Handle uint32
	Rate   RelayRate
	MAC    [RelayMACSize]byte
}

// RelayRate is what a relay grants to one leg.
type RelayRate struct {
	BitsPerSecond    uint32
	PacketsPerSecond uint32
}

// AppendBound writes m without its MAC, which the caller computes over these bytes and appends.
func AppendBound(b []byte, m *Bound) []byte {
	b = append(append(b, TypeBound), m.Nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, m.Handle)
	b = binary.BigEndian.AppendUint32(b, m.Rate.BitsPerSecond)
	return binary.BigEndian.AppendUint32(b, m.Rate.PacketsPerSecond)
}

// ParseBound also returns the bytes that the MAC covers.
func ParseBound(b []byte) (m Bound, covered []byte, ok bool) {
	r := NewReader(b)
	if r.U8() != TypeBound {
		return m, nil, false
	}
	r.Copy(m.Nonce[:])
	m.Handle = r.U32()
	m.Rate = RelayRate{BitsPerSecond: r.U32(), PacketsPerSecond: r.U32()}
	r.Copy(m.MAC[:])
	if r.Err() || r.Len() != 0 {
		return m, nil, false
	}
	return m, b[:len(b)-RelayMACSize], true
}

// AppendRelayed writes the header of a packet that goes through a relay; a session packet follows.
//
//	+------+------------+----------------+
//	| 0x44 | handle(32) | session packet |
//	+------+------------+----------------+
//
// Towards the relay, handle is the sender's leg; the relay rewrites it to the receiver's.
func AppendRelayed(b []byte, handle uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, TypeRelayed), handle)
}

// ParseRelayed splits a relayed datagram. The inner packet is not checked here.
func ParseRelayed(b []byte) (handle uint32, packet []byte, ok bool) {
	if len(b) <= RelayHeader || b[0] != TypeRelayed {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(b[1:]), b[RelayHeader:], true
}

// RelayTicket is what a sealed relay ticket says. Any node can mint one, the relay verifies it alone.
//
//	+--------------+--------+---------------+---------+---------------+
//	| session(128) | leg(8) | expiry s (64) | rate(8) | key hash (64) |
//	+--------------+--------+---------------+---------+---------------+
type RelayTicket struct {
	Session [16]byte
	Leg     uint8  // 0 or 1
	Expiry  uint64 // Unix seconds
	Rate    uint8  // rate class; the relay's config says what it means
	KeyHash [8]byte
}

func AppendRelayTicket(b []byte, m *RelayTicket) []byte {
	b = append(append(b, m.Session[:]...), m.Leg)
	b = append(binary.BigEndian.AppendUint64(b, m.Expiry), m.Rate)
	return append(b, m.KeyHash[:]...)
}

func ParseRelayTicket(b []byte) (m RelayTicket, ok bool) {
	r := NewReader(b)
	r.Copy(m.Session[:])
	m.Leg, m.Expiry, m.Rate = r.U8(), r.U64(), r.U8()
	r.Copy(m.KeyHash[:])
	return m, !r.Err() && r.Len() == 0 && m.Leg <= 1
}
