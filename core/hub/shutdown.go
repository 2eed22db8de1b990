package hub

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// closeTime is how long a shutdown waits for clients to hear of it.
const closeTime = time.Second

const closingText = "the server is shutting down"

// Shutdown tells every client and ends its link. New links are refused; players who are connected to each other don't
// notice. It is complete when Done, which is within a second.
func (h *Hub) Shutdown(now time.Time) {
	now = h.clock(now)
	if h.closing {
		return
	}
	h.closing, h.closeBy = true, now.Add(closeTime)
	h.event(Event{Kind: EventClosing, Code: api.ErrServerClosing, Text: closingText})
	for i := len(h.order) - 1; i >= 0; i-- { // from the end: remove puts the last one in the place of a removed one
		s := h.order[i]
		if !s.current {
			h.remove(s) // nobody has spoken for it yet, or it has ended
			continue
		}
		s.link.Send(now, &wire.Signal{Type: wire.SigClosing, Text: closingText})
		s.link.Close(now, api.ErrServerClosing, closingText)
		h.touch(s)
	}
	h.run(now)
}

// Done reports whether a shutdown is complete and nothing is left to say.
func (h *Hub) Done() bool { return h.closing && len(h.order) == 0 }

// dropAll gives up on the clients that did not acknowledge in time.
func (h *Hub) dropAll() {
	for len(h.order) > 0 {
		h.remove(h.order[len(h.order)-1])
	}
}
