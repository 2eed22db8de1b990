package nat

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// connected returns a world in which both hosts have a valid pair and use it.
func connected(t *testing.T, seed uint64) (w *world, a, b *host) {
	w = newWorld(t, seed)
	a, b = w.host("PR", 1), w.host("PR", 2)
	w.join(a, b, ahead)
	w.meet(a, b)
	w.run(time.Second, both(a, b, EventValidated))
	a.agent.Select(w.now, api.MainSocket, b.public)
	b.agent.Select(w.now, api.MainSocket, a.public)
	w.run(5*time.Second, nil)
	a.history, b.history, a.sent, b.sent = nil, nil, nil, nil
	return w, a, b
}

// Consent on the pair in use costs one challenge a second while data flows and twelve a minute while none does, on an unused
// pair four a minute; none of it is news.
func TestConsent(t *testing.T) {
	w, a, b := connected(t, 1)
	for range 240 {
		a.agent.Used(w.now)
		w.run(250*time.Millisecond, nil)
	}
	if n := a.initiated(); n < 58 || n > 60 || len(a.history)+len(b.history) != 0 {
		t.Fatalf("%d challenges a minute, %v", n, a.history)
	}
	w.run(5*time.Second, nil)
	a.sent = nil
	w.run(time.Minute, nil)
	if n := a.initiated(); n < 11 || n > 13 || len(a.history)+len(b.history) != 0 {
		t.Fatalf("%d challenges a minute without data, %v", n, a.history)
	}
	a.agent.Used(w.now) // data again: the next challenge comes within a second
	a.agent.Used(w.now)
	a.sent = nil
	if w.run(1100*time.Millisecond, nil); a.initiated() != 1 {
		t.Fatalf("%d challenges in the first second of data", a.initiated())
	}
	a.agent.Deselect(w.now)
	w.run(time.Second, nil)
	a.sent = nil
	w.run(time.Minute, nil)
	if n := a.initiated(); n < 3 || n > 5 {
		t.Fatalf("%d challenges a minute when idle", n)
	}
}

// The path is cut; rudp notices and suspects it. It is dead after 5 s, checked on, and valid again soon after it heals.
func TestSuspectDeadHeal(t *testing.T) {
	w, a, b := connected(t, 2)
	w.cut = true
	cutAt := w.now
	w.run(400*time.Millisecond, nil)
	suspected := w.now
	a.agent.Suspect(w.now, api.MainSocket, b.public)
	b.agent.Suspect(w.now, api.MainSocket, a.public)
	w.drain()
	before := len(b.sent)
	b.agent.Suspect(w.now, api.MainSocket, a.public) // saying it twice changes nothing
	if w.drain(); len(b.sent) != before {
		t.Fatal("suspected twice, probed twice")
	}
	w.run(9*time.Second, nil)
	for _, h := range []*host{a, b} {
		e, ok := h.first(EventDead)
		if !ok || e.at.Sub(suspected) != deadAfter || len(h.history) != 1 {
			t.Fatalf("since the cut at %v: %v", cutAt, h.history)
		}
		if n := h.initiated(); n < 8 || n > 16 {
			t.Fatalf("%d checks in 9 s", n)
		}
	}
	w.cut = false
	healed := w.now
	w.run(10*time.Second, both(a, b, EventValidated))
	for _, h := range []*host{a, b} {
		if e, ok := h.first(EventValidated); !ok || e.at.Sub(healed) > 1500*time.Millisecond {
			t.Fatalf("healed, but: %v", h.history)
		}
		if h.count(EventDead) != 1 {
			t.Fatalf("dead again: %v", h.history)
		}
	}
}

