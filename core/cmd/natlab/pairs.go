//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
)

// pair is one cell of the matrix, with its meetings so far.
type pair struct {
	a, b      lab.Kind
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

// demand is what the pair must come to: physics allows a direct path unless a symmetric NAT meets a filter by port. There,
// whoever sends first meets a closed door: the symmetric side's port is another for every destination, nobody outside can
// know it before it has been used, and the other side's filter lets in only what comes from a port that it has written to.
// A relay is demanded there, so that an accident in the laboratory is not taken for a path. SR × PRx is decided by
// prediction, which is not part of this version: nothing is demanded but delivery.
func demand(a, b lab.Kind) verdict {
	if b == lab.SR {
		a, b = b, a
	}
	if a != lab.SR {
		return direct
	}
	switch b {
	case lab.PUB, lab.FC, lab.AR:
		return direct
	case lab.PR, lab.SR:
		return relay
	}
	return either
}

// parsePairs reads a list of pairs; empty means every unordered pair of kinds.
func parsePairs(list string) ([]*pair, error) {
	var pairs []*pair
	if list == "" {
		for i, a := range lab.Kinds {
			for _, b := range lab.Kinds[i:] {
				pairs = append(pairs, &pair{a: a, b: b})
			}
		}
		return pairs, nil
	}
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

// verify names the pairs that did not do what they must.
func verify(pairs []*pair) error {
	var bad []string
	for _, p := range pairs {
		if n := p.missed(); n > 0 {
			bad = append(bad, fmt.Sprintf("%s × %s (%d of %d)", p.a, p.b, n, len(p.outcomes)))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("not as demanded: %s", strings.Join(bad, ", "))
	}
	return nil
}
