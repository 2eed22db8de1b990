//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a home router's behaviour, by its code in the matrix (docs/NAT.md).
type Kind string

const (
	PUB Kind = "PUB" // no NAT: the computer has a public address
	FC  Kind = "FC"  // full cone
	AR  Kind = "AR"  // address-restricted
	PR  Kind = "PR"  // port-restricted: plain masquerade, unknown inbound dropped
	PRx Kind = "PRx" // the same without the drop: inbound packets occupy conntrack tuples ("poisonable")
	SR  Kind = "SR"  // symmetric, random ports
)

// Kinds are all kinds in the matrix's order.
var Kinds = []Kind{PUB, FC, AR, PR, PRx, SR}

// ParseKind reads a kind's code in any case.
func ParseKind(s string) (Kind, error) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return strings.EqualFold(string(k), s) })
	if i < 0 {
		return "", fmt.Errorf("%q is no kind of NAT; there are %v", s, Kinds)
	}
	return Kinds[i], nil
}

// nft 1.0.6 wants a newline or ';' before each '}', and `fwd` is a reserved word there.
const (
	// dropIn: what is for the router itself and new is dropped before conntrack confirms it, so that no stranger's
	// packet can occupy a tuple which a later flow of ours needs.
	dropIn = `table ip filter {
  chain input {
    type filter hook input priority 0; iifname "wan" ct state new drop
  }
}
`
	// portRestricted: masquerade keeps the inside port where it is free, whatever the destination, so that the mapping is
	// independent of the endpoint; conntrack lets in only what answers a flow, so that the filter is by address and port.
	// This is what most Linux home routers do.
	portRestricted = `table ip nat {
  chain post {
    type nat hook postrouting priority srcnat; oifname "wan" masquerade
  }
}
`
	// symmetric: fully-random draws the outside port anew for every flow, so that no peer can know the port of a flow that
	// he has not yet received something from.
	symmetric = `table ip nat {
  chain post {
    type nat hook postrouting priority srcnat; oifname "wan" masquerade fully-random
  }
}
`
	// fullCone remembers which inside port each outside port belongs to, and lets everybody in there. It writes the inside
	// port down as the outside one, which holds because masquerade keeps it: the home has one computer. A nat chain sees only
	// the first packet of each flow, so that nothing renews an entry while one flow goes on: 120 s outlive every meeting.
	fullCone = `table ip nat {
  map fc { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 120s; size 65536; }
  chain pre {
    type nat hook prerouting priority dstnat; iifname "wan" meta l4proto udp dnat to udp dport map @fc
  }
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" meta l4proto udp update @fc { udp sport timeout 120s : ip saddr . udp sport }
    oifname "wan" masquerade
  }
}
`
	// addressOnly restricts a full cone to addresses that the inside has written to, on any port of theirs. The drop stands
	// in the forward hook, where conntrack has not confirmed the stranger's flow yet: it leaves no trace.
	addressOnly = `table ip filter {
  set perm { type ipv4_addr . inet_service . ipv4_addr; flags dynamic,timeout; timeout 120s; size 65536; }
  chain forward {
    type filter hook forward priority 0;
    oifname "wan" meta l4proto udp update @perm { ip saddr . udp sport . ip daddr timeout 120s }
    iifname "wan" ct state established,related accept
    iifname "wan" meta l4proto udp ip daddr . udp dport . ip saddr @perm accept
    iifname "wan" drop
  }
}
`
)

// rules gives the nft ruleset of a kind; empty for PUB, whose router only routes. PRx lacks the drop: the router itself
// takes a stranger's packet (and answers that the port is closed), conntrack keeps its tuple for 30 s, and a later flow of
// the inside that would need the same one is silently given another port (docs/NAT.md, fact 4).
func rules(k Kind) string {
	switch k {
	case FC:
		return fullCone + dropIn
	case AR:
		return fullCone + addressOnly + dropIn
	case PR:
		return portRestricted + dropIn
	case PRx:
		return portRestricted
	case SR:
		return symmetric + dropIn
	}
	return ""
}
