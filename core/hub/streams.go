package hub

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
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

// stream is one that is open.
type stream struct {
	seen  netip.AddrPort // its client's address as the world sees it
	links int            // whose datagrams go through it
	free  time.Time      // since when it carries none; valid with links == 0
}

// freeStream is an entry in the queue of streams without a link, oldest first. It is out of date where the stream has one again.
type freeStream struct {
	id    uint32
	since time.Time
}

// freeTime is how long a stream may carry no link: longer than a client keeps one open in case UDP falls silent. Who opens a stream and
// then says nothing of use has proved nothing but an address, and its place is another player's.
const freeTime = 60 * time.Second

// carried counts a link that goes through a stream: by one more, or one less. Other addresses than streams' names are passed over.
func (h *Hub) carried(name netip.AddrPort, change int) {
	id := streamID(name)
	s := h.streams[id]
	if id == 0 || s == nil {
		return
	}
	if s.links += change; s.links == 0 {
		h.freed(id, s)
	}
}

func (h *Hub) freed(id uint32, s *stream) {
	s.free = h.now
	h.free = append(h.free, freeStream{id, h.now})
}

// place notes where a session's datagrams come from.
func (h *Hub) place(s *session, at netip.AddrPort) {
	if s.addr != at {
		h.carried(s.addr, -1)
		h.carried(at, 1)
		s.addr = at
	}
}

// freeTimeout finds the streams that have carried no link for long enough.
func (h *Hub) freeTimeout(now time.Time) {
	for len(h.free) > 0 && deadline.Due(now, h.free[0].since.Add(freeTime)) {
		f := h.free[0]
		h.free = h.free[1:]
		if s := h.streams[f.id]; s != nil && s.links == 0 && s.free.Equal(f.since) {
			h.useless = append(h.useless, f.id)
		}
	}
}

// NextUseless names a stream that carried no link for so long that the owner should close it, and tell StreamClosed.
func (h *Hub) NextUseless() (id uint32, ok bool) {
	if len(h.useless) == 0 {
		h.useless = nil
		return 0, false
	}
	id, h.useless = h.useless[0], h.useless[1:]
	return id, true
}

// StreamOpened tells of a stream under a number of the owner's choice, not zero and never used again, and of the client's
// address as the world sees it.
func (h *Hub) StreamOpened(id uint32, seen netip.AddrPort) {
	s := &stream{seen: netip.AddrPortFrom(seen.Addr().Unmap(), seen.Port())}
	h.streams[id] = s
	h.freed(id, s)
}

// StreamClosed tells that a stream is gone. Its client comes back by another one, or is silent.
func (h *Hub) StreamClosed(id uint32) { delete(h.streams, id) }

// HandleStream is HandleDatagram for what came through a stream.
func (h *Hub) HandleStream(now time.Time, id uint32, b []byte) {
	now = h.clock(now)
	s := h.streams[id]
	from := streamName(id)
	switch family := wire.FamilyOf(b); {
	case s == nil || len(b) == 0:
		h.drop(dropFormat)
	case family == wire.FamilySTUN: // there is no mapping to tell
		h.drop(dropSTUN)
	case family == wire.FamilyRelay:
		h.handleRelay(now, from, b)
		h.boundByStream(now, from, b)
	case family == wire.FamilyHandshake:
		reply, s := h.acceptor.HandleStream(now, link.Origin{Addr: from, Seen: s.seen}, b)
		h.answerHandshake(from, reply, s)
	default:
		h.handleSession(now, from, b)
	}
	h.run(now)
}
