package nat

import (
	"fmt"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/natsim"
)

// The server trip by which the caller is ahead of the callee.
const ahead = 40 * time.Millisecond

// meet lets the caller start, and the callee one server trip later, and returns when the callee started.
func (w *world) meet(a, b *host) time.Time {
	a.agent.Start(w.now)
	w.run(ahead, nil)
	b.agent.Start(w.now)
	return w.now
}

// directPairs are those that plain punching must open.
func directPairs() (pairs [][2]string) {
	easy := []string{"PUB", "FW", "FC", "AR", "PR", "PRx"}
	for _, a := range easy {
		for _, b := range easy {
			pairs = append(pairs, [2]string{a, b})
		}
	}
	for _, b := range []string{"PUB", "FC", "AR"} {
		pairs = append(pairs, [2]string{"SR", b}, [2]string{b, "SR"})
	}
	return pairs
}

// Every pair that physics allows has its first authenticated answer within 3 round trips and 30 ms of the moment both
// hold the introduction, and is valid one round trip after that.
func TestPairsGoDirectInTime(t *testing.T) {
	for _, pair := range directPairs() {
		t.Run(pair[0]+"x"+pair[1], func(t *testing.T) {
			for seed := range uint64(40) {
				w := newWorld(t, seed)
				a, b := w.host(pair[0], 1), w.host(pair[1], 2)
				w.join(a, b, ahead)
				s := w.meet(a, b)
				w.run(5*time.Second, both(a, b, EventValidated))
				for _, h := range []*host{a, b} {
					pong, ok := h.first(EventPong)
					if took := pong.at.Sub(s); !ok || took > 3*rtt+30*time.Millisecond {
						t.Fatalf("seed %d: %s: first pong after %v (ok %v)", seed, h.name, took, ok)
					}
					valid, ok := h.first(EventValidated)
					if took := valid.at.Sub(pong.at); !ok || took > rtt {
						t.Fatalf("seed %d: %s: valid %v after its first pong (ok %v)", seed, h.name, took, ok)
					}
					if valid.Route != api.RouteDirect4 || valid.RTT != rtt {
						t.Fatalf("seed %d: %s: %+v", seed, h.name, valid)
					}
				}
			}
		})
	}
}

// The callee's pong comes one round trip after she starts, the caller's half a round trip later: nothing waits.
func TestTriggeredCheckIsQuick(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.host("PR", 1), w.host("PR", 2)
	w.join(a, b, time.Second) // he would wait, but hears her
	s := w.meet(a, b)
	w.run(time.Second, both(a, b, EventPong))
	pa, _ := a.first(EventPong)
	pb, _ := b.first(EventPong)
	if pb.at.Sub(s) != rtt || pa.at.Sub(s) != rtt+oneWay {
		t.Fatalf("callee after %v, caller after %v", pb.at.Sub(s), pa.at.Sub(s))
	}
}

func TestPairsGoDirectWithLoss(t *testing.T) {
	for _, loss := range []float64{0.1, 0.2} {
		for _, pair := range directPairs() {
			for seed := range uint64(10) {
				w := newWorld(t, 100+seed)
				w.loss = loss
				a, b := w.host(pair[0], 1), w.host(pair[1], 2)
				w.join(a, b, ahead)
				w.meet(a, b)
				w.run(8*time.Second, both(a, b, EventValidated))
				if !both(a, b, EventValidated)() {
					t.Errorf("%v, loss %v, seed %d: %v %v", pair, loss, seed, a.history, b.history)
				}
			}
		}
	}
}

// Symmetric against port-restricted or symmetric can't be opened without prediction, or at all. Both sides say so within 4 s, in a
// sentence that names the reason, within their budget.
func TestHopelessPairsGiveUp(t *testing.T) {
	for _, c := range []struct{ a, b, caller, callee string }{
		{"SR", "SR", "both sides are behind symmetric NATs (this side random ports, other side random ports)",
			"both sides are behind symmetric NATs (this side random ports, other side random ports)"},
		{"SR", "SS", "both sides are behind symmetric NATs (this side random ports, other side counting ports)",
			"both sides are behind symmetric NATs (this side counting ports, other side random ports)"},
		{"SR", "PR", "symmetric NAT on this side (random ports), port-restricted NAT on the other: port prediction is switched off",
			"port-restricted NAT on this side, symmetric NAT on the other (random ports): port prediction is switched off"},
		{"PRx", "SR", "port-restricted NAT on this side, symmetric NAT on the other (random ports): port prediction is switched off",
			"symmetric NAT on this side (random ports), port-restricted NAT on the other: port prediction is switched off"},
	} {
		for seed := range uint64(20) {
			w := newWorld(t, seed)
			a, b := w.host(c.a, 1), w.host(c.b, 2)
			w.join(a, b, ahead)
			s := w.meet(a, b)
			w.run(10*time.Second, both(a, b, EventGaveUp))
			ea, _ := a.first(EventGaveUp)
			eb, _ := b.first(EventGaveUp)
			if ea.Reason != c.caller || eb.Reason != c.callee {
				t.Fatalf("%s x %s: %q, %q", c.a, c.b, ea.Reason, eb.Reason)
			}
			for _, h := range []*host{a, b} {
				if e, _ := h.first(EventGaveUp); e.at.Sub(s) > 4*time.Second {
					t.Fatalf("%s gave up after %v", h.name, e.at.Sub(s))
				}
				if len(h.history) != 1 || h.initiated() > maxPlain {
					t.Fatalf("%s: %d packets, %v", h.name, h.initiated(), h.history)
				}
				if at := h.agent.NextTimeout(); !at.IsZero() {
					t.Fatalf("%s is not at rest: %v", h.name, at.Sub(w.now))
				}
			}
		}
	}
}

