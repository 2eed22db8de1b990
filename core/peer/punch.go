package peer

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Wish is what a connection wants of the server's lock on port prediction.
type Wish uint8

const (
	WishNone Wish = iota
	WishGrant
	WishOver // the grant is needed no more
)

// Calling reports whether the server is to be asked about our address, whether sockets or the server's grant are wanted, or sockets are to be closed.
func (p *Peer) Calling() bool {
	return p.moved || p.wish != WishNone || p.agent != nil && p.agent.SocketsWaiting()
}

// TakeMoved reports, once, that a path failed: perhaps because our address is another now, which the server can tell, or the
// server's.
func (p *Peer) TakeMoved() bool {
	was := p.moved
	p.moved = false
	return was
}

// TakeWish returns what is wanted of the lock, once.
func (p *Peer) TakeWish() Wish {
	w := p.wish
	p.wish = WishNone
	return w
}

// Granted passes the server's answer on.
func (p *Peer) Granted(now time.Time, ok bool, wait, life time.Duration) {
	if p.Connected() {
		p.agent.Granted(now, ok, wait, life)
		p.drainAgent(now)
	}
}

// WantSockets is how many sockets are to be opened, once; each is answered with SocketOpened or SocketFailed.
func (p *Peer) WantSockets() int {
	if p.agent == nil || p.closed {
		return 0
	}
	return p.agent.WantSockets()
}

// SocketOpened gives a socket that was wanted.
func (p *Peer) SocketOpened(now time.Time, id api.SocketID, local netip.AddrPort) {
	p.agent.SocketOpened(now, id, local)
	p.drainAgent(now)
}

// SocketFailed tells that the system refused one.
func (p *Peer) SocketFailed(now time.Time) {
	p.agent.SocketFailed(now)
	p.drainAgent(now)
}

// CloseSocket reports, once, a socket that is needed no more.
func (p *Peer) CloseSocket() (api.SocketID, bool) {
	if p.agent == nil {
		return 0, false
	}
	return p.agent.CloseSocket()
}

// Forget gives all sockets back, for a connection that is taken off; CloseSocket names them.
func (p *Peer) Forget() {
	if p.agent != nil {
		p.agent.Close()
	}
}

// HandleSTUN takes a STUN datagram that may answer one of ours.
func (p *Peer) HandleSTUN(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) bool {
	if !p.Connected() || !p.agent.HandleSTUN(now, socket, from, b) {
		return false
	}
	p.drainAgent(now)
	return true
}

// SetParty takes what the server tells of the other side after the introduction: a profile that was measured since, or
// another address.
func (p *Peer) SetParty(now time.Time, party *wire.Party) {
	if p.agent == nil || p.closed || p.cfg.RelayOnly {
		return
	}
	p.agent.SetRemote(now, party.Profile)
	p.agent.AddRemote(now, party.Addrs, false)
	p.drainAgent(now)
}

// appendProbe writes what the agent wants to send; ok is false if it can't be, as through a relay that is not bound.
func (p *Peer) appendProbe(dst []byte, probe *nat.Probe) (out []byte, tx Transmit, ok bool) {
	tx = Transmit{Socket: probe.Socket, To: probe.To, TTL: probe.TTL}
	out = dst
	switch probe.Via {
	case nat.ViaSTUN:
		return p.agent.AppendSTUN(dst, probe), tx, true
	case nat.ViaRelay:
		l := p.via()
		if !l.usable() {
			return dst, tx, false
		}
		tx = Transmit{To: l.client.Addr()}
		out = wire.AppendRelayed(out, l.client.Handle())
	}
	start := len(out)
	out, _ = p.session.Begin(out, wire.PathProbe)
	out = wire.AppendProbe(out, &probe.Probe)
	return p.session.Seal(out, start), tx, true
}
