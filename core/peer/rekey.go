package peer

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// When keys are renewed (SECURITY.md, "Keys that are renewed").
const (
	// rekeyPackets under one key, in the direction that has more: a symmetric step. An eighth of what RFC 9001, 6.6 allows
	// AES-GCM.
	rekeyPackets = 1 << 20
	// ratchetEvery is the time between two Diffie-Hellman ratchets while the game has anything to say.
	ratchetEvery = 5 * time.Minute
	// The first one comes early, so that little is left to who records everything and waits for a quantum computer, but not in
	// the way of the first messages: so long after data went direct, or after the keys if that takes longer.
	firstAfterDirect = time.Second
	firstAfterKeys   = 5 * time.Second
	// offerLeast is what a responder wants between two offers, each of which costs it a few tenths of a millisecond, as a part
	// of ratchetEvery.
	offerLeast = 10
	// stepLeast is how soon a responder takes a symmetric step, as a part of rekeyPackets: what it counts itself is less by what
	// was lost.
	stepLeast = 64
	// oldKeyPTOs is how long, in the longest PTO of all paths, the keys of the phase before still open what comes late.
	oldKeyPTOs = 3
)

// rekeying decides when this connection's keys are renewed; secure.Session does it. Only the handshake's initiator, the callee,
// begins a phase, and one at a time:
//
//	initiator: steady ──due──▶ offered ──answer──▶ Advance ──▶ turning ──a packet of the phase, then the old keys go──▶ steady
//	              └──2^20 packets──▶ Advance
//	responder: steady ──offer──▶ answered, Expect ──a packet of the phase──▶ steady
type rekeying struct {
	hybrid bool          // both mix ML-KEM-768
	offer  *secure.Offer // initiator: on its way, or its answer is
	due    time.Time     // no offer before, sent as initiator or taken as responder
	hold   bool          // the game's messages wait for the first ratchet
	said   uint64        // messages either way at the last ratchet
	first  bool          // the first ratchet is still to come

	promised bool      // responder: the next phase is one that was answered
	turned   uint64    // phases that were noted
	oldUntil time.Time // the keys of the phase before go then; zero: there are none
	ratchets uint64    // Diffie-Hellman ratchets done
	at       time.Time // the last phase came
}

// features are the flags that offer what this side's configuration allows.
func (c *Config) features() (flags uint32) {
	if c.AES {
		flags |= wire.FlagAES
	}
	if flags |= wire.FlagRekey; c.PQ != api.PQOff {
		flags |= wire.FlagHybrid
	}
	if c.PQ == api.PQRequired {
		flags |= wire.FlagHybridFirst
	}
	return flags
}

// checkPQ refuses a connection that would stay without post-quantum keys where they are required.
func (p *Peer) checkPQ(info *wire.PeerInfo) error {
	if p.cfg.PQ != api.PQRequired || info.Flags&wire.FlagRekey != 0 && info.Flags&wire.FlagHybrid != 0 {
		return nil
	}
	return api.NewError(api.ErrPQ, "post-quantum keys are required here, and the other player's library is too old for them or has them switched off")
}

// beginRekeying starts the clock of the first ratchet. Where post-quantum keys are required there is none: nothing of the game's
// leaves before it, which costs the first message a round trip.
func (p *Peer) beginRekeying(now time.Time, info *wire.PeerInfo) {
	k := &p.rekeying
	if p.session.Renewable() {
		p.session.StepsAfter(p.cfg.rekeyPackets() / stepLeast)
	}
	k.hybrid = p.cfg.features()&info.Flags&wire.FlagHybrid != 0
	if k.hold = k.hybrid && (p.cfg.features()|info.Flags)&wire.FlagHybridFirst != 0; k.hold {
		p.conn.Hold(now, true)
	}
	if !p.caller {
		k.first, k.due = true, now.Add(firstAfterKeys)
		if k.hold {
			k.due = now
		}
	}
}

// wentDirect: the first ratchet need not wait any longer than this.
func (k *rekeying) wentDirect(now time.Time) {
	if at := now.Add(firstAfterDirect); k.first && at.Before(k.due) {
		k.due = at
	}
}

func (c *Config) ratchetEvery() time.Duration {
	if c.RatchetEvery > 0 {
		return c.RatchetEvery
	}
	return ratchetEvery
}

