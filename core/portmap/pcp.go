package portmap

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Layouts of PCP's MAP (RFC 6887, 7.1, 7.2, 11.1) and of NAT-PMP (RFC 6886, 3.2, 3.3). Both live on the gateway's port
// 5351 and tell each other apart by the version byte; all numbers are big-endian.
const (
	gatewayPort = 5351

	pcpVersion = 2
	pcpMap     = 1
	pcpSize    = 60
	protoUDP   = 17

	pmpVersion     = 0
	pmpAddress     = 0
	pmpMapUDP      = 1
	pmpAddressSize = 12
	pmpMapSize     = 16

	answerBit          = 0x80
	unsupportedVersion = 1 // result code, the same in both protocols
)

// appendPCP writes a MAP request. lifetime 0 deletes the mapping; suggested may be unspecified.
//
//	version(8) opcode(8) reserved(16) lifetime(32) client address(128)
//	nonce(96) protocol(8) reserved(24) internal port(16) external port(16) external address(128)
func appendPCP(b []byte, in *Inside, lifetime time.Duration, suggested netip.AddrPort) []byte {
	b = append(b, pcpVersion, pcpMap, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(lifetime/time.Second))
	client := in.Local.As16()
	b = append(append(b, client[:]...), in.Nonce[:]...)
	b = append(b, protoUDP, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, in.Port)
	b = binary.BigEndian.AppendUint16(b, suggested.Port())
	external := netip.IPv4Unspecified().As16()
	if suggested.IsValid() {
		external = suggested.Addr().As16()
	}
	return append(b, external[:]...)
}

// answer is what a gateway said, in either protocol.
type answer struct {
	version  uint8
	address  bool // NAT-PMP only: this tells the external address, the port follows in another
	result   uint16
	lifetime time.Duration
	external netip.AddrPort // as far as told
}

// parsePCP reads a MAP answer that belongs to our request. A version error comes in whatever layout an old gateway has.
func parsePCP(b []byte, in *Inside) (a answer, ok bool) {
	if len(b) < 4 || b[1]&answerBit == 0 {
		return a, false
	}
	if b[0] != pcpVersion {
		return answer{version: b[0], result: unsupportedVersion}, b[0] == pmpVersion && binary.BigEndian.Uint16(b[2:]) == unsupportedVersion
	}
	if b[1] != pcpMap|answerBit {
		return a, false
	}
	a = answer{version: pcpVersion, result: uint16(b[3])}
	if a.result != 0 && len(b) < pcpSize {
		return a, len(b) >= 24 // an error may end behind the header
	}
	if len(b) < pcpSize || Nonce(b[24:36]) != in.Nonce || b[36] != protoUDP || binary.BigEndian.Uint16(b[40:]) != in.Port {
		return a, false
	}
	a.lifetime = time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second
	a.external = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[44:60])).Unmap(), binary.BigEndian.Uint16(b[42:]))
	return a, true
}

// appendPMP writes NAT-PMP's mapping request; lifetime 0 deletes it.
//
//	version(8) opcode(8) reserved(16) internal port(16) external port(16) lifetime(32)
func appendPMP(b []byte, port, suggested uint16, lifetime time.Duration) []byte {
	b = append(b, pmpVersion, pmpMapUDP, 0, 0)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, suggested)
	return binary.BigEndian.AppendUint32(b, uint32(lifetime/time.Second))
}

// appendPMPAddress asks for the external address.
func appendPMPAddress(b []byte) []byte { return append(b, pmpVersion, pmpAddress) }

// parsePMP reads either answer.
//
//	version(8) opcode(8) result(16) epoch(32) external address(32)
//	version(8) opcode(8) result(16) epoch(32) internal port(16) external port(16) lifetime(32)
func parsePMP(b []byte, in *Inside) (a answer, ok bool) {
	if len(b) < 8 || b[0] != pmpVersion {
		return a, false
	}
	a.result = binary.BigEndian.Uint16(b[2:])
	switch b[1] {
	case pmpAddress | answerBit:
		a.address = true
		if a.result != 0 {
			return a, true
		}
		if len(b) < pmpAddressSize {
			return a, false
		}
		a.external = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[8:12])), 0)
		return a, true
	case pmpMapUDP | answerBit:
		if a.result != 0 {
			return a, true
		}
		if len(b) < pmpMapSize || binary.BigEndian.Uint16(b[8:]) != in.Port {
			return a, false
		}
		a.external = netip.AddrPortFrom(netip.IPv4Unspecified(), binary.BigEndian.Uint16(b[10:]))
		a.lifetime = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second
		return a, true
	}
	return a, false
}
