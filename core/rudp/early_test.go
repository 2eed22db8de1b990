package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
)

// bareGame has alice send count messages without redundancy, and gives how late each came.
func bareGame(t *testing.T, count int, interval time.Duration, script func(p *pair, first uint64)) (p *pair, late []time.Duration) {
	p = newPair(t, 1, Config{NoRedundancy: true})
	for n := range uint64(20) {
		p.send(p.alice(), api.ReliableOrdered, 9, body(n, 50))
		p.advance(frame60)
	}
	p.advance(200 * time.Millisecond)
	start := p.now
	p.onEvent = func(e *end, ev Event) {
		if e == p.bob() && ev.Kind == EventMessage {
			late = append(late, p.now.Sub(start)-time.Duration(len(late))*interval)
		}
	}
	script(p, p.alice().numbers[0])
	for n := range uint64(count) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 100))
		p.advance(interval)
	}
	p.advance(time.Second)
	if len(late) != count {
		t.Fatalf("%d messages of %d", len(late), count)
	}
	return p, late
}

// One lost packet: the next one shows it, its ACK brings the message back at once. 20 ms there, 40 for the round trip, 4
// until the next packet.
func TestOvertakenPacketIsResentAtOnce(t *testing.T) {
	p, late := bareGame(t, 10, 4*time.Millisecond, func(p *pair, first uint64) {
		p.links[0].lose = func(from int, number uint64) bool {
			if from == 0 && number == first+3 {
				if window := p.alice().paths[0].cong.window; window < initialWindow {
					t.Errorf("window %d before the loss", window)
				}
				return true
			}
			return false
		}
	})
	if late[3] != 64*time.Millisecond {
		t.Errorf("the lost message came after %v", late[3])
	}
	if s := p.alice().Stats(); s.Resent > 2 || p.alice().PathStats(0).Lost != 1 {
		t.Errorf("%d resends, %d losses", s.Resent, p.alice().PathStats(0).Lost)
	}
}

// At a low rate the next packet would show it much later than the missing ACK does: SRTT, which contains the peer's 5 ms
// here, and the same for its ACK, and a margin; and then 20 ms there.
func TestLateAckBringsTheMessageBack(t *testing.T) {
	p, late := bareGame(t, 10, 100*time.Millisecond, func(p *pair, first uint64) {
		p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number == first+3 }
	})
	if late[3].Round(100*time.Microsecond) != 20*time.Millisecond+45*time.Millisecond+maxAckDelay+lateMargin {
		t.Errorf("the lost message came after %v", late[3])
	}
	if s := p.alice().Stats(); s.Resent > 2 {
		t.Errorf("%d resends", s.Resent)
	}
}

// A packet that is only late, by more than an eighth of the RTT: its resend was in vain, and it was taken for lost. The
// next late ones are waited for.
func TestLatePacketsAreLearned(t *testing.T) {
	p, late := bareGame(t, 120, frame60, func(p *pair, first uint64) {
		p.links[0].late = func(from int, number uint64) time.Duration {
			if from == 0 && number >= first && (number-first)%12 == 5 {
				return frame60 + 2*time.Millisecond // 2 ms behind its successor
			}
			return 0
		}
	})
	if s := p.alice().Stats(); s.Resent == 0 || s.Resent > 4 {
		t.Errorf("%d resends for packets 2 ms late", s.Resent)
	}
	s := p.alice().PathStats(0)
	if s.Lost > 1 || s.Window < initialWindow/2 {
		t.Errorf("late packets counted as lost: %+v", s)
	}
	for n, d := range late {
		if d > 20*time.Millisecond+frame60+2*time.Millisecond {
			t.Errorf("message %d came after %v", n, d)
		}
	}
}

// With REPAIR frames coming, one ACK serves two packets; and without them the first packet alone is told after 5 ms.
func TestAcksOfARedundantSender(t *testing.T) {
	for _, bare := range []bool{false, true} {
		p := newPair(t, 1, Config{NoRedundancy: bare})
		for n := range uint64(100) {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 100))
			p.advance(frame60)
		}
		p.advance(100 * time.Millisecond)
		if acks := p.bob().sent[0]; bare && acks < 95 || !bare && acks > 60 {
			t.Errorf("bare %v: %d ACKs for 100 messages", bare, acks)
		}
		// ACKs were held back for longer; that does not spoil the estimate.
		if rtt := p.alice().PathStats(0).SRTT; rtt < 39*time.Millisecond || rtt > 46*time.Millisecond {
			t.Errorf("bare %v: RTT %v", bare, rtt)
		}
		if s := p.alice().Stats(); s.Resent != 0 || !p.alice().Idle() {
			t.Errorf("bare %v: %d resends", bare, s.Resent)
		}
	}
}
