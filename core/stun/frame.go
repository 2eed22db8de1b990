package stun

import (
	"encoding/binary"
	"hash/crc32"
)

// The framing is our own: the only thing that was used of pion/stun, whose unused client costs the game's library 140 KB. The
// tests read and write each kind of message with pion as well.

// Message types, RFC 8489, 3 and 18.
const (
	bindingRequest = 0x0001
	bindingSuccess = 0x0101
	bindingError   = 0x0111
)

// Attributes: RFC 8489, 18.3; RFC 5780, 9.1; those of RFC 3489, 11.2, that nothing else uses.
const (
	attrMappedAddress     = 0x0001
	attrChangeRequest     = 0x0003
	attrSourceAddress     = 0x0004 // RFC 3489
	attrChangedAddress    = 0x0005 // RFC 3489
	attrUsername          = 0x0006
	attrMessageIntegrity  = 0x0008
	attrErrorCode         = 0x0009
	attrUnknownAttributes = 0x000A
	attrXORMappedAddress  = 0x0020
	attrPadding           = 0x0026
	attrFingerprint       = 0x8028
	attrResponseOrigin    = 0x802B
	attrOtherAddress      = 0x802C
)

const (
	attributeHead   = 4
	fingerprintSize = attributeHead + 4
	fingerprintXOR  = 0x5354554e // RFC 8489, 14.7
)

// required reports whether who does not know an attribute must refuse the message, RFC 8489, 14.
func required(t uint16) bool { return t < 0x8000 }

// message is one that is built, or was read; raw is all of it.
type message struct {
	raw        []byte
	attributes []attribute // of one that was read, in their order
}

type attribute struct {
	kind  uint16
	value []byte // in raw
}

// newMessage writes the header.
func newMessage(kind uint16, id TransactionID) *message {
	m := &message{raw: make([]byte, 0, 128)}
	m.raw = binary.BigEndian.AppendUint16(m.raw, kind)
	m.raw = binary.BigEndian.AppendUint32(append(m.raw, 0, 0), magicCookie)
	m.raw = append(m.raw, id[:]...)
	return m
}

// add appends an attribute, padded with zeros to a multiple of 4 bytes; its length tells the bytes that count.
func (m *message) add(kind uint16, value []byte) {
	m.raw = binary.BigEndian.AppendUint16(m.raw, kind)
	m.raw = append(binary.BigEndian.AppendUint16(m.raw, uint16(len(value))), value...)
	for len(m.raw)%4 != 0 {
		m.raw = append(m.raw, 0)
	}
	binary.BigEndian.PutUint16(m.raw[2:], uint16(len(m.raw)-headerSize))
}

// seal adds FINGERPRINT, the last attribute by RFC 8489, 14.7. The length in the header counts it already when it is computed.
func (m *message) seal() {
	binary.BigEndian.PutUint16(m.raw[2:], uint16(len(m.raw)-headerSize+fingerprintSize))
	m.add(attrFingerprint, binary.BigEndian.AppendUint32(nil, fingerprint(m.raw)))
}

// fingerprint is what the attribute holds behind b.
func fingerprint(b []byte) uint32 { return crc32.ChecksumIEEE(b) ^ fingerprintXOR }

func (m *message) kind() uint16 { return binary.BigEndian.Uint16(m.raw) }

func (m *message) id() TransactionID { return TransactionID(m.raw[8:headerSize]) }

// get finds the first attribute of a kind.
func (m *message) get(kind uint16) (value []byte, ok bool) {
	for _, a := range m.attributes {
		if a.kind == kind {
			return a.value, true
		}
	}
	return nil, false
}

// split reads the attributes behind the header. ok is false when one reaches beyond the end.
func (m *message) split() (ok bool) {
	for b := m.raw[headerSize:]; len(b) > 0; {
		if len(b) < attributeHead {
			return false
		}
		kind, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[attributeHead:]
		padded := (size + 3) &^ 3
		if padded > len(b) {
			return false
		}
		m.attributes = append(m.attributes, attribute{kind, b[:size]})
		b = b[padded:]
	}
	return true
}

// fingerprinted checks the message's last attribute as its FINGERPRINT.
func (m *message) fingerprinted() bool {
	at := len(m.raw) - fingerprintSize
	v := m.attributes[len(m.attributes)-1].value
	return len(v) == 4 && binary.BigEndian.Uint32(v) == fingerprint(m.raw[:at])
}
