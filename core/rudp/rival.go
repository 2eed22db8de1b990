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
	trial   int64         // ours when a trial began; zero: none goes on
	next    moment        // no other trial before
	since   moment        // the first of the crowded rounds
	lowest  time.Duration // queue since then
	empty   int           // rounds in a row with a queue below the target

	// The least RTT of this ebb, of the one before (at first: of the round in which the rival was found), and how often in
	// a row it was the same.
	ebb, past time.Duration
	kept      int    // window when it seemed gone
	left      moment // and when that was
	same      int
}

const (
	cubicBeta   = 0.7 // RFC 9438, 4.6
	cubicC      = 0.4 // RFC 9438, 5
	cubicFriend = 3 * (1 - cubicBeta) / (1 + cubicBeta)

	rivalRate     = 512_000 / 8          // bytes a second; on slower links a few packets of our own are such a queue
	rivalRise     = 8 * time.Millisecond // a rival that fills a buffer lets the queue rise
	rivalPatience = 6 * time.Second      // one that stays where it is may be ours and a newcomer's wrong base; an ebb will show
	rivalAgain    = 10 * time.Second     // a rival that is back so soon was never gone
	rivalTrial    = 10 * time.Second     // between two trials on a slow link
	rivalEbb      = 5 * time.Second      // between two looks whether the rival is gone
	rivalSame     = 2                    // ebbs after which a queue that never changes is no queue
)

// watchRival counts rounds with a queue that is not ours: it stays although the window shrinks. What counts as a queue is
// measured at the rate we had before it rose, because the target rises while the rate falls.
func (g *congestion) watchRival(now moment, r *round, srtt time.Duration) {
	v := &g.rival
	previous := v.queue
	v.queue = g.queue
	if v.trial > 0 {
		g.endTrial(now, r)
		return
	}
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
	case g.queue < previous*3/4:
		return // it drains: ours, or the rival leaves
	}
	if g.crowded == 0 {
		v.since, v.lowest = now, g.queue
	}
	v.lowest = min(v.lowest, g.queue)
	known := v.kept > 0 && now.since(v.left) < rivalAgain || g.queue > v.lowest+rivalRise
	switch g.crowded++; {
	case g.crowded <= rivalRounds, !known && now.since(v.since) < rivalPatience:
	case rate >= rivalRate:
		g.window = max(g.before, g.window)
		g.compete(now, r.least)
	case now >= v.next: // on a slow link two packets of our own are such a queue
		v.trial = r.rate
		g.setWindow(2 * g.window)
		g.settle = now.add(3 * srtt)
	}
}

// endTrial looks what a window twice as large has brought: twice as much, if the queue is another's; else a longer queue.
func (g *congestion) endTrial(now moment, r *round) {
	v := &g.rival
	if now < g.settle {
		return
	}
	if r.rate > v.trial*3/2 {
		g.compete(now, r.least)
		return
	}
	v.trial, v.next = 0, now.add(rivalTrial)
	g.setWindow(g.window / 2)
	g.crowded = 0
}

func (g *congestion) compete(now moment, rtt time.Duration) {
	g.mode, g.crowded, g.quiet = modeCompete, 0, 0
	g.ebb, g.settle, g.ebbed = 0, 0, now
	if v := &g.rival; v.kept > 0 && now.since(v.left) < rivalAgain {
		g.window = max(g.window, v.kept)
	}
	g.rival = rival{most: float64(g.window) / datagram, reacted: now, past: rtt}
	g.rival.begin(g, now)
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
	falls := g.queue < v.queue*7/8 // others send less: if they ebb too, all together find the queue empty
	v.queue = g.queue
	if since := now.since(g.ebbed); since >= rivalEbb || falls && since >= rivalEbb/2 {
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
	v.kept, v.left = g.window, now
	g.setWindow(g.fit(g.delivered))
}
