package stun

import (
	"encoding/binary"
	"net/netip"
)

// An address attribute's value, RFC 8489, 14.1 and 14.2:
//
//	+------+--------------+----------+----------------------+
//	| 0(8) | family (8)   | port(16) | address (32 or 128)  |
//	+------+--------------+----------+----------------------+
//
// In XOR-MAPPED-ADDRESS port and address are xored with magic cookie and transaction id, because some NATs rewrite
// anything that looks like an address of theirs.
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// addressMask is what an address is xored with; zero for the plain attributes.
type addressMask [16]byte

func xorMask(id TransactionID) (m addressMask) {
	binary.BigEndian.PutUint32(m[:], magicCookie)
	copy(m[4:], id[:])
	return m
}

// appendAddress writes a value of 8 or 20 bytes.
func appendAddress(b []byte, a netip.AddrPort, mask addressMask) []byte {
	ip := a.Addr().Unmap()
	family := uint8(familyIPv6)
	if ip.Is4() {
		family = familyIPv4
	}
	b = append(b, 0, family)
	b = binary.BigEndian.AppendUint16(b, a.Port()^binary.BigEndian.Uint16(mask[:]))
	for i, v := range ip.AsSlice() {
		b = append(b, v^mask[i])
	}
	return b
}

// readAddress reads a value of exactly the family's length.
func readAddress(v []byte, mask addressMask) (netip.AddrPort, bool) {
	if len(v) < 4 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(v[2:]) ^ binary.BigEndian.Uint16(mask[:])
	raw := v[4:]
	if !(v[1] == familyIPv4 && len(raw) == 4 || v[1] == familyIPv6 && len(raw) == 16) {
		return netip.AddrPort{}, false
	}
	var clear [16]byte
	for i := range raw {
		clear[i] = raw[i] ^ mask[i]
	}
	ip, _ := netip.AddrFromSlice(clear[:len(raw)])
	return netip.AddrPortFrom(ip, port), true
}
