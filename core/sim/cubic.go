package sim

import (
	"math"
	"time"
)

// Cubic is a model of a TCP sender with CUBIC (RFC 9438) and its receiver: bulk without end, segments of 1500 bytes on the
// wire, slow start by acknowledged segments (RFC 5681), losses found by three later deliveries (the effect of SACK, RFC
// 6675, and RACK, RFC 8985), fast recovery that sends while less than the window is in the pipe, a retransmission timer
// (RFC 6298), an acknowledgement for every second segment. It is not paced: the window is all that holds it back, as in
// most TCP stacks.
type Cubic struct {
	w    *World
	link *Bottleneck
	rtt  time.Duration

	// Sender. Segments are numbered from 0; each transmission has a serial, in which the network keeps its order.
	flight   map[uint64]transmission // segments neither acknowledged nor given up, by segment
	order    []transmission          // by serial, from the oldest that may still be lost
	lost     []uint64                // to be sent again
	next     uint64                  // segment
	serial   uint64
	highest  uint64 // serial delivered
	cwnd     float64
	ssthresh float64
	recover  uint64 // in recovery until a transmission from this serial on is delivered
	recovery bool

	// CUBIC's epoch (RFC 9438, 4).
	wMax, k, wEst, prior float64
	epoch                time.Time

	srtt, rttvar time.Duration
	rto          wakeup
	backoff      int

	// Receiver.
	unacked   []uint64 // serials that wait for the next acknowledgement
	delayed   wakeup
	got       map[uint64]bool // from gotBelow on
	gotBelow  uint64
	delivered int
	since     time.Time
	stopped   bool
}

type transmission struct {
	serial, segment uint64
	at              time.Time
}

const (
	cubicSegment = 1500 - 28 // what Push adds is 28 bytes
	cubicPayload = 1448      // with TCP's header and timestamps
	cubicBeta    = 0.7
	cubicC       = 0.4
	cubicDelayed = 40 * time.Millisecond // Linux' delayed acknowledgement
	cubicRTOMin  = 200 * time.Millisecond
)

// AddCubic starts a TCP flow of that round trip.
func (l *Bottleneck) AddCubic(rtt time.Duration) *Cubic {
	c := &Cubic{w: l.w, link: l, rtt: rtt, flight: map[uint64]transmission{}, got: map[uint64]bool{}, cwnd: 10, ssthresh: math.Inf(1), since: l.w.now}
	c.rto, c.delayed = newWakeup(c.timeout), newWakeup(c.acknowledge)
	c.transmit(l.w.now)
	return c
}

// Stop ends the flow at once.
func (c *Cubic) Stop() { c.stopped = true }

// Measure starts Rate anew.
func (c *Cubic) Measure() { c.delivered, c.since = 0, c.w.now }

// Rate is payload delivered since Measure, bit/s.
func (c *Cubic) Rate() float64 { return rateOf(c.delivered, c.w.now.Sub(c.since)) }

// transmit sends what the window allows: first what was lost.
func (c *Cubic) transmit(now time.Time) {
	for !c.stopped && float64(len(c.flight)) < math.Floor(c.cwnd) {
		segment := c.next
		if len(c.lost) > 0 {
			segment, c.lost = c.lost[0], c.lost[1:]
		} else {
			c.next++
		}
		t := transmission{c.serial, segment, now}
		c.serial++
		c.flight[segment] = t
		c.order = append(c.order, t)
		c.link.push(now, c, t.serial, cubicBody[:])
		if c.rto.at < 0 {
			c.armRTO(now)
		}
	}
}

var cubicBody [cubicSegment]byte

func (c *Cubic) armRTO(now time.Time) {
	rto := time.Second
	if c.srtt > 0 {
		rto = max(c.srtt+4*c.rttvar, cubicRTOMin)
	}
	c.rto.set(c.w, now.Add(rto<<min(c.backoff, 6)))
}

// arrive takes a segment behind the bottleneck: it reaches the receiver after half a round trip.
func (c *Cubic) arrive(now time.Time, x crossing, _ []byte) {
	c.w.After(c.rtt/2, func(now time.Time) { c.receive(now, x.number) })
}

func (c *Cubic) receive(now time.Time, serial uint64) {
	segment, ok := c.segmentOf(serial)
	if !ok {
		return
	}
	inOrder := segment == c.gotBelow
	if !c.got[segment] && segment >= c.gotBelow {
		c.got[segment] = true
		c.delivered += cubicPayload
	}
	for c.got[c.gotBelow] {
		delete(c.got, c.gotBelow)
		c.gotBelow++
	}
	c.unacked = append(c.unacked, serial)
	if len(c.unacked) >= 2 || !inOrder || len(c.got) > 0 {
		c.acknowledge(now)
	} else {
		c.delayed.set(c.w, now.Add(cubicDelayed))
	}
}

