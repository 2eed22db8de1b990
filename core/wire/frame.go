package wire

import (
	"encoding/binary"
	"net/netip"
)

// FrameType is a frame's first byte.
type FrameType uint8

const (
	FramePadding      FrameType = 0x00
	FramePing         FrameType = 0x01
	FrameAck          FrameType = 0x02
	FrameCredit       FrameType = 0x03
	FrameChallenge    FrameType = 0x04
	FrameResponse     FrameType = 0x05
	FrameClose        FrameType = 0x06
	FrameSwitch       FrameType = 0x07
	FrameProbeControl FrameType = 0x08 // on PathProbe only
	FrameCrypto       FrameType = 0x0a // 0x09 is reserved
	FrameSuspend      FrameType = 0x0b
	FrameRepair       FrameType = 0x0c
	FrameNumber       FrameType = 0x0d
	FrameRepaired     FrameType = 0x0e
	FrameResponse6    FrameType = 0x0f // FrameResponse with an IPv6 address
	FrameMessage      FrameType = 0x40 // 0x40..0x4f: mode and flags in the low bits
)

// IsMessage reports whether t is one of the MSG types.
func (t FrameType) IsMessage() bool { return t&0xf0 == FrameMessage }

// Mode is the delivery mode of a MSG frame.
func (t FrameType) Mode() uint8 { return uint8(t & 3) }

// AckEliciting reports whether the receiver must acknowledge a packet that holds this frame.
func (t FrameType) AckEliciting() bool {
	switch t {
	case FramePadding, FrameAck, FrameClose, FrameSwitch, FrameRepair, FrameRepaired:
		return false
	}
	return true
}

// Message is a MSG frame: a whole message, or one fragment of it.
//
//	+--------+---------+----------------+  +- if FRAG ------------------+  +- unless LAST -+
//	| type   | channel | sequence       |  | offset varint, size varint |  | length varint |  payload
//	+--(8)---+---(8)---+----------------+  +----------------------------+  +---------------+
//
//	type: 0 1 0 0 L F m m   L LAST: the payload runs to the end of the packet   F FRAG   mm mode
//
// sequence: reliable modes a varint, the channel's and mode's running number from 0; unreliable modes 16 bits.
// offset is where the payload lies in the message, size the whole message's length.
type Message struct {
	Mode     uint8
	Channel  uint8
	Sequence uint64
	Fragment bool
	Offset   uint32
	Size     uint32 // of the whole message; len(Payload) when not a fragment
	Payload  []byte
}

const (
	messageFrag = 0x04
	messageLast = 0x08
)

// MessageOverhead is the largest number of bytes AppendMessage adds to a payload.
const MessageOverhead = 1 + 1 + 10 + 5 + 5 + 3

// MessageHeaderSize is what AppendMessage will add to the payload for these values.
func MessageHeaderSize(m *Message, last bool) int {
	n := 2 + 2
	if m.Mode <= 1 {
		n = 2 + varintSize(m.Sequence)
	}
	if m.Fragment {
		n += varintSize(uint64(m.Offset)) + varintSize(uint64(m.Size))
	}
	if !last {
		n += varintSize(uint64(len(m.Payload)))
	}
	return n
}

func varintSize(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

// AppendMessage writes the frame. last leaves the length out: nothing may follow in the packet.
func AppendMessage(b []byte, m *Message, last bool) []byte {
	t := uint8(FrameMessage) | m.Mode&3
	if m.Fragment {
		t |= messageFrag
	}
	if last {
		t |= messageLast
	}
	b = append(b, t, m.Channel)
	if m.Mode <= 1 {
		b = binary.AppendUvarint(b, m.Sequence)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(m.Sequence))
	}
	if m.Fragment {
		b = binary.AppendUvarint(b, uint64(m.Offset))
		b = binary.AppendUvarint(b, uint64(m.Size))
	}
	if !last {
		b = binary.AppendUvarint(b, uint64(len(m.Payload)))
	}
	return append(b, m.Payload...)
}

// ReadMessage reads a MSG frame whose type byte t was just read. Payload aliases the packet.
func ReadMessage(r *Reader, t FrameType) (m Message) {
	m.Mode = t.Mode()
	m.Fragment = t&messageFrag != 0
	m.Channel = r.U8()
	if m.Mode <= 1 {
		m.Sequence = r.Varint()
	} else {
		m.Sequence = uint64(r.U16())
	}
	var offset, size uint64
	if m.Fragment {
		offset, size = r.Varint(), r.Varint()
	}
	length := uint64(r.Len())
	if t&messageLast == 0 {
		length = r.Varint()
	}
	if length > uint64(r.Len()) {
		r.Fail()
		return Message{}
	}
	m.Payload = r.Take(int(length))
	if !m.Fragment {
		size = length
	} else if size > 1<<30 || offset > size || length > size-offset || length == 0 {
		r.Fail()
		return Message{}
	}
	m.Offset, m.Size = uint32(offset), uint32(size)
	return m
}

