package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	datagram      = wire.BaseDatagram
	initialWindow = 32 * datagram // bytes in flight at the start
	floorWindow   = 8 * datagram  // never fewer: real-time traffic goes on through heavy loss
	maxWindow     = 64 << 20
	burst         = 64 * datagram // bytes that may leave at one instant
	floorRate     = 256_000 / 8   // bytes a second that congestion control always grants; TRANSPORT
)

// congestion is one path's window, NewReno with CUBIC's decrease (RFC 9002, 7; RFC 9438, 4.6), and its burst limit.
type congestion struct {
	window    int // bytes that may be in flight
	threshold int // slow start ends here
	recovery  moment
	inFlight  int  // bytes of packets neither acknowledged nor given up
	limited   bool // the window, not the application, held us back since the last growth

	tokens   int64 // bytes that may leave now
	refilled moment
}

func (g *congestion) init(now moment) {
	*g = congestion{window: initialWindow, threshold: maxWindow, tokens: burst, refilled: now}
}

// open reports whether another packet may be in flight.
func (g *congestion) open() bool { return g.inFlight < g.window }

// rate is the burst limit's refill in bytes a second: twice what the window allows per round trip, so that it spreads
// bursts without holding the window back.
func (g *congestion) rate(rtt time.Duration) int64 {
	return max(2*int64(g.window)*int64(time.Second)/int64(max(rtt, granularity)), floorRate)
}

// paced reports whether a packet may leave now; otherwise retry says when.
func (g *congestion) paced(now moment, rtt time.Duration) (ok bool, retry moment) {
	rate := g.rate(rtt)
	most := max(burst, rate/250) // 4 ms' worth: timers are no finer
	elapsed := min(now.since(g.refilled), 20*time.Millisecond)
	if gain := rate * int64(elapsed) / int64(time.Second); gain > 0 {
		g.tokens, g.refilled = min(g.tokens+gain, most), now
	}
	if g.tokens > 0 {
		return true, 0
	}
	need := min(8*datagram, rate/500+1) - g.tokens
	return false, now.add(max(time.Duration(need*int64(time.Second)/rate), 100*time.Microsecond))
}

func (g *congestion) sent(bytes int) {
	g.inFlight += bytes
	g.tokens -= int64(bytes)
	if g.inFlight >= g.window/2 {
		g.limited = true
	}
}

// acked takes a packet out of flight and lets the window grow.
func (g *congestion) acked(bytes int, sentAt moment) {
	g.inFlight -= bytes
	switch {
	case sentAt <= g.recovery && g.recovery != 0, !g.limited:
	case g.window < g.threshold:
		g.window += bytes
	default:
		g.window += max(datagram*bytes/g.window, 1)
	}
	g.window = min(g.window, maxWindow)
}

// ackDone ends one ACK frame: a sender that leaves half its window unused has not tested a larger one (RFC 9002, 7.8).
func (g *congestion) ackDone() { g.limited = g.inFlight >= g.window/2 }

// lost takes a packet out of flight and shrinks the window, at most once a round trip.
func (g *congestion) lost(bytes int, sentAt, now moment, rtt time.Duration) {
	g.inFlight -= bytes
	if sentAt <= g.recovery && g.recovery != 0 {
		return
	}
	g.recovery = now
	g.shrink(g.window*7/10, rtt)
}

// collapse is for a path that answered none of several probes: start over, carefully.
func (g *congestion) collapse(rtt time.Duration) {
	threshold := g.window * 7 / 10
	g.shrink(0, rtt)
	g.threshold = max(threshold, g.window)
}

func (g *congestion) shrink(window int, rtt time.Duration) {
	assured := int(floorRate * int64(min(rtt, 4*time.Second)) / int64(time.Second))
	g.window = max(window, floorWindow, assured)
	g.threshold = g.window
}
