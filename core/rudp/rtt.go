package rudp

import "time"

const (
	firstRTT    = 200 * time.Millisecond // estimate before the first sample; TRANSPORT
	granularity = time.Millisecond       // of the owner's timers; RFC 9002, 6.1.2
	minVariance = 10 * time.Millisecond  // least 4*var in a PTO; TRANSPORT
	maxAckDelay = 5 * time.Millisecond   // the longest a receiver holds an acknowledgement back
	// The same for packets of unreliable messages, and while REPAIR frames come: they stand in for a resend, so that an
	// ACK for every second packet will do. It is more than a game's frame, so that the next packet comes in time.
	stretchedAckDelay = 20 * time.Millisecond
)

// rtt estimates one path's round trip as RFC 9002, 5 does.
type rtt struct {
	smoothed time.Duration
	variance time.Duration // mean deviation
	minimum  time.Duration // zero: no sample yet
	latest   time.Duration
}

func (r *rtt) init(hint time.Duration) {
	if hint <= 0 {
		hint = firstRTT
	}
	*r = rtt{smoothed: hint, variance: hint / 2}
}

// sample takes one measured round trip and how long the peer said it waited before it acknowledged, of which no more
// than most is believed.
func (r *rtt) sample(measured, delay, most time.Duration) {
	measured = max(measured, time.Microsecond)
	r.latest = measured
	if r.minimum == 0 {
		r.smoothed, r.variance, r.minimum = measured, measured/2, measured
		return
	}
	r.minimum = min(r.minimum, measured)
	// A peer that overstates its delay must not push the estimate below what was ever measured.
	if delay = min(delay, most); measured-delay >= r.minimum {
		measured -= delay
	}
	deviation := (r.smoothed - measured).Abs()
	r.variance += (deviation - r.variance) / 4
	r.smoothed += (measured - r.smoothed) / 8
}

// pto is how long to wait for an acknowledgement before asking again.
func (r *rtt) pto() time.Duration { return r.smoothed + max(4*r.variance, minVariance) + maxAckDelay }

// lossDelay is how long a packet may be overtaken before it counts as lost: 9/8 RTT.
func (r *rtt) lossDelay() time.Duration {
	return max(max(r.smoothed, r.latest)*9/8, granularity)
}
