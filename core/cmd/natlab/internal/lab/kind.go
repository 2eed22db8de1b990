//go:build linux

package lab

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// Kind is a home router's behaviour, by its code in the matrix (docs/NAT.md).
type Kind string

const (
	PUB Kind = "PUB" // no NAT: the computer has a public address
	FW  Kind = "FW"  // a public address behind a stateful firewall
	FC  Kind = "FC"  // full cone
	AR  Kind = "AR"  // address-restricted
	PR  Kind = "PR"  // port-restricted: plain masquerade, unknown inbound dropped
	PRx Kind = "PRx" // the same without the drop: inbound packets occupy conntrack tuples ("poisonable")
	SA  Kind = "SA"  // symmetric by address only, random ports
	SS  Kind = "SS"  // symmetric, ports count up, and others behind it use some
	SB  Kind = "SB"  // symmetric, random ports in a carrier's block of 2048, no more sessions than ports
	SR  Kind = "SR"  // symmetric, random ports

	// Blocked lets no UDP out but to port 53. It is no NAT of the matrix, but its eleventh row.
	Blocked Kind = "BLOCKED"
)

// Kinds are the kinds of the matrix in its order.
var Kinds = []Kind{PUB, FW, FC, AR, PR, PRx, SA, SS, SB, SR}

// ParseKind reads a kind's code in any case.
func ParseKind(s string) (Kind, error) {
	all := append(slices.Clone(Kinds), Blocked)
	i := slices.IndexFunc(all, func(k Kind) bool { return strings.EqualFold(string(k), s) })
	if i < 0 {
		return "", fmt.Errorf("%q is not a kind of NAT; allowed are %v", s, all)
	}
	return all[i], nil
}

// public reports whether the computer itself has a public address.
func (k Kind) public() bool { return k == PUB || k == FW }

// box makes the NAT of a kind that netfilter has no means for, to run in the laboratory's router; nil for all others.
// Address-dependent mapping is one: conntrack keys a flow by address and port, so that a second port of the same remote
// would be given another mapping. In a laboratory of models every kind has one.
func (k Kind) box(wan netip.Addr, cfg Config) *natsim.Box {
	if k != SA && !cfg.Model {
		return nil
	}
	preset, ok := natsim.Preset(string(k))
	if !ok {
		panic("natsim has no preset " + string(k)) // its list and ours are the matrix's
	}
	preset.Timeout, preset.Hairpin = cfg.Timeout, cfg.Neighbour == Hairpin
	return natsim.New(preset, wan, rand.New(rand.NewPCG(cfg.Seed, uint64(wan.As4()[0]))))
}
