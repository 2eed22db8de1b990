package rudp

import (
	"math"
	"time"

	"github.com/musubi-p2p/musubi/core/wire"
)

// Congestion control of one path: a window that keeps the queue it causes at a few milliseconds. docs/TRANSPORT.md has the
// whole with its sources; in short:
//
//	start ----- queue of 4 ms, or losses it causes -----> steer ----- queue over 25 ms in 5 rounds that does not ------> compete
//	  ^                                                   |   ^       follow our window: another's                          |
//	  +-- unused for long, or silence --------------------+   +---------- an ebb finds the queue empty ---------------------+
//
// steer: each round (one RTT, longer where RTTs vary) takes the least queueing delay seen. The window grows by about a packet,
// and shrinks in proportion to the delay above the target. Flows that share a queue see the same delay, so that they settle at
// the same rate whatever their RTT. Loss without delay shrinks it only if a trial shows that we cause it (lossJudge).
// compete: CUBIC, because whoever fills the buffer leaves nothing to one that steers by delay. Every few seconds an ebb, a
// short time at a quarter of the rate, shows whether the queue is still another's.
// From time to time steer ebbs as well, at half the rate, so that all see the true RTT of the empty path.
type congestion struct {
	window   int // bytes that may be in flight
	inFlight int // bytes of packets neither acknowledged nor given up
	mode     uint8

	pace  pacer
	base  baseRTT
	round round
	judge lossJudge
	rival rival

	lately lately

	jitter    time.Duration // mean deviation of the round trips
	spread    time.Duration // mean of the last round trips over their least
	share     uint32        // of packets lost lately, in lossOne
	queue     time.Duration // least queueing delay of the last round
	delivered int64         // bytes a second that arrived in the last round that the window limited
	earlier   int64         // and in the one before
	braking   bool          // the start has ended, and the round shows what arrives of what is still on its way
	quiet     int           // rounds in a row without a queue
	crowded   int           // rounds in a row with one that is not ours
	before    int           // the window before the first of these
	ebb       moment        // an ebb goes on until then; zero: none
	ebbed     moment        // the last one began
	settle    moment        // the window holds still until what the ebb did has passed
	used      moment        // the window limited us last
	last      moment        // the last packet left
}

const (
	modeStart uint8 = iota
	modeSteer
	modeCompete
)

const (
	datagram      = wire.BaseDatagram
	initialWindow = 10 * datagram // bytes in flight at the start; RFC 9002, 7.2
	silentWindow  = 8 * datagram  // after silence: through heavy loss a few of these get through
	leastWindow   = 2 * datagram  // below that, acknowledgements no longer come in pairs
	maxWindow     = 64 << 20
	floorRate     = 256_000 / 8 // bytes a second that congestion control always grants; TRANSPORT

	targetQueue = 4 * time.Millisecond  // and one packet's time at our rate; absolute, so that a LAN's scheduling noise is below it
	targetMost  = 50 * time.Millisecond // with that packet
	startQueue  = 4 * time.Millisecond  // ends the fast start; HyStart++ uses 4 to 16 ms (RFC 9406, 4.2)
	startCount  = 4                     // samples of which the least counts there, and as many again; RFC 9406 takes 8
	rivalQueue  = 25 * time.Millisecond // TRANSPORT
	rivalRounds = 5
	quietRounds = 5 // without a queue, before the window grows faster

	jitterStep  = time.Millisecond // of jitter, for which a round takes one sample more
	mostSamples = 16               // that a round takes; with twice as many the figures of TestJitteryPath are no better

	ebbEvery = 5 * time.Second // without a sample near the base
	ebbLeast = 20 * time.Millisecond
	unused   = 5 * time.Second // each halves a window that nothing tested; RFC 7661 in spirit
)

// round is what one round trip showed. It ends with the acknowledgement of a packet sent after it began.
type round struct {
	began   moment
	least   time.Duration // RTT
	samples int
	bytes   int    // acknowledged
	rate    int64  // bytes a second, once it has ended
	limited bool   // the window, not the application, held us back
	newest  moment // the last packet acknowledged left then
}

// lately is the least of the last startCount to twice as many samples: a queue that grows shows there before the round
// is over.
type lately struct {
	least, past time.Duration
	samples     int
}

// rtt is that least.
func (l *lately) rtt() time.Duration {
	if l.past > 0 {
		return min(l.least, l.past)
	}
	return l.least
}

func (l *lately) sample(rtt time.Duration) {
	if l.samples++; l.samples > startCount {
		l.past, l.least, l.samples = l.least, 0, 1
	}
	if l.least == 0 || rtt < l.least {
		l.least = rtt
	}
}

