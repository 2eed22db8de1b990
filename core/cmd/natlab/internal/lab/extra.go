//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Extra is what a scenario needs beside two homes.
type Extra struct {
	Inner     Kind      // a NAT of that kind between the first player's computer and the router at its home; empty: none
	Neighbour Neighbour // a second computer at the first player's home
}

// Neighbour says whether there is a second computer at the first home, and how the two reach each other.
type Neighbour uint8

const (
	NoNeighbour Neighbour = iota
	SameLAN               // the router routes between them
	Isolated              // the router keeps them apart, as a guest network does
	Hairpin               // ditto, but sends what is for its own public address back inside
)

// Networks behind the first home's router.
var (
	innerLAN    = netip.MustParseAddr("192.168.77.1") // the inner router
	innerInside = netip.MustParseAddr("192.168.77.2") // the computer behind it
	innerWAN    = netip.MustParseAddr("192.168.1.2")  // the inner router as the outer one sees it
	guestLAN    = netip.MustParseAddr("192.168.2.1")  // the home router on the second computer's network
	guestInside = netip.MustParseAddr("192.168.2.2")
)

// extraLinks lists the ip commands for the cables.
func (l *Lab) extraLinks() (lines string) {
	if l.extra.Inner != "" {
		lines += fmt.Sprintf("link add name lan netns %s type veth peer name eth0 netns %s\n", l.a.inner, l.a.host)
	}
	if l.extra.Neighbour != NoNeighbour {
		lines += fmt.Sprintf("link add name lan2 netns %s type veth peer name eth0 netns %s\n", l.a.nat, l.Namespace(Guest))
	}
	return lines
}

func (l *Lab) configureExtra() error {
	if l.extra.Inner != "" {
		if err := l.configureInner(); err != nil {
			return err
		}
	}
	if l.extra.Neighbour != NoNeighbour {
		return l.configureGuest()
	}
	return nil
}

// configureInner sets up a router between the computer and the home's own. It comes last, since the computer's default
// route leads to it.
func (l *Lab) configureInner() error {
	lines := fmt.Sprintf(`link set lo up
link set lan up
link set wan up
addr add %s/24 dev lan
addr add %s/24 dev wan
route add default via %s
`, innerLAN, innerWAN, l.a.lan)
	if err := ipBatch(l.a.inner, lines); err != nil {
		return err
	}
	if err := sysctls(l.a.inner, map[string]string{"ipv4/ip_forward": "1"}); err != nil {
		return err
	}
	return nft(l.a.inner, rules(l.extra.Inner))
}

func (l *Lab) configureGuest() error {
	if err := ipBatch(l.a.nat, fmt.Sprintf("link set lan2 up\naddr add %s/24 dev lan2\n", guestLAN)); err != nil {
		return err
	}
	lines := fmt.Sprintf("link set lo up\nlink set eth0 up\naddr add %s/24 dev eth0\nroute add default via %s\n", guestInside, guestLAN)
	if err := ipBatch(l.Namespace(Guest), lines); err != nil {
		return err
	}
	switch l.extra.Neighbour {
	case Isolated:
		return nft(l.a.nat, isolation)
	case Hairpin:
		if l.a.box != nil { // it turns them round itself
			return nft(l.a.nat, isolation)
		}
		return nft(l.a.nat, isolation+hairpin(l.a.wan))
	}
	return nil
}

// isolation keeps the two networks of a home apart, except for what the router has turned round itself.
const isolation = `table ip isolation {
  chain forward {
    type filter hook forward priority -10;
    iifname "lan*" oifname "lan*" ct status dnat accept
    iifname "lan*" oifname "lan*" drop
  }
}
`

// hairpin turns round what the inside sends to the home's public address, by the full cone's own table of ports, and lets
// it come from that address too: the other computer must be able to answer to where it heard from.
func hairpin(wan netip.Addr) string {
	return fmt.Sprintf(`table ip nat {
  chain hairpin {
    type nat hook prerouting priority dstnat; iifname "lan*" ip daddr %s meta l4proto udp dnat to udp dport map @fc
  }
  chain back {
    type nat hook postrouting priority srcnat; iifname "lan*" oifname "lan*" ct status dnat snat to %s
  }
}
`, wan, wan)
}

// MoveHost gives the first player's computer another address in the network where it is, as another DHCP server would.
func (l *Lab) MoveHost(to netip.Addr) error {
	l.a.inside = to
	return ipBatch(l.a.host, fmt.Sprintf("addr flush dev eth0\naddr add %s/%d dev eth0\nroute add default via %s\n", to, l.a.insideBits, l.a.gateway))
}

// SecondHost gives the first player's computer a second address, from which packets leave from now on; the first one stays, as
// that of a radio does when a cable is plugged in.
func (l *Lab) SecondHost(to netip.Addr) error {
	return ipBatch(l.a.host, fmt.Sprintf("addr add %s/%d dev eth0\nroute replace default via %s src %s\n", to, l.a.insideBits, l.a.gateway, to))
}

// BlockUDP has the first home's router let no UDP out, as Blocked does, or lifts that.
func (l *Lab) BlockUDP(on bool) error {
	if !on {
		return nft(l.a.nat, "delete table ip blockade\n")
	}
	return nft(l.a.nat, strings.Replace(udpBlocked, "table ip filter", "table ip blockade", 1))
}

// MoveWAN gives the first home another public address. The new one comes first: with its last address a device loses its
// routes. The kernel ends what was masqueraded behind the old one, but from a queue of work that a busy machine gets to
// later: it is ended here.
func (l *Lab) MoveWAN(to netip.Addr) error {
	lines := fmt.Sprintf("addr add %s/32 dev wan\naddr del %s/32 dev wan\n", to, l.a.wan)
	l.a.wan = to
	if err := ipBatch(l.a.nat, lines); err != nil {
		return err
	}
	return l.Reboot(NATA)
}

// MoveServer takes the server's computer off its first address; it keeps the second.
func (l *Lab) MoveServer() error {
	return ipBatch(l.Namespace(Server), fmt.Sprintf("addr del %s/32 dev wan\nroute replace default dev wan src %s\n", ServerAddr, ServerAddr2))
}

// ForgetAfter makes both NATs end UDP flows that were silent for so many seconds.
func (l *Lab) ForgetAfter(seconds int) error {
	for _, nat := range []string{l.a.nat, l.b.nat} {
		value := fmt.Sprint(seconds)
		err := sysctls(nat, map[string]string{"netfilter/nf_conntrack_udp_timeout": value, "netfilter/nf_conntrack_udp_timeout_stream": value})
		if err != nil {
			return err
		}
	}
	return nil
}

// etc is a directory whose files `ip netns exec` puts over those of /etc.
func (l *Lab) etc(r Role) string { return filepath.Join("/etc/netns", l.Namespace(r)) }

// Name makes a name known on a computer. Known again it has another address, also for programs that run already: they look
// at the same file.
func (l *Lab) Name(r Role, name string, addr netip.Addr) error {
	if err := os.MkdirAll(l.etc(r), 0o755); err != nil {
		return fmt.Errorf("names for %s: %w", l.Namespace(r), err)
	}
	text := fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", addr, name)
	if err := os.WriteFile(filepath.Join(l.etc(r), "hosts"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("names for %s: %w", l.Namespace(r), err)
	}
	return nil
}