// segmentOf finds a transmission that is still remembered.
func (c *Cubic) segmentOf(serial uint64) (uint64, bool) {
	if len(c.order) == 0 || serial < c.order[0].serial {
		return 0, false
	}
	return c.order[serial-c.order[0].serial].segment, true
}

func (c *Cubic) acknowledge(time.Time) {
	c.delayed.set(c.w, time.Time{})
	serials := c.unacked
	c.unacked = nil
	c.w.After(c.rtt-c.rtt/2, func(now time.Time) { c.acked(now, serials) })
}

// acked takes an acknowledgement at the sender.
func (c *Cubic) acked(now time.Time, serials []uint64) {
	count := 0
	for _, serial := range serials {
		if len(c.order) == 0 || serial < c.order[0].serial {
			continue
		}
		t := &c.order[serial-c.order[0].serial]
		c.highest = max(c.highest, serial)
		if f, ok := c.flight[t.segment]; ok && f.serial == serial {
			delete(c.flight, t.segment)
			c.sample(now.Sub(t.at))
			count++
		}
		if c.recovery && serial >= c.recover {
			c.recovery = false
		}
	}
	if count > 0 {
		c.backoff = 0
	}
	c.detect(now)
	if !c.recovery {
		c.grow(now, float64(count))
	}
	c.rto.set(c.w, time.Time{})
	if len(c.flight) > 0 {
		c.armRTO(now)
	}
	c.transmit(now)
}

func (c *Cubic) sample(rtt time.Duration) {
	if c.srtt == 0 {
		c.srtt, c.rttvar = rtt, rtt/2
		return
	}
	c.rttvar += ((c.srtt - rtt).Abs() - c.rttvar) / 4
	c.srtt += (rtt - c.srtt) / 8
}

// detect gives up transmissions that three later ones have passed.
func (c *Cubic) detect(now time.Time) {
	for len(c.order) > 0 && c.order[0].serial+3 <= c.highest {
		t := c.order[0]
		c.order = c.order[1:]
		if f, ok := c.flight[t.segment]; !ok || f.serial != t.serial {
			continue
		}
		delete(c.flight, t.segment)
		c.lost = append(c.lost, t.segment)
		if !c.recovery || t.serial >= c.recover {
			c.decrease(now)
		}
	}
}

// decrease is the reaction to a congestion event (RFC 9438, 4.6 and 4.7).
func (c *Cubic) decrease(now time.Time) {
	c.recovery, c.recover = true, c.serial
	c.prior = c.cwnd
	if c.cwnd < c.wMax { // a newcomer needs room: leave more than the last time
		c.wMax = c.cwnd * (1 + cubicBeta) / 2
	} else {
		c.wMax = c.cwnd
	}
	c.cwnd = max(c.cwnd*cubicBeta, 2)
	c.ssthresh = c.cwnd
	c.epoch = time.Time{}
}

// grow is slow start, or congestion avoidance (RFC 9438, 4.2 to 4.5).
func (c *Cubic) grow(now time.Time, acked float64) {
	if c.cwnd < c.ssthresh {
		c.cwnd += acked
		return
	}
	if c.epoch.IsZero() {
		c.epoch, c.wEst = now, c.cwnd
		c.wMax = max(c.wMax, c.cwnd) // after a timeout's slow start
		c.k = math.Cbrt((c.wMax - c.cwnd) / cubicC)
	}
	alpha := 3 * (1 - cubicBeta) / (1 + cubicBeta)
	if c.wEst >= c.prior {
		alpha = 1
	}
	c.wEst += alpha * acked / c.cwnd
	at := func(t float64) float64 { return cubicC*math.Pow(t-c.k, 3) + c.wMax }
	t := now.Sub(c.epoch).Seconds()
	if at(t) < c.wEst {
		c.cwnd = max(c.cwnd, c.wEst)
		return
	}
	target := min(max(at(t+c.srtt.Seconds()), c.cwnd), 1.5*c.cwnd)
	c.cwnd += (target - c.cwnd) / c.cwnd * acked
}

// timeout is the retransmission timer: everything in flight counts as lost (RFC 5681, 3.1; RFC 9438, 4.8).
func (c *Cubic) timeout(now time.Time) {
	if c.stopped {
		return
	}
	c.decrease(now)
	c.cwnd = 1
	c.recovery = false
	c.backoff++
	for i := range c.order {
		t := &c.order[i]
		if f, ok := c.flight[t.segment]; ok && f.serial == t.serial {
			delete(c.flight, t.segment)
			c.lost = append(c.lost, t.segment)
		}
	}
	c.transmit(now)
}
