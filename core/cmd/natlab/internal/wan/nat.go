//go:build linux

package wan

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// A NAT in the router and the kernel that routes behind it are together one router: the kernel takes one from the TTL, the
// box would take another. What comes and goes is shown to it with one more.
//
//	computer ── kernel, routes ── TUN ── box ── router's delay ── …
//
// It translates UDP and lets nothing else pass; ICMP errors about flows of its own it keeps, as many home routers do.

// instant is the router's clock as the box wants it: only differences count.
func instant(now time.Duration) time.Time { return time.Unix(0, int64(now)) }

// boxed is a packet as a box wants it.
func (h header) boxed() natsim.Packet {
	return natsim.Packet{Src: netip.AddrPortFrom(h.src, h.srcPort), Dst: netip.AddrPortFrom(h.dst, h.dstPort), TTL: h.ttl + 1, Data: h.payload}
}

// translateOut passes a packet from the inside through the box and returns it as the world sees it, or, turned round by the
// box, as another computer inside does. r.mu is held.
func (r *Router) translateOut(now time.Duration, from Side, p *packet, h header) (header, bool) {
	if h.payload == nil {
		return h, false
	}
	out, ok := r.links[from].NAT.Outbound(instant(now), h.boxed())
	if !ok {
		return h, false
	}
	p.turned = out.Dst != h.boxed().Dst
	rewrite(p.data, h, out.Src, out.Dst)
	h.src, h.srcPort = out.Src.Addr(), out.Src.Port()
	return h, true
}

// translateIn passes a packet from the world through the box of the side where it arrives. r.mu is held.
func (r *Router) translateIn(now time.Duration, p *packet) bool {
	h, ok := parseIPv4(p.data)
	if !ok || h.payload == nil {
		return false
	}
	in, ok := r.links[p.to].NAT.Inbound(instant(now), h.boxed())
	if ok {
		rewrite(p.data, h, in.Src, in.Dst)
	}
	return ok
}

// rewrite gives a UDP packet other addresses and ports and repairs both checksums. A UDP checksum of zero means none.
func rewrite(b []byte, h header, src, dst netip.AddrPort) {
	udp := b[h.length:]
	before := addressSum(b[12:20])
	copy(b[12:16], src.Addr().AsSlice())
	copy(b[16:20], dst.Addr().AsSlice())
	after := addressSum(b[12:20])
	repair(b[offSum:], before, after)
	before += addressSum(udp[:4])
	binary.BigEndian.PutUint16(udp, src.Port())
	binary.BigEndian.PutUint16(udp[2:], dst.Port())
	after += addressSum(udp[:4])
	if binary.BigEndian.Uint16(udp[6:]) == 0 {
		return
	}
	if repair(udp[6:], before, after); binary.BigEndian.Uint16(udp[6:]) == 0 {
		binary.BigEndian.PutUint16(udp[6:], 0xffff) // the same number, and not "none" (RFC 768)
	}
}

// addressSum adds up the 16-bit words of b, of which there are an even number of bytes.
func addressSum(b []byte) (sum uint32) {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	return sum
}

// repair changes a checksum by what its words changed (RFC 1624, equation 3).
func repair(field []byte, before, after uint32) {
	sum := uint32(^binary.BigEndian.Uint16(field)) + fold(^fold(before)&0xffff) + fold(after)
	binary.BigEndian.PutUint16(field, uint16(^fold(sum)))
}

// fold brings the carries of a one's complement sum back in.
func fold(sum uint32) uint32 {
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return sum
}
