package peer

import (
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

// leg is a way to the other side over a relay: path 0, and path 1 over another node, where the server granted one. One of the
// two is the relay in use (paths.via), or the one that takes over from a direct path:
//
//	path 0 ──suspect──▶ path 1 ──suspect──▶ path 0 …      at most every relayHold
//
// The backup is bound right after the first, and kept warm while data goes over a relay. Beside a direct path it is left to
// expire, and bound again when that path is suspect.
type leg struct {
	id        wire.PathID
	client    *relay.Client // nil: not granted
	open      bool          // the path is open in rudp
	warmAt    time.Time
	asked     bool // by a PING: if that is not answered, another one follows soon
	rebindAt  time.Time
	requeueAt time.Time // what was sent before boundAt and is unanswered then is lost; zero: no doubt
	boundAt   time.Time
	handle    uint32 // when it was bound last
	heard     time.Time
	left      bool // before its relay ends: ACKs go by the other one too
}

const (
	// backupAfter is when the backup leg is bound though the first one's bind still has no answer.
	backupAfter = time.Second
	// followAfter packets in a row by the other relay, and so long none by the one in use, show that the other side has left it.
	followAfter   = 8
	followSilence = 500 * time.Millisecond
	// relayHold is the shortest time between two changes of the relay: where nothing at all gets through, either is as good.
	relayHold = 2 * time.Second
)

// granted makes the legs of an introduction. Those that name no relay are the server's.
func (p *Peer) granted(now time.Time, sig *wire.Signal, server netip.AddrPort) {
	grants := [...]*wire.RelayGrant{&sig.Relay, &sig.Backup}
	for i, g := range grants {
		l := &p.legs[i]
		l.id = wire.PathRelay + wire.PathID(i)
		if i == 0 || sig.Flags&wire.IntroBackup != 0 {
			l.client = relay.NewClient(relay.ClientConfig{Rand: p.cfg.Rand, Grant: *g, Addr: server})
		}
	}
	if first := &p.legs[0]; !first.client.Bound() {
		first.client.Bind(now)
		p.legs[1].rebindAt = now.Add(backupAfter)
		return
	}
	p.bindBackup(now)
}

func (p *Peer) bindBackup(now time.Time) {
	if l := &p.legs[1]; l.client != nil && !l.client.Binding() {
		l.rebindAt = time.Time{}
		l.client.Bind(now)
	}
}

// bindLegs shows our address to the relays again.
func (p *Peer) bindLegs(now time.Time) {
	for i := range p.legs {
		if l := &p.legs[i]; l.client != nil {
			l.client.Bind(now)
		}
	}
}

// via is the relay in use, or that would be.
func (p *Peer) via() *leg { return &p.legs[p.paths.via] }

// spare is the other one, nil while it can't be used.
func (p *Peer) spare() *leg {
	if l := &p.legs[wire.PathBackup-p.paths.via]; l.open && l.client.Bound() {
		return l
	}
	return nil
}

// usable reports whether packets may be sent over the leg.
func (l *leg) usable() bool {
	return l.open && l.client.Bound() && !l.client.Homeless()
}

// RelayHandles are those of datagrams that relays forward to us, by path, with the relays' addresses; zero: none.
func (p *Peer) RelayHandles() (handles [2]uint32, from [2]netip.AddrPort) {
	for i := range p.legs {
		if c := p.legs[i].client; c != nil && c.Bound() {
			handles[i], from[i] = c.Handle(), c.Addr()
		}
	}
	return handles, from
}

// openRelay makes a leg's path usable. The leg that is bound first carries the first data.
func (p *Peer) openRelay(now time.Time, l *leg) {
	t := &p.paths
	l.open = true
	l.warmAt = now.Add(relayWarm)
	p.conn.OpenPath(now, l.id, wire.MaxFramesRelayed, p.relayRTTHint())
	p.conn.SearchMTU(now, l.id, mostFrames(l.client.Addr())-wire.RelayHeader)
	p.setRelayRate(now, l)
	if t.direct(t.route) {
		return
	}
	if !p.via().open {
		t.via, t.route = l.id, l.id
	}
	if t.route == l.id {
		p.conn.SetRoute(now, l.id)
	}
}

// setRelayRate passes on what the relay grants to our leg.
func (p *Peer) setRelayRate(now time.Time, l *leg) {
	rate := l.client.Rate()
	p.conn.SetRate(now, l.id, int(rate.BitsPerSecond/8), int(rate.PacketsPerSecond))
	l.handle = l.client.Handle()
}

// relayRTTHint: both links' round trips make one through the relay; ours alone, doubled, is the estimate.
func (p *Peer) relayRTTHint() time.Duration { return 2 * p.cfg.LinkRTT }

// swapRelay leaves a relay that stopped answering for the other one, with everything that it has not acknowledged.
func (p *Peer) swapRelay(now time.Time) {
	old := p.via()
	p.paths.swapAt = now.Add(relayHold)
	old.rebindAt = now.Add(relayRebindEvery)
	old.client.Bind(now)
	p.moved = true // a node that died took the link with it, perhaps
	p.relayBy(now, p.spare(), "the relay stopped answering, another relay takes over")
	p.conn.Requeue(now, old.id)
}

// LeaveRelay has the other relay take over, if there is one, from one at an address that will end soon. What is under way there
// still arrives. If the other one does not answer just now, it takes over as soon as it does.
func (p *Peer) LeaveRelay(now time.Time, addr netip.AddrPort) {
	if !p.Connected() {
		return
	}
	p.paths.leaving = addr
	if s := p.spare(); s != nil && !deadline.Due(now, p.silentAt(s)) {
		p.leave(now, s)
	}
}

// leave goes to the other relay from one that will end soon.
func (p *Peer) leave(now time.Time, to *leg) {
	if old := p.via(); !p.paths.proof.on && old.client.Addr() == p.paths.leaving {
		p.relayBy(now, to, "the relay's server is shutting down, another relay takes over")
		old.left = true
	}
}

// heardBy takes note of a packet that came by a leg, and says by which its ACK goes: the same one, since the other may be dead.
func (p *Peer) heardBy(now time.Time, id wire.PathID) (back wire.PathID) {
	t, l := &p.paths, &p.legs[id]
	l.heard = now
	if l.left && t.via != id {
		return t.via
	}
	if t.stray++; t.via == id {
		t.stray = 0
	}
	if t.stray >= followAfter && l == p.spare() && !t.proof.on && now.Sub(p.via().heard) >= followSilence {
		p.relayBy(now, l, "the other side changed to another relay")
	}
	if l == p.spare() && !now.Before(t.swapAt) {
		p.leave(now, l)
	}
	return id
}

func (p *Peer) relayBy(now time.Time, l *leg, why string) {
	t := &p.paths
	t.via, t.stray, l.left = l.id, 0, false
	if t.direct(t.route) {
		return
	}
	t.route = l.id
	p.conn.SetRoute(now, l.id)
	p.routeChanged(l.id, why)
}

// chooseRelay decides which relay a suspect direct path is left for: the one in use before, unless it is silent and the other
// is not.
func (p *Peer) chooseRelay(now time.Time) wire.PathID {
	t := &p.paths
	if s := p.spare(); s != nil && deadline.Due(now, p.silentAt(p.via())) && !deadline.Due(now, p.silentAt(s)) {
		t.via = s.id
	}
	return t.via
}

// rebound takes a leg that was bound again. What went over the relay under a handle, or from an address, that it did not
// know is lost. A fresh handle says so at once; of the address nobody tells, but answers fail to come.
func (p *Peer) rebound(now time.Time, l *leg, fresh bool) {
	if fresh {
		p.conn.Requeue(now, l.id)
	} else {
		l.boundAt = now
		st := p.conn.PathStats(l.id)
		if l.requeueAt = (time.Time{}); !st.Oldest.IsZero() {
			l.requeueAt = later(now, st.Oldest.Add(st.SRTT+st.SRTT/4))
		}
	}
	p.conn.Ping(now, l.id) // its answer brings back what was lost, or ends the binding again and again
	p.unanswered(now, l)
}

// unanswered queues again what the relay lost before it knew our address.
func (p *Peer) unanswered(now time.Time, l *leg) {
	if !deadline.Due(now, l.requeueAt) {
		return
	}
	l.requeueAt = time.Time{}
	if st := p.conn.PathStats(l.id); !st.Oldest.IsZero() && st.Oldest.Before(l.boundAt) {
		p.conn.Requeue(now, l.id)
	}
}

// tendLeg does what is due on a leg.
func (p *Peer) tendLeg(now time.Time, l *leg) {
	t := &p.paths
	if l.client == nil {
		return
	}
	p.unanswered(now, l)
	if l.open && deadline.Due(now, l.warmAt) {
		l.warmAt = now.Add(relayWarm)
		switch {
		case l.id != t.via && t.direct(t.route): // a spare of a spare
		case p.conn.Away(now):
			// The relay forgets a session of which one side says nothing. Bound again and again, our leg is there when the
			// other side comes back.
			l.warmAt = now.Add(relayRebindAway)
			l.client.Bind(now)
		case !l.asked:
			p.conn.Ping(now, l.id)
			l.asked, l.warmAt = true, now.Add(relaySilent)
		default: // two without an answer make it silent, and it is bound again: its relay may have been restarted
			l.asked, l.warmAt = false, now.Add(relayWarm-relaySilent)
			if p.conn.PathStats(l.id).UnackedSinceHeard > 0 {
				p.conn.Ping(now, l.id)
			}
		}
	}
	if !deadline.Due(now, p.rebindDue(l)) {
		return
	}
	switch {
	case !l.open:
		l.rebindAt = time.Time{} // the first bind ends with an event
	case l.id != t.route:
		l.rebindAt = now.Add(relayRebindIdle)
	default:
		l.rebindAt = now.Add(relayRebindEvery)
		p.moved = true // the server may be elsewhere, and its link would find that out only by its next keepalive
	}
	l.client.Bind(now)
}

// legTimeout is when tendLeg, or the leg's own machine, has something to do.
func (p *Peer) legTimeout(l *leg) time.Time {
	if l.client == nil {
		return time.Time{}
	}
	at := deadline.Earlier(l.client.NextTimeout(), deadline.Earlier(p.rebindDue(l), l.requeueAt))
	if l.open {
		at = deadline.Earlier(at, l.warmAt)
	}
	return at
}

// silentAt is when the relay counts as not answering; zero while it is not in doubt.
func (p *Peer) silentAt(l *leg) time.Time {
	st := p.conn.PathStats(l.id)
	if !l.open || st.Oldest.IsZero() || st.UnackedSinceHeard < suspectUnacked {
		return time.Time{}
	}
	return st.Oldest.Add(max(relaySilent, 4*st.SRTT))
}

// rebindDue is when a relay that does not answer is bound again: our address may have changed, or it was restarted.
func (p *Peer) rebindDue(l *leg) time.Time {
	at := p.silentAt(l)
	if !l.open || !at.IsZero() && at.Before(l.rebindAt) {
		return l.rebindAt
	}
	return at
}

// drainLegs acts on what the legs' binds came to.
func (p *Peer) drainLegs(now time.Time) {
	for i := range p.legs {
		l := &p.legs[i]
		if l.client == nil {
			continue
		}
		for ev, ok := l.client.NextEvent(); ok; ev, ok = l.client.NextEvent() {
			p.legEvent(now, l, &ev)
		}
	}
}

func (p *Peer) legEvent(now time.Time, l *leg, ev *relay.Event) {
	if ev.Kind == relay.EventFailed {
		if !l.open {
			l.rebindAt = now.Add(relayRebindIdle)
		}
		p.push(api.Event{Kind: api.EventLog, Code: 2, Text: "relay: " + ev.Text})
		return
	}
	fresh := l.client.Handle() != l.handle
	l.handle = l.client.Handle()
	if l.id == wire.PathRelay && !p.legs[1].open {
		p.bindBackup(now)
	}
	if p.conn == nil {
		return
	}
	p.agent.Nudge(now)
	if !l.open {
		p.openRelay(now, l)
		return
	}
	p.setRelayRate(now, l)
	p.rebound(now, l, fresh)
}

func (p *Peer) legTimeouts(now time.Time) {
	for i := range p.legs {
		if c := p.legs[i].client; c != nil {
			c.HandleTimeout(now)
		}
	}
	p.drainLegs(now)
}
