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
// Sockets are numbered: one for each of Ports on Public, then, if there is an Alternate address, one for each of the first
// two Ports on that. A change of port or address goes to the other of each, as RFC 5780 has it.
//
// What it refuses, and why: an answer goes only to where the request came from (RESPONSE-ADDRESS and RESPONSE-PORT are
// unknown attributes), from another port only with a valid link token, and never with more than 2.2 times the request's
// bytes, so that a forged source gains nothing. A stranger's CHANGE-REQUEST gets silence, not error 420: Debian's stun
// and coturn's turnutils_natdiscovery take the error for an answer from the other port and call every NAT open.
type Server struct {
	Public netip.Addr // our address as clients see it; invalid: not known, answers then don't state it
	Ports  []uint16   // by socket index, the main one first; not empty
	// Alternate is a second address of this server, which serves the first two Ports (there must be two then); invalid: there
	// is none, and OTHER-ADDRESS is not sent (RFC 5780, 7.4).
	Alternate netip.Addr
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
	if !ok || socket < 0 || socket >= s.Sockets() || !from.IsValid() {
		return dst, Reply{}, false
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	reply = Reply{Socket: socket}
	reply.Trusted = r.HasToken && s.CheckToken != nil && s.CheckToken(now, from.Addr(), r.Token)
	impossible := r.ChangeAddress && !s.Alternate.IsValid() || r.ChangePort && len(s.Ports) < 2
	if r.unknowN == 0 && (r.ChangeAddress || r.ChangePort) && (impossible || !reply.Trusted) {
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
		reply.Socket = s.changed(socket, r.ChangeAddress, r.ChangePort)
		m = s.success(&r, from, socket, reply.Socket, len(b)*amplificationTenths/10)
	}
	copy(m.Raw[4:8], r.Prefix[:])
	return append(dst, m.Raw...), reply, true
}

// Sockets is how many sockets the server needs.
func (s *Server) Sockets() int {
	if s.Alternate.IsValid() {
		return len(s.Ports) + 2
	}
	return len(s.Ports)
}

// changed is the socket that answers instead. On the main address it is one of the extra ports if there is another, since
// some NATs treat 3478 in a special way; the second address has two ports.
func (s *Server) changed(socket int, address, port bool) int {
	n := len(s.Ports)
	second := socket >= n
	at := socket // index among the ports of its address
	if second {
		at -= n
	}
	if address {
		second, at = !second, min(at, 1)
	}
	switch {
	case !port:
	case second:
		at = 1 - min(at, 1)
	case n == 1:
	case at+1 < n:
		at++
	case at == 1: // two ports
		at = 0
	default:
		at = 1
	}
	if second {
		return n + at
	}
	return at
}

// address is where a socket is, as clients see it.
func (s *Server) address(socket int) netip.AddrPort {
	if n := len(s.Ports); socket >= n {
		return netip.AddrPortFrom(s.Alternate, s.Ports[socket-n])
	}
	return netip.AddrPortFrom(s.Public, s.Ports[socket])
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
	origin, other := s.address(sending), netip.AddrPort{}
	if s.Alternate.IsValid() {
		other = s.address(s.changed(received, true, true))
	}
	if r.Classic {
		add(pion.AttrMappedAddress, from, addressMask{})
		add(pion.AttrSourceAddress, origin, addressMask{})
		changed := other
		if !changed.IsValid() { // mandatory in RFC 3489
			changed = s.address(s.changed(received, false, true))
		}
		add(pion.AttrChangedAddress, changed, addressMask{})
		return m // RFC 3489 knows no fingerprint
	}
	add(pion.AttrXORMappedAddress, from, xorMask(r.ID))
	add(pion.AttrOtherAddress, other, addressMask{}) // first: coturn's turnutils_natdiscovery can't go on without it
	add(pion.AttrResponseOrigin, origin, addressMask{})
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
