package rudp

import "time"

// baseRTT is the least round trip of a path within a window of time, so that a longer route is believed after a while: the
// least of this period and of the one before.
type baseRTT struct {
	least, past time.Duration // zero: no sample
	began       moment        // of this period
	near        moment        // the last sample close to the least
}

const (
	basePeriod  = 10 * time.Second
	rivalPeriod = 30 * time.Second // while another's queue hides the empty path
	baseNear    = time.Millisecond
)

func (b *baseRTT) sample(now moment, rtt time.Duration, rival bool) {
	period := basePeriod
	if rival {
		period = rivalPeriod
	}
	if b.least > 0 && now.since(b.began) >= period {
		b.past, b.least, b.began = b.least, 0, now
	}
	if b.least == 0 {
		b.began = max(b.began, now)
		b.least = rtt
	}
	b.least = min(b.least, rtt)
	if rtt <= b.rtt()+max(baseNear, b.rtt()/32) {
		b.near = now
	}
}

// rtt is the estimate; zero before the first sample.
func (b *baseRTT) rtt() time.Duration {
	if b.past > 0 {
		return min(b.least, b.past)
	}
	return b.least
}

// due reports whether the empty path has not been seen for long, so that an ebb must show it; ebbed is when the last one
// began. Flows that share a queue saw it empty at the same time. So that they ebb at the same time as well, which alone
// empties it when they are many, the time for it is a multiple of ebbEvery after that.
func (b *baseRTT) due(now, ebbed moment) bool {
	slot := now.since(b.near) / ebbEvery
	return slot > 0 && (ebbed < b.near || slot > ebbed.since(b.near)/ebbEvery)
}
