// Package stun reads and writes the few STUN messages that Musubi uses: Binding requests and answers of RFC 8489 with
// the attributes of RFC 5780, and, on the server, those of classic RFC 3489 clients.
//
//	 0                   1                   2                   3
//	+---+---------------------------+-------------------------------+
//	|0 0|  type (14): 0x001 request |  length of attributes (16)    |
//	|   |  0x101 answer 0x111 error |                               |
//	+---+---------------------------+-------------------------------+
//	|  magic cookie 0x2112A442; in classic messages 4 bytes more of |
//	|  transaction id                                               |
//	+---------------------------------------------------------------+
//	|  transaction id (96)                                          |
//	+---------------------------------------------------------------+
//	|  attributes: type(16) length(16) value, padded to 4 bytes     |
//	+---------------------------------------------------------------+
package stun

import (
	"encoding/binary"
	"net/netip"
)

// AttrLinkToken carries the token that the link handed out (wire.ServerInfo.STUNToken): proof that the sender's address
// is its own. 16 bytes; comprehension-optional, so that foreign servers ignore it.
const AttrLinkToken = 0xC0DE

const (
	magicCookie = 0x2112A442
	headerSize  = 20
	tokenSize   = 16
	// maxMessage bounds what is looked at; larger than any datagram that Musubi takes.
	maxMessage = 2048
	// maxUnknown is how many unknown attributes an error answer names.
	maxUnknown = 4

	changeAddress = 0x04 // CHANGE-REQUEST flags, RFC 5780, 7.2
	changePort    = 0x02

	// CodeUnknownAttribute is RFC 8489's 420: the server can't do what a comprehension-required attribute asks.
	CodeUnknownAttribute = 420
)

// TransactionID ties an answer to its request. A client fills it from its randomness; it is all that keeps a stranger
// from forging an answer.
type TransactionID [12]byte

// Request is a Binding request.
type Request struct {
	ID            TransactionID
	ChangeAddress bool // answer from another address
	ChangePort    bool // answer from another port
	HasToken      bool
	Token         [tokenSize]byte
	Size          int // bytes of the whole message, filled up with PADDING; so that an answer is never larger than its request

	// Set by ParseRequest only.
	Prefix  [4]byte // the 4 bytes before ID: the magic cookie, or a classic client's id
	Classic bool    // RFC 3489: wants MAPPED-ADDRESS
	unknown [maxUnknown]uint16
	unknowN int
}

// Response is an answer to a Binding request. Addresses that were absent are invalid.
type Response struct {
	ID     TransactionID
	Mapped netip.AddrPort // where the request came from, as the server saw it
	Origin netip.AddrPort // where the answer was sent from
	Other  netip.AddrPort // the server's second address
	Code   int            // 0, or an error like CodeUnknownAttribute
}

// AppendRequest writes r: token, CHANGE-REQUEST, PADDING up to r.Size, FINGERPRINT.
func AppendRequest(dst []byte, r *Request) []byte {
	m := newMessage(bindingRequest, r.ID)
	if r.HasToken {
		m.add(AttrLinkToken, r.Token[:])
	}
	if r.ChangeAddress || r.ChangePort {
		m.add(attrChangeRequest, []byte{0, 0, 0, changeFlags(r)})
	}
	if room := r.Size - len(m.raw) - fingerprintSize - attributeHead; room >= 0 && r.Size <= maxMessage {
		m.add(attrPadding, make([]byte, room&^3))
	}
	m.seal()
	return append(dst, m.raw...)
}

func changeFlags(r *Request) (f uint8) {
	if r.ChangeAddress {
		f |= changeAddress
	}
	if r.ChangePort {
		f |= changePort
	}
	return f
}

// ParseRequest reads a Binding request of either generation. ok is false for anything else, for trailing bytes and for
// a wrong fingerprint.
func ParseRequest(b []byte) (r Request, ok bool) {
	m, classic, ok := decode(b)
	if !ok || m.kind() != bindingRequest {
		return Request{}, false
	}
	r.Classic, r.ID = classic, m.id()
	copy(r.Prefix[:], b[4:8])
	for _, a := range m.attributes {
		switch {
		case a.kind == AttrLinkToken:
			if r.HasToken || len(a.value) != tokenSize {
				return Request{}, false
			}
			r.HasToken = true
			copy(r.Token[:], a.value)
		case a.kind == attrChangeRequest:
			if len(a.value) != 4 {
				return Request{}, false
			}
			r.ChangeAddress = a.value[3]&changeAddress != 0
			r.ChangePort = a.value[3]&changePort != 0
		case a.kind == attrPadding, a.kind == attrUsername, a.kind == attrMessageIntegrity:
			// Understood and of no effect: answers are never padded, and nobody has to log in.
		case required(a.kind) && r.unknowN < maxUnknown:
			r.unknown[r.unknowN] = a.kind
			r.unknowN++
		}
	}
	return r, true
}

// ParseResponse reads a success or error answer to a Binding request. ok is false for anything else, and for a success
// without a mapped address.
func ParseResponse(b []byte) (r Response, ok bool) {
	m, classic, ok := decode(b)
	if !ok || classic {
		return Response{}, false
	}
	r.ID = m.id()
	switch m.kind() {
	case bindingError:
		v, _ := m.get(attrErrorCode)
		if len(v) < 4 || v[2]&7 < 3 || v[3] > 99 {
			return Response{}, false
		}
		r.Code = int(v[2]&7)*100 + int(v[3])
		return r, true
	case bindingSuccess:
	default:
		return Response{}, false
	}
	for _, a := range m.attributes {
		var to *netip.AddrPort
		mask := addressMask{}
		switch a.kind {
		case attrXORMappedAddress:
			to, mask = &r.Mapped, xorMask(r.ID)
		case attrMappedAddress:
			if _, better := m.get(attrXORMappedAddress); !better {
				to = &r.Mapped
			}
		case attrResponseOrigin:
			to = &r.Origin
		case attrOtherAddress:
			to = &r.Other
		}
		if to == nil || to.IsValid() { // the first of a kind counts, RFC 8489, 14
			continue
		}
		if *to, ok = readAddress(a.value, mask); !ok {
			return Response{}, false
		}
	}
	return r, r.Mapped.IsValid()
}

// decode checks the header, splits the attributes and checks the fingerprint if there is one. classic tells that the
// magic cookie is missing; the message then reads as if it were there.
func decode(b []byte) (m *message, classic, ok bool) {
	if len(b) < headerSize || len(b) > maxMessage || b[0]>>6 != 0 || len(b) != headerSize+int(binary.BigEndian.Uint16(b[2:])) {
		return nil, false, false
	}
	m = &message{raw: append([]byte(nil), b...)}
	if binary.BigEndian.Uint32(b[4:]) != magicCookie {
		classic = true
		binary.BigEndian.PutUint32(m.raw[4:], magicCookie)
	}
	if !m.split() {
		return nil, false, false
	}
	for i, a := range m.attributes {
		if a.kind != attrFingerprint || classic {
			continue
		}
		if i != len(m.attributes)-1 || !m.fingerprinted() {
			return nil, false, false
		}
	}
	return m, classic, true
}
