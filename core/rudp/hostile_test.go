package rudp

import (
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// A peer that announces absences and returns without end, to an owner that takes no events, fills no memory.
func TestAbsencesAreBounded(t *testing.T) {
	p := newPair(t, 1, Config{})
	b := p.bob()
	number, turn := uint64(1000), uint64(0)
	for range 2000 {
		var frames []byte
		for range 50 {
			frames = wire.AppendSuspend(frames, wire.Suspend{Turn: turn + 1, Millis: 1000})
			frames = wire.AppendSuspend(frames, wire.Suspend{Turn: turn + 2})
			turn += 2
		}
		if err := b.HandlePacket(p.now, 0, number, frames); err != nil {
			t.Fatal(err)
		}
		number++
	}
	if n := b.events.Len(); n > maxReady+1000 {
		t.Errorf("%d events wait", n)
	}
}

// What was accepted while the peer was away leaves when the absence ends, not with the next keepalive.
func TestAbsenceEndsOnTime(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.bob().Suspend(p.now, 3*time.Second)
	p.settle(1)
	p.advanceUntil(time.Second, func() bool { return p.alice().Away(p.now) })
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 100))
	p.settle(0)
	over := p.alice().time(p.alice().suspended.peerUntil)
	p.advanceUntil(5*time.Second, func() bool { return p.bob().count(EventMessage) == 1 })
	if late := p.now.Sub(over); late < 0 || late > 100*time.Millisecond {
		t.Errorf("arrives %v after the absence", late)
	}
}

// A sleeping peer answers no probes of the path's size, which says nothing about the path.
func TestAbsenceIsNoVerdictOnTheMTU(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.alice().SearchMTU(p.now, 0, wire.MaxFramesRelayed+200)
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 100))
	p.settle(0)
	p.advance(mtuSettle / 2)
	p.bob().Suspend(p.now, time.Minute)
	p.settle(1)
	p.advanceUntil(time.Second, func() bool { return p.alice().Away(p.now) })
	p.asleep(p.bob(), 30*time.Second)
	p.bob().Suspend(p.now, 0)
	p.settle(1)
	p.advance(5 * time.Second)
	if most := p.alice().PathStats(0).MaxFrames; most != wire.MaxFramesRelayed+200 {
		t.Errorf("packets of %d bytes after the absence", most)
	}
}

// A level whose messages can't leave, for want of credit, does not take the share of another one.
func TestStarvedBehindCredit(t *testing.T) {
	p := newPair(t, 1, Config{RecvBudget: 64 << 10})
	p.links[0] = narrow
	p.links[0].buffer = 100 * time.Millisecond
	p.bob().hoard = true
	for n := range uint64(4) { // more than bob's credit
		p.sendAs(p.alice(), api.Outgoing{Priority: api.PriorityLow}, body(n, 30_000))
	}
	p.advance(5 * time.Second)
	normal := func() int { return len(p.bob().messages(api.Unreliable, 2)) }
	for n := range uint64(2000) {
		p.sendAs(p.alice(), api.Outgoing{Mode: api.Unreliable, Channel: 1, Priority: api.PriorityUrgent}, body(n, 1100))
		p.sendAs(p.alice(), api.Outgoing{Mode: api.Unreliable, Channel: 2, Deadline: 1000}, body(n, 200))
		p.settle(0)
		p.advance(4 * time.Millisecond) // twice what the link carries
	}
	if n := normal(); n < 100 {
		t.Errorf("%d messages of normal priority arrived", n)
	}
}

// A closing end skips a SWITCH as a whole: what stands in it is no CLOSE of the peer's.
func TestSwitchWhileClosing(t *testing.T) {
	p := newPair(t, 1, Config{})
	b := p.bob()
	b.Close(p.now, 7, "bye", 0)
	frames := wire.AppendSwitch(nil, wire.Switch{Path: 6, WaitMillis: 1, Last: 1})
	frames = append(frames, make([]byte, 16)...) // PADDING
	if err := b.HandlePacket(p.now, 0, 1000, frames); err != nil {
		t.Fatal(err)
	}
	if b.Drained() {
		t.Error("gone without the peer's CLOSE")
	}
}

// A packet full of REPAIRED or ACK frames costs what one of them costs: each path is told of once.
func TestRepeatedReportsCostNothing(t *testing.T) {
	l := newListener(t)
	for range 64 {
		l.Ping(l.now, 0)
		l.packet()
	}
	report := func(n uint64) []byte {
		return wire.AppendRepaired(wire.AppendAck(nil, &wire.Ack{Ranges: []wire.AckRange{{Low: n, High: n}}}), wire.Repaired{Newest: n})
	}
	frames := report(10)
	for n := range uint64(60) {
		frames = append(frames, report(n)...)
	}
	if err := l.HandlePacket(l.now, 0, 1, frames); err != nil {
		t.Fatal(err)
	}
	if acked := l.PathStats(0).Acked; acked != 1 {
		t.Errorf("%d packets acknowledged", acked)
	}
	if err := l.HandlePacket(l.now, 0, 2, report(11)); err != nil || l.PathStats(0).Acked != 2 {
		t.Errorf("the next packet: %v, %d acknowledged", err, l.PathStats(0).Acked)
	}
}