// Two poisonable routers: a caller who sends real probes before the callee has keys ruins her mapping. This proves both
// that the simulated poison works and that the opener order is what cures it (TestPairsGoDirectInTime has PRx x PRx).
func TestPoisonWithoutOpeners(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed)
		a, b := w.host("PRx", 1), w.host("PRx", 2)
		w.join(a, b, 0) // no opening phase: his real probes leave at once
		w.meet(a, b)
		w.run(8*time.Second, both(a, b, EventGaveUp))
		if a.count(EventPong)+b.count(EventPong) != 0 || !both(a, b, EventGaveUp)() {
			t.Fatalf("seed %d: a poisoned pair went direct: %v %v", seed, a.history, b.history)
		}
	}
	w := newWorld(t, 1)
	a, b := w.host("PR", 1), w.host("PR", 2)
	w.join(a, b, 0)
	w.meet(a, b)
	w.run(8*time.Second, both(a, b, EventValidated))
	if !both(a, b, EventValidated)() {
		t.Fatal("routers that drop what is new must not mind early probes")
	}
}

// Until the callee can have keys the caller sends nothing that could reach her router.
func TestCallerOnlyOpensAtFirst(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.host("PR", 1), w.host("PR", 2)
	w.join(a, b, ahead)
	a.agent.Start(w.now)
	w.run(ahead-time.Millisecond, nil)
	openers := 0
	for _, p := range a.sent {
		switch {
		case p.To == b.public && p.TTL == openerTTL:
			openers++
		case p.To == b.public:
			t.Fatalf("real probe too early: %+v", p)
		}
	}
	if openers != 2 {
		t.Fatalf("%d openers", openers)
	}
	if a.initiated() == openers {
		t.Fatal("the LAN candidate should have been probed at once")
	}
	a.agent.Heard(w.now)
	w.drain()
	if last := a.sent[len(a.sent)-1]; last.To != b.public || last.TTL != 0 {
		t.Fatalf("after Heard: %+v", last)
	}
}

// Behind one NAT the LAN pair wins, even over a hairpin that answers as well.
func TestSameHomeGoesLAN(t *testing.T) {
	for _, hairpin := range []bool{false, true} {
		w := newWorld(t, 3)
		a := w.host("FC", 1)
		a.cfg.Hairpin = hairpin
		a.box = natsim.New(a.cfg, a.box.Addr(), w.rng)
		cfg := a.cfg
		b := &host{name: "second", cfg: cfg, box: a.box, inner: a.inner}
		b.inner = addrPort("192.168.1.3:31000")
		b.public = addrPort("198.51.100.1:31000")
		w.hosts = append(w.hosts, b)
		w.join(a, b, ahead)
		w.meet(a, b)
		w.run(time.Second, nil)
		for _, h := range []*host{a, b} {
			var routes []api.Route
			for _, e := range h.history {
				if e.Kind == EventValidated {
					routes = append(routes, e.Route)
				}
			}
			if n := len(routes); n == 0 || n > 2 || routes[n-1] != api.RouteLAN || !hairpin && n > 1 {
				t.Fatalf("hairpin %v: %v", hairpin, h.history)
			}
		}
	}
}

// A path that carries small packets only never becomes valid, and the agents stop trying.
func TestFullSizeMustPass(t *testing.T) {
	w := newWorld(t, 5)
	w.mtu = 1000
	a, b := w.host("FC", 1), w.host("FC", 2)
	w.join(a, b, ahead)
	s := w.meet(a, b)
	w.run(20*time.Second, both(a, b, EventGaveUp))
	for _, h := range []*host{a, b} {
		e, ok := h.first(EventGaveUp)
		if !ok || e.at.Sub(s) > 6*time.Second || h.count(EventPong) == 0 || h.count(EventValidated) != 0 {
			t.Fatalf("%v", h.history)
		}
	}
	before := len(a.sent) + len(b.sent)
	w.run(time.Minute, nil)
	if n := len(a.sent) + len(b.sent) - before; n > 4 {
		t.Fatalf("%d more packets after giving up", n)
	}
}

func TestRetryAfterGivingUp(t *testing.T) {
	w := newWorld(t, 6)
	w.cut = true
	a, b := w.host("PRx", 1), w.host("PRx", 2)
	w.join(a, b, ahead)
	w.meet(a, b)
	w.run(6*time.Second, both(a, b, EventGaveUp))
	w.cut = false
	w.run(30*time.Second, nil)
	if a.count(EventPong) != 0 {
		t.Fatal("pong without a retry")
	}
	a.agent.Retry(w.now)
	w.run(30*time.Millisecond, nil)
	b.agent.Retry(w.now)
	w.run(time.Second, both(a, b, EventValidated))
	if !both(a, b, EventValidated)() {
		t.Fatalf("%v %v", a.history, b.history)
	}
}

// The same seed gives the same packets and events.
func TestSameSeedSameTrace(t *testing.T) {
	trace := func() string {
		w := newWorld(t, 9)
		w.loss = 0.2
		a, b := w.host("SR", 1), w.host("AR", 2)
		w.join(a, b, ahead)
		w.meet(a, b)
		w.run(20*time.Second, nil)
		return fmt.Sprint(a.sent, b.sent, a.history, b.history)
	}
	if first, second := trace(), trace(); first != second {
		t.Fatal("traces differ")
	}
}
