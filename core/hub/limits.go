package hub

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Limits against abuse (docs/SECURITY.md, "Limits").
var (
	handshakeLimit = limit{time.Second / 10, 20}
	tokenLimit     = limit{time.Second / 100, 200} // handshakes by address token: a home or campus coming back at once
	bareSTUNLimit  = limit{time.Second / 20, 20}   // per address
	nodeSTUNLimit  = limit{time.Second / 2000, 2000}
	ourSTUNLimit   = limit{time.Second / 400, 200} // per address, requests with our token
	resetLimit     = limit{time.Second / 100, 200} // per address: a campus after a restart
	nodeResetLimit = limit{time.Second / 10_000, 2000}
	halfLimit      = limit{time.Second / 20, 256} // per address: one without UDP comes back into the largest room, and some of its neighbours
)

// limit is one token per interval, saved up to burst.
type limit struct {
	interval time.Duration
	burst    int
}

// bucket is a token bucket as the instant at which it would be full again (GCRA).
type bucket struct{ full time.Time }

func (b *bucket) take(now time.Time, l limit) bool {
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.Sub(now) > l.interval*time.Duration(l.burst-1) {
		return false
	}
	b.full = b.full.Add(l.interval)
	return true
}

// gate holds a bucket per address in a table of fixed size, so that any number of spoofed addresses takes no memory. An
// address falls into one of gateSets sets by a secret hash, nobody can aim at another's set; in a full set the bucket
// that is fullest, which is the one that limits least, makes room.
type gate struct {
	seed  [2]uint64
	slots [][gateWays]gateSlot
}

type gateSlot struct {
	tag    uint64 // 0: free
	bucket bucket
}

const (
	gateSets = 1024
	gateWays = 4
)

func (h *Hub) seedGates() error {
	gates := []*gate{&h.handshakes, &h.returning, &h.bareSTUN, &h.ourSTUN, &h.resets}
	if mayCluster {
		gates = append(gates, &h.halves)
	}
	for _, g := range gates {
		var b [16]byte
		if _, err := io.ReadFull(h.cfg.Rand, b[:]); err != nil {
			return err
		}
		g.seed = [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
		g.slots = make([][gateWays]gateSlot, gateSets)
	}
	return nil
}

// hash mixes an address with the secret seed (two multiply-and-fold rounds, as in wyhash). It need not be one-way.
func (g *gate) hash(a netip.Addr) uint64 {
	b := a.As16()
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(b[:])^g.seed[0], binary.LittleEndian.Uint64(b[8:])^g.seed[1])
	hi, lo = bits.Mul64(hi^lo^g.seed[1], 0x9e3779b97f4a7c15^g.seed[0])
	return (hi ^ lo) | 1<<63
}

// take uses one token of the address's bucket.
func (g *gate) take(now time.Time, a netip.Addr, l limit) bool {
	tag := g.hash(subnet(a))
	set := &g.slots[tag%gateSets]
	victim := &set[0]
	for i := range set {
		if set[i].tag == tag {
			return set[i].bucket.take(now, l)
		}
		if set[i].bucket.full.Before(victim.bucket.full) {
			victim = &set[i]
		}
	}
	*victim = gateSlot{tag: tag}
	return victim.bucket.take(now, l)
}

// subnet is what counts as one address: an IPv4 address, an IPv6 /64, which is what one customer has. A translator in front of an
// IPv6-only server shows each IPv4 client under the well-known prefix (RFC 6052): those are not one customer.
func subnet(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// mayBeSource reports whether a datagram can come from an address, and so whether an answer may go there. What is sent to a group or
// to everybody is multiplied on its way; port 0 is nobody's; streams' names are no addresses of the network.
func mayBeSource(from netip.AddrPort) bool {
	a := from.Addr()
	return a.IsValid() && from.Port() != 0 && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast && !streamPrefix.Contains(a)
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// admit is asked before public-key work. The address is proven by now: nobody can use up another's allowance. One that
// holds an address token was here before, and has a limit of its own: the token costs nothing, the handshake does.
func (h *Hub) admit(now time.Time, from netip.AddrPort, token, resume bool) (code api.Code, wait uint32) {
	switch {
	case h.drain.on:
		h.drop(dropClosing)
		return api.ErrUnavailable, drainWait
	case h.closing:
		h.drop(dropClosing)
		return api.ErrServerClosing, 0
	case h.full(resume):
		h.drop(dropFull)
		h.event(Event{Kind: EventRefused, Code: api.ErrUnavailable, Text: fmt.Sprintf("handshake refused: the server is full with %d sessions (--sessions)", h.cfg.MaxSessions)})
		return api.ErrUnavailable, fullWait
	case h.cfg.LabLimits || token && h.returning.take(now, from.Addr(), tokenLimit) || !token && h.handshakes.take(now, from.Addr(), handshakeLimit):
		if wait, ok := h.capacity.take(now, h.cfg.Handshakes, resume); !ok {
			h.drop(dropCapacity)
			return api.ErrUnavailable, wait
		}
		return api.OK, 0
	}
	h.drop(dropHandshakeLimit)
	h.event(Event{Kind: EventRefused, Code: api.ErrRateLimited, Text: "handshake refused: too many in a short time from " + wire.Network(from.Addr())})
	return api.ErrRateLimited, 0
}

// fullWait is in how many seconds a full server may be asked again; clients wait up to twice as long.
const fullWait = 10

// full reports whether there is no place for another session. Handshakes that were begun and left lying take no place: else whoever has
// some addresses would keep everybody out. They are Handshakes a second for ten seconds at most. A link that is resumed takes the
// place of one that counts until the client has spoken over the new one: all players may come back at once.
func (h *Hub) full(resume bool) bool {
	most := h.cfg.MaxSessions
	if resume {
		most *= 2
	}
	return h.spoken >= most
}

// reset tells the sender of a packet of a session that we know nothing of. Unlike most answers it goes to an address that nothing
// proves, but it is smaller than the packet.
func (h *Hub) reset(now time.Time, from netip.AddrPort, id uint32, size int) {
	if size <= wire.ResetSize || h.closing {
		return
	}
	if !h.cfg.LabLimits && !(h.resets.take(now, from.Addr(), resetLimit) && h.nodeResets.take(now, nodeResetLimit)) {
		h.drop(dropResetLimit)
		return
	}
	var b [wire.ResetSize]byte
	h.send(0, from, wire.AppendReset(b[:0], &wire.Reset{ConnID: id, Token: h.resetKey.Token(id)}))
}

// mayAnswer spends a STUN request's allowance.
func (h *Hub) mayAnswer(now time.Time, a netip.Addr, trusted bool) bool {
	switch {
	case h.cfg.LabLimits:
		return true
	case trusted:
		return h.ourSTUN.take(now, a, ourSTUNLimit)
	}
	return h.bareSTUN.take(now, a, bareSTUNLimit) && h.nodeSTUN.take(now, nodeSTUNLimit)
}
