package node

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/netio"
)

const (
	// networkSettle lets a change complete: an address goes, another comes, then its route, each with a message of its own.
	// It counts against the 100 ms in which data must flow again (NAT.md, goals).
	networkSettle = 10 * time.Millisecond
	// networkPoll is how often the owner looks by itself where the system does not tell.
	networkPoll = 2 * time.Second
)

// netWatch finds out that this machine has moved to another network. The system tells that something changed; whether it
// matters to us shows in the address that packets to the server leave from. A virtual machine's new interface changes
// much and moves nobody.
//
//	        source found                    no way to the server
//	start ──────────────▶ at home ◀──────────────────────────────▶ away
//	                        ▲  another source, or back from away │
//	                        └────────────── moved ◀──────────────┘
type netWatch struct {
	on      bool
	polling bool
	lookAt  time.Time // zero: nothing is due
	source  netip.Addr
	away    bool
	told    time.Time // the step in which the game said it last
}

// watchNetwork begins to watch, once the server's address is known. A client that is bound to one address can't move.
func (o *owner) watchNetwork(server netip.AddrPort) {
	w := &o.network
	if !o.cfg.Bind.Addr().IsUnspecified() || !server.IsValid() {
		return
	}
	if !w.on {
		w.on = true
		w.polling = o.loop.WatchNetwork() != nil
	}
	w.source, w.away = netip.Addr{}, false
	w.moved(netio.Source(server))
	w.lookAt = time.Time{}
	if w.polling {
		w.lookAt = o.now.Add(networkPoll)
	}
	o.serverAddr = server
}

// moved takes the source address as it is now and reports whether the client has to be told.
func (w *netWatch) moved(source netip.Addr, ok bool) bool {
	if !ok {
		w.away = true // to be told there is nobody to send to; wait for a way
		return false
	}
	moved := w.source.IsValid() && source != w.source || w.away
	w.source, w.away = source, false
	return moved
}

// lookAround acts on the system's news. The same address after a time without any may be another network: private
// addresses are alike everywhere.
func (o *owner) lookAround() {
	w := &o.network
	if o.loop.NetworkNews() && w.on && w.lookAt.IsZero() {
		w.lookAt = o.now.Add(networkSettle)
	}
	if !deadline.Due(o.now, w.lookAt) {
		return
	}
	w.lookAt = time.Time{}
	if w.polling {
		w.lookAt = o.now.Add(networkPoll)
	}
	switch moved := w.moved(netio.Source(o.serverAddr)); {
	case moved:
		o.networkChanged()
	case !w.polling:
		o.setLocal(o.now)
	}
}

// networkChanged starts over on what may be another network.
func (o *owner) networkChanged() {
	if o.cfg.Bind.Port() == 0 {
		o.freshMain()
	}
	o.setLocal(o.now)
	o.engine.NetworkChanged(o.now)
	o.mapper.forget()
	o.mapPort()
}

// freshMain takes another port. A router that remembers the flows of the old one would give the same port of the new address
// another outside, a different one for each destination, and make a friendly NAT look like a random one; the players'
// port would be nobody's to know. What is under way to the old address is still taken, as long as that works.
func (o *owner) freshMain() {
	if err := o.renewMain(); err != nil { // the system refuses sockets just now
		o.log(logError, "could not open a socket after the network changed: "+err.Error())
		o.network.away, o.network.lookAt = true, o.now.Add(networkPoll)
	}
}
