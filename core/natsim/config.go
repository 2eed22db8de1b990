// Package natsim holds NAT boxes as values: packets and `now` in, translated packets out. It serves simulation only.
//
// A Box stands between one inner network and the world. Whoever simulates the world calls Outbound for what leaves and
// Inbound for what arrives, and forwards what comes back. Boxes can be chained (double NAT).
//
// The model follows what Linux conntrack was seen to do where the RFC leaves room: a port-preserving, port-restricted
// NAT maps each flow on its own and keeps the inner port as long as nobody else holds the tuple (remote address, outer
// port). On a router that accepts inbound packets itself, a stranger's packet takes that tuple: Config.Poison.
package natsim

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// Alloc is how a box chooses outer ports.
type Alloc uint8

const (
	Preserve   Alloc = iota // the inner port if it is free, else a random one
	Random                  // any of 1024..65535
	Sequential              // the next free one
)

// Config describes a box by RFC 4787's axes.
type Config struct {
	Mapping   api.Behaviour // BehaviourNone: no translation; EndpointIndependent and so on
	Filtering api.Behaviour // EndpointIndependent, AddressDependent, AddressAndPortDependent
	Alloc     Alloc
	Poison    bool          // inbound packets without a mapping occupy their tuple
	Hairpin   bool          // inner hosts reach each other by their outer addresses
	Timeout   time.Duration // idle time after which a mapping ends; zero: DefaultTimeout
	Blocked   bool          // drops every packet both ways: a network without UDP
}

// DefaultTimeout is Linux's nf_conntrack_udp_timeout for flows that saw traffic one way only; the shortest that matters.
const DefaultTimeout = 30 * time.Second

// Preset returns one of the matrix's boxes by its code; ok is false for an unknown one.
func Preset(name string) (c Config, ok bool) {
	const (
		none = api.BehaviourNone
		ei   = api.EndpointIndependent
		ad   = api.AddressDependent
		apd  = api.AddressAndPortDependent
	)
	switch name {
	case "PUB": // public address, no box at all
		return Config{Mapping: none, Filtering: ei}, true
	case "FW": // public address behind a stateful firewall
		return Config{Mapping: none, Filtering: apd}, true
	case "FC": // full cone
		return Config{Mapping: ei, Filtering: ei}, true
	case "AR": // address-restricted
		return Config{Mapping: ei, Filtering: ad}, true
	case "PR": // plain Linux masquerade with new inbound dropped
		return Config{Mapping: ei, Filtering: apd}, true
	case "PRx": // the same, and the router takes inbound packets itself
		return Config{Mapping: ei, Filtering: apd, Poison: true}, true
	case "SR": // symmetric, random ports
		return Config{Mapping: apd, Filtering: apd, Alloc: Random}, true
	case "BLOCKED": // UDP blocked
		return Config{Mapping: ei, Filtering: apd, Blocked: true}, true
	}
	return Config{}, false
}

// Presets lists the codes that Preset knows, in the matrix's order.
func Presets() []string {
	return []string{"PUB", "FW", "FC", "AR", "PR", "PRx", "SR", "BLOCKED"}
}
