//go:build linux

package load

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Minter makes relay tickets as a node of the server's cluster does: with the master key.
type Minter struct {
	tickets secure.TicketKey
	legs    [32]byte
}

// NewMinter derives the keys as core/hub does.
func NewMinter(master [32]byte) *Minter {
	return &Minter{secure.Derive(master, "relay tickets"), secure.Derive(master, "relay legs")}
}

func (m *Minter) grant(session [16]byte, leg uint8) (wire.RelayGrant, error) {
	ticket, err := m.tickets.SealRelay(rand.Reader, nil, &wire.RelayTicket{Session: session, Leg: leg, Expiry: uint64(time.Now().Add(time.Hour).Unix())})
	return wire.RelayGrant{Key: secure.RelayLegKey(m.legs, ticket), Ticket: ticket}, err
}

// Musubi binds a pair's two legs at a relay.
func (m *Minter) Musubi(at netip.AddrPort) (p Pair, err error) {
	var session [16]byte
	_, _ = rand.Read(session[:])
	if p, err = newPair(at, at); err != nil {
		return p, err
	}
	for i := range p {
		handle, err := m.bind(p[i], at, session, uint8(i))
		if err != nil {
			return p, err
		}
		p[i].head, p[i].skip = wire.AppendRelayed(nil, handle), wire.RelayHeader
	}
	return p, nil
}

func (m *Minter) bind(e *End, at netip.AddrPort, session [16]byte, leg uint8) (handle uint32, err error) {
	grant, err := m.grant(session, leg)
	if err != nil {
		return 0, err
	}
	c := relay.NewClient(relay.ClientConfig{Rand: rand.Reader, Grant: grant, Addr: at})
	c.Bind(time.Now())
	for range 2 { // BIND, BIND2
		request, ok := c.AppendTransmit(time.Now(), nil)
		if !ok {
			break
		}
		if err := e.ask(request, func(b []byte) bool { return c.HandleDatagram(time.Now(), b) }); err != nil {
			return 0, fmt.Errorf("bind a relay leg at %v: %w", at, err)
		}
	}
	if !c.Bound() {
		return 0, fmt.Errorf("bind a relay leg at %v: refused", at)
	}
	return c.Handle(), nil
}

// BindMany binds so many pairs from one socket, for whoever wants to know what they cost the server.
func (m *Minter) BindMany(at netip.AddrPort, pairs int) error {
	e, err := newEnd()
	if err != nil {
		return err
	}
	defer Pair{e}.Close()
	if err := e.connect(at); err != nil {
		return err
	}
	for range pairs {
		var session [16]byte
		_, _ = rand.Read(session[:])
		for leg := range uint8(2) {
			if _, err := m.bind(e, at, session, leg); err != nil {
				return err
			}
		}
	}
	return nil
}
