package rudp

import "time"

// lossJudge decides whether losses without a queue are ours: of a buffer too short to show a delay, or of a policer. It
// sends less for a while. If the losses go on, they are the link's and the window comes back; how many are the link's is
// remembered.
type lossJudge struct {
	acked, lost int // packets of this epoch
	chance      int // share of losses that are the link's, per mille
	seen        int // share that began the trial
	bytes       int // acknowledged
	began       moment
	saved       int   // the window before the trial; zero: none goes on
	rate        int64 // bytes a second, of which fewer arrive in the trial if the losses are the link's
	wait        moment
	cap         int // a window that was too large
	capUntil    moment
}

const (
	judgePackets = 128 // of an epoch at least: 2 % of them are a sign
	judgeLosses  = 4   // fewer are no sign
	judgeShare   = 20  // per mille above what is the link's; BBRv2 uses 2 % as well
	judgeCut     = 200 // per mille of the window, at least
	capTime      = 10 * time.Second
)

// pause begins an epoch then: losses of packets sent before are another window's.
func (j *lossJudge) pause(until moment) { j.wait, j.saved = until, 0 }

// epoch is called after each round.
func (j *lossJudge) epoch(g *congestion, now moment, srtt time.Duration) {
	count := j.acked + j.lost
	if now < j.wait || j.began == 0 {
		j.acked, j.lost, j.bytes, j.began = 0, 0, 0, now
		return
	}
	if count < judgePackets {
		return
	}
	share, losses := j.lost*1000/count, j.lost
	rate := int64(j.bytes) * int64(time.Second) / int64(max(now.since(j.began), time.Microsecond))
	j.acked, j.lost, j.bytes, j.began = 0, 0, 0, now
	if g.mode == modeCompete { // which has its own answer to loss
		j.saved = 0
		return
	}
	if j.saved > 0 {
		j.conclude(g, now, share, rate)
		return
	}
	if share <= j.chance+j.chance/2+judgeShare || losses < judgeLosses {
		j.chance += (share - j.chance) / 8
		return
	}
	if g.mode == modeStart {
		g.mode = modeSteer
	}
	if g.queue > g.target(srtt) { // a full queue that is short: no trial needed
		g.setWindow(max(g.window/2, min(g.window, g.fit(g.delivered))))
		j.wait = now.add(2 * srtt)
		return
	}
	cut := min(max(share, judgeCut), 900)
	j.seen, j.saved, j.rate = share, g.window, rate/1000*int64(1000-cut/2)
	g.setWindow(g.window / 1000 * (1000 - cut))
	j.wait = now.add(2 * srtt)
}

// conclude ends a trial: the losses were ours if fewer come now, or if as much arrives as before.
func (j *lossJudge) conclude(g *congestion, now moment, share int, rate int64) {
	if share <= j.chance+(j.seen-j.chance)/2 || rate > j.rate {
		j.cap, j.capUntil = j.saved, now.add(capTime)
	} else {
		j.chance = max(j.chance, (share+j.seen)/2)
		g.window = max(g.window, j.saved)
	}
	j.saved = 0
}

// capped reports whether a window this large was too large not long ago: then it grows with care.
func (j *lossJudge) capped(window int, now moment) bool {
	return now < j.capUntil && window >= j.cap/4*3
}
