package hub

import (
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/rendezvous"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ticketLife of a relay leg covers an evening of play: a client binds again with it after an address change.
const ticketLife = 12 * time.Hour

// grant mints one leg of an introduction's relay session. Of a node alone the relay is this very socket, so the leg is bound at
// once to the address that the link has proven; ticket and key are for binding it again.
func (h *Hub) grant(now time.Time, intro wire.IntroID, n uint8, to rendezvous.LinkRef) wire.RelayGrant {
	ticket, err := h.tickets.SealRelay(h.cfg.Rand, nil, &wire.RelayTicket{
		Session: intro, Leg: n, Expiry: uint64(now.Add(ticketLife).Unix()), KeyHash: secure.KeyHash(to.Key), Rate: to.Grant.Relay,
	})
	if err != nil {
		panic("hub: randomness: " + err.Error())
	}
	g := wire.RelayGrant{Rate: h.legRate(to.Grant.Relay), Key: secure.RelayLegKey(h.legKey, ticket), Ticket: ticket}
	if !h.alone() { // bound on its way out, if this node is the relay
		return g
	}
	at := to.Addr
	if m := h.members[to.Member]; m != nil {
		at = m.addr // the name of its stream, if it has one
	}
	var ok bool
	if g.Handle, ok = h.relay.Prebind(now, intro, n, secure.KeyHash(to.Key), at, g.Rate); ok {
		h.own(to.Member, g.Handle)
	}
	return g
}

// own remembers a leg, to move it along with its member's link.
func (h *Hub) own(id uint64, handle uint32) {
	m := h.members[id]
	if m == nil {
		return
	}
	if len(m.legs) >= maxLegs {
		kept := m.legs[:0]
		for _, leg := range m.legs {
			if h.relay.Holds(leg) {
				kept = append(kept, leg)
			}
		}
		m.legs = kept
	}
	m.legs = append(m.legs, handle)
}

// moveLegs moves a member's legs to the address that its link has proven.
func (h *Hub) moveLegs(m *member, to netip.AddrPort) {
	if m == nil || m.addr == to {
		return
	}
	kept := m.legs[:0]
	for _, leg := range m.legs {
		if h.relay.Move(leg, m.addr, to) {
			kept = append(kept, leg)
		}
	}
	m.legs, m.addr = kept, to
}

func (h *Hub) openTicket(now time.Time, ticket []byte) (t wire.RelayTicket, key [32]byte, ok bool) {
	t, err := h.tickets.OpenRelay(now, ticket)
	if err != nil {
		return t, key, false
	}
	return t, secure.RelayLegKey(h.legKey, ticket), true
}

// random fills b. A failing source of randomness leaves nothing to be done safely.
func (h *Hub) random(b []byte) {
	if _, err := io.ReadFull(h.cfg.Rand, b); err != nil {
		panic("hub: randomness: " + err.Error())
	}
}