// over reports whether all of them were longer than a limit.
func (l *lately) over(limit time.Duration) bool { return l.least > limit && l.past > limit }

func (g *congestion) init(now moment, rtt time.Duration) {
	*g = congestion{window: initialWindow, pace: g.pace}
	g.pace.init(now)
	g.pace.set(g.gain(now), g.window, rtt)
	g.round.began = now
	g.used, g.last = now, now
}

// open reports whether another packet may be in flight.
func (g *congestion) open() bool { return g.inFlight < g.window }

// sent puts a packet into flight.
func (g *congestion) sent(bytes int, now moment) {
	if idle := now.since(g.last); g.inFlight == 0 && idle >= unused {
		g.forget(now, int(idle/unused))
	}
	g.last = now
	g.inFlight += bytes
	g.pace.spend(bytes)
	if g.inFlight >= g.window/4*3 {
		g.round.limited, g.used = true, now
	}
}

// sample takes a measured round trip of a packet, and how long the peer says it waited before it acknowledged.
func (g *congestion) sample(now, sentAt moment, measured, delay time.Duration) {
	rtt := max(measured-min(delay, measured/2), time.Microsecond)
	g.base.sample(now, rtt, g.mode == modeCompete)
	r := &g.round
	if r.samples++; r.samples == 1 || rtt < r.least {
		r.least = rtt
	}
	g.lately.sample(rtt)
	r.newest = max(r.newest, sentAt)
	if g.mode == modeCompete {
		g.ebbSample(now, sentAt, rtt)
	}
}

// acked takes a packet out of flight.
func (g *congestion) acked(bytes int) {
	g.inFlight -= bytes
	g.round.bytes += bytes
	g.judge.acked++
	g.judge.bytes += bytes
	if g.mode == modeStart && g.round.limited {
		g.window = min(g.window+bytes, maxWindow)
	}
}

// lost takes a packet out of flight that is given up.
func (g *congestion) lost(bytes int, sentAt, now moment) {
	g.inFlight -= bytes
	g.judge.lost++
	if g.mode == modeCompete && sentAt > g.rival.reacted {
		g.rival.decrease(g, now)
	}
}

// ackDone ends one ACK frame; share is the path's loss.
func (g *congestion) ackDone(now moment, rtt *rtt, share uint32) {
	r, srtt := &g.round, rtt.smoothed
	g.jitter, g.share = rtt.variance, share
	if g.mode == modeStart && g.lately.over(g.base.rtt()+startQueue) {
		g.endStart(now, srtt)
	}
	if r.newest >= r.began && r.samples >= g.samplesWanted() {
		g.endRound(now, srtt)
	}
	if g.mode == modeSteer && now >= g.settle && g.round.limited && g.base.due(now, g.ebbed) {
		g.beginEbb(now, srtt)
	}
	g.pace.set(g.gain(now), g.window, srtt)
}

// gain is the pacing rate over the window's rate, in eighths. Above one, so that pacing spreads packets and the window
// still decides; twice in the start, where the window doubles in a round.
func (g *congestion) gain(now moment) int64 {
	switch {
	case now < g.ebb && g.mode == modeCompete:
		return 2
	case now < g.ebb:
		return 4
	case g.mode == modeStart:
		return 16
	case now < g.settle: // what an ebb drained comes back gently: ACKs are few for a round trip, and then many
		return 8
	}
	return 10
}

// samplesWanted is how many samples a round takes to say something about the queue. Where round trips vary for other
// reasons, the least of few lies far above the path's: the window shrinks, which makes the samples fewer, and so on (at
// 10 % loss and 40 ms of jitter each way a window that carried 5 MB/s was stuck at 60 KB/s).
func (g *congestion) samplesWanted() int { return min(1+int(g.jitter/jitterStep), mostSamples) }

func (g *congestion) endRound(now moment, srtt time.Duration) {
	r := g.round
	g.round = round{began: now, limited: g.inFlight >= g.window/4*3}
	g.queue, g.spread = r.least-g.base.rtt(), max(srtt-r.least, 0)
	r.rate = int64(r.bytes) * int64(time.Second) / int64(max(now.since(r.began), time.Microsecond))
	if g.braking {
		g.braking, g.delivered = false, r.rate
		g.setWindow(max(g.window, g.fit(r.rate)))
	} else if r.limited && now >= g.ebb && now >= g.settle {
		g.earlier, g.delivered = g.delivered, r.rate
	} else if idle := now.since(g.used); idle >= unused {
		g.forget(now, 1)
	}
	switch g.mode {
	case modeStart:
		if g.queue > startQueue {
			g.endStart(now, srtt)
		}
	case modeSteer:
		g.steer(now, &r, srtt)
	case modeCompete:
		g.rival.round(g, now, &r, srtt)
	}
	g.judge.epoch(g, now, srtt)
}

