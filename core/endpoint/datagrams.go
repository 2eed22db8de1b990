package endpoint

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/peer"
	"github.com/musubi-p2p/musubi/core/wire"
)

// HandleDatagram takes one datagram that arrived on a socket. b is borrowed and may be decrypted in place.
func (e *Endpoint) HandleDatagram(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) {
	now = e.tick(now)
	switch wire.FamilyOf(b) {
	case wire.FamilySTUN:
		e.handleSTUN(now, socket, from, b)
	case wire.FamilyRelay:
		e.handleRelay(now, from, b)
	case wire.FamilySession:
		e.handleSession(now, socket, from, b)
	case wire.FamilyHandshake:
		e.handleLink(now, socket, from, b)
	}
}

// handleLink takes a datagram for the link. One that came through an old stream is as lost as the stream.
func (e *Endpoint) handleLink(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) {
	switch socket {
	case api.MainSocket:
		e.link.HandleDatagram(now, from, b)
	case e.stream.id:
		e.link.HandleStream(now, b)
	default:
		e.drops.Handshake++
	}
	e.drainLink(now)
}

func (e *Endpoint) handleSession(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) {
	h, _, ok := wire.ParseSession(b)
	if !ok {
		e.drops.Session++
		return
	}
	if e.link.Owns(h.ConnID) {
		e.handleLink(now, socket, from, b)
		return
	}
	i, p := e.slots.owner(h.ConnID)
	if p == nil {
		e.drops.Session++
		return
	}
	p.HandleDirect(now, socket, from, b)
	e.slots.touch(i)
}

func (e *Endpoint) handleRelay(now time.Time, from netip.AddrPort, b []byte) {
	if handle, packet, ok := wire.ParseRelayed(b); ok {
		i, p, leg := e.slots.relayed(handle, from)
		if p == nil {
			e.drops.Relay++
			return
		}
		p.HandleRelayed(now, leg, packet)
		e.slots.register(i, p)
		e.slots.touch(i)
		return
	}
	// Challenges and bounds carry a nonce that only one leg knows. Nobody else is woken: anybody can send such datagrams.
	for i := range e.slots.used {
		s := &e.slots.list[i]
		for _, p := range [...]*peer.Peer{s.cur, s.next} {
			if p == nil {
				continue
			}
			old, _ := p.RelayHandles()
			if !p.HandleRelayControl(now, b) {
				continue
			}
			e.slots.forgetHandles(i, old) // a relay that was restarted gives another one
			e.slots.register(i, p)
			e.slots.touch(i)
			return
		}
	}
	e.drops.Relay++
}

// Drops counts datagrams that belonged to nothing.
func (e *Endpoint) Drops() Drops { return e.drops }
