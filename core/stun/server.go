package stun

import (
	"encoding/binary"
	"net/netip"
	"time"

	pion "github.com/pion/stun/v2"
)

// Server answers Binding requests that arrive on the server's UDP sockets. It keeps no state and is not told of other
// clients: rate limits are its caller's, who may ask Reply.Trusted which one applies.
//
// What it refuses, and why: an answer goes only to where the request came from (RESPONSE-ADDRESS and RESPONSE-PORT are
// unknown attributes), from another port only with a valid link token, and never with more than 2.2 times the request's
// bytes, so that a forged source gains nothing. A stranger's CHANGE-REQUEST gets silence, not error 420: Debian's stun
// and coturn's turnutils_natdiscovery take the error for an answer from the other port and call every NAT open.
type Server struct {
	Public netip.Addr // our address as clients see it; invalid: not known, answers then don't state it
	Ports  []uint16   // by socket index, the main one first; not empty
	// Alternate is a second address of this server; invalid: there is none, and OTHER-ADDRESS is not sent (RFC 5780, 7.4).
	Alternate netip.AddrPort
	// CheckToken says whether a link token belongs to that address; nil: none is valid.
	CheckToken func(now time.Time, ip netip.Addr, token [16]byte) bool
}

// Reply says how an answer must be sent, back to where the request came from.
type Reply struct {
	Socket  int  // index of the socket to send from
	Trusted bool // the request carried a valid link token
	Refused bool // the answer is an error
}

// amplification: an answer has at most 22/10 of its request's bytes. It is what RFC 8489's smallest request (20 bytes)
// needs for an IPv6 XOR-MAPPED-ADDRESS, and a classic client's (28) for its three addresses.
const amplificationTenths = 22

// Answer appends the answer to datagram b, which came from `from` on the socket with that index. ok is false, and
// nothing is appended, when b gets no answer: it is not a Binding request, or asks what only our clients may ask.
func (s *Server) Answer(now time.Time, socket int, from netip.AddrPort, b, dst []byte) (out []byte, reply Reply, ok bool) {
	r, ok := ParseRequest(b)
	if !ok || socket < 0 || socket >= len(s.Ports) || !from.IsValid() {
		return dst, Reply{}, false
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	reply = Reply{Socket: socket}
	reply.Trusted = r.HasToken && s.CheckToken != nil && s.CheckToken(now, from.Addr(), r.Token)
	if r.unknowN == 0 && (r.ChangeAddress || r.ChangePort && (!reply.Trusted || len(s.Ports) < 2)) {
		if !r.HasToken {
			return dst, Reply{}, false
		}
		r.unknown[0], r.unknowN = uint16(pion.AttrChangeRequest), 1
	}
	var m *pion.Message
	if r.unknowN > 0 {
		reply.Refused = true
		m = refusal(&r)
	} else {
		if r.ChangePort {
			reply.Socket = s.other(socket)
		}
		m = s.success(&r, from, socket, reply.Socket, len(b)*amplificationTenths/10)
	}
	copy(m.Raw[4:8], r.Prefix[:])
	return append(dst, m.Raw...), reply, true
}

// other is the socket that answers instead: one of the extra ports if there is another, since some NATs treat 3478 in
// a special way.
func (s *Server) other(socket int) int {
	switch n := len(s.Ports); {
	case n == 1:
		return 0
	case socket+1 < n:
		return socket + 1
	case socket == 1: // two ports
		return 0
	}
	return 1
}

// success builds the answer, leaving out what does not fit into limit bytes; the most useful come first.
func (s *Server) success(r *Request, from netip.AddrPort, received, sending, limit int) *pion.Message {
	m := begin(pion.BindingSuccess, r.ID)
	var value [20]byte
	add := func(t pion.AttrType, a netip.AddrPort, mask addressMask) {
		if v := appendAddress(value[:0], a, mask); a.Addr().IsValid() && len(m.Raw)+4+len(v) <= limit {
			m.Add(t, v)
		}
	}
	origin := netip.AddrPortFrom(s.Public, s.Ports[sending])
	if r.Classic {
		add(pion.AttrMappedAddress, from, addressMask{})
		add(pion.AttrSourceAddress, origin, addressMask{})
		changed := s.Alternate
		if !changed.IsValid() { // mandatory in RFC 3489
			changed = netip.AddrPortFrom(s.Public, s.Ports[s.other(received)])
		}
		add(pion.AttrChangedAddress, changed, addressMask{})
		return m // RFC 3489 knows no fingerprint
	}
	add(pion.AttrXORMappedAddress, from, xorMask(r.ID))
	add(pion.AttrResponseOrigin, origin, addressMask{})
	add(pion.AttrOtherAddress, s.Alternate, addressMask{})
	if len(m.Raw)+8 <= limit {
		seal(m)
	}
	return m
}

// refusal builds a 420 answer that names the attributes.
func refusal(r *Request) *pion.Message {
	m := begin(pion.BindingError, r.ID)
	m.Add(pion.AttrErrorCode, []byte{0, 0, CodeUnknownAttribute / 100, CodeUnknownAttribute % 100})
	var list []byte
	for _, t := range r.unknown[:r.unknowN] {
		list = binary.BigEndian.AppendUint16(list, t)
	}
	if r.Classic && r.unknowN%2 == 1 { // RFC 3489, 11.2.10: no padding there, the last one is repeated
		list = binary.BigEndian.AppendUint16(list, r.unknown[r.unknowN-1])
	}
	m.Add(pion.AttrUnknownAttributes, list)
	return m
}