// MaxAckRanges bounds an ACK frame; older ranges are left out.
const MaxAckRanges = 32

// Ack acknowledges packets of one of the peer's paths.
//
//	+------+---------+----------------+--------------+--------+-------+ ... +-----+-------+
//	| 0x02 | path(8) | largest varint | delay varint | n (8)  | first | n-1 x | gap | range |
//	+------+---------+----------------+--------------+--------+-------+ ... +-----+-------+
//
// path is the path id in the header of the packets acknowledged. delay is in microseconds. Ranges go downwards as in
// RFC 9000, 19.3: first is how many packets below largest are acknowledged too; gap+1 packets are missing, then
// range+1 are acknowledged. n counts the first range, 1..MaxAckRanges.
type Ack struct {
	Path   PathID
	Delay  uint32
	Ranges []AckRange // descending, disjoint, not adjacent
}

// AckRange is an inclusive run of packet numbers.
type AckRange struct{ Low, High uint64 }

// AppendAck writes a.Ranges, at most MaxAckRanges of them. a.Ranges must not be empty.
func AppendAck(b []byte, a *Ack) []byte {
	n := min(len(a.Ranges), MaxAckRanges)
	b = append(b, uint8(FrameAck), uint8(a.Path))
	b = binary.AppendUvarint(b, a.Ranges[0].High)
	b = binary.AppendUvarint(b, uint64(a.Delay))
	b = append(b, uint8(n))
	b = binary.AppendUvarint(b, a.Ranges[0].High-a.Ranges[0].Low)
	for i := 1; i < n; i++ {
		b = binary.AppendUvarint(b, a.Ranges[i-1].Low-a.Ranges[i].High-2)
		b = binary.AppendUvarint(b, a.Ranges[i].High-a.Ranges[i].Low)
	}
	return b
}

// ReadAck reads an ACK frame after its type byte into a, reusing a.Ranges' memory.
func ReadAck(r *Reader, a *Ack) {
	a.Path = PathID(r.U8())
	high := r.Varint()
	delay := r.Varint()
	n := int(r.U8())
	a.Ranges = a.Ranges[:0]
	if a.Path >= PathCount || delay > 1<<31 || n == 0 || n > MaxAckRanges {
		r.Fail()
		return
	}
	a.Delay = uint32(delay)
	for i := range n {
		if i > 0 {
			gap := r.Varint()
			low := a.Ranges[i-1].Low
			if gap > low || low-gap < 2 {
				r.Fail()
				return
			}
			high = low - gap - 2
		}
		length := r.Varint()
		if r.Err() || length > high {
			r.Fail()
			return
		}
		a.Ranges = append(a.Ranges, AckRange{Low: high - length, High: high})
	}
}

// Credit raises the number of reliable payload bytes the peer may have sent in total over the connection's life.
//
//	+------+----------------+
//	| 0x03 | total varint   |
//	+------+----------------+
func AppendCredit(b []byte, total uint64) []byte {
	return binary.AppendUvarint(append(b, uint8(FrameCredit)), total)
}

// Challenge asks whoever is at an address to prove that it holds the keys; only on PathProbe.
//
//	+------+-----------+
//	| 0x04 | nonce(64) |
//	+------+-----------+
func AppendChallenge(b []byte, nonce uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, uint8(FrameChallenge)), nonce)
}

// Response answers a challenge to the address it came from, and tells that address; only on PathProbe.
//
//	+------+-----------+------------------------------+      0x05: IPv4
//	| type | nonce(64) | address (32 or 128) port(16) |      0x0f: IPv6
//	+------+-----------+------------------------------+
func AppendResponse(b []byte, nonce uint64, observed netip.AddrPort) []byte {
	ip := observed.Addr().Unmap()
	if ip.Is6() {
		v := ip.As16()
		b = append(binary.BigEndian.AppendUint64(append(b, uint8(FrameResponse6)), nonce), v[:]...)
	} else {
		var v [4]byte
		if ip.Is4() {
			v = ip.As4()
		}
		b = append(binary.BigEndian.AppendUint64(append(b, uint8(FrameResponse)), nonce), v[:]...)
	}
	return binary.BigEndian.AppendUint16(b, observed.Port())
}

