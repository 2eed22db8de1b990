package peer

import (
	"errors"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// hide takes note that the server, too, wants this connection relayed for good; that the client wants it is in the
// configuration already.
func (p *Peer) hide(told bool) {
	if p.cfg.RelayOnly = p.cfg.RelayOnly || told; p.cfg.RelayOnly {
		p.cfg.LAN, p.cfg.Global6, p.cfg.MappedPort = nil, nil, 0
	}
}

// verify judges what the other side offers, and its certificate. The handshake has proven that it holds the key which the server told; only the
// certificate can tell whose key that is.
func (p *Peer) verify(now time.Time, info *wire.PeerInfo) error {
	if err := p.checkPQ(info); err != nil || p.cfg.Verify == nil {
		return err
	}
	return p.cfg.Verify(now, p.key, info.Certificate)
}

// Refused reports whether the other side's certificate was not good enough: the connection never was one.
func (p *Peer) Refused() bool { return p.refused }

// refuse ends a connection as it comes about: the game hears why, and the other side that it was rejected, so that it does
// not wait for silence to tell it. No probe leaves.
func (p *Peer) refuse(now time.Time, session *secure.Session, err error) {
	code := api.ErrIdentity
	var e *api.Error
	if errors.As(err, &e) {
		code = e.Code
	}
	p.refused = true
	p.fail(code, err.Error())
	p.shut(now, session, api.ErrRejected, err.Error())
}

// ending is with what a connection is closed as soon as there are keys to close it with.
type ending struct {
	code api.Code
	text string
}

// Unwanted reports whether the connection was closed before it had keys. The other side may have its own by then, so the
// handshake goes on, and CLOSE is all that follows. What such a connection tells is not for the game.
func (p *Peer) Unwanted() bool { return p.unwanted != nil }

// Handshaking reports whether a callee still waits for its keys.
func (p *Peer) Handshaking() bool { return p.handshake != nil && !p.closed }

// shut has keys for CLOSE alone: no probe leaves, no message is taken.
func (p *Peer) shut(now time.Time, session *secure.Session, code api.Code, text string) {
	p.early = nil
	p.begin(now, session)
	p.fail(code, text)
	p.conn.Close(now, code, text, 0)
}