// A pair in use whose checks are under way is suspected while another one has become valid: that one is told of again, or
// nobody would ever use it.
func TestSuspectTwiceNamesTheOther(t *testing.T) {
	w, a, b := connected(t, 5)
	w.cut = true
	a.agent.Suspect(w.now, api.MainSocket, b.public)
	w.run(time.Second, nil)
	other := netip.AddrPortFrom(b.public.Addr(), b.public.Port()+1)
	p := a.agent.reflexive(w.now, api.MainSocket, other)
	p.wasValid, p.state, p.next = true, pairValid, w.now.Add(time.Hour)
	a.agent.Suspect(w.now, api.MainSocket, b.public)
	if p.state != pairSuspect {
		t.Fatalf("the other pair is in state %d: nothing will be told of it", p.state)
	}
}

// An outage shorter than 5 s ends in a validation, without a death before or after.
func TestShortOutage(t *testing.T) {
	w, a, b := connected(t, 6)
	w.cut = true
	a.agent.Suspect(w.now, api.MainSocket, b.public)
	w.run(3*time.Second, nil)
	w.cut = false
	w.run(20*time.Second, nil)
	if _, ok := a.first(EventValidated); !ok || len(a.history) != 1 {
		t.Fatalf("%v", a.history)
	}
}

// A long outage is checked ever more rarely, and still ends by itself.
func TestSuspectBacksOff(t *testing.T) {
	w, a, b := connected(t, 3)
	w.cut = true
	a.agent.Suspect(w.now, api.MainSocket, b.public)
	w.run(2*time.Minute, nil)
	a.sent = nil
	w.run(time.Minute, nil)
	if n := a.initiated(); n < 3 || n > 5 {
		t.Fatalf("%d checks in the third minute", n)
	}
	w.cut = false
	w.run(16*time.Second, both(a, b, EventValidated))
	if !both(a, b, EventValidated)() {
		t.Fatalf("%v %v", a.history, b.history)
	}
}

// Nobody suspects the pair (there is no traffic), but consent runs out.
func TestConsentLost(t *testing.T) {
	w, a, _ := connected(t, 4)
	w.cut = true
	w.run(6*time.Second+rtt, nil)
	if e, ok := a.first(EventDead); !ok || len(a.history) != 1 || e.Route != api.RouteDirect4 {
		t.Fatalf("%v", a.history)
	}
	w.cut = false
	w.run(2*time.Second, nil)
	if _, ok := a.first(EventValidated); !ok {
		t.Fatalf("%v", a.history)
	}
}

// An answer to a challenge from before the suspicion proves nothing about now.
func TestSuspectForgetsOldNonces(t *testing.T) {
	w, a, b := connected(t, 5)
	w.run(2*time.Second, func() bool { return a.initiated() > 0 })
	old := a.sent[len(a.sent)-1]
	a.agent.Suspect(w.now, api.MainSocket, b.public)
	drops := a.agent.Drops().UnknownNonce
	a.agent.HandleProbe(w.now, api.MainSocket, b.public, &wire.Probe{Response: true, RespNonce: old.ChallengeNonce})
	a.agent.HandleProbe(w.now, api.MainSocket, b.public, &wire.Probe{Response: true}) // nonce 0: an empty place
	if a.agent.Drops().UnknownNonce != drops+2 || a.agent.find(api.MainSocket, b.public).state != pairSuspect {
		t.Fatal("an old answer counted")
	}
}

