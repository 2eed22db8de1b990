package rudp

import (
	"math"
	"time"
)

// rival is the mode in which a path competes with flows that fill the buffer: CUBIC (RFC 9438) in datagrams, once a round.
type rival struct {
	most    float64 // window at the last decrease, datagrams
	friend  float64 // what Reno would have; RFC 9438, 4.3
	rise    float64 // seconds from the epoch's begin to most
	epoch   moment
	reacted moment        // losses of packets sent before are of one event
	queue   time.Duration // of the round before
	rate    int64         // ours when the queue began to rise, bytes a second
	empty   int           // rounds in a row with a queue below the target

	// The least RTT of this ebb, of the one before (at first: of the round in which the rival was found), and how often in
	// a row it was the same.
	ebb, past time.Duration
	same      int
}

const (
	cubicBeta   = 0.7 // RFC 9438, 4.6
	cubicC      = 0.4 // RFC 9438, 5
	cubicFriend = 3 * (1 - cubicBeta) / (1 + cubicBeta)
	rivalRate   = 512_000 / 8     // bytes a second; on slower links a few packets of our own are such a queue
	rivalSame   = 2               // ebbs after which a queue that never changes is no queue
	rivalEbb    = 5 * time.Second // between two looks whether the rival is gone
)

// watchRival counts rounds with a queue that is not ours: it stays although the window shrinks. What counts as a queue is
// measured at the rate we had before it rose, because the target rises while the rate falls.
func (g *congestion) watchRival(now moment, r *round) {
	v := &g.rival
	previous := v.queue
	v.queue = g.queue
	if !r.limited || now < g.ebb {
		return
	}
	rate := max(v.rate, g.delivered, 1)
	target := targetQueue + datagram*time.Second/time.Duration(rate)
	if g.queue < target+targetQueue {
		g.crowded, g.before, v.rate = 0, 0, 0
		return
	}
	g.before, v.rate = max(g.before, g.window), rate
	switch {
	case g.queue < max(rivalQueue, target*5/4):
		g.crowded = 0
		return
	case rate < rivalRate, g.queue < previous*3/4:
		return // too slow to tell; or it drains: ours, or the rival leaves
	}
	if g.crowded++; g.crowded > rivalRounds {
		g.window = max(g.before, g.window)
		g.mode, g.crowded, g.quiet = modeCompete, 0, 0
		g.ebb, g.settle, g.ebbed = 0, 0, now
		g.rival = rival{most: float64(g.window) / datagram, reacted: now, past: r.least}
		g.rival.begin(g, now)
	}
}

func (v *rival) begin(g *congestion, now moment) {
	window := float64(g.window) / datagram
	v.epoch, v.friend = now, window
	v.most = max(v.most, window)
	v.rise = math.Cbrt((v.most - window) / cubicC)
}

func (v *rival) decrease(g *congestion, now moment) {
	v.reacted = now
	window := float64(g.window) / datagram
	if window < v.most {
		v.most = window * (1 + cubicBeta) / 2
	} else {
		v.most = window
	}
	g.window = max(int(window*cubicBeta*datagram), leastWindow)
	v.begin(g, now)
}

// round grows the window after a round, and looks from time to time whether the rival is gone.
func (v *rival) round(g *congestion, now moment, r *round, srtt time.Duration) {
	if now < g.ebb || v.ebb > 0 && v.ebbOver(g, now, srtt) {
		return
	}
	if g.queue < g.target(r.least)/2 {
		if v.empty++; v.empty >= 3 {
			v.leave(g, now, srtt)
			return
		}
	} else {
		v.empty = 0
	}
	if now.since(g.ebbed) >= rivalEbb {
		g.ebbed = now
		g.ebb = now.add(g.queue*3/2 + 2*srtt)
		v.epoch = v.epoch.add(g.ebb.since(now)) // the curve waits
		return
	}
	if !r.limited {
		return
	}
	window := float64(g.window) / datagram
	v.friend += cubicFriend * float64(r.bytes) / float64(g.window)
	t := now.add(srtt).since(v.epoch).Seconds() - v.rise
	next := min(cubicC*t*t*t+v.most, 1.5*window)
	g.setWindow(int(max(next, v.friend, window) * datagram))
}

// ebbSample looks at a packet of an ebb: a queue that is empty as soon as we send little was ours alone.
func (g *congestion) ebbSample(now, sentAt moment, rtt time.Duration) {
	if now >= g.ebb || sentAt <= g.ebbed {
		return
	}
	if v := &g.rival; v.ebb == 0 || rtt < v.ebb {
		v.ebb = rtt
	}
	if rtt-g.base.rtt() < targetQueue {
		g.rival.leave(g, now, rtt)
	}
}

// ebbOver compares an ebb with the one before. A rival's queue is another each time; what stays the same is the RTT of a
// path whose route has become longer.
func (v *rival) ebbOver(g *congestion, now moment, srtt time.Duration) (left bool) {
	if v.same++; (v.ebb - v.past).Abs() > baseNear {
		v.same = 0
	}
	v.past, v.ebb = v.ebb, 0
	if v.same < rivalSame {
		return false
	}
	g.base = baseRTT{least: v.past, began: now, near: now}
	v.leave(g, now, srtt)
	return true
}

// leave goes back to steering, with the window that our rate needs.
func (v *rival) leave(g *congestion, now moment, rtt time.Duration) {
	g.mode, g.ebb, g.quiet, g.crowded, v.empty = modeSteer, 0, 0, 0, 0
	g.settle = now.add(rtt)
	g.setWindow(g.fit(g.delivered))
}
