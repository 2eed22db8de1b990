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
	mostRate     = 4 << 30          // bytes a second; nothing holds such a path back, and products with a second fit
	floorDepth   = 4 * datagram
	longestGap   = time.Second // without a refill, keeps products small; the depth bounds what it brings
)

func (a *pacer) init(now moment) {
	*a = pacer{rate: floorRate, tokens: initialDepth, floor: floorDepth, refilled: now, bound: a.bound, charge: a.charge}
}

// set makes the rate gain/8 windows a round trip.
func (a *pacer) set(gain int64, window int, rtt time.Duration) {
	a.rate = gain * int64(window) * int64(time.Second) / (8 * int64(max(rtt, time.Microsecond)))
	a.rate = min(max(a.rate, floorRate), mostRate)
	if a.bound > 0 {
		a.rate = min(a.rate, a.bound)
	}
}

// grant bounds the rate to nine tenths of what was granted, so that what we don't count (binding, MTU probes, clocks that
// differ) fits as well. A limit of packets becomes bytes that each packet counts at least.
func (a *pacer) grant(bytes, packets int) {
	a.bound, a.charge = int64(bytes)*9/10, 0
	switch {
	case packets > 0 && bytes > 0:
		a.charge = int64(bytes) / int64(packets)
	case packets > 0:
		a.charge = 2 * datagram
		a.bound = a.charge * int64(packets) * 9 / 10
	}
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

// spend takes a packet in flight off what may leave now.
func (a *pacer) spend(bytes int) { a.tokens -= max(int64(bytes), a.charge) }

// spendUnasked takes one that leaves without asking the pacer and asks for no ACK: a REPAIR, and where a rate is granted,
// an ACK. However many there are, data waits for a few packets' worth of them only.
func (a *pacer) spendUnasked(now moment, bytes int) {
	a.refill(now)
	a.tokens = max(a.tokens-max(int64(bytes), a.charge), -leastDepth)
}