// Responses with an unknown nonce, through another socket, from another source, or seen before change nothing.
func TestForgedResponsesChangeNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	agent := NewAgent(AgentConfig{Rand: reader{rng}})
	peer, other := addrPort("198.51.100.2:4000"), addrPort("198.51.100.2:4001")
	now := time.Unix(1000, 0)
	agent.AddRemote(now, []netip.AddrPort{peer, other}, false)
	agent.Start(now)
	probe, ok := agent.NextProbe(now)
	if !ok || probe.To != peer {
		t.Fatal(probe, ok)
	}
	for i, c := range []struct {
		socket api.SocketID
		from   netip.AddrPort
		nonce  uint64
	}{
		{0, peer, probe.ChallengeNonce + 1},
		{1, peer, probe.ChallengeNonce},
		{0, other, probe.ChallengeNonce},
		{0, addrPort("192.0.2.9:4000"), probe.ChallengeNonce},
		{0, peer, 0}, // what an empty slot would hold
	} {
		agent.HandleProbe(now.Add(rtt), c.socket, c.from, &wire.Probe{Response: true, RespNonce: c.nonce})
		if _, ok := agent.NextEvent(); ok || agent.Drops().UnknownNonce != uint64(i+1) || len(agent.pairs) != 2 {
			t.Fatalf("case %d counted", i)
		}
	}
	real := &wire.Probe{Response: true, RespNonce: probe.ChallengeNonce}
	agent.HandleProbe(now.Add(rtt), 0, peer, real)
	if e, ok := agent.NextEvent(); !ok || e.Kind != EventPong || e.RTT != rtt {
		t.Fatal(e, ok)
	}
	drops := agent.Drops().UnknownNonce
	for range 5 { // one answer, replayed, must not validate
		agent.HandleProbe(now.Add(rtt), 0, peer, real)
	}
	if agent.Drops().UnknownNonce != drops+5 {
		t.Fatal("a replay counted")
	}
	if e, ok := agent.NextEvent(); ok {
		t.Fatal(e)
	}
}

// A peer that sends challenges from everywhere gets few answers and few pairs.
func TestAnswersAndPairsAreBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	agent := NewAgent(AgentConfig{Rand: reader{rng}, Caller: true, StartAfter: time.Hour})
	now := time.Unix(1000, 0)
	const step = 8 * time.Millisecond // learnt pairs live long enough to be probed
	var many []netip.AddrPort
	for i := range 100 {
		many = append(many, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 4000))
	}
	agent.AddRemote(now, many, false)
	if agent.count(false) != maxRemote {
		t.Fatal(len(agent.pairs))
	}
	agent.Start(now)
	sent, answers := 0, 0
	for i := range 2500 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), uint16(1+i%60000))
		agent.HandleProbe(now, 0, from, &wire.Probe{Challenge: true, ChallengeNonce: uint64(i)})
		for {
			p, ok := agent.NextProbe(now)
			if !ok {
				break
			}
			if sent++; p.Response {
				answers++
			}
		}
		if len(agent.pairs) > maxRemote+maxReflexive {
			t.Fatal(len(agent.pairs))
		}
		agent.HandleTimeout(now)
		now = now.Add(step)
	}
	if limit := 21 * answerRate; answers > limit || sent-answers > maxPlain {
		t.Fatalf("%d answers, %d of our own in 20 s", answers, sent-answers)
	}
}

func TestUnusableCandidatesAreRefused(t *testing.T) {
	bad := []string{"0.0.0.0:1", "0.1.2.3:1", "224.0.0.1:1", "255.255.255.255:1", "240.0.0.1:1", "127.0.0.1:1", "192.0.2.1:0",
		"[::]:1", "[::1]:1", "[ff02::1]:1", "[::ffff:127.0.0.1]:1", "[::ffff:224.0.0.1]:1"}
	agent := NewAgent(AgentConfig{Rand: reader{rand.New(rand.NewPCG(1, 1))}})
	now := time.Unix(1000, 0)
	for _, s := range bad {
		agent.AddRemote(now, []netip.AddrPort{addrPort(s)}, false)
	}
	agent.AddRemote(now, []netip.AddrPort{{}}, true)
	if len(agent.pairs) != 0 || agent.Drops().Candidates != uint64(len(bad)+1) {
		t.Fatalf("%d pairs, %+v", len(agent.pairs), agent.Drops())
	}
	agent.AddRemote(now, []netip.AddrPort{addrPort("[2001:db8::1]:5"), addrPort("192.0.2.1:5"), addrPort("[::ffff:192.0.2.1]:5")}, false)
	if len(agent.pairs) != 2 {
		t.Fatal("good candidates refused, or the same one taken twice")
	}
	home := NewAgent(AgentConfig{Rand: agent.cfg.Rand, LocalAddrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	home.AddRemote(now, []netip.AddrPort{addrPort("127.0.0.1:5"), addrPort("[2001:db8::1]:5")}, true)
	if len(home.pairs) != 1 {
		t.Fatal("a loopback client must reach loopback, and IPv4 only")
	}
}

// With the most candidates, all silent, the punch stays within its budget and probes each of them early and late.
func TestBudgetWithManyCandidates(t *testing.T) {
	for n := 1; n <= maxRemote; n++ {
		w := newWorld(t, uint64(n))
		h := w.host("PR", 1)
		h.agent = NewAgent(AgentConfig{Rand: reader{w.rng}, Caller: true, StartAfter: ahead})
		var addrs []netip.AddrPort
		for i := range n {
			addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 4000))
		}
		h.agent.AddRemote(w.now, addrs, false)
		start := w.now
		h.agent.Start(w.now)
		w.run(10*time.Second, nil)
		if e, ok := h.first(EventGaveUp); !ok || e.at.Sub(start) > 4*time.Second {
			t.Fatalf("%d candidates: %v", n, h.history)
		}
		per := map[netip.AddrPort]int{}
		for _, p := range h.sent {
			if p.TTL == 0 {
				per[p.To]++
			}
		}
		for _, addr := range addrs {
			if per[addr] < 3 {
				t.Fatalf("%d candidates: %v probed %d times", n, addr, per[addr])
			}
		}
		if len(h.sent) > maxPlain {
			t.Fatalf("%d candidates: %d packets", n, len(h.sent))
		}
	}
}

