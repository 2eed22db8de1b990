package nat

import (
	"fmt"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// method is a way to guess ports (docs/NAT.md, phase 3).
type method uint8

const (
	methodNone     method = iota
	methodBracket         // one side counts: sockets opened between two samples have ports between theirs
	methodCrossing        // both count: each opens many to where one of the other's will be
	methodBirthday        // one side's ports are random: many sockets there, many probes here
	methodCover           // both are hard, and there are few ports: most of them are taken at once
)

// plan is what two profiles call for. Both sides come to the same one, seen from their end.
type plan struct {
	method    method
	opener    bool // this side opens the sockets; crossing: this side asks for the grant
	doubt     bool // a profile leaves a doubt: known addresses come first
	low, high int  // birthday, opener: the ports to expect
	step      int8 // our own NAT's, as the profile says that the plan was made by: a later one may know none
}

// sideOf is what matters of a profile for prediction.
type sideOf struct {
	hard    bool // another destination, another port
	address bool // but one port for all ports of one address
	strict  bool // takes packets only from address and port it sent to
	counts  bool
	keeps   bool // hard, yet fresh sockets keep their ports
	low     int
	high    int
}

func newSide(p wire.Profile, doubted bool) sideOf {
	s := sideOf{strict: p.Strict(), low: int(p.Low), high: int(p.High)}
	switch api.Behaviour(p.Mapping) {
	case api.AddressAndPortDependent:
		s.hard = true
	case api.AddressDependent:
		s.hard, s.address = true, true
	default:
		s.hard = doubted && p.Doubtful()
		s.address = s.hard
	}
	switch api.Allocation(p.Allocation) {
	case api.AllocSequential:
		s.counts = p.Step != 0
	case api.AllocPreserved:
		s.keeps = true
	}
	if s.low == 0 || s.high < s.low {
		s.low, s.high = lowestPort, highestPort
	}
	return s
}

// takes reports whether a single port of this hard side can be found by the other: what it sent from there to another port
// of the same address must come out of the same port, and any port of that address must be let in.
func (s *sideOf) takes() bool { return s.hard && s.address && !s.strict }

// planFor decides by two profiles. Those that call for prediction at once come first; else one of which the mapping is in
// doubt is taken to be address-dependent, after known addresses had their time.
func planFor(local, remote wire.Profile, caller bool) plan {
	if side(local) == blocked || side(remote) == blocked {
		return plan{}
	}
	if p := planSides(newSide(local, false), newSide(remote, false), caller); p.method != methodNone {
		return p
	}
	p := planSides(newSide(local, true), newSide(remote, true), caller)
	p.doubt = true
	return p
}

func planSides(l, r sideOf, caller bool) plan {
	switch {
	case !l.hard && !r.hard:
		return plan{}
	case l.hard && r.hard:
		return planHard(l, r, caller)
	case l.hard && !r.strict, r.hard && !l.strict: // it learns the other's port from the first probe
		return plan{}
	}
	hard := &l
	if r.hard {
		hard = &r
	}
	if hard.keeps {
		return plan{} // a fresh socket's port is known: the retry with fresh sockets is enough
	}
	return planOne(hard, l.hard)
}

// planOne: the hard side opens, the other probes.
func planOne(hard *sideOf, opener bool) plan {
	if hard.counts {
		return plan{method: methodBracket, opener: opener}
	}
	return plan{method: methodBirthday, opener: opener, low: hard.low, high: hard.high}
}

// planHard: both are hard. Fact 5 of docs/NAT.md makes one of them as good as the other's restricted port.
func planHard(l, r sideOf, caller bool) plan {
	lt, rt := l.takes(), r.takes()
	if lt && rt { // the smaller range opens; if equal, the callee
		if a, b := l.high-l.low, r.high-r.low; a != b {
			lt = a < b
		} else {
			lt = !caller
		}
		rt = !lt
	}
	switch {
	case lt:
		return planOne(&l, true)
	case rt:
		return planOne(&r, false)
	case l.counts && r.counts:
		return plan{method: methodCrossing, opener: caller}
	}
	return plan{}
}

// portsOf names a side's ports for people.
func portsOf(p wire.Profile) string {
	switch api.Allocation(p.Allocation) {
	case api.AllocPreserved:
		return "ports kept"
	case api.AllocSequential:
		return "counting ports"
	case api.AllocBlock:
		return fmt.Sprintf("random ports among %d", int(p.High)-int(p.Low)+1)
	case api.AllocRandom:
		return "random ports"
	}
	return "ports of an unknown kind"
}
