package peer

import (
	"fmt"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// AppendReport writes down how the connection stands, for people: relay legs, paths with their latest packets, and what the
// search for a direct way has tried.
func (p *Peer) AppendReport(dst []byte, now time.Time) []byte {
	if p.session == nil {
		return append(dst, "  no keys yet: the introduction is under way\n"...)
	}
	side := "called"
	if p.caller {
		side = "caller"
	}
	dst = fmt.Appendf(dst, "  %s; sends over path %d, %v", side, p.paths.route, p.Route())
	if at := p.paths.retryAt; !at.IsZero() {
		dst = fmt.Appendf(dst, "; tries direct again in %v", max(0, at.Sub(now)).Round(time.Second))
	}
	dst = append(dst, '\n')
	dst = p.appendKeys(dst, now)
	for i := range p.legs {
		dst = p.legs[i].appendReport(dst)
	}
	for id := wire.PathRelay; id <= wire.PathDirectLast; id++ {
		dst = p.appendPath(dst, now, id)
	}
	if p.agent != nil {
		dst = p.agent.AppendReport(dst, now)
	}
	return dst
}

// appendKeys writes which keys are in use.
func (p *Peer) appendKeys(dst []byte, now time.Time) []byte {
	k, s := &p.rekeying, p.session
	if !s.Renewable() {
		return append(dst, "  keys: the handshake's, never renewed: the other side can't\n"...)
	}
	with := "X25519"
	if k.hybrid {
		with = "X25519 and ML-KEM-768"
	}
	dst = fmt.Appendf(dst, "  keys: renewed %d times, %d of them with %s", s.Turned(), k.ratchets, with)
	if !k.at.IsZero() {
		dst = fmt.Appendf(dst, ", the last time %v ago", now.Sub(k.at).Round(time.Second))
	}
	if p.stats.outOfPhase > 0 {
		dst = fmt.Appendf(dst, "; %d packets came too late for theirs", p.stats.outOfPhase)
	}
	return append(dst, '\n')
}

func (l *leg) appendReport(dst []byte) []byte {
	if l.client == nil {
		return dst
	}
	state := "not bound"
	switch {
	case l.client.Binding():
		state = "being bound"
	case l.client.Bound():
		state = "bound"
	}
	return fmt.Appendf(dst, "  relay leg of path %d at %s port %d: %s, %d bit/s, %d packets/s allowed\n", l.id, wire.Network(l.client.Addr().Addr()),
		l.client.Addr().Port(), state, l.client.Rate().BitsPerSecond, l.client.Rate().PacketsPerSecond)
}

// appendPath writes a path that has carried something.
func (p *Peer) appendPath(dst []byte, now time.Time, id wire.PathID) []byte {
	s := p.conn.PathStats(id)
	if s.Sent == 0 {
		return dst
	}
	dst = fmt.Appendf(dst, "  path %d: sent %d, acknowledged %d, lost %d", id, s.Sent, s.Acked, s.Lost)
	if s.MinRTT > 0 {
		dst = fmt.Appendf(dst, ", round trip %v, least %v", s.SRTT.Round(time.Microsecond), s.MinRTT.Round(time.Microsecond))
	}
	if !s.LastAck.IsZero() {
		dst = fmt.Appendf(dst, ", the last answer %v ago", now.Sub(s.LastAck).Round(time.Millisecond))
	}
	if !s.Oldest.IsZero() {
		dst = fmt.Appendf(dst, ", waits for one for %v", now.Sub(s.Oldest).Round(time.Millisecond))
	}
	return append(dst, '\n')
}
