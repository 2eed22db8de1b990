package hub

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ClusterNode is cluster.Node as a hub needs it. It comes in by Config, so that the client library, whose LAN play has a hub too,
// does not link the cluster: that is 0.1 MB which nobody could use there.
type ClusterNode interface {
	HandleTimeout(now time.Time)
	NextTimeout() time.Time
	NextBus(now time.Time) (cluster.BusOut, bool)
	NextEvent() (cluster.Event, bool)
	Stats(now time.Time) cluster.Stats

	// Other nodes.
	Connected() bool
	Fenced(now time.Time) bool
	Others(most int) (addrs []netip.AddrPort)
	AddrOf(id uint32) netip.AddrPort
	Burden(id uint32) (links uint32, draining bool)
	Half(now time.Time, to uint32, body []byte)
	Drain(now time.Time)
	Successor() uint32
	Retire()
	HandOver(now time.Time, to uint32, code string, body []byte)
	Ask(now time.Time, id uint64, body []byte)
	Answer(now time.Time, to uint32, id uint64, body []byte)

	// Our clients in rooms of others.
	Seek(now time.Time, s cluster.Search)
	Far(member uint64) bool
	Up(now time.Time, ref rendezvous.LinkRef, sig *wire.Signal)
	LinkUp(now time.Time, ref rendezvous.LinkRef, rejoin bool)
	LinkMoved(now time.Time, ref rendezvous.LinkRef)
	LinkLost(now time.Time, ref rendezvous.LinkRef)
	LinkGone(now time.Time, ref rendezvous.LinkRef)
	Forget(member uint64)

	// Others' clients in our rooms.
	Down(now time.Time, to rendezvous.To, sig *wire.Signal)
	Came(now time.Time, member uint64)
	Left(member uint64)
	Detach(now time.Time, member uint64, seek bool)
	Outlived(now time.Time, ref rendezvous.LinkRef)

	// Our rooms' keys.
	Reserve(now time.Time, code string, room uint64, epoch uint32)
	Closed(code string)
}
