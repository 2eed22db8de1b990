package endpoint

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/peer"
)

// A stream carries datagrams over TCP to the server, where UDP does not get there. It has a number like a socket's and one
// peer: what arrives through it came from the server's address, and what goes there, link and relay, goes through it while
// the link does. Everything else stays with UDP, which may work within the local network.
type stream struct {
	id     api.SocketID // 0: none
	server netip.AddrPort
}

// wantStream opens and closes the stream as the link wants it.
func (e *Endpoint) wantStream() {
	server, wanted := e.link.Stream()
	if e.stream.id != 0 && (!wanted || server != e.stream.server) {
		e.ops = append(e.ops, SocketOp{ID: e.stream.id})
		e.stream = stream{}
	}
	if wanted && e.stream.id == 0 {
		e.lastID++
		e.stream = stream{id: e.lastID, server: server}
		e.ops = append(e.ops, SocketOp{ID: e.lastID, Open: true, Stream: server})
	}
}

// carried sends through the stream what is for the server, if on.
func (e *Endpoint) carried(tx Transmit, on bool) Transmit {
	if on && tx.Socket == api.MainSocket && e.stream.id != 0 && tx.To == e.stream.server {
		tx.Socket = e.stream.id
	}
	return tx
}

// streamOpened and streamFailed pass the edge's answers on; false: they were not about the stream.
func (e *Endpoint) streamOpened(now time.Time, id api.SocketID) bool {
	if id != e.stream.id || id == 0 {
		return false
	}
	e.link.StreamOpened(now)
	e.drainLink(now)
	return true
}

func (e *Endpoint) streamFailed(now time.Time, id api.SocketID, text string) bool {
	if id != e.stream.id || id == 0 {
		return false
	}
	e.stream = stream{}
	e.link.StreamFailed(now, text)
	e.drainLink(now)
	return true
}

// withoutUDP is what is known of the NAT when the link had to take the stream, until a profile says otherwise.
func (e *Endpoint) withoutUDP(now time.Time) {
	e.learn(now, api.NATInfo{Mapping: api.BehaviourUDPBlocked, Filtering: api.BehaviourUDPBlocked})
}

// udpIsBack follows the link, which has left the stream, once the server says that it has done so too.
func (e *Endpoint) udpIsBack(now time.Time) {
	e.moving = false
	e.log(logInfo, "the server can be reached over UDP again")
	e.eachPeer(func(p *peer.Peer) { p.NetworkChanged(now, true) })
	e.startProfile(now)
}
