// Package portmap asks the router in front of this machine to forward one of its public UDP ports to us: by PCP
// (RFC 6887), NAT-PMP (RFC 6886) or UPnP-IGD (WANIPConnection). A router that does makes every player reachable for whom
// punching alone would need luck: the mapped port takes packets from anybody.
//
//	AskGateway   PCP, and NAT-PMP where the router says it is too old for PCP: two datagrams to the gateway's port 5351
//	AskUPnP      SSDP search, the device's description, two SOAP calls
//
// Both block until they know or their context ends; node runs them side by side in goroutines of their own. The
// protocols are small and written here: huin/goupnp brings net/http, 4.1 MB of the library's 8 (measured with Go 1.26,
// stripped), and no maintained PCP module exists.
//
// Whatever answers on the local network is believed only as far as it goes: sizes are bounded, a device description is
// fetched from nobody but the gateway, and endpoint uses an external address only if the server saw the same one.
package portmap

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// Lifetime is how long a mapping is asked for; NAT.md, T6. The owner renews it at half of what was granted.
const Lifetime = 2 * time.Hour

// Inside is what is to be reached, and through whom.
type Inside struct {
	Local   netip.Addr // of the interface that leads to the gateway
	Gateway netip.Addr // its address in our network; AskUPnP can do without
	Port    uint16     // of our UDP socket
	Nonce   Nonce      // random; a mapping is renewed with the one it was made with (RFC 6887, 11.3)
}

// Nonce ties a PCP answer, a renewal and the deletion to the first request.
type Nonce [12]byte

// Mapping is one that a router made.
type Mapping struct {
	Protocol string         // "PCP", "NAT-PMP" or "UPnP"
	External netip.AddrPort // where the world reaches Inside
	Lifetime time.Duration  // as granted; 0: until the router restarts

	release func(ctx context.Context) error
}

// Release asks the router to forget the mapping.
func (m *Mapping) Release(ctx context.Context) error {
	if m.release == nil {
		return nil
	}
	return m.release(ctx)
}

// ErrNoAnswer: no router spoke the protocol within the context's time.
var ErrNoAnswer = errors.New("no answer")
