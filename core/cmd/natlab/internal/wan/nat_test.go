//go:build linux

package wan

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// Rewritten packets have the checksums that a computation from nothing gives, whatever was in them.
func TestRewriteRepairsChecksums(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	addr := func() netip.AddrPort {
		v := dice.Uint32()
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}), uint16(dice.Uint32()))
	}
	for range 20000 {
		b := udp(addr(), addr(), 64, string([]byte{byte(dice.Uint32()), byte(dice.Uint32())}))
		b[ipHeader+6], b[ipHeader+7] = 0, 0
		binary.BigEndian.PutUint16(b[ipHeader+6:], udpChecksum(b))
		h, ok := parseIPv4(b)
		if !ok {
			t.Fatal("no packet")
		}
		src, dst := addr(), addr()
		rewrite(b, h, src, dst)
		if got, _ := parseIPv4(b); got.src != src.Addr() || got.dstPort != dst.Port() {
			t.Fatalf("%+v", got)
		}
		if sum := checksum(b[:ipHeader]); sum != 0 {
			t.Fatalf("IP checksum is off by %#x", sum)
		}
		have := binary.BigEndian.Uint16(b[ipHeader+6:])
		binary.BigEndian.PutUint16(b[ipHeader+6:], 0)
		if want := udpChecksum(b); have != want {
			t.Fatalf("UDP checksum %#x, want %#x", have, want)
		}
	}
}

// A checksum of zero means that there is none, and stays so.
func TestRewriteKeepsNoChecksum(t *testing.T) {
	b := udp(addrA, addrB, 64, "x")
	h, _ := parseIPv4(b)
	rewrite(b, h, addrS, addrB)
	if sum := binary.BigEndian.Uint16(b[ipHeader+6:]); sum != 0 {
		t.Errorf("checksum %#x appeared", sum)
	}
}

// udpChecksum computes RFC 768's sum over pseudo-header and datagram, whose own field must be zero.
func udpChecksum(b []byte) uint16 {
	pseudo := append([]byte{0, protoUDP}, b[12:20]...)
	pseudo = append(pseudo, b[ipHeader+4:ipHeader+6]...)
	if sum := checksum(append(pseudo, b[ipHeader:]...)); sum != 0 {
		return sum
	}
	return 0xffff
}
