package forward

import (
	"net/netip"
	"sync/atomic"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Kind sorts what the hub gets. Each kind has rings of its own, so that a flood of one fills no other's.
type Kind uint8

const (
	Session   Kind = iota // packets of links that the hub has
	Hello                 // handshakes that carry a cookie, so somebody may be waiting at the address
	Stranger              // the first words of anybody, STUN, and packets of links that nobody knows
	Bind                  // claims of relay legs
	Relayed               // packets that a leg has paid for and a shard can't send: the other leg is not bound, or a stream
	KindCount             //
)

// String is the kind's name in metrics.
func (k Kind) String() string {
	return [...]string{"session", "hello", "stranger", "bind", "relayed"}[min(k, KindCount-1)]
}

// share is how many datagrams of a kind one round takes from each shard. A hello costs about as much as a thousand packets
// (two X25519), a BIND as ten.
var share = [KindCount]int{Session: 128, Hello: 4, Stranger: 32, Bind: 16, Relayed: 64}

// ringSize in bytes. A full ring of hellos is half a second of a processor's work; who waits longer asks again. Links' packets
// are as many as 100,000 links send in 100 ms when all of them do something at once.
var ringSize = [KindCount]int{Session: 1 << 20, Hello: 1 << 19, Stranger: 1 << 17, Bind: 1 << 16, Relayed: 1 << 17}

// Inbox is what the shards have for the hub's goroutine.
type Inbox struct {
	rings [][KindCount]*ring // by shard
	// asleep is set by the reader before it waits; a shard that has put something then wakes it, once.
	asleep atomic.Bool
	wake   func()
}

func newInbox(shards int, wake func()) *Inbox {
	in := &Inbox{rings: make([][KindCount]*ring, shards), wake: wake}
	for i := range in.rings {
		for k := range KindCount {
			in.rings[i][k] = newRing(ringSize[k])
		}
	}
	return in
}

// Read hands a share of each kind to fn, which may scribble in b but not keep it, and returns how many datagrams that were.
// The hub's goroutine calls it.
func (in *Inbox) Read(fn func(k Kind, from netip.AddrPort, b []byte)) (total int) {
	for k := range KindCount {
		each := func(from netip.AddrPort, b []byte) { fn(k, from, b) }
		for i := range in.rings {
			r := in.rings[i][k]
			n := 0
			for n < share[k] && r.take(each) {
				n++
			}
			total += n
		}
	}
	return total
}

// Sleep says that the reader is about to wait, and reports whether it may: not if something is there. Wake, which the reader
// calls after its wait, takes that back.
func (in *Inbox) Sleep() bool {
	in.asleep.Store(true)
	for i := range in.rings {
		for _, r := range in.rings[i] {
			if !r.empty() {
				in.asleep.Store(false)
				return false
			}
		}
	}
	return true
}

// Wake is called by the reader after its wait.
func (in *Inbox) Wake() { in.asleep.Store(false) }

// call wakes the reader if it waits.
func (in *Inbox) call() {
	if in.asleep.Load() && in.asleep.Swap(false) {
		in.wake()
	}
}

// Lost is how many datagrams of a kind found their ring full.
func (in *Inbox) Lost(k Kind) (n uint64) {
	for i := range in.rings {
		n += in.rings[i][k].lost.Load()
	}
	return n
}

// kindOf sorts a datagram that is not a relayed one.
func kindOf(b []byte, known *Known) Kind {
	switch wire.FamilyOf(b) {
	case wire.FamilySession:
		if head, _, ok := wire.ParseSession(b); ok && known.Has(head.ConnID) {
			return Session
		}
	case wire.FamilyRelay:
		return Bind
	case wire.FamilyHandshake:
		if b[0] == wire.TypeHello || b[0] == wire.TypeResume {
			return Hello
		}
	}
	return Stranger
}
