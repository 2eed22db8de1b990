package rudp

import "time"

// lossRate estimates the share of a path's packets that get lost, from the fate of each packet that asks for an ACK.
// Shares are in units of 1/lossOne.
type lossRate struct {
	share     uint32 // of about the last lossMemory packets
	steady    uint32 // of about the last steadyMemory packets
	lossy     bool   // enough for REPAIR frames to be worth their bytes
	suspicion suspicion
}

// suspicion finds out whether losses come from sending too much, where redundancy makes things worse: it leaves off for
// a while and looks whether that helps. A verdict holds for twice as many packets as the one before.
//
//	idle --- many losses, or some and a queue ---> trial --- over, no better ---> idle, not suspected again for a while
//	                                                 +------ over, better ------> guilty, for a while ---> idle
type suspicion struct {
	state  uint8
	left   int    // packets until the state may change
	belief int    // packets for which the next verdict holds
	before uint32 // the share when the trial began
	lost   int    // packets in the trial
}

const (
	suspectIdle uint8 = iota
	suspectTrial
	suspectGuilty
)

const (
	lossOne     = 1 << 16
	lossPercent = lossOne / 100

	// One packet changes the estimate by 1/128 of the difference: two losses among a hundred packets, within two
	// seconds of a game's traffic, lift it over redundancyOn. A link that loses one percent often goes hundreds of packets
	// without a loss, so the end of redundancy takes the longer memory (at 1 % it was off a fifth of the time without).
	lossMemory    = 128
	steadyMemory  = 512
	redundancyOn  = lossPercent     // TRANSPORT: from 1 %
	redundancyOff = lossPercent / 2 // off below 0.5 %, both
	// What a path is thought to lose before anything is known. Without a loss redundancy ends after some 180 packets.
	lossPrior   = 2 * lossPercent
	steadyPrior = lossPercent * 7 / 10

	suspectShare  = 30 * lossPercent // no radio that a game is played over loses so much for long
	queueShare    = 4 * lossPercent  // enough when there seems to be a queue
	queueDelay    = 15 * time.Millisecond
	trialPackets  = 192       // one and a half memories
	firstBelief   = 2048      // packets: half a minute of a game
	longestBelief = 16 * 2048 // nine minutes
)

func (l *lossRate) init() { *l = lossRate{share: lossPrior, steady: steadyPrior, lossy: true} }

// redundant reports whether REPAIR frames should be sent.
func (l *lossRate) redundant() bool { return l.lossy && l.suspicion.state == suspectIdle }

// packet takes the fate of one more packet, after the shares have taken it; queue says whether there seems to be one. Both
// memories must find enough: the shorter one alone would begin trials on chance peaks, which are followed by fewer losses
// whatever is sent.
func (s *suspicion) packet(l *lossRate, queue, lost bool) {
	if lost && s.state == suspectTrial {
		s.lost++
	}
	if s.left = max(s.left-1, 0); s.left > 0 {
		return
	}
	least := min(l.share, l.steady)
	switch {
	case s.state == suspectGuilty:
		s.state = suspectIdle
	case s.state == suspectTrial:
		s.conclude()
	case least >= suspectShare, least >= queueShare && queue:
		s.state, s.left, s.before, s.lost = suspectTrial, trialPackets, (l.share+l.steady)/2, 0
	}
}

// conclude ends a trial. Guilty needs more than chance: less than three quarters of the losses that were to be expected, and by
// 2.4 standard deviations (of 10 at most 2, of 60 at most 41), which happens to the innocent once in a hundred times. Between
// the two nothing is known, and there is another trial soon.
func (s *suspicion) conclude() {
	expected := trialPackets * int(s.before) / lossOne
	switch less := expected - s.lost; {
	case less <= expected/4:
		s.judge(suspectIdle)
	case less*less > 6*expected:
		s.judge(suspectGuilty)
	default:
		s.state, s.left = suspectIdle, trialPackets
	}
}

func (s *suspicion) judge(verdict uint8) {
	s.belief = min(max(2*s.belief, firstBelief), longestBelief)
	s.state, s.left = verdict, s.belief
}

func (l *lossRate) acked(rtt *rtt) {
	l.share -= (l.share + lossMemory - 1) / lossMemory
	l.steady -= (l.steady + steadyMemory - 1) / steadyMemory
	if l.share < redundancyOff && l.steady < redundancyOff {
		l.lossy = false
	}
	l.suspicion.packet(l, queued(rtt), false)
}

func (l *lossRate) lost(rtt *rtt) {
	l.share += (lossOne - l.share) / lossMemory
	l.steady += (lossOne - l.steady) / steadyMemory
	if l.share >= redundancyOn {
		l.lossy = true
	}
	l.suspicion.packet(l, queued(rtt), true)
}

// queued reports whether round trips take so much longer than the shortest that there seems to be a queue. Congestion
// control's estimate looks at one round, which at 60 Hz is two packets. Jitter, uniform each way, lifts the mean by three
// times its mean deviation.
func queued(rtt *rtt) bool {
	return rtt.minimum > 0 && rtt.smoothed-rtt.minimum > max(queueDelay, 4*rtt.variance)
}

// spurious takes back what lost did for a packet whose ACK came after all.
func (l *lossRate) spurious() {
	l.share -= min(l.share, lossOne/lossMemory)
	l.steady -= min(l.steady, lossOne/steadyMemory)
	l.suspicion.lost = max(l.suspicion.lost-1, 0)
}
