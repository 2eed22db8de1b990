package node

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
)

// Levels of EventLog.
const (
	logDebug = 0
	logWarn  = 2
	logError = 3
)

// maxOwn bounds the owner's own events while the game does not poll. Beyond it the newest are dropped: they are logs
// or refusals of calls that the game keeps making.
const maxOwn = 256

// outbox holds what is on its way to the game.
type outbox struct {
	own     []api.Event // the owner's, before the endpoint's
	next    api.Event   // being offered
	waiting bool        // next found no room; its Data is in kept
	kept    []byte

	linkWanted bool // Connect was accepted and no end of the link has been told yet
}

// tell queues an event of the owner's own.
func (o *owner) tell(ev api.Event) {
	if len(o.out.own) < maxOwn {
		o.out.own = append(o.out.own, ev)
	}
}

func (o *owner) log(level api.Code, text string) {
	o.tell(api.Event{Kind: api.EventLog, Code: level, Text: text})
}

// publish offers events until there are no more or the game has no room, and hands freed budget back. busy: a message
// or receipt was taken, which may have made the endpoint want to send, or free budget.
func (o *owner) publish() (busy bool) {
	for {
		h, bytes, ok := o.engine.NextRelease()
		if !ok {
			break
		}
		o.host.Credit(h, bytes)
	}
	ev := &o.out.next // in place: an event on the stack would be moved to the heap by the call through Host
	for o.out.waiting || o.nextEvent(ev) {
		if o.closeBy.IsZero() && !o.host.PutEvent(ev) {
			if !o.out.waiting { // Data is the endpoint's, and only until the next call into it
				o.out.kept = append(o.out.kept[:0], ev.Data...)
				ev.Data, o.out.waiting = o.out.kept, true
			}
			break
		}
		o.out.waiting = false
		switch {
		case ev.Kind == api.EventMessage && ev.Mode.Reliable():
			o.engine.Consumed(o.now, ev.Peer, len(ev.Data))
			busy = true
		case ev.Kind == api.EventDelivered:
			busy = true // taking a receipt frees budget
		}
	}
	o.host.Publish()
	return busy
}

func (o *owner) nextEvent(ev *api.Event) (ok bool) {
	if len(o.out.own) > 0 {
		*ev = o.out.own[0]
		o.out.own = append(o.out.own[:0], o.out.own[1:]...)
		return true
	}
	if *ev, ok = o.engine.NextEvent(); !ok {
		return false
	}
	o.lanRoom(ev)
	switch ev.Kind {
	case api.EventServerConnected:
		o.mapPort()
	case api.EventServerLost:
		o.out.linkWanted, o.servers.linked = false, false
	case api.EventPeerConnected, api.EventRouteChanged:
		o.snapshot(ev.Peer) // a game that asks on this event gets this event's state
	}
	return true
}

// snapshots publishes every peer's numbers, when something happened and the last time is long enough ago.
func (o *owner) snapshots() {
	due := o.stale && o.now.Sub(o.statsAt) >= statsInterval
	if !due && !deadline.Due(o.now, o.fadeAt) || !o.closeBy.IsZero() {
		return
	}
	if o.fadeAt = (time.Time{}); o.stale {
		o.fadeAt = o.now.Add(rateFade)
	}
	o.stale, o.statsAt = false, o.now
	o.engine.EachPeer(o.snapshot)
}

func (o *owner) snapshot(h api.PeerHandle) {
	var ok bool
	if o.stats, ok = o.engine.PeerStats(h); ok {
		o.host.PutStats(h, &o.stats)
		o.suspectOffload(h)
	}
}

// spoiledBurst is how many datagrams of one peer must fail to open between two snapshots before segmentation offload is
// suspected: half a row. Loss of keys or stray packets bring a few; a driver that spoils rows brings rows.
const spoiledBurst = 32

// suspectOffload gives offload up for good when a peer's datagrams arrive spoiled in a burst, as some kernels and drivers
// make them. Who forges so many costs us speed and nothing else.
func (o *owner) suspectOffload(h api.PeerHandle) {
	seen := &o.spoiled[h.Slot()%api.MaxPeers]
	burst := o.stats.AuthFailures >= *seen+spoiledBurst
	*seen = o.stats.AuthFailures
	if gso, gro := o.loop.Offload(); burst && (gso || gro) {
		o.loop.DropOffload()
		o.log(logWarn, "many packets arrived damaged: segmentation offload is switched off")
	}
}
