package peer

import "time"

// Suspend tells the other side that this one may be silent for d; see rudp.Conn.Suspend.
func (p *Peer) Suspend(now time.Time, d time.Duration) {
	if p.Connected() {
		p.conn.Suspend(now, d)
	}
}

// Resume ends a Suspend. Nothing is known of the ways any more: the relay leg is bound again and the direct paths must
// answer, but the route stays until it is in doubt.
func (p *Peer) Resume(now time.Time) {
	if !p.Connected() {
		return
	}
	p.conn.Suspend(now, 0)
	p.recheck(now)
}

// peerReturned is the other side's Resume: it sends from where it is now, and our checks open our router for it.
func (p *Peer) peerReturned(now time.Time) {
	if p.Connected() {
		p.recheck(now)
	}
}

func (p *Peer) recheck(now time.Time) {
	t := &p.paths
	p.bindLegs(now)
	if t.direct(t.route) {
		d := &t.table[t.route]
		p.agent.Suspect(now, d.socket, d.addr)
	} else {
		t.retries, t.retryAt = 0, time.Time{}
		p.agent.Retry(now)
	}
	p.drainAgent(now)
}
