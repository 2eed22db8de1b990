package rudp

import "time"

// pacer spreads a path's packets over the round trip: a bucket of bytes that may leave now.
type pacer struct {
	rate     int64 // bytes a second
	bound    int64 // bytes a second that the way grants (relay); zero: no bound
	charge   int64 // bytes that each packet counts at least, where the way grants packets as well
	tokens   int64
	floor    int64 // bytes that urgent messages may send past the window
	refilled moment
}

const (
	paceQuantum  = time.Millisecond // timers are no finer: so much may leave at one instant
	paceDepth    = 3 * paceQuantum  // what a late timer may catch up
	paceBurst    = 64 << 10         // bytes handed to one system call (GSO); no reason to wait for more
	leastDepth   = 4 * datagram     // a message of a few packets leaves at once
	initialDepth = 10 * datagram    // RFC 9002, 7.7
	floorDepth   = 4 * datagram
	longestGap   = 20 * time.Millisecond // of time without a refill that counts
)

func (a *pacer) init(now moment) {
	*a = pacer{rate: floorRate, tokens: initialDepth, floor: floorDepth, refilled: now, bound: a.bound, charge: a.charge}
}

// set makes the rate gain/8 windows a round trip.
func (a *pacer) set(gain int64, window int, rtt time.Duration) {
	a.rate = max(gain*int64(window)*int64(time.Second)/(8*int64(max(rtt, time.Microsecond))), floorRate)
	if a.bound > 0 {
		a.rate = min(a.rate, a.bound)
	}
}

func (a *pacer) refill(now moment) {
	elapsed := int64(min(now.since(a.refilled), longestGap))
	if gain := a.rate * elapsed / int64(time.Second); gain > 0 {
		depth := max(leastDepth, a.rate*int64(paceDepth)/int64(time.Second))
		a.tokens = min(a.tokens+gain, max(depth, a.tokens))
		a.floor = min(a.floor+floorRate*elapsed/int64(time.Second), floorDepth)
		a.refilled = now
	}
}

// ready reports whether a packet may leave now; otherwise retry says when.
func (a *pacer) ready(now moment) (ok bool, retry moment) {
	a.refill(now)
	if a.tokens > 0 {
		return true, 0
	}
	need := max(min(paceBurst, a.rate*int64(paceQuantum)/int64(time.Second)), 1) - a.tokens
	return false, now.add(time.Duration((need*int64(time.Second) + a.rate - 1) / a.rate))
}

// assured reports whether an urgent message may leave past the window.
func (a *pacer) assured(now moment) (ok bool, retry moment) {
	if a.floor > 0 {
		return true, 0
	}
	return false, now.add(time.Duration((1 - a.floor) * int64(time.Second) / floorRate))
}

func (a *pacer) spend(bytes int) { a.tokens -= max(int64(bytes), a.charge) }
