package hub

import "net/netip"

// Transmit says where a datagram goes and from which socket, numbered as for HandleDatagram.
type Transmit struct {
	Socket uint8
	To     netip.AddrPort
	Stream uint32 // not zero: through that stream, and the other fields say nothing
}

// outbox holds datagrams until the owner takes them, which it does after every call. Their memory is used again.
type outbox struct {
	items   []outgoing
	head    int
	scratch []byte
}

type outgoing struct {
	tx Transmit
	b  []byte
}

// maxOutbox bounds an outbox that nobody empties.
const maxOutbox = 4096

func (h *Hub) send(sock uint8, to netip.AddrPort, b []byte) {
	q := &h.out
	if len(q.items) == maxOutbox {
		h.drop(dropQueue)
		return
	}
	if len(q.items) < cap(q.items) {
		q.items = q.items[:len(q.items)+1]
	} else {
		q.items = append(q.items, outgoing{})
	}
	o := &q.items[len(q.items)-1]
	o.tx, o.b = Transmit{Socket: sock, To: to}, append(o.b[:0], b...)
}

func (q *outbox) take(dst []byte) ([]byte, Transmit, bool) {
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		return dst, Transmit{}, false
	}
	o := &q.items[q.head]
	q.head++
	return append(dst, o.b...), o.tx, true
}
