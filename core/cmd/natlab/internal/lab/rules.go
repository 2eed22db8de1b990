//go:build linux

package lab

import (
	"fmt"
	"strings"
)

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
	// block draws from a carrier's block of 2048 ports and refuses the 2049th session, as carriers do: whoever opens
	// sockets without measure takes the network away from his own computer.
	block = `table ip filter {
  chain forward {
    type filter hook forward priority 0; oifname "wan" meta l4proto udp ct state new ct count over 2048 drop
  }
}
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" meta l4proto udp masquerade to :20000-22047 fully-random
    oifname "wan" masquerade
  }
}
`
	// firewall is what protects a public address: what the inside has not asked for stays outside.
	firewall = `table ip filter {
  chain forward {
    type filter hook forward priority 0; iifname "wan" ct state new drop
  }
}
`
	// udpBlocked is a company that lets its people ask for names and browse.
	udpBlocked = `table ip filter {
  chain forward {
    type filter hook forward priority 0; meta l4proto udp udp dport != 53 drop
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

// rules gives the nft ruleset of a kind; empty for PUB, whose router only routes, and for SA, which has none. PRx lacks the drop: the router itself
// takes a stranger's packet (and answers that the port is closed), conntrack keeps its tuple for 30 s, and a later flow of
// the inside that would need the same one is silently given another port (docs/NAT.md, fact 4).
func rules(k Kind) string {
	switch k {
	case FW:
		return firewall + dropIn
	case FC:
		return fullCone + dropIn
	case AR:
		return fullCone + addressOnly + dropIn
	case PR:
		return portRestricted + dropIn
	case PRx:
		return portRestricted
	case SS:
		return sequential() + dropIn
	case SB:
		return block + dropIn
	case SR:
		return symmetric + dropIn
	case Blocked:
		return portRestricted + udpBlocked + dropIn
	}
	return ""
}

// Ports of an incremental NAT, which begins anew behind the last. The kernel takes a range of one port as an order, and
// drops a flow that would need a tuple in use: with fewer flows than ports that never happens.
const (
	sequentialLow   = 30000
	sequentialCount = 2000
)

// sequential counts the port up with every flow. The kernel has no such range, so that a counter looks each port up.
func sequential() string {
	var ports strings.Builder
	for i := range sequentialCount {
		fmt.Fprintf(&ports, "%d : %d, ", i, sequentialLow+i)
	}
	return fmt.Sprintf(`table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" meta l4proto udp masquerade to : numgen inc mod %d map { %s }
    oifname "wan" masquerade
  }
}
`, sequentialCount, strings.TrimSuffix(ports.String(), ", "))
}
