//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// pair is one cell of the matrix, with its meetings so far.
type pair struct {
	a, b      lab.Kind
	trials    int       // meetings that are wanted
	outcomes  []outcome // one for each trial
	disturbed int       // meetings beside these that were held again because the machine stood still
	misses    []string  // a paragraph for each outcome that is not as demanded
	stall     stall     // the machine's longest, in any meeting
}

// wants reports whether an outcome is what the cell demands.
func (p *pair) wants(o outcome) bool { return o.meets(demand(p.a, p.b)) }

// missed counts the outcomes that are not.
func (p *pair) missed() (n int) {
	for _, o := range p.outcomes {
		if !p.wants(o) {
			n++
		}
	}
	return n
}

// met remembers the longest stall.
func (p *pair) met(s stall) {
	if s.took > p.stall.took {
		p.stall = s
	}
}

// longest is the longest stall of all meetings: the reader sees by it how near the machine was to deciding something.
func longest(pairs []*pair) stall {
	var all pair
	for _, p := range pairs {
		all.met(p.stall)
	}
	return all.stall
}

func (p *pair) String() string { return fmt.Sprintf("%-3s × %-3s", p.a, p.b) }

// short is what the gate holds: a pair of every class and of every kind, and those that have gone wrong before.
const short = "PR:PR,PUB:SR,FC:PRx,FW:FW,AR:SA,PR:SS,PRx:SB,FW:SR,SA:SR,SR:SR"

// everyPair is the whole matrix: every unordered pair of kinds, and each kind against a network without UDP.
func everyPair() (pairs []*pair) {
	for i, a := range lab.Kinds {
		for _, b := range lab.Kinds[i:] {
			pairs = append(pairs, &pair{a: a, b: b})
		}
	}
	for _, a := range lab.Kinds {
		pairs = append(pairs, &pair{a: a, b: lab.Blocked})
	}
	return pairs
}

// parsePairs reads a list of pairs; empty means all.
func parsePairs(list string) ([]*pair, error) {
	if list == "" {
		return everyPair(), nil
	}
	var pairs []*pair
	for _, text := range strings.Split(list, ",") {
		x, y, ok := strings.Cut(strings.TrimSpace(text), ":")
		if !ok {
			return nil, fmt.Errorf("pair %q is not of the form PR:SR", text)
		}
		a, err := lab.ParseKind(x)
		if err != nil {
			return nil, err
		}
		b, err := lab.ParseKind(y)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, &pair{a: a, b: b})
	}
	return pairs, nil
}

// verify names the pairs that did not do what they must, and the goals that were not reached.
func verify(pairs []*pair, goals []string) error {
	var bad []string
	for _, p := range pairs {
		if n := p.missed(); n > 0 {
			bad = append(bad, fmt.Sprintf("%s × %s (%d of %d)", p.a, p.b, n, len(p.outcomes)))
		}
	}
	var errs []error
	if len(bad) > 0 {
		errs = append(errs, fmt.Errorf("not as demanded: %s", strings.Join(bad, ", ")))
	}
	if len(goals) > 0 {
		errs = append(errs, fmt.Errorf("goals not reached: %s", strings.Join(goals, " · ")))
	}
	return errors.Join(errs...)
}
