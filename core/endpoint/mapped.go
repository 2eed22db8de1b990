package endpoint

import (
	"fmt"
	"net/netip"
	"time"
)

// Observed is where the server sees this client; invalid before the first link.
func (e *Endpoint) Observed() netip.AddrPort { return e.info.Observed }

// SetMapped tells that a router forwards a public port to the main socket. It is worth something only if that router is the
// last one before the world: a second NAT behind it, as carriers have them, shows in another address at the server.
func (e *Endpoint) SetMapped(now time.Time, protocol string, external netip.AddrPort) {
	e.tick(now)
	seen := e.info.Observed.Addr()
	if external.Addr() != seen {
		e.log(logWarn, fmt.Sprintf("the port that the router gave (%s) does not help: the router's address is %v, but the server sees %v, so there is a second NAT behind it",
			protocol, external.Addr(), seen))
		return
	}
	e.mapped = external.Port()
	e.log(logInfo, fmt.Sprintf("the router forwards port %d to this client (%s)", e.mapped, protocol))
}
