package rudp

import (
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/seq"
	"github.com/musubi-p2p/musubi/core/wire"
)

// ackState is what we know of the packets of one of the peer's paths and still have to tell it.
type ackState struct {
	numbers   seq.Ranges // received; at most wire.MaxAckRanges, older ones are forgotten
	largest   uint64
	any       bool
	largestAt moment          // when the largest arrived
	pending   int             // ack-eliciting packets since our last ACK
	deadline  moment          // an ACK must leave by then; zero: not needed, or overdue
	due       bool            // an ACK must leave with the next packet, even alone
	missed    uint64          // packets that never came
	count     uint64          // packets that came
	repair    *repairReceiver // nil until a REPAIR came
	back      wire.PathID
	backSet   bool
}

// demand is how soon a packet is to be acknowledged.
type demand uint8

const (
	noAck     demand = iota
	ackLater         // nothing in it would be sent again
	ackSooner        // what it carries is repeated unless an ACK comes
)

// demandOf is what one frame asks for.
func demandOf(t wire.FrameType) demand {
	switch {
	case !t.AckEliciting():
		return noAck
	case t.IsMessage() && !api.Mode(t.Mode()).Reliable():
		return ackLater
	}
	return ackSooner
}

// received notes one packet. The first of a pair may wait for company; a second one, or one out of order, is told at
// once, because the sender detects losses by it (RFC 9000, 13.2.1).
func (a *ackState) received(now moment, number uint64, wants demand) {
	inOrder := !a.any || number == a.largest+1
	a.numbers.Add(number, number+1)
	a.numbers.KeepHighest(wire.MaxAckRanges)
	if a.count++; a.any && number > a.largest {
		a.missed += number - a.largest - 1
	} else {
		a.missed -= min(a.missed, 1)
	}
	if !a.any || number > a.largest {
		a.any, a.largest, a.largestAt = true, number, now
	}
	if wants == noAck {
		return
	}
	a.pending++
	if a.pending >= 2 || !inOrder {
		a.due, a.deadline = true, 0
	} else if !a.due {
		a.deadline = now.add(a.patience(now, wants))
	}
}

// patience is how long the first packet of a pair may wait for the second, or for data of ours to travel with. A packet
// that makes nobody wait may do so for more than a game's frame: two games that send each other state 60 times a second
// then send no packets for ACKs alone. While packets are missing, losses shall show soon.
func (a *ackState) patience(now moment, wants demand) time.Duration {
	switch {
	case a.repair != nil && now.since(a.repair.last) < repairFresh:
		return stretchedAckDelay
	case wants == ackLater && a.numbers.Len() == 1:
		return stretchedAckDelay
	}
	return maxAckDelay
}

// sent notes that everything known was told.
func (a *ackState) sent() { a.pending, a.deadline, a.due = 0, 0, false }

// ReceiveStats is how many packets came on the peer's path rx, and how many that it numbered before the newest did not.
func (c *Conn) ReceiveStats(rx wire.PathID) (received, missed uint64) {
	if int(rx) >= dataPaths {
		return 0, 0
	}
	return c.acks[rx].count, c.acks[rx].missed
}

// confirmed forgets what an acknowledged ACK frame told: the peer knows it (RFC 9000, 13.2.4).
func (a *ackState) confirmed(largest uint64) {
	// The range that holds largest stays whole from largest up, so that a duplicate of it is still known.
	a.numbers.RemoveBelow(largest)
}

// appendAck writes the ACK frame for the peer's path rx if it fits in room bytes, with fewer ranges if it must.
func (c *Conn) appendAck(b []byte, rx wire.PathID, room int) []byte {
	a := &c.acks[rx]
	frame := wire.Ack{Path: rx, Ranges: c.ackScratch.Ranges[:0]}
	if waited := c.now.since(a.largestAt); waited > 0 {
		frame.Delay = uint32(min(waited.Microseconds(), 1<<30))
	}
	for i := a.numbers.Len() - 1; i >= 0; i-- {
		r := a.numbers.At(i)
		frame.Ranges = append(frame.Ranges, wire.AckRange{Low: r.Low, High: r.High - 1})
	}
	c.ackScratch.Ranges = frame.Ranges
	start := len(b)
	for {
		if b = wire.AppendAck(b, &frame); len(b)-start <= room {
			return b
		}
		b = b[:start]
		if len(frame.Ranges) == 1 {
			return b
		}
		frame.Ranges = frame.Ranges[:len(frame.Ranges)/2]
	}
}
