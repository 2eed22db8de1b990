package rudp

// lossRate estimates the share of a path's packets that get lost, from the fate of each packet that asks for an ACK.
// Shares are in units of 1/lossOne.
type lossRate struct {
	share     uint32 // of about the last lossMemory packets
	steady    uint32 // of about the last steadyMemory packets
	redundant bool   // worth sending REPAIR frames
}

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
)

func (l *lossRate) init() { *l = lossRate{share: lossPrior, steady: steadyPrior, redundant: true} }

func (l *lossRate) acked() {
	l.share -= (l.share + lossMemory - 1) / lossMemory
	l.steady -= (l.steady + steadyMemory - 1) / steadyMemory
	if l.share < redundancyOff && l.steady < redundancyOff {
		l.redundant = false
	}
}

func (l *lossRate) lost() {
	l.share += (lossOne - l.share) / lossMemory
	l.steady += (lossOne - l.steady) / steadyMemory
	if l.share >= redundancyOn {
		l.redundant = true
	}
}

// spurious takes back what lost did for a packet whose ACK came after all.
func (l *lossRate) spurious() {
	l.share -= min(l.share, lossOne/lossMemory)
	l.steady -= min(l.steady, lossOne/steadyMemory)
}
