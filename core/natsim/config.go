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
	Random                  // any of the box's ports
	Sequential              // the next free one
)

// Config describes a box by RFC 4787's axes. A filter weaker than the mapping lets strangers in at a mapping's port, which
// then belongs to that mapping alone.
type Config struct {
	Mapping   api.Behaviour // BehaviourNone: no translation; EndpointIndependent and so on
	Filtering api.Behaviour // EndpointIndependent, AddressDependent, AddressAndPortDependent
	Alloc     Alloc
	Low, High uint16        // outer ports to choose from, both included; zeros: 1024..65535
	Block     int           // of these, the box gets so many neighbouring ones, drawn by New; 0: all
	Step      int           // Sequential: from one port to the next, may be negative; 0: 1
	Foreign   float64       // Sequential: ports a second that go to flows of others, at random times
	Sessions  int           // mappings at a time; 0: as many as the table holds
	Poison    bool          // inbound packets without a mapping occupy their tuple
	Hairpin   bool          // inner hosts reach each other by their outer addresses
	Timeout   time.Duration // idle time after which a mapping ends; zero: DefaultTimeout
	Blocked   bool          // drops every packet both ways: a network without UDP
}

// DefaultTimeout is Linux's nf_conntrack_udp_timeout for flows that saw traffic one way only; the shortest that matters.
const DefaultTimeout = 30 * time.Second

// Numbers of the matrix's types (docs/NAT.md).
const (
	foreignFlows = 5    // a second, on an incremental symmetric NAT
	carrierBlock = 2048 // ports, and sessions, of one subscriber behind a carrier-grade NAT
)

// presets are the matrix's boxes, in its order.
var presets = [...]struct {
	name string
	cfg  Config
}{
	// public address, no box at all
	{"PUB", Config{Mapping: api.BehaviourNone, Filtering: api.EndpointIndependent}},
	// public address behind a stateful firewall
	{"FW", Config{Mapping: api.BehaviourNone, Filtering: api.AddressAndPortDependent}},
	// full cone
	{"FC", Config{Mapping: api.EndpointIndependent, Filtering: api.EndpointIndependent}},
	// address-restricted
	{"AR", Config{Mapping: api.EndpointIndependent, Filtering: api.AddressDependent}},
	// plain Linux masquerade with new inbound dropped
	{"PR", Config{Mapping: api.EndpointIndependent, Filtering: api.AddressAndPortDependent}},
	// the same, and the router takes inbound packets itself
	{"PRx", Config{Mapping: api.EndpointIndependent, Filtering: api.AddressAndPortDependent, Poison: true}},
	// symmetric by address
	{"SA", Config{Mapping: api.AddressDependent, Filtering: api.AddressDependent, Alloc: Random}},
	// symmetric, counting up
	{"SS", Config{Mapping: api.AddressAndPortDependent, Filtering: api.AddressAndPortDependent, Alloc: Sequential, Foreign: foreignFlows}},
	// carrier-grade: symmetric within a block
	{"SB", Config{Mapping: api.AddressAndPortDependent, Filtering: api.AddressAndPortDependent, Alloc: Random, Block: carrierBlock, Sessions: carrierBlock}},
	// symmetric, any port
	{"SR", Config{Mapping: api.AddressAndPortDependent, Filtering: api.AddressAndPortDependent, Alloc: Random}},
	// UDP blocked: the eleventh row
	{"BLOCKED", Config{Mapping: api.EndpointIndependent, Filtering: api.AddressAndPortDependent, Blocked: true}},
}

// Preset returns one of the matrix's boxes by its code; ok is false for an unknown one.
func Preset(name string) (c Config, ok bool) {
	for _, p := range presets {
		if p.name == name {
			return p.cfg, true
		}
	}
	return Config{}, false
}

// Presets lists the codes that Preset knows, in the matrix's order.
func Presets() (names []string) {
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}
