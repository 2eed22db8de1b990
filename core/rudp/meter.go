package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// meter is a sum over the last meterBuckets spans of 2^shift ns, exact to one of them.
type meter struct {
	at    int64 // number of the newest bucket
	shift uint8
	sums  [meterBuckets]int32
}

const (
	meterBuckets = 16
	rateShift    = 26 // 67 ms: rates are over about a second
	shareShift   = 29 // 537 ms: shares over eight, so that at 60 Hz one loss in 200 shows
	million      = 1_000_000

	// mostMissing bounds how many packets one that arrives can show to be missing: more is a jump, not a loss.
	mostMissing = 10_000
)

// turn makes the bucket of now the newest.
func (m *meter) turn(now moment) *int32 {
	if at := int64(now) >> m.shift; at != m.at {
		for range min(at-m.at, meterBuckets) {
			m.at++
			m.sums[m.at%meterBuckets] = 0
		}
		m.at = at
	}
	return &m.sums[m.at%meterBuckets]
}

func (m *meter) add(now moment, n int) { *m.turn(now) += int32(n) }

func (m *meter) sum(now moment) (total int64) {
	m.turn(now)
	for _, n := range m.sums {
		total += int64(n)
	}
	return max(total, 0)
}

// perSecond is the sum as a rate.
func (m *meter) perSecond(now moment) uint64 {
	whole := (meterBuckets-1)<<m.shift + int64(now)&(1<<m.shift-1) // the newest bucket has only begun
	return uint64(m.sum(now) * int64(time.Second) / whole)
}

// meters are what is shown of the last seconds.
type meters struct {
	sent, received   meter // bytes of packets
	arrived, lost    meter // packets of ours, by the peer's ACKs
	heard, missing   meter // packets of the peer's
	plain, redundant meter // bytes of packets
}

func (m *meters) init() {
	for _, r := range []*meter{&m.sent, &m.received} {
		r.shift = rateShift
	}
	for _, s := range []*meter{&m.arrived, &m.lost, &m.heard, &m.missing, &m.plain, &m.redundant} {
		s.shift = shareShift
	}
}

// packetHeard notes a packet of the peer's before it is added to what was received on its path.
func (m *meters) packetHeard(now moment, a *ackState, number uint64, bytes int) {
	m.received.add(now, bytes)
	m.heard.add(now, 1)
	switch {
	case !a.any:
	case number > a.largest:
		m.missing.add(now, int(min(number-a.largest-1, mostMissing)))
	default: // it counted as missing
		m.missing.add(now, -1)
	}
}

// meterSent notes a packet that leaves: REPAIR frames and copies on a second path are redundant.
func (c *Conn) meterSent(w *writer, size int) {
	m, extra := &c.meters, w.redundant
	if w.data && w.path != c.path(c.route) {
		extra = size
	}
	m.sent.add(c.now, size)
	m.plain.add(c.now, size-extra)
	if extra > 0 {
		m.redundant.add(c.now, extra)
	}
}

// share is part in a million of both.
func share(now moment, part, rest *meter) uint32 {
	n, other := part.sum(now), rest.sum(now)
	if n+other == 0 {
		return 0
	}
	return uint32(n * million / (n + other))
}

// Recent is what the last seconds were like.
type Recent struct {
	SendRate, ReceiveRate uint64        // bytes a second, of packets
	LossOut, LossIn       uint32        // packets lost on the way to the peer and from it, in millionths
	Redundancy            uint32        // bytes sent without evidence that they were needed, in millionths
	QueueTime             time.Duration // how long a message of normal priority that is sent now will wait, estimated
}

// Recent looks back from now.
func (c *Conn) Recent(now time.Time) Recent {
	c.tick(now)
	m := &c.meters
	return Recent{
		SendRate: m.sent.perSecond(c.now), ReceiveRate: m.received.perSecond(c.now),
		LossOut: share(c.now, &m.lost, &m.arrived), LossIn: share(c.now, &m.missing, &m.heard),
		Redundancy: share(c.now, &m.redundant, &m.plain), QueueTime: c.queueTime(),
	}
}

// queueTime divides what waits ahead by what the route has been taking.
func (c *Conn) queueTime() time.Duration {
	ahead, rate := int64(0), int64(floorRate)
	for level := range api.PriorityNormal.Level() + 1 {
		ahead += int64(c.queue.bands[level].unsent)
	}
	if p := c.path(c.route); p != nil {
		rate = max(rate, min(p.cong.pace.rate, int64(p.cong.window)*int64(time.Second)/int64(max(p.rtt.smoothed, granularity))))
	}
	return time.Duration(ahead * int64(time.Second) / rate)
}
