package rudp

import "github.com/musubi-p2p/musubi/core/seq"

// State of a packet that must be acknowledged:
//
//	inFlight --- ACK ------------------------------> settled
//	    |                                               ^
//	    +--- given up: loss, Requeue ---> ghost --- late ACK, or too old
//
// A ghost's content was queued again and it no longer counts for congestion; it is remembered for a while so that a
// late ACK still saves sending the content once more.
const (
	inFlight uint8 = iota
	ghost
	settled
)

// sentPacket is what is remembered of one ack-eliciting packet.
type sentPacket struct {
	number    uint64
	at        moment
	overtaken moment // when an ACK first told of later packets and not of this one; zero: none did
	pieces    *piece // the units it carried of messages whose acknowledgement matters
	acked     uint64 // with ackedPath: the largest number that its ACK frame acknowledged
	credit    uint64 // the CREDIT it carried, 0 for none
	given     uint32 // with unreliable messages: numbering.given
	skip      uint32 // settled only: how many entries from here on are known to be settled, at least 1
	bytes     uint16 // for congestion
	suspend   uint8  // mark of the SUSPEND it carried, 0 for none
	state     uint8
	block     uint8 // how many of the whole reliable messages among pieces are in its block
	lost      bool  // by loss detection, not by a command
	early     bool  // its content was queued again before it counts as lost
	ackRx     int8  // the peer's path that its ACK frame was about, -1 for none
}

// sentList is a path's packets by ascending number. Numbers may have gaps: packets that elicit no ACK are not kept.
// Finding a packet costs O(1) without gaps, O(log n) with; runs of settled packets are stepped over by path
// compression, so that each packet is visited once however its acknowledgement arrives.
type sentList struct{ ring seq.Ring[sentPacket] }

func (l *sentList) len() int             { return l.ring.Len() }
func (l *sentList) at(i int) *sentPacket { return l.ring.At(i) }

// search gives the index of the first packet whose number is at least n.
func (l *sentList) search(n uint64) int {
	count := l.len()
	if count == 0 || n <= l.at(0).number {
		return 0
	}
	low, high := 0, count // numbers ascend strictly, so n can't lie beyond its distance from the first
	if distance := n - l.at(0).number; distance < uint64(count) {
		high = int(distance)
		if l.at(high).number == n {
			return high
		}
	}
	for low < high {
		mid := int(uint(low+high) >> 1)
		if l.at(mid).number < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// live gives the first index from i on whose packet is not settled.
func (l *sentList) live(i int) int {
	end := i
	for end < l.len() && l.at(end).state == settled {
		end += int(l.at(end).skip)
	}
	for i < end { // everything passed now points to the end
		next := i + int(l.at(i).skip)
		l.at(i).skip = uint32(end - i)
		i = next
	}
	return end
}

// settle ends packet i.
func (l *sentList) settle(i int) {
	s := l.at(i)
	s.state, s.skip = settled, 1
}

// release frees the references of a packet's pieces.
func (c *Conn) release(s *sentPacket) {
	for p := s.pieces; p != nil; {
		p = c.freePiece(p)
	}
	s.pieces = nil
}

// prune forgets the oldest packets that nothing depends on: settled ones, and ghosts of some age. On the route, where
// many packets follow each ghost, that is two probe timeouts.
func (c *Conn) prune(p *path) {
	age := ghostAge
	if p == c.path(c.route) {
		age = min(age, 2*p.rtt.pto())
	}
	for l := &p.sent; l.len() > 0; l.ring.Pop() {
		s := l.at(0)
		if s.state == inFlight || s.state == ghost && c.now.since(s.at) < age {
			return
		}
		c.release(s)
	}
}
