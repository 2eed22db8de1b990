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
//
// The framing is pion/stun's. Addresses are read here: pion's getter indexes a value before it checks its length, which
// an empty attribute turns into a panic.
package stun

import (
	"encoding/binary"
	"net/netip"

	pion "github.com/pion/stun/v2"
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
	m := begin(pion.BindingRequest, r.ID)
	if r.HasToken {
		m.Add(AttrLinkToken, r.Token[:])
	}
	if r.ChangeAddress || r.ChangePort {
		m.Add(pion.AttrChangeRequest, []byte{0, 0, 0, changeFlags(r)})
	}
	const fingerprint = 8
	if room := r.Size - len(m.Raw) - fingerprint - 4; room >= 0 && r.Size <= maxMessage {
		m.Add(pion.AttrPadding, make([]byte, room&^3))
	}
	return append(dst, seal(m)...)
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

func begin(t pion.MessageType, id TransactionID) *pion.Message {
	m := pion.New()
	m.Reset()
	m.Type, m.TransactionID = t, id
	m.WriteHeader()
	return m
}

// seal adds FINGERPRINT, the last attribute by RFC 8489, 14.7.
func seal(m *pion.Message) []byte {
	_ = pion.Fingerprint.AddTo(m) // never fails
	return m.Raw
}

// ParseRequest reads a Binding request of either generation. ok is false for anything else, for trailing bytes and for
// a wrong fingerprint.
func ParseRequest(b []byte) (r Request, ok bool) {
	m, classic, ok := decode(b)
	if !ok || m.Type != pion.BindingRequest {
		return Request{}, false
	}
	r.Classic, r.ID = classic, m.TransactionID
	copy(r.Prefix[:], b[4:8])
	for _, a := range m.Attributes {
		switch {
		case a.Type == AttrLinkToken:
			if r.HasToken || len(a.Value) != tokenSize {
				return Request{}, false
			}
			r.HasToken = true
			copy(r.Token[:], a.Value)
		case a.Type == pion.AttrChangeRequest:
			if len(a.Value) != 4 {
				return Request{}, false
			}
			r.ChangeAddress = a.Value[3]&changeAddress != 0
			r.ChangePort = a.Value[3]&changePort != 0
		case a.Type == pion.AttrPadding, a.Type == pion.AttrUsername, a.Type == pion.AttrMessageIntegrity:
			// Understood and of no effect: answers are never padded, and nobody has to log in.
		case a.Type.Required() && r.unknowN < maxUnknown:
			r.unknown[r.unknowN] = uint16(a.Type)
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
	r.ID = m.TransactionID
	switch m.Type {
	case pion.BindingError:
		v, _ := m.Attributes.Get(pion.AttrErrorCode)
		if len(v.Value) < 4 || v.Value[2]&7 < 3 || v.Value[3] > 99 {
			return Response{}, false
		}
		r.Code = int(v.Value[2]&7)*100 + int(v.Value[3])
		return r, true
	case pion.BindingSuccess:
	default:
		return Response{}, false
	}
	for _, a := range m.Attributes {
		var to *netip.AddrPort
		mask := addressMask{}
		switch a.Type {
		case pion.AttrXORMappedAddress:
			to, mask = &r.Mapped, xorMask(r.ID)
		case pion.AttrMappedAddress:
			if !has(m, pion.AttrXORMappedAddress) {
				to = &r.Mapped
			}
		case pion.AttrResponseOrigin:
			to = &r.Origin
		case pion.AttrOtherAddress:
			to = &r.Other
		}
		if to == nil || to.IsValid() { // the first of a kind counts, RFC 8489, 14
			continue
		}
		if *to, ok = readAddress(a.Value, mask); !ok {
			return Response{}, false
		}
	}
	return r, r.Mapped.IsValid()
}

func has(m *pion.Message, t pion.AttrType) bool {
	_, ok := m.Attributes.Get(t)
	return ok
}

// decode checks the header, splits the attributes and checks the fingerprint if there is one. classic tells that the
// magic cookie is missing; the message then reads as if it were there.
func decode(b []byte) (m *pion.Message, classic, ok bool) {
	if len(b) < headerSize || len(b) > maxMessage || b[0]>>6 != 0 || len(b) != headerSize+int(binary.BigEndian.Uint16(b[2:])) {
		return nil, false, false
	}
	m = pion.New()
	m.Raw = append(m.Raw[:0], b...)
	if binary.BigEndian.Uint32(b[4:]) != magicCookie {
		classic = true
		binary.BigEndian.PutUint32(m.Raw[4:], magicCookie)
	}
	if m.Decode() != nil {
		return nil, false, false
	}
	for i, a := range m.Attributes {
		if a.Type != pion.AttrFingerprint || classic {
			continue
		}
		if i != len(m.Attributes)-1 || pion.Fingerprint.Check(m) != nil {
			return nil, false, false
		}
	}
	return m, classic, true
}
