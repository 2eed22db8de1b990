package peer

import (
	"errors"
	"io"
	"math"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/nat"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Transmit says where a datagram goes.
type Transmit struct {
	Socket api.SocketID
	To     netip.AddrPort
	TTL    uint8 // 0: the system's default
}

// counters feed PeerStats.
type counters struct {
	sent, received           uint64 // datagrams
	bytesSent, bytesReceived uint64
	authFailures, replays    uint64
	delivered, accepted      uint64 // messages of the games
	outOfPhase               uint64 // datagrams sealed with keys that are gone, or of no phase begun
	routeChanges             uint32
}

// HandleDirect takes a session packet that came straight from somewhere. b is decrypted in place.
func (p *Peer) HandleDirect(now time.Time, socket api.SocketID, from netip.AddrPort, b []byte) {
	if p.session == nil || p.cfg.RelayOnly {
		return // checks start only when both have keys; the peer repeats them. Hidden, nobody learns that anybody is here
	}
	id, number, frames, ok := p.open(b)
	if !ok {
		return
	}
	p.agent.Heard(now)
	if id == wire.PathProbe {
		if probe, ok := wire.ParseProbe(frames); ok {
			p.agent.HandleProbe(now, socket, from, &probe)
		}
		p.drainAgent(now)
		return
	}
	// ACKs go directly while our own data does, and over the relay when we distrust the direct way or the packet came from
	// where we have validated nothing: then our own way is perhaps one to where the peer was before. Unless that way has just
	// been acknowledged: behind two address-dependent NATs each side may send by a pair that only it has validated.
	back := p.paths.via
	if own, ok := p.paths.find(socket, from); ok && p.paths.table[own].open || p.confirmed(now) {
		back = p.paths.route
	}
	p.frames(now, id, back, number, frames)
}

// confirmed reports whether the direct route was acknowledged a moment ago.
func (p *Peer) confirmed(now time.Time) bool {
	if !p.paths.direct(p.paths.route) {
		return false
	}
	at := p.conn.PathStats(p.paths.route).LastAck
	return !at.IsZero() && now.Sub(at) < confirmedFor
}

// confirmedFor is about the time that it takes to suspect a path; ACKs on a dead one would only be late, not lost for good.
const confirmedFor = 500 * time.Millisecond

// HandleRelayed takes a session packet that came over a relay leg of ours; before the keys it is kept, up to a limit.
func (p *Peer) HandleRelayed(now time.Time, leg wire.PathID, b []byte) {
	if p.session == nil {
		if len(p.early) < earlyLimit {
			p.early = append(p.early, append([]byte(nil), b...))
		}
		return
	}
	id, number, frames, ok := p.open(b)
	if !ok {
		return
	}
	p.agent.Heard(now)
	if id != wire.PathProbe {
		p.frames(now, id, p.heardBy(now, leg), number, frames)
	} else if probe, ok := wire.ParseProbe(frames); ok && probe.HasControl { // challenges mean nothing on a relay
		p.agent.HandleControl(now, &probe.Control)
	}
	p.drainAgent(now)
}

// HandleRelayControl takes a relay's own datagrams: challenges and bounds. It reports whether b was for one of our legs.
func (p *Peer) HandleRelayControl(now time.Time, b []byte) bool {
	for i := range p.legs {
		if c := p.legs[i].client; c != nil && c.HandleDatagram(now, b) {
			p.drainLegs(now)
			return true
		}
	}
	return false
}

func (p *Peer) open(b []byte) (id wire.PathID, number uint64, frames []byte, ok bool) {
	size := len(b)
	id, number, frames, err := p.session.Open(b)
	switch {
	case err == nil:
		p.stats.received++
		p.stats.bytesReceived += uint64(size)
		return id, number, frames, true
	case errors.Is(err, secure.ErrReplay):
		p.stats.replays++
	case errors.Is(err, secure.ErrPhase):
		p.stats.outOfPhase++
	default:
		p.stats.authFailures++
	}
	return 0, 0, nil, false
}

func (p *Peer) frames(now time.Time, rx, back wire.PathID, number uint64, frames []byte) {
	p.conn.SetReturn(rx, back)
	if err := p.conn.HandlePacket(now, rx, number, frames); err != nil {
		p.conn.Close(now, api.ErrProtocol, err.Error(), 0)
	}
	p.rekey(now)
	if n := p.conn.Returned(); n != p.returned {
		p.returned = n
		p.peerReturned(now)
	}
}

// HandleTimeout does what is due.
func (p *Peer) HandleTimeout(now time.Time) {
	if p.session == nil {
		if deadline.Due(now, p.expires) {
			p.fail(api.ErrTimeout, "the other player did not answer the introduction within 30 s")
		}
		p.legTimeouts(now)
		return
	}
	p.conn.HandleTimeout(now)
	p.legTimeouts(now)
	if !p.closed {
		p.rekey(now)
		p.agent.HandleTimeout(now)
		p.drainAgent(now)
		p.migrate(now)
	}
}

// NextTimeout is when HandleTimeout is wanted next; zero: never.
func (p *Peer) NextTimeout() time.Time {
	if p.session == nil {
		if p.closed {
			return time.Time{}
		}
		at := p.expires
		for i := range p.legs {
			if c := p.legs[i].client; c != nil {
				at = deadline.Earlier(at, c.NextTimeout())
			}
		}
		return at
	}
	at := p.conn.NextTimeout()
	if p.closed {
		for i := range p.legs {
			if c := p.legs[i].client; c != nil && p.conn.Unsaid() {
				at = deadline.Earlier(at, c.NextTimeout())
			}
		}
		return at
	}
	t := &p.paths
	for i := range p.legs {
		at = deadline.Earlier(at, p.legTimeout(&p.legs[i]))
	}
	at = deadline.Earlier(at, p.agent.NextTimeout())
	ask, suspect := p.doubt()
	at = deadline.Earlier(deadline.Earlier(at, ask), suspect)
	at = deadline.Earlier(at, p.proveNext())
	at = deadline.Earlier(at, t.retryAt)
	at = deadline.Earlier(at, p.rekeyAt())
	if t.waiting != 0 {
		at = deadline.Earlier(deadline.Earlier(at, t.holdUntil), p.silentAt(p.via()))
	}
	return at
}

// AppendTransmit appends one datagram to dst and says where it goes, until nothing is left.
func (p *Peer) AppendTransmit(now time.Time, dst []byte) (out []byte, tx Transmit, ok bool) {
	start := len(dst)
	switch out, tx, ok = p.nextDatagram(now, dst); {
	case ok:
		p.stats.sent++
		p.stats.bytesSent += uint64(len(out) - start)
	default:
		out = dst
	}
	return out, tx, ok
}

func (p *Peer) nextDatagram(now time.Time, dst []byte) ([]byte, Transmit, bool) {
	for i := range p.legs {
		c := p.legs[i].client
		if c == nil || p.closed && (p.conn == nil || !p.conn.Unsaid()) {
			continue
		}
		homeless := c.Homeless()
		if out, ok := c.AppendTransmit(now, dst); ok {
			if homeless && !c.Homeless() && p.agent != nil {
				p.agent.Nudge(now) // the relay will know us when it gets what follows
			}
			return out, Transmit{To: c.Addr()}, true
		}
	}
	if p.session == nil {
		return dst, Transmit{}, false
	}
	if !p.closed {
		for probe, ok := p.agent.NextProbe(now); ok; probe, ok = p.agent.NextProbe(now) {
			if out, tx, ok := p.appendProbe(dst, &probe); ok {
				return out, tx, true
			}
		}
	}
	return p.nextPacket(now, dst)
}

// nextPacket asks rudp for a packet: the route first, then every other open path (ACKs, duplicates, PINGs).
func (p *Peer) nextPacket(now time.Time, dst []byte) ([]byte, Transmit, bool) {
	t := &p.paths
	if out, tx, ok := p.packetOn(now, t.route, dst); ok {
		return out, tx, true
	}
	for id := wire.PathRelay; id <= wire.PathDirectLast; id++ {
		if id == t.route {
			continue
		}
		if out, tx, ok := p.packetOn(now, id, dst); ok {
			return out, tx, true
		}
	}
	return dst, Transmit{}, false
}

func (p *Peer) packetOn(now time.Time, id wire.PathID, dst []byte) ([]byte, Transmit, bool) {
	var tx Transmit
	out := dst
	switch d := &p.paths.table[id]; {
	case id <= wire.PathBackup && p.legs[id].usable():
		c := p.legs[id].client
		tx.To = c.Addr()
		out = wire.AppendRelayed(out, c.Handle())
	case id > wire.PathBackup && d.open:
		tx = Transmit{Socket: d.socket, To: d.addr}
	default:
		return dst, tx, false
	}
	start := len(out)
	out, number := p.session.Begin(out, id)
	out, ok := p.conn.AppendPacket(now, id, number, out)
	if !ok {
		return dst, tx, false
	}
	if id == p.paths.route && id > wire.PathBackup {
		p.agent.Used(now)
	}
	return p.session.Seal(out, start), tx, true
}

// drainAgent acts on what the connectivity checks found.
func (p *Peer) drainAgent(now time.Time) {
	for {
		ev, ok := p.agent.NextEvent()
		if !ok {
			return
		}
		switch ev.Kind {
		case nat.EventPong:
			p.push(api.Event{Kind: api.EventPunch, RTTMicros: uint32(ev.RTT.Microseconds()), Route: ev.Route})
		case nat.EventValidated:
			p.validated(now, ev)
		case nat.EventBetter:
			p.better(now, ev)
		case nat.EventGaveUp:
			p.gaveUp(now, ev.Reason)
		case nat.EventForsaken:
			p.forsaken(now)
		case nat.EventDead:
			p.dead(now, ev)
		case nat.EventGrantWanted:
			p.wish = WishGrant
		case nat.EventGrantOver:
			p.wish = WishOver
		}
	}
}

func (p *Peer) read(b []byte) {
	if _, err := io.ReadFull(p.cfg.Rand, b); err != nil {
		panic("peer: randomness source failed: " + err.Error())
	}
}

// Stats is a snapshot for the game.
func (p *Peer) Stats(now time.Time) api.PeerStats {
	s := api.PeerStats{
		Route: p.Route(), PacketsSent: p.stats.sent, PacketsRecv: p.stats.received, BytesSent: p.stats.bytesSent,
		BytesRecv: p.stats.bytesReceived, AuthFailures: p.stats.authFailures, Replays: p.stats.replays, RouteChanges: p.stats.routeChanges,
	}
	if p.conn == nil {
		return s
	}
	st := p.conn.PathStats(p.paths.route)
	s.RTTMicros = uint32(st.SRTT.Microseconds())
	s.MinRTTMicros = uint32(st.MinRTT.Microseconds())
	s.JitterMicros = uint32(st.Var.Microseconds())
	s.MTU = uint32(st.MaxFrames + wire.SessionHeader + wire.TagSize)
	if !p.paths.direct(p.paths.route) {
		s.MTU += wire.RelayHeader
	}
	s.QueuedBytes = uint64(p.conn.Queued())
	for id := wire.PathRelay; id <= wire.PathDirectLast; id++ {
		s.PacketsLost += p.conn.PathStats(id).Lost
	}
	s.Window, s.InFlight = uint32(st.Window), uint32(st.InFlight)
	recent, all := p.conn.Recent(now), p.conn.Stats()
	s.QueueMicros = uint32(min(recent.QueueTime.Microseconds(), math.MaxUint32))
	s.LossOut, s.LossIn, s.Redundancy = recent.LossOut, recent.LossIn, recent.Redundancy
	s.SendRate, s.ReceiveRate = recent.SendRate, recent.ReceiveRate
	s.Resent, s.Repaired, s.Expired = all.Resent, all.Repaired, all.Expired
	return s
}
