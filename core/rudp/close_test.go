package rudp

import (
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

func (e *end) closed(t *testing.T) Event {
	t.Helper()
	if len(e.got) == 0 || e.got[len(e.got)-1].Kind != EventClosed || e.count(EventClosed) != 1 {
		t.Fatalf("%s is not closed exactly once, last", e.name)
	}
	return e.got[len(e.got)-1]
}

func TestCloseDeliversFirst(t *testing.T) {
	for seed := range int64(20) {
		p := newPair(t, seed, Config{})
		p.links[0].loss = 0.15 * float64(seed%2)
		for n := range uint64(40) {
			p.send(p.alice(), api.ReliableOrdered, 0, body(n, 500))
		}
		p.alice().Close(p.now, api.ErrRemoteClosed, "bye", 5*time.Second)
		if code(p.alice().Send(p.now, api.ReliableOrdered, 0, 0, nil)) != api.ErrClosed {
			t.Fatal("Send after Close")
		}
		p.advance(6 * time.Second)
		p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 40, constant(500))
		if ev := p.bob().closed(t); ev.Code != api.ErrRemoteClosed || ev.Text != "bye" || !ev.Remote || ev.Undelivered != 0 {
			t.Fatalf("bob: %+v", ev)
		}
		if ev := p.alice().closed(t); ev.Remote || ev.Undelivered != 0 {
			t.Fatalf("alice: %+v", ev)
		}
		if !p.alice().Drained() || !p.bob().Drained() || !p.alice().NextTimeout().IsZero() || !p.bob().NextTimeout().IsZero() {
			t.Fatal("still draining")
		}
	}
}

func TestLingerEnds(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].cut = true
	for n := range uint64(7) {
		p.send(p.alice(), api.ReliableOrdered, 0, body(n, 500))
	}
	p.alice().Close(p.now, api.ErrRemoteClosed, "", 2*time.Second)
	p.advance(1900 * time.Millisecond)
	if p.alice().Closed() {
		t.Fatal("closed before the linger was over")
	}
	p.advance(200 * time.Millisecond)
	if ev := p.alice().closed(t); ev.Undelivered != 7 {
		t.Fatalf("%d undelivered", ev.Undelivered)
	}
	p.advance(4 * time.Second)
	if !p.alice().Drained() {
		t.Fatal("still draining")
	}
}

// The peer hears of the close even if the first CLOSE is lost, and at once closes too.
func TestCloseIsRepeated(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number == 0 }
	p.alice().Close(p.now, api.ErrProtocol, strings.Repeat("é", 300), 0)
	p.advance(2 * time.Second)
	if ev := p.bob().closed(t); ev.Code != api.ErrProtocol || ev.Text != strings.Repeat("é", 100) {
		t.Fatalf("bob: %+v", ev)
	}
}

// A packet that crosses the CLOSE is answered with it again.
func TestClosedEndAnswers(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.links[0].lose = func(from int, number uint64) bool { return from == 0 && number == 0 }
	p.alice().Close(p.now, api.ErrRemoteClosed, "", 0)
	p.advance(10 * time.Millisecond)
	p.send(p.bob(), api.ReliableOrdered, 0, body(0, 10))
	p.advance(41 * time.Millisecond)
	if ev := p.bob().closed(t); ev.Undelivered != 1 {
		t.Fatalf("bob: %+v", ev)
	}
	if len(p.alice().messages(api.ReliableOrdered, 0)) != 0 {
		t.Fatal("a message after the close")
	}
}

func TestBothCloseAtOnce(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.alice().Close(p.now, api.ErrRemoteClosed, "", 0)
	p.bob().Close(p.now, api.ErrRemoteClosed, "", 0)
	p.advance(100 * time.Millisecond)
	for _, e := range p.ends {
		if ev := e.closed(t); ev.Remote || !e.Drained() {
			t.Fatalf("%s: %+v", e.name, ev)
		}
	}
}