// Any sequence of authenticated nonsense leaves the machine bounded and its deadline ahead.
func FuzzAgent(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Add([]byte{8, 0, 0, 1, 1, 1, 2, 2, 2, 200, 3, 3})
	f.Add([]byte("y00900")) // a control for the relay
	f.Fuzz(func(t *testing.T, script []byte) {
		agent := NewAgent(AgentConfig{Rand: reader{rand.New(rand.NewPCG(1, 1))}, Caller: len(script)%2 == 0, StartAfter: ahead})
		now := time.Unix(1000, 0)
		var last Probe
		for i := 0; i+2 < len(script); i += 3 {
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, script[i+1]}), 4000)
			socket := api.SocketID(script[i+2] & 1)
			switch script[i] % 10 {
			case 0:
				agent.AddRemote(now, []netip.AddrPort{addr}, script[i+2]&2 != 0)
			case 1:
				agent.Start(now)
			case 2:
				agent.Heard(now)
			case 3:
				agent.HandleProbe(now, socket, addr, &wire.Probe{Challenge: true, ChallengeNonce: uint64(i)})
			case 4:
				agent.HandleProbe(now, last.Socket, last.To, &wire.Probe{Response: true, RespNonce: last.ChallengeNonce})
			case 5:
				agent.Suspect(now, last.Socket, last.To)
			case 6:
				agent.Select(now, last.Socket, last.To)
			case 7:
				agent.Retry(now)
			case 8:
				now = now.Add(time.Duration(script[i+1]) * time.Duration(script[i+2]) * time.Millisecond)
			case 9:
				agent.HandleProbe(now, socket, addr, &wire.Probe{Challenge: true, Response: true, RespNonce: last.ChallengeNonce})
			}
			agent.HandleTimeout(now)
			for n := 0; ; n++ {
				p, ok := agent.NextProbe(now)
				if !ok {
					break
				}
				if last = p; n > maxQueued || p.Size > wire.MaxFrames || p.To.IsValid() == (p.Via == ViaRelay) { // the relay needs no address
					t.Fatalf("probe %d: %+v", n, p)
				}
			}
			for n := 0; ; n++ {
				if _, ok := agent.NextEvent(); !ok {
					break
				}
				if n > maxQueued {
					t.Fatal("too many events")
				}
			}
			if at := agent.NextTimeout(); !at.IsZero() && !at.After(now) {
				t.Fatalf("the deadline %v is not ahead of %v", at, now)
			}
			if len(agent.pairs) > maxRemote+maxReflexive {
				t.Fatal("too many pairs")
			}
		}
	})
}
