package websocket

import "encoding/binary"

// AppendFrame appends one whole message, masked with key unless that is nil. A client masks each frame with a fresh,
// unpredictable key, so that no script can choose what an old proxy sees on the wire (RFC 6455, 10.3).
func AppendFrame(dst []byte, op Opcode, payload []byte, key *[4]byte) []byte {
	mask := byte(0)
	if key != nil {
		mask = 0x80
	}
	dst = append(dst, 0x80|byte(op))
	if n := len(payload); n < 126 {
		dst = append(dst, mask|byte(n))
	} else { // MaxMessage is far below 64 KiB
		dst = append(dst, mask|126, byte(n>>8), byte(n))
	}
	if key == nil {
		return append(dst, payload...)
	}
	dst = append(dst, key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	applyMask(dst[at:], *key)
	return dst
}

// AppendClose appends a close frame.
func AppendClose(dst []byte, status Status, key *[4]byte) []byte {
	return AppendFrame(dst, Close, []byte{byte(status >> 8), byte(status)}, key)
}

// applyMask XORs b with the key, over and over; eight bytes at a time, as this is done for every datagram.
func applyMask(b []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}

// Message is a data message or a control frame. Data is borrowed until the next call of Next.
type Message struct {
	Op   Opcode // Binary, Ping, Pong or Close
	Data []byte
}

// Parser takes the bytes of one direction apart. The zero value reads a server's frames.
type Parser struct {
	// FromClient: frames must be masked.
	FromClient bool

	partial []byte // pieces of a message so far, their memory used again
	within  bool   // a message has begun
}

// Next takes the first frame in b, unmasking it in place, and returns how many bytes it used: 0 if more are needed, which
// are never more than MaxFrame in all. ok is false, with bytes used, for a piece of a message that is not complete yet. After an error, an
// *Error, nothing more can be read.
func (p *Parser) Next(b []byte) (m Message, used int, ok bool, err error) {
	op, payload, used, err := p.frame(b)
	if used == 0 || err != nil {
		return m, 0, false, err
	}
	final := b[0]&0x80 != 0
	switch {
	case op >= Close:
		if op == Close && len(payload) == 1 {
			return m, 0, false, errCloseFrame
		}
		return Message{op, payload}, used, true, nil // in the midst of a message, too
	case op == Continuation != p.within:
		return m, 0, false, errOrder
	case op == Text:
		return m, 0, false, errText
	case final && !p.within:
		return Message{Binary, payload}, used, true, nil
	}
	if !p.within {
		p.partial, p.within = p.partial[:0], true
	}
	if len(p.partial)+len(payload) > MaxMessage {
		return m, 0, false, errTooBig
	}
	p.partial = append(p.partial, payload...)
	p.within = !final
	return Message{Binary, p.partial}, used, final, nil
}

// frame checks the header and unmasks. used is 0 if the frame is not all there.
func (p *Parser) frame(b []byte) (op Opcode, payload []byte, used int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	op = Opcode(b[0] & 0x0f)
	masked, n, at := b[1]&0x80 != 0, int(b[1]&0x7f), 2
	switch {
	case b[0]&0x70 != 0 || op > Binary && op < Close || op > Pong:
		return 0, nil, 0, errReserved
	case masked != p.FromClient:
		return 0, nil, 0, errMask
	case op >= Close && (n > maxControl || b[0]&0x80 == 0):
		return 0, nil, 0, errControl
	case n == 127:
		return 0, nil, 0, errTooBig
	case n == 126:
		if len(b) < 4 {
			return 0, nil, 0, nil
		}
		if n, at = int(b[2])<<8|int(b[3]), 4; n < 126 {
			return 0, nil, 0, errLength
		}
	}
	if n > MaxMessage {
		return 0, nil, 0, errTooBig
	}
	var key [4]byte
	if masked {
		if len(b) < at+4 {
			return 0, nil, 0, nil
		}
		key, at = [4]byte(b[at:]), at+4
	}
	if len(b) < at+n {
		return 0, nil, 0, nil
	}
	payload = b[at : at+n : at+n]
	if masked {
		applyMask(payload, key)
	}
	return op, payload, at + n, nil
}
