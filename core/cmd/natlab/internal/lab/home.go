//go:build linux

package lab

import (
	"fmt"
	"net/netip"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// home is the plan of one player's network: a computer, a cable, and a home router with one foot in the world.
type home struct {
	host, nat  string       // namespaces
	inner      string       // of the router between them, empty if there is none
	kind       Kind         // what the NAT does
	box        *natsim.Box  // the NAT itself where it is no kernel's; the home router then only routes
	prefix     netip.Prefix // what the router sends to this home
	wan        netip.Addr   // the NAT's public address, not used where the computer itself has one
	lan        netip.Addr   // the home router inside
	gateway    netip.Addr   // the router next to the computer
	inside     netip.Addr   // the computer
	insideBits int
}

// Addresses come from the documentation ranges of RFC 5737, so that nothing real is ever meant. The two homes use
// different private ranges: with the same one a player would find himself at the other's address.
var (
	prefixA = netip.MustParsePrefix("198.51.100.0/24")
	prefixB = netip.MustParsePrefix("203.0.113.0/24")
	prefixS = netip.MustParsePrefix("192.0.2.0/24")

	// ServerAddr is the server's address, ServerAddr2 a second one on the same computer.
	ServerAddr  = netip.MustParseAddr("192.0.2.1")
	ServerAddr2 = netip.MustParseAddr("192.0.2.2")
)

func homeA(name string, cfg Config) home {
	h := home{host: name + "-ha", nat: name + "-na", kind: cfg.A, prefix: prefixA,
		wan: netip.MustParseAddr("198.51.100.1"), lan: netip.MustParseAddr("192.168.1.1"),
		inside: netip.MustParseAddr("192.168.1.2"), insideBits: 24}
	h = h.public(netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("198.51.100.10"))
	h.gateway = h.lan
	if cfg.Inner != "" {
		h.inner, h.inside, h.gateway = name+"-"+string(Inner), innerInside, innerLAN
	}
	h.box = h.kind.box(h.seen(), cfg)
	return h
}

func homeB(name string, cfg Config) home {
	h := home{host: name + "-hb", nat: name + "-nb", kind: cfg.B, prefix: prefixB,
		wan: netip.MustParseAddr("203.0.113.1"), lan: netip.MustParseAddr("10.0.0.1"),
		inside: netip.MustParseAddr("10.0.0.2"), insideBits: 24}
	h = h.public(netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10"))
	h.gateway = h.lan
	h.box = h.kind.box(h.seen(), cfg)
	return h
}

// public gives a home without a NAT a public network inside: the router routes to it, and the computer is what the world sees. The
// address is in the same /24, so that the laboratory's router needs to know nothing about it.
func (h home) public(router, computer netip.Addr) home {
	if h.kind.public() {
		h.lan, h.inside, h.insideBits = router, computer, 29
	}
	return h
}

// seen is the address under which the world sees this home's computer.
func (h home) seen() netip.Addr {
	if h.kind.public() {
		return h.inside
	}
	return h.wan
}

// links lists the ip commands that give the home its cable; they run outside the namespaces.
func (h home) links() string {
	next, end := h.host, "eth0"
	if h.inner != "" {
		next, end = h.inner, "wan"
	}
	return fmt.Sprintf("link add name lan netns %s type veth peer name %s netns %s\n", h.nat, end, next)
}

// configure sets addresses, routes and rules. The device wan exists already; it is point to point, so that a route needs
// no gateway. Its queue is made longer than the default of 500 packets: what overflows there would be a loss that nobody
// ordered and nobody counts.
func (h home) configure() error {
	computer := fmt.Sprintf(`link set lo up
link set eth0 up
addr add %s/%d dev eth0
route add default via %s
`, h.inside, h.insideBits, h.gateway)
	if err := ipBatch(h.host, computer); err != nil {
		return err
	}
	router := fmt.Sprintf(`link set lo up
link set lan up
link set wan up mtu 1500 txqueuelen 10000
addr add %s/%d dev lan
route add default dev wan
`, h.lan, h.insideBits)
	if h.box == nil { // else the public address is the box's
		router += fmt.Sprintf("addr add %s/32 dev wan\n", h.wan)
	}
	if err := ipBatch(h.nat, router); err != nil {
		return err
	}
	if err := sysctls(h.nat, map[string]string{"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "0"}); err != nil {
		return err
	}
	if text := rules(h.kind); text != "" && h.box == nil {
		return nft(h.nat, text)
	}
	return nil
}

// configureServer sets up the server's computer, which hangs on the router directly.
func configureServer(name string) error {
	return ipBatch(name, fmt.Sprintf(`link set lo up
link set wan up mtu 1500 txqueuelen 10000
addr add %s/32 dev wan
addr add %s/32 dev wan
route add default dev wan src %s
`, ServerAddr, ServerAddr2, ServerAddr))
}
