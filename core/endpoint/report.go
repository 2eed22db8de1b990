package endpoint

import (
	"fmt"
	"net/netip"
	"time"
)

// Server is the address of the server that the link goes to, or went to last.
func (e *Endpoint) Server() netip.AddrPort { return e.link.Remote() }

// AppendReport writes down, for people, what the client is doing and has tried: what musubi_dump tells beside the figures. It
// holds no names, keys, codes or whole addresses. At most some kilobytes for each peer.
func (e *Endpoint) AppendReport(dst []byte, now time.Time) []byte {
	dst = e.link.AppendReport(dst, now)
	if _, ok := e.link.Rooms().Room(); ok {
		dst = append(dst, "in a room\n"...)
	}
	dst = fmt.Appendf(dst, "sockets for port prediction: %d\n", len(e.owners))
	for i := range e.slots.used {
		s := &e.slots.list[i]
		if !s.used {
			continue
		}
		dst = fmt.Appendf(dst, "peer %x:", uint64(e.slots.handle(i)))
		switch {
		case s.request != nil:
			dst = append(dst, " asks to connect; accept or reject it\n"...)
		case s.cur == nil && s.next == nil:
			dst = append(dst, " no connection\n"...)
		default:
			dst = append(dst, '\n')
		}
		if s.cur != nil {
			dst = s.cur.AppendReport(dst, now)
		}
		if s.next != nil {
			dst = append(dst, "  another introduction is under way\n"...)
		}
	}
	return dst
}
