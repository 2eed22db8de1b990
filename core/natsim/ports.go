package natsim

import (
	"net/netip"
	"time"
)

const (
	lowestPort, highestPort = 1024, 65535
	allocationTries         = 1000 // after so many ports in use a box refuses the flow
)

// layPorts draws the box's ports.
func (b *Box) layPorts() {
	low, high := int(b.cfg.Low), int(b.cfg.High)
	if low == 0 {
		low = lowestPort
	}
	if high == 0 {
		high = highestPort
	}
	b.low, b.ports = low, high-low+1
	if block := b.cfg.Block; block > 0 && block < b.ports {
		b.low += block * b.rng.IntN(b.ports/block)
		b.ports = block
	}
}

// allocate chooses an outer port whose tuple with remote is free.
func (b *Box) allocate(now time.Time, inner uint16, remote netip.AddrPort) (uint16, bool) {
	if b.cfg.Alloc == Preserve && b.free(now, inner, remote) {
		return inner, true
	}
	b.foreignFlows(now)
	for range allocationTries {
		offset := 0
		if b.cfg.Alloc == Sequential {
			b.count(1)
			offset = b.next
		} else {
			offset = b.rng.IntN(b.ports)
		}
		if port := uint16(b.low + offset); b.free(now, port, remote) {
			return port, true
		}
	}
	return 0, false
}

// count moves on by n ports, around the end.
func (b *Box) count(n int) {
	b.next = ((b.next+n*b.cfg.Step)%b.ports + b.ports) % b.ports
}

// foreignFlows lets others take the ports that they took since it was last called. Their flows come independently of each
// other: the gaps between them are exponential.
func (b *Box) foreignFlows(now time.Time) {
	if b.cfg.Alloc != Sequential || b.cfg.Foreign <= 0 {
		return
	}
	gap := func() time.Duration { return time.Duration(b.rng.ExpFloat64() / b.cfg.Foreign * float64(time.Second)) }
	if b.foreignAt.IsZero() {
		b.foreignAt = now.Add(gap())
	}
	for taken := 0; !now.Before(b.foreignAt); taken++ {
		if taken == b.ports { // nobody asked for so long that any port is as likely as any other
			b.next, b.foreignAt = b.rng.IntN(b.ports), now.Add(gap())
			return
		}
		b.count(1)
		b.foreignAt = b.foreignAt.Add(gap())
	}
}
