package hub

import (
	"fmt"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/token"
)

// EventKind tells what an Event is.
type EventKind uint8

const (
	EventLinkUp       EventKind = iota + 1 // Member
	EventLinkDown                          // Member, Code
	EventRoomCreated                       // Member, Room
	EventRoomClosed                        // Room
	EventIntroduced                        // Member the caller, Other the callee, Room
	EventRefused                           // Code
	EventClosing                           // shutdown began
	EventRoomRestored                      // Room: built anew by its members' tickets
	EventCluster                           // other nodes, or what they do to our rooms
	EventRelayed                           // Member, Other: a pair that stays relayed
)

// Event is something for logs and metrics. Text is for people; addresses in it are cut to /24 and /48.
type Event struct {
	Kind   EventKind
	Member uint64
	Other  uint64
	Room   uint64
	Code   api.Code
	Text   string
}

// maxEvents bounds the queue when nobody reads it.
const maxEvents = 1024

func (h *Hub) event(e Event) {
	if len(h.events) < maxEvents {
		h.events = append(h.events, e)
	}
}

// HasEvents reports whether NextEvent has one.
func (h *Hub) HasEvents() bool { return len(h.events) > 0 }

// NextEvent takes the next event.
func (h *Hub) NextEvent() (Event, bool) {
	if len(h.events) == 0 {
		h.events = nil
		return Event{}, false
	}
	e := h.events[0]
	h.events = h.events[1:]
	return e, true
}

func (h *Hub) roomEvents() {
	for {
		e, ok := h.rooms.NextEvent()
		if !ok {
			return
		}
		t := Event{Member: e.Member, Other: e.Other, Room: e.Room, Code: e.Code}
		switch e.Kind {
		case rendezvous.EventRoomCreated:
			t.Kind, t.Text = EventRoomCreated, fmt.Sprintf("room %x created", e.Room)
		case rendezvous.EventRoomRestored:
			t.Kind, t.Text = EventRoomRestored, fmt.Sprintf("room %x restored", e.Room)
		case rendezvous.EventRoomClosed:
			t.Kind, t.Text = EventRoomClosed, fmt.Sprintf("room %x closed", e.Room)
		case rendezvous.EventIntroduced:
			t.Kind, t.Text = EventIntroduced, fmt.Sprintf("introduced %x and %x in room %x", e.Member, e.Other, e.Room)
		case rendezvous.EventRefused:
			t.Kind, t.Text = EventRefused, fmt.Sprintf("refused %x: %s", e.Member, e.Text)
		case rendezvous.EventRelayed:
			t.Kind, t.Text = EventRelayed, fmt.Sprintf("%x and %x stay relayed: %s", e.Member, e.Other, e.Text)
		}
		h.event(t)
	}
}

// drop is why the hub itself threw a datagram away.
type drop uint8

const (
	dropFormat         drop = iota // no datagram of ours
	dropSource                     // from an address that nobody can have
	dropSocket                     // not STUN, on a socket that is for STUN only
	dropSession                    // no such session
	dropSTUN                       // not a request that gets an answer
	dropSTUNLimit                  // over a limit
	dropHandshakeLimit             // over a limit
	dropCapacity                   // a handshake that was told to come again
	dropFull                       // a handshake when there are as many sessions as may be
	dropAddressFull                // the same of one address
	dropUserFull                   // the same of one user
	dropClosing                    // a handshake while the server drains or stops
	dropResetLimit                 // a packet of an unknown session, over a limit
	dropSignal                     // a signal that its link could not take
	dropQueue                      // the owner does not take what is to be sent
	dropCount
)

var dropNames = [dropCount]string{"format", "source", "socket", "session_unknown", "stun", "stun_limit", "handshake_limit", "handshake_capacity",
	"handshake_full", "handshake_address_full", "handshake_user_full", "handshake_closing", "reset_limit", "signal", "queue"}

func (h *Hub) drop(d drop) { h.drops[d]++ }

// Drop is a counter of what was thrown away, with its reason's name for metrics.
type Drop struct {
	Reason string
	Count  uint64
}

// Stats are counters, except Links, Members, Rooms, Introductions, RelaySessions and RelayLegs, which are what lives now.
type Stats struct {
	Links, Members, Rooms, Introductions int
	RelaySessions, RelayLegs             int
	RelayPackets, RelayBytes             uint64
	Introduced, Refused                  uint64
	Handshakes, Resumed                  uint64
	Outcomes                             rendezvous.Outcomes
	Drops                                []Drop // every reason, in a fixed order, zeros included
}

// Stats are the counters now.
func (h *Hub) Stats() Stats {
	r, q, a := h.rooms.Stats(), h.relay.Stats(), h.acceptor.Counts()
	s := Stats{
		Links: len(h.order), Members: r.Members, Rooms: r.Rooms, Introductions: r.Introductions,
		RelaySessions: q.Sessions, RelayLegs: q.Bound, RelayPackets: q.Packets, RelayBytes: q.Bytes,
		Outcomes: h.rooms.Outcomes(), Introduced: r.Introduced, Refused: r.Refused + a.Refused, Handshakes: a.Links, Resumed: a.Resumed,
	}
	for d, name := range dropNames {
		s.Drops = append(s.Drops, Drop{name, h.drops[d]})
	}
	for d := range relay.DropCount {
		s.Drops = append(s.Drops, Drop{d.String(), q.Drops[d]})
	}
	l := h.acceptor.Drops()
	for r := token.Reason(1); r < token.Reasons; r++ {
		s.Drops = append(s.Drops, Drop{"token_" + r.Name(), h.refusals[r]})
	}
	s.Drops = append(s.Drops,
		Drop{"handshake_malformed", a.Malformed}, Drop{"handshake_version", a.Version}, Drop{"handshake_ticket", a.Ticket},
		Drop{"handshake_key", a.Key}, Drop{"handshake_content", a.Content}, Drop{"link_auth", l.Auth}, Drop{"link_replay", l.Replay}, Drop{"link_format", l.Format},
		Drop{"link_probe", l.Probe}, Drop{"link_signal", l.Signal}, Drop{"signal_rate", r.RateLimited}, Drop{"signal_stale", r.Stale})
	return s
}

// Dropped is the count of one reason.
func (s Stats) Dropped(reason string) uint64 {
	for _, d := range s.Drops {
		if d.Reason == reason {
			return d.Count
		}
	}
	return 0
}
