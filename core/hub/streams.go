package hub

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A client whose network blocks UDP sends its datagrams through a stream: TCP, which the owner runs. Within the hub a stream has
// a name in the form of an address, from the range that RFC 6666 sets aside for packets to be thrown away: links and relay
// legs are bound to it as to any address, and no UDP packet comes from there.

var streamPrefix = netip.MustParsePrefix("100::/64")

// streamPort is the port of all names; zero would be no address.
const streamPort = 1

// streamName is how the hub calls a stream.
func streamName(id uint32) netip.AddrPort {
	a := streamPrefix.Addr().As16()
	binary.BigEndian.PutUint32(a[12:], id)
	return netip.AddrPortFrom(netip.AddrFrom16(a), streamPort)
}

// streamID is the stream that is called so; zero: it is a true address.
func streamID(name netip.AddrPort) uint32 {
	if a := name.Addr(); a.Is6() && streamPrefix.Contains(a) {
		b := a.As16()
		return binary.BigEndian.Uint32(b[12:])
	}
	return 0
}

// StreamOpened tells of a stream under a number of the owner's choice, not zero and never used again, and of the client's
// address as the world sees it.
func (h *Hub) StreamOpened(id uint32, seen netip.AddrPort) {
	h.streams[id] = netip.AddrPortFrom(seen.Addr().Unmap(), seen.Port())
}

// StreamClosed tells that a stream is gone. Its client comes back by another one, or is silent.
func (h *Hub) StreamClosed(id uint32) { delete(h.streams, id) }

// HandleStream is HandleDatagram for what came through a stream.
func (h *Hub) HandleStream(now time.Time, id uint32, b []byte) {
	now = h.clock(now)
	seen, ok := h.streams[id]
	from := streamName(id)
	switch family := wire.FamilyOf(b); {
	case !ok || len(b) == 0:
		h.drop(dropFormat)
	case family == wire.FamilySTUN: // there is no mapping to tell
		h.drop(dropSTUN)
	case family == wire.FamilyRelay:
		h.handleRelay(now, from, b)
	case family == wire.FamilyHandshake:
		reply, s := h.acceptor.HandleStream(now, link.Origin{Addr: from, Seen: seen}, b)
		h.answerHandshake(from, reply, s)
	default:
		h.handleSession(now, from, b)
	}
	h.run(now)
}
