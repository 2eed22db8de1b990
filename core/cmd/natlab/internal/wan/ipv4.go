//go:build linux

package wan

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers and offsets of RFC 791, 768 and 792 that the router looks at.
const (
	protoICMP = 1
	protoUDP  = 17

	ipHeader   = 20 // without options
	udpHeader  = 8
	offTTL     = 8
	offProto   = 9
	offSum     = 10
	defaultTTL = 64
)

// header is what the router reads of an IPv4 packet. payload is the UDP payload, nil for anything else and for fragments
// after the first.
type header struct {
	src, dst         netip.Addr
	srcPort, dstPort uint16
	length           int // header bytes
	proto, ttl       byte
	payload          []byte
}

// parseIPv4 reads a packet from a TUN device. Trailing bytes after the packet's own length are refused: a device without
// IFF_VNET_HDR never gives any, so that they would mean a laboratory set up wrongly.
func parseIPv4(b []byte) (h header, ok bool) {
	if len(b) < ipHeader || b[0]>>4 != 4 {
		return h, false
	}
	h.length = int(b[0]&15) * 4
	if h.length < ipHeader || h.length > len(b) || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return h, false
	}
	h.ttl, h.proto = b[offTTL], b[offProto]
	h.src = netip.AddrFrom4([4]byte(b[12:16]))
	h.dst = netip.AddrFrom4([4]byte(b[16:20]))
	first := binary.BigEndian.Uint16(b[6:])&0x1fff == 0
	if u := b[h.length:]; h.proto == protoUDP && first && len(u) >= udpHeader {
		h.srcPort = binary.BigEndian.Uint16(u)
		h.dstPort = binary.BigEndian.Uint16(u[2:])
		h.payload = u[udpHeader:]
	}
	return h, true
}

// decrementTTL takes one from the TTL and repairs the header checksum by RFC 1624's difference. The UDP checksum stays
// as it is: its pseudo-header does not hold the TTL.
func decrementTTL(b []byte) {
	b[offTTL]--
	sum := uint32(binary.BigEndian.Uint16(b[offSum:])) + 0x0100
	if sum >= 0xffff { // end-around carry; 0xffff and 0 are the same number, written as 0
		sum -= 0xffff
	}
	binary.BigEndian.PutUint16(b[offSum:], uint16(sum))
}

// checksum is the internet checksum of RFC 1071 over b.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// timeExceeded builds into dst the ICMP message that a router sends back when a packet's TTL runs out (RFC 792 type 11):
// the packet's header and the first eight bytes behind it. The sender's NAT must cope with it as it does outside.
func timeExceeded(dst []byte, router netip.Addr, dead []byte, h header) []byte {
	quoted := dead[:min(len(dead), h.length+8)]
	dst = append(dst[:0], 0x45, 0, 0, 0, 0, 0, 0, 0, defaultTTL, protoICMP, 0, 0)
	dst = append(append(dst, router.AsSlice()...), h.src.AsSlice()...)
	dst = append(dst, 11, 0, 0, 0, 0, 0, 0, 0)
	dst = append(dst, quoted...)
	binary.BigEndian.PutUint16(dst[2:], uint16(len(dst)))
	binary.BigEndian.PutUint16(dst[offSum:], checksum(dst[:ipHeader]))
	binary.BigEndian.PutUint16(dst[ipHeader+2:], checksum(dst[ipHeader:]))
	return dst
}