func (r *Reader) response(t FrameType) (nonce uint64, observed netip.AddrPort) {
	nonce = r.U64()
	if t == FrameResponse6 {
		var v [16]byte
		r.Copy(v[:])
		ip := netip.AddrFrom16(v)
		if ip.Is4In6() { // one address has one form
			r.Fail()
		}
		return nonce, netip.AddrPortFrom(ip, r.U16())
	}
	var v [4]byte
	r.Copy(v[:])
	return nonce, netip.AddrPortFrom(netip.AddrFrom4(v), r.U16())
}

// Close ends the connection. It is repeated for every packet that arrives after it, for three PTO.
//
//	+------+----------+--------+------+
//	| 0x06 | code(32) | len(8) | text |
//	+------+----------+--------+------+
//
// code is an api.Code as the receiver should report it.
type Close struct {
	Code int32
	Text []byte
}

func AppendClose(b []byte, c Close) []byte {
	b = binary.BigEndian.AppendUint32(append(b, uint8(FrameClose)), uint32(c.Code))
	return AppendBytes8(b, c.Text[:min(len(c.Text), 255)])
}

// ReadClose reads a CLOSE frame after its type byte.
func ReadClose(r *Reader) Close { return Close{Code: int32(r.U32()), Text: r.Bytes8()} }

// Sizes of the frames of probes, in bytes; a RESPONSE by the family of the address it tells.
const (
	ProbeChallengeSize = 1 + 8
	ProbeResponseSize4 = 1 + 8 + 6
	ProbeResponseSize6 = 1 + 8 + 18
)

// Probe is what one PathProbe packet says: a CHALLENGE, a RESPONSE, a PROBE_CTL, or any of them together, then PADDING. The
// largest that goes to an address of IPv4 while ports are guessed, CHALLENGE and RESPONSE, makes a packet of 48 bytes.
type Probe struct {
	HasControl                bool
	Control                   Control
	Challenge, Response       bool
	ChallengeNonce, RespNonce uint64
	Observed                  netip.AddrPort
	Size                      int // bytes of the whole frame area, padding included
}

// AppendProbe writes p, padded with PADDING to p.Size frame bytes.
func AppendProbe(b []byte, p *Probe) []byte {
	start := len(b)
	if p.Response {
		b = AppendResponse(b, p.RespNonce, p.Observed)
	}
	if p.Challenge {
		b = AppendChallenge(b, p.ChallengeNonce)
	}
	if p.HasControl {
		b = AppendControl(b, &p.Control)
	}
	for len(b)-start < p.Size {
		b = append(b, uint8(FramePadding))
	}
	return b
}

// ParseProbe reads a PathProbe packet's frames. Any other frame, or a second of a kind, is malformed.
func ParseProbe(b []byte) (p Probe, ok bool) {
	r := NewReader(b)
	p.Size = len(b)
	for r.Len() > 0 && !r.Err() {
		switch t := FrameType(r.U8()); {
		case t == FramePadding:
		case t == FrameChallenge && !p.Challenge:
			p.Challenge, p.ChallengeNonce = true, r.U64()
		case (t == FrameResponse || t == FrameResponse6) && !p.Response:
			p.Response = true
			p.RespNonce, p.Observed = r.response(t)
		case t == FrameProbeControl && !p.HasControl:
			p.HasControl, p.Control = true, readControl(&r)
		default:
			r.Fail()
		}
	}
	return p, !r.Err() && (p.Challenge || p.Response || p.HasControl)
}

// Suspend announces that the sender may be silent for a while, or is back.
//
//	+------+-------------+---------------+
//	| 0x0b | turn varint | millis varint |
//	+------+-------------+---------------+
//
// turn counts announcements from 1; one with a turn that is not higher than the last is out of date. millis is at most
// MaxSuspend; 0: the sender is back.
type Suspend struct{ Turn, Millis uint64 }

// MaxSuspend is the longest absence, in milliseconds; MaxSuspendFrame the frame's largest size.
const (
	MaxSuspend      = 600_000
	MaxSuspendFrame = 1 + 10 + 3
)

func AppendSuspend(b []byte, s Suspend) []byte {
	b = binary.AppendUvarint(append(b, uint8(FrameSuspend)), s.Turn)
	return binary.AppendUvarint(b, s.Millis)
}

// ReadSuspend reads a SUSPEND frame after its type byte.
func ReadSuspend(r *Reader) (s Suspend) {
	s.Turn, s.Millis = r.Varint(), r.Varint()
	if s.Turn == 0 || s.Millis > MaxSuspend {
		r.Fail()
	}
	return s
}
