package rudp

import "time"

// lossJudge decides whether losses without a queue are ours: of a buffer too short to show a delay, or of a policer. It
// sends less for a while. If the losses go on, they are the link's and the window comes back; how many are the link's is
// remembered.
type lossJudge struct {
	acked, lost int // packets of this epoch
	chance      int // share of losses that are the link's, per mille
	seen        int // share that began the trial
	saved       int // the window before the trial; zero: none goes on
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

// epoch is called after each round.
func (j *lossJudge) epoch(g *congestion, now moment, srtt time.Duration) {
	if now < j.wait {
		j.acked, j.lost = 0, 0
		return
	}
	count := j.acked + j.lost
	if count < judgePackets {
		return
	}
	share, losses := j.lost*1000/count, j.lost
	j.acked, j.lost = 0, 0
	if g.mode == modeCompete || g.queue > g.target(srtt) && j.saved == 0 { // delay, or the rival's mode, sees to it
		j.saved = 0
		return
	}
	if j.saved > 0 {
		j.conclude(g, now, share)
		return
	}
	if share <= j.chance+j.chance/2+judgeShare || losses < judgeLosses {
		j.chance += (share - j.chance) / 8
		return
	}
	if g.mode == modeStart {
		g.mode = modeSteer
	}
	j.seen, j.saved = share, g.window
	g.setWindow(g.window/1000*(1000-min(max(share, judgeCut), 900)), srtt)
	j.wait = now.add(2 * srtt)
}

// conclude ends a trial.
func (j *lossJudge) conclude(g *congestion, now moment, share int) {
	if share <= j.chance+(j.seen-j.chance)/2 {
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