// fit is the window that keeps a rate with the queue we aim at.
func (g *congestion) fit(rate int64) int {
	return int(rate * int64(g.base.rtt()+targetQueue) / int64(time.Second))
}

// target is the queueing delay that the window aims at.
func (g *congestion) target(rtt time.Duration) time.Duration {
	packet := rtt * datagram / time.Duration(max(g.window, 1))
	return min(targetQueue+packet, targetMost)
}

// steer adjusts the window after a round.
func (g *congestion) steer(now moment, r *round, srtt time.Duration) {
	target := g.target(r.least)
	over := g.queue - target
	if g.watchRival(now, r, srtt); g.mode == modeCompete || now < g.settle || !r.limited {
		return
	}
	// Two flows whose windows gain a and lose share b of their overshoot settle where a*rate = b: equal rates for equal a.
	// a grows with the root of the rate, from one packet at 10 Mbit/s, so that fast flows settle soon and many slow ones
	// don't add up.
	rate := float64(g.window) / r.least.Seconds()
	gain := datagram * math.Sqrt(rate/1.25e6)
	if g.judge.capped(g.window, now) {
		gain = min(gain, datagram/2)
	} else if g.lately.rtt()-g.base.rtt() < target/2 {
		if g.quiet++; g.quiet > quietRounds {
			gain = max(gain, float64(g.window>>max(3+quietRounds+1-g.quiet, 2)))
		}
	} else {
		g.quiet = 0
	}
	next := float64(g.window) + gain
	switch {
	case over > 4*targetQueue: // the link has become slower: no need to feel our way
		next = float64(max(g.window/2, g.fit(g.delivered)))
		g.settle = now.add(srtt)
		g.judge.pause(now.add(2 * srtt)) // what is lost now is the old window's
	case over > 0:
		next -= float64(g.window) * 0.5 * over.Seconds() / r.least.Seconds()
	}
	// Whatever the loss, twice what arrives is enough in flight, and a window that brings nothing does not grow. In the
	// last round of a transfer little arrives for another reason.
	most := 2*int(max(g.delivered, g.earlier)*int64(r.least)/int64(time.Second)) + initialWindow
	g.setWindow(min(int(next), max(most, g.window/2)))
}

// setWindow keeps to the bounds. The rate that is always granted is that of the empty path: with a queue's RTT, the window
// would grow with the queue. Jitter belongs to the path, though, and of what is lost the sender learns up to an RTT later.
func (g *congestion) setWindow(window int) {
	flight := min(g.base.rtt()+g.spread, 4*time.Second)
	flight += flight * time.Duration(g.share) / lossOne
	assured := int(floorRate * int64(flight) / int64(time.Second))
	g.window = min(max(window, leastWindow, assured), maxWindow)
}

// endStart leaves the fast start. Half the window is what it was a round trip ago; but as packets were paced at twice the
// window's rate, the queue may have come before the window was large enough. What arrives in the next round, while
// the queue lasts, is the link's rate.
func (g *congestion) endStart(now moment, srtt time.Duration) {
	g.mode, g.braking = modeSteer, true
	g.round = round{began: now}
	g.setWindow(g.window / 2)
	g.quiet, g.crowded = 0, 0
	g.judge.pause(now.add(2 * srtt))
	g.beginEbb(now, srtt)
}

// beginEbb sends less for a round trip: half, so that a queue of half the RTT drains.
func (g *congestion) beginEbb(now moment, srtt time.Duration) {
	g.ebbed = now
	g.ebb = now.add(max(srtt*3/2, ebbLeast))
	g.settle = g.ebb.add(srtt)
}

// forget halves a window that nothing tested so often, down to the initial one, and tests it anew from there.
func (g *congestion) forget(now moment, times int) {
	g.used = now
	smaller := max(g.window>>min(times, 30), initialWindow)
	if smaller < g.window {
		g.window, g.mode = smaller, modeStart
	}
}

// collapse is for a path that answered none of several probes: start over, carefully.
func (g *congestion) collapse(srtt time.Duration) {
	g.mode = modeStart
	g.quiet, g.crowded, g.ebb, g.settle, g.braking = 0, 0, 0, 0, false
	g.setWindow(silentWindow)
	g.pace.set(g.gain(g.last), g.window, srtt)
}
