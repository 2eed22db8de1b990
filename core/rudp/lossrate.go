package rudp

// lossRate estimates the share of a path's packets that get lost, from the fate of each packet that asks for an ACK.
// Shares are in units of 1/lossOne.
type lossRate struct {
	share     uint32 // of about the last lossMemory packets
	steady    uint32 // of about the last steadyMemory packets
	lossy     bool   // enough for REPAIR frames to be worth their bytes
	suspicion suspicion
}

// suspicion finds out whether heavy losses come from sending too much, where redundancy makes things worse: it leaves
// off for a while and looks whether that helps.
//
//	idle --- share over suspectShare ---> trial --- over, no better ---> idle, believed for beliefPackets
//	                                        +------ over, better ------> guilty, for beliefPackets ---> idle
type suspicion struct {
	state  uint8
	left   int    // packets until the state may change
	before uint32 // the share when the trial began
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

	suspectShare  = 25 * lossPercent // no radio that a game is played over loses so much for long
	trialPackets  = 192              // one and a half memories
	beliefPackets = 2048             // half a minute of a game
)

func (l *lossRate) init() { *l = lossRate{share: lossPrior, steady: steadyPrior, lossy: true} }

// redundant reports whether REPAIR frames should be sent.
func (l *lossRate) redundant() bool { return l.lossy && l.suspicion.state == suspectIdle }

func (s *suspicion) packet(share uint32) {
	if s.left = max(s.left-1, 0); s.left > 0 {
		return
	}
	switch {
	case s.state == suspectGuilty:
		s.state = suspectIdle
	case s.state == suspectTrial && share < s.before/4*3:
		s.state, s.left = suspectGuilty, beliefPackets
	case s.state == suspectTrial:
		s.state, s.left = suspectIdle, beliefPackets
	case share >= suspectShare:
		*s = suspicion{state: suspectTrial, left: trialPackets, before: share}
	}
}

func (l *lossRate) acked() {
	l.share -= (l.share + lossMemory - 1) / lossMemory
	l.steady -= (l.steady + steadyMemory - 1) / steadyMemory
	if l.share < redundancyOff && l.steady < redundancyOff {
		l.lossy = false
	}
	l.suspicion.packet(l.share)
}

func (l *lossRate) lost() {
	l.share += (lossOne - l.share) / lossMemory
	l.steady += (lossOne - l.steady) / steadyMemory
	if l.share >= redundancyOn {
		l.lossy = true
	}
	l.suspicion.packet(l.share)
}

// spurious takes back what lost did for a packet whose ACK came after all.
func (l *lossRate) spurious() {
	l.share -= min(l.share, lossOne/lossMemory)
	l.steady -= min(l.steady, lossOne/steadyMemory)
}
