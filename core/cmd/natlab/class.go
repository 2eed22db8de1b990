//go:build linux

package main

import (
	"slices"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// class groups the pairs that the goals of docs/NAT.md speak of together.
type class uint8

const (
	c1         class = iota // somebody is open, or neither is symmetric, or a symmetric NAT meets a filter by address
	c2                      // the ports count up: they are bracketed
	c3                      // a carrier's block against a filter by port: a short birthday attack
	c4                      // random ports against a filter by port, and symmetric by address
	c5                      // both are symmetric with ports that nobody can predict: the relay's
	udpBlocked              // one side has no UDP
	classes
)

func (c class) String() string {
	return [...]string{"C1", "C2", "C3", "C4", "C5", "UDP blocked"}[c]
}

// classOf finds a pair's class.
func classOf(a, b lab.Kind) class {
	one := func(kinds ...lab.Kind) bool { return slices.Contains(kinds, a) || slices.Contains(kinds, b) }
	both := func(kinds ...lab.Kind) bool { return slices.Contains(kinds, a) && slices.Contains(kinds, b) }
	filtered := one(lab.FW, lab.PR, lab.PRx) // one side filters by port and keeps its own; the other decides
	switch {
	case one(lab.Blocked):
		return udpBlocked
	case one(lab.PUB, lab.FC, lab.AR), both(lab.FW, lab.PR, lab.PRx):
		return c1
	case one(lab.SA):
		return c4
	case filtered && one(lab.SS), both(lab.SS):
		return c2
	case filtered && one(lab.SB):
		return c3
	case filtered && one(lab.SR):
		return c4
	}
	return c5
}

// demand is what every meeting of a class must come to. A class whose way is found by chance demands delivery alone of each:
// how many of its meetings must be direct is a goal of the class. SR × SR is out of everybody's reach, so that a direct
// path there is an accident of the laboratory's and no success.
func demand(a, b lab.Kind) verdict {
	switch {
	case classOf(a, b) == c1:
		return direct
	case a == lab.SR && b == lab.SR, classOf(a, b) == udpBlocked:
		return relay
	}
	return either
}