func (c *Config) rekeyPackets() uint64 {
	if c.RekeyPackets > 0 {
		return c.RekeyPackets
	}
	return rekeyPackets
}

// rekey does what is due. It is called after every packet and timeout.
func (p *Peer) rekey(now time.Time) {
	if p.session == nil || p.closed || !p.session.Renewable() {
		return
	}
	k, s := &p.rekeying, p.session
	if data := p.conn.TakeCrypto(); data != nil && !p.takeCrypto(now, data) {
		return
	}
	p.noteTurn(now)
	if p.caller || !p.mayTurn() {
		return
	}
	switch {
	case k.offer != nil: // its phase comes first: the other side may know it already
	case deadline.Due(now, p.ratchetAt()):
		offer, err := secure.NewOffer(p.cfg.Rand, k.hybrid)
		if err != nil {
			panic("peer: randomness source failed: " + err.Error())
		}
		k.offer = offer
		p.conn.SendCrypto(now, offer.Message())
	case s.Spent() >= p.cfg.rekeyPackets():
		p.advance(now, nil)
	}
}

// mayTurn reports whether an initiator may go on to another phase: the other side has the one in use, because a packet sealed
// with it came, and nothing late is waited for. Of the first phase it had the keys before us.
func (p *Peer) mayTurn() bool { return !p.session.Turning() && !p.session.HasOld() }

// noteTurn sees that a packet of a new phase came, and to it that the keys of the one before go in time.
func (p *Peer) noteTurn(now time.Time) {
	k, s := &p.rekeying, p.session
	if n := s.Turned(); n != k.turned {
		k.turned, k.at, k.oldUntil = n, now, now.Add(oldKeyPTOs*p.conn.LongestPTO())
		if k.promised {
			k.promised = false
			p.ratcheted(now)
		}
	} else if deadline.Due(now, k.oldUntil) {
		s.DropOld()
		k.oldUntil = time.Time{}
	}
}

// advance begins a phase as initiator.
func (p *Peer) advance(now time.Time, mix []byte) {
	p.session.Advance(mix)
	p.conn.Ping(now, p.paths.route) // its ACK ends the phase before, also when the game says nothing
}

// ratcheted notes a Diffie-Hellman ratchet that is done.
func (p *Peer) ratcheted(now time.Time) {
	k := &p.rekeying
	if k.ratchets++; k.hold {
		k.hold = false
		p.conn.Hold(now, false)
	}
	k.first, k.said = false, p.said()
}

// takeCrypto takes the other side's message: an offer as caller, the answer to ours as callee. Anything else breaks the
// protocol, and so does an offer that comes before the last one was used, or too soon after it.
func (p *Peer) takeCrypto(now time.Time, data []byte) (ok bool) {
	k := &p.rekeying
	var mix, answer []byte
	err := secure.ErrFormat
	switch {
	case !p.caller && k.offer != nil:
		if mix, err = k.offer.Finish(data); err == nil {
			k.offer = nil
			p.advance(now, mix)
			p.ratcheted(now)
			k.due = now.Add(p.cfg.ratchetEvery())
		}
	case p.caller && !k.promised && !now.Before(k.due):
		if answer, mix, err = secure.AnswerOffer(p.cfg.Rand, data, k.hybrid); err == nil {
			p.session.Expect(mix)
			k.promised, k.due = true, now.Add(p.cfg.ratchetEvery()/offerLeast)
			p.conn.SendCrypto(now, answer)
		}
	}
	if err != nil {
		p.conn.Close(now, api.ErrProtocol, "the peer's messages for new keys are malformed or out of turn", 0)
	}
	return err == nil
}

// said counts the game's messages either way.
func (p *Peer) said() uint64 { return p.stats.delivered + p.stats.accepted }

// ratchetAt is when the next offer is due; zero: not while the game says nothing. The first waits for nobody.
func (p *Peer) ratchetAt() time.Time {
	k := &p.rekeying
	if k.first || p.said() != k.said {
		return k.due
	}
	return time.Time{}
}

// rekeyAt is when rekey has something to do that no packet brings about; zero: never.
func (p *Peer) rekeyAt() time.Time {
	k := &p.rekeying
	if p.session.Renewable() && !p.caller && k.offer == nil && p.mayTurn() {
		return p.ratchetAt()
	}
	return k.oldUntil
}
