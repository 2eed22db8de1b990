package wire

import (
	"encoding/binary"

	"github.com/musubi-p2p/musubi/core/api"
)

// Profile is a client's NAT as it measured it (docs/NAT.md, phase 0). It is a claim of the client: nothing worse may follow
// from a false one than that client's own failure to be reached.
//
//	+--------+------------+--------------+------------+---------+----------+----------+---------------+----------+
//	| len(8) | mapping(8) | filtering(8) | alloc. (8) | step(8) | low (16) | high(16) | poisonable(8) | TTL  (8) | trailing
//	+--------+------------+--------------+------------+---------+----------+----------+---------------+----------+
//
// The first two must be there; what is missing behind them is unknown. Trailing bytes are for later versions and ignored.
type Profile struct {
	Mapping, Filtering uint8  // api.Behaviour; high bit of the mapping's byte: Certain
	Certain            bool   // mapping was compared over two addresses of the server, not only over two ports
	Allocation         uint8  // api.Allocation
	Step               int8   // sequential: from one outer port to the next
	Low, High          uint16 // block, random: the outer ports to expect
	Poisonable         uint8  // api.Answer
	OpenerTTL          uint8  // least TTL that opens the outermost NAT; 0 unknown
}

const profileCertain = 0x80

func appendProfile(b []byte, p Profile) []byte {
	m := p.Mapping
	if p.Certain {
		m |= profileCertain
	}
	b = append(b, 10, m, p.Filtering, p.Allocation, uint8(p.Step))
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, p.Low), p.High)
	return append(b, p.Poisonable, p.OpenerTTL)
}

func (r *Reader) profile() (p Profile) {
	q := NewReader(r.Bytes8())
	m := q.U8()
	p.Mapping, p.Certain, p.Filtering = m&^profileCertain, m&profileCertain != 0, q.U8()
	if q.Err() {
		r.Fail()
		return Profile{}
	}
	rest := p // an older client's profile ends anywhere behind the first two
	rest.Allocation, rest.Step, rest.Low, rest.High = q.U8(), int8(q.U8()), q.U16(), q.U16()
	if rest.Poisonable, rest.OpenerTTL = q.U8(), q.U8(); q.Err() {
		return p
	}
	return rest
}

// Hard reports whether the outer port depends, or may depend, on whom the client talks to. One address of a server can't
// tell address-dependent from endpoint-independent mapping; ports that are not preserved leave the doubt.
func (p Profile) Hard() bool {
	switch api.Behaviour(p.Mapping) {
	case api.AddressDependent, api.AddressAndPortDependent:
		return true
	}
	return p.Doubtful()
}

// Doubtful reports whether the mapping reads endpoint-independent and may yet be address-dependent.
func (p Profile) Doubtful() bool {
	return api.Behaviour(p.Mapping) == api.EndpointIndependent && !p.Certain && api.Allocation(p.Allocation) > api.AllocPreserved
}

// Strict reports whether the filter looks at the sender's port, as far as is known.
func (p Profile) Strict() bool {
	switch api.Behaviour(p.Filtering) {
	case api.EndpointIndependent, api.AddressDependent:
		return false
	}
	return true
}
