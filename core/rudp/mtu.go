package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Path MTU discovery as RFC 8899 (DPLPMTUD) has it, for the route only. Sizes are frame bytes of a packet.
//
//	        first ACK + mtuSettle                      sizes closer than mtuStep
//	waiting ─────────────────────▶ searching ─────────────────────────────▶ complete
//	   ▲                               │ ▲                                     │
//	   └───── black hole, mtuRetry ────┘ └──────────── mtuRaise ───────────────┘
//
// A probe is a PING and PADDING, and nothing waits for it: it is not in flight for congestion control, its loss is no
// loss, and it starts no probe timeout. The largest size is tried first, because most paths carry it; then the middle of
// what is open.
const (
	mtuSettle = time.Second      // a path that is young may be left at once for a better one
	mtuTries  = 3                // RFC 8899, 5.1.2: MAX_PROBES
	mtuStep   = 16               // bytes; a finer search is not worth its packets
	mtuRaise  = 10 * time.Minute // RFC 8899, 5.1.1: PMTU_RAISE_TIMER
	mtuRetry  = 10 * time.Second // after a black hole; what looked like one may have been a bad moment
	mtuPTOs   = 2                // how long a probe's acknowledgement is waited for, in PTO

	// A black hole swallows large packets while small ones pass. So many losses of large ones, all behind the newest large
	// one that arrived, don't happen otherwise: in a queue that overflows, later ones get through.
	blackHoleLosses = 6
	blackHolePTOs   = 2 // or so many probe timeouts in a row, whose packets are small
)

// mtuSearch is one path's state.
type mtuSearch struct {
	base  int // what every path carries; also of packets after a probe timeout
	limit int // largest worth trying; 0: no search
	bad   int // least size that failed, or limit + 1

	size   int    // of the probe in flight; 0: none
	number uint64 // its packet number
	tries  int    // probes of this size
	at     moment // the probe counts as lost, or the next one becomes due; zero: nothing scheduled
	due    bool   // the next probe may leave

	delivered uint64 // newest packet over base that was acknowledged
	any       bool   // there is one
	lost      int    // packets over base lost since, behind it
}

// SearchMTU lets the size of an open path's packets grow from what OpenPath said up to limit frame bytes, as far as the
// path proves to carry them.
func (c *Conn) SearchMTU(now time.Time, id wire.PathID, limit int) {
	c.tick(now)
	if p := c.path(id); p != nil {
		p.mtu = mtuSearch{base: p.maxFrames, limit: limit, bad: limit + 1}
	}
}

// started schedules the first probe; it is called for each ACK.
func (m *mtuSearch) started(now, opened moment) {
	if m.at == 0 && m.size == 0 && !m.due && m.limit > m.base && m.bad > m.limit && !m.any {
		m.at = max(now, opened.add(mtuSettle))
	}
}

// next is the size to try, 0 when the search is complete.
func (m *mtuSearch) next(good int) int {
	switch {
	case m.bad > m.limit && good < m.limit:
		return m.limit
	case m.bad-good <= mtuStep || good >= m.limit:
		return 0
	}
	return (good + m.bad) / 2
}

// writeMTUProbe makes a probe the next packet of the route if one is due.
func (c *Conn) writeMTUProbe(p *path, number uint64, dst []byte) ([]byte, bool) {
	m := &p.mtu
	if !m.due || p != c.path(c.route) || c.away() { // what a peer that sleeps does not answer says nothing about sizes
		return dst, false
	}
	m.due = false
	size := m.next(p.maxFrames)
	if size == 0 {
		return dst, false
	}
	m.size, m.number = size, number
	m.at = c.now.add(mtuPTOs * p.rtt.pto())
	p.used, p.lastNumber = true, number
	start := len(dst)
	dst = append(dst, uint8(wire.FramePing))
	for len(dst)-start < size {
		dst = append(dst, uint8(wire.FramePadding))
	}
	c.stats.SentBytes += uint64(size + packetOverhead)
	return dst, true
}

// mtuAcked looks for the probe in an ACK frame of its path.
func (c *Conn) mtuAcked(p *path, a *wire.Ack) {
	m := &p.mtu
	if m.size == 0 {
		return
	}
	for _, r := range a.Ranges {
		if r.Low <= m.number && m.number <= r.High {
			p.maxFrames = max(p.maxFrames, m.size)
			m.delivered, m.any, m.lost = max(m.delivered, m.number), true, 0
			m.proceed(c.now, p.maxFrames)
			return
		}
	}
}

// proceed ends the tries of one size and schedules what follows.
func (m *mtuSearch) proceed(now moment, good int) {
	m.size, m.tries, m.at = 0, 0, 0
	switch {
	case m.next(good) != 0:
		m.due = true
	case good < m.limit:
		m.at, m.bad = now.add(mtuRaise), m.limit+1
	}
}

// timeout makes the next probe due or gives up the one in flight. good is the path's size now.
func (m *mtuSearch) timeout(now moment, good int) {
	if m.at == 0 || m.at > now {
		return
	}
	m.at = 0
	if m.size == 0 {
		m.due = true
		return
	}
	if m.tries++; m.tries < mtuTries {
		m.size, m.due = 0, true
		return
	}
	m.bad = m.size
	m.proceed(now, good)
}

// largeAcked and largeLost watch packets over the base size for a black hole.
func (m *mtuSearch) largeAcked(s *sentPacket) {
	if int(s.bytes)-packetOverhead > m.base && m.limit > 0 && (!m.any || s.number > m.delivered) {
		m.delivered, m.any, m.lost = s.number, true, 0
	}
}

func (c *Conn) largeLost(p *path, s *sentPacket) {
	m := &p.mtu
	if int(s.bytes)-packetOverhead <= m.base || s.number < m.delivered || p.maxFrames <= m.base || m.limit == 0 {
		return
	}
	if m.lost++; m.lost >= blackHoleLosses {
		c.blackHole(p)
	}
}

// oldestIsLarge reports whether the oldest packet in flight is over the base size. Silence about a small one, a keepalive
// lost twice for example, says nothing about sizes.
func (p *path) oldestIsLarge() bool {
	i := p.sent.live(p.sent.search(p.lossFrom))
	return i < p.sent.len() && int(p.sent.at(i).bytes)-packetOverhead > p.mtu.base
}

// blackHole falls back to the base size. The path has changed, so the search starts afresh after a while.
func (c *Conn) blackHole(p *path) {
	m := &p.mtu
	if m.limit == 0 || p.maxFrames <= m.base {
		return
	}
	p.maxFrames = m.base
	*m = mtuSearch{base: m.base, limit: m.limit, bad: m.limit + 1, at: c.now.add(mtuRetry)}
	c.stats.BlackHoles++
}