// Silence: interrupted after two keepalives, recovered by the next packet, lost after the idle timeout.
func TestSilence(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.advance(time.Minute)
	for _, e := range p.ends {
		if len(e.got) != 0 {
			t.Fatalf("%s: %+v while idle", e.name, e.got)
		}
		if n := e.sent[0]; n < 10 || n > 60 {
			t.Fatalf("%s sent %d packets in an idle minute", e.name, n)
		}
	}
	p.links[0].cut = true
	p.advance(7600 * time.Millisecond)
	if p.alice().count(EventInterrupted) != 1 || p.alice().count(EventRecovered) != 0 {
		t.Fatal("not interrupted")
	}
	p.links[0].cut = false
	p.advance(1200 * time.Millisecond)
	if p.alice().count(EventRecovered) != 1 || p.alice().count(EventInterrupted) != 1 {
		t.Fatal("not recovered")
	}
	p.links[0].cut = true
	p.advance(13 * time.Second)
	for _, e := range p.ends {
		if ev := e.closed(t); ev.Code != api.ErrLost || ev.Text != "nothing heard for 10 s" || ev.Remote {
			t.Fatalf("%s: %+v", e.name, ev)
		}
	}
}

func TestClockGoesBackwards(t *testing.T) {
	p := newPair(t, 1, Config{})
	p.send(p.alice(), api.ReliableOrdered, 0, body(0, 10))
	p.advance(time.Second)
	real := p.now
	p.now = p.now.Add(-time.Hour)
	p.send(p.alice(), api.ReliableOrdered, 0, body(1, 10))
	p.settle(0)
	p.now = real
	p.advance(time.Second)
	p.wantNumbered(p.bob().messages(api.ReliableOrdered, 0), 0, 2, constant(10))
}

// A connection that is closed before it has any path says so on the first one that opens, and does not wait for one for ever.
func TestCloseBeforeAnyPath(t *testing.T) {
	p := newPair(t, 1, Config{})
	early := New(p.now, Config{})
	early.Close(p.now, api.ErrRemoteClosed, "no", 0)
	if ev, ok := early.NextEvent(); !ok || ev.Kind != EventClosed || ev.Remote {
		t.Fatalf("%+v", ev)
	}
	if !early.Closed() || early.Drained() {
		t.Fatalf("closed %v, drained %v", early.Closed(), early.Drained())
	}
	opened := p.now.Add(time.Second)
	early.OpenPath(opened, 0, wire.MaxFrames, 0)
	b, ok := early.AppendPacket(opened, 0, 0, nil)
	if !ok {
		t.Fatal("nothing is said on the path that opened")
	}
	if err := p.bob().HandlePacket(opened, 0, 0, b); err != nil {
		t.Fatal(err)
	}
	for ev, ok := p.bob().NextEvent(); ; ev, ok = p.bob().NextEvent() {
		if !ok {
			t.Fatal("the other side does not hear of it")
		}
		if ev.Kind == EventClosed && ev.Remote && ev.Text == "no" {
			break
		}
	}
	for n := uint64(1); !early.Drained(); n++ { // repeats itself a little, then ends
		at := early.NextTimeout()
		if at.IsZero() || at.After(opened.Add(5*time.Second)) || n > 10 {
			t.Fatalf("still there, the next deadline is %v", at)
		}
		early.HandleTimeout(at)
		early.AppendPacket(at, 0, n, nil)
	}
	never := New(p.now, Config{})
	never.Close(p.now, api.ErrRemoteClosed, "no", 0)
	if at := never.NextTimeout(); at.IsZero() || at.After(p.now.Add(drainPTOs*maxDrainPTO)) {
		t.Fatalf("waits until %v", at)
	}
	for n := 0; !never.Drained() && n < 10; n++ {
		never.HandleTimeout(never.NextTimeout())
	}
	if !never.Drained() || !never.NextTimeout().IsZero() {
		t.Fatal("waits for ever")
	}
}
