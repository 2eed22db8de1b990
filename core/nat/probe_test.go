package nat

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/wire"
)

// desk is an agent whose packets a test takes and answers by hand.
type desk struct {
	t     *testing.T
	now   time.Time
	agent *Agent
}

var (
	deskPeer  = addrPort("198.51.100.2:4000")
	deskOther = addrPort("198.51.100.2:4001")
)

func newDesk(t *testing.T, caller bool) *desk {
	d := &desk{t: t, now: time.Unix(1000, 0)}
	d.agent = NewAgent(AgentConfig{Rand: reader{rand.New(rand.NewPCG(1, 1))}, Caller: caller, StartAfter: time.Second})
	d.agent.AddRemote(d.now, []netip.AddrPort{deskPeer, deskOther}, false)
	d.agent.Start(d.now)
	return d
}

// taken drains the agent's packets.
func (d *desk) taken() (all []Probe) {
	for {
		p, ok := d.agent.NextProbe(d.now)
		if !ok {
			return all
		}
		all = append(all, p)
	}
}

func (d *desk) challenge(from netip.AddrPort) {
	d.agent.HandleProbe(d.now, api.MainSocket, from, &wire.Probe{Challenge: true, ChallengeNonce: 77})
}

func (d *desk) respond(p Probe) {
	d.agent.HandleProbe(d.now, p.Socket, p.To, &wire.Probe{Response: true, RespNonce: p.ChallengeNonce})
}

// A challenge is answered to its source with our own challenge in the same packet, and nothing else goes there.
func TestAnswerCarriesAChallenge(t *testing.T) {
	d := newDesk(t, false)
	d.taken()
	for _, from := range []netip.AddrPort{deskPeer, addrPort("198.51.100.2:9999")} {
		d.now = d.now.Add(5 * time.Millisecond)
		d.challenge(from)
		all := d.taken()
		if len(all) != 1 || all[0].To != from || !all[0].Response || !all[0].Challenge || all[0].RespNonce != 77 || all[0].Observed != from || all[0].TTL != 0 {
			t.Fatalf("%+v", all)
		}
	}
}

// The callee's probe tells the caller that she has keys: at once he probes every candidate, each once.
func TestProbeEndsTheOpening(t *testing.T) {
	d := newDesk(t, true)
	if all := d.taken(); len(all) != 2 || all[0].TTL != openerTTL || all[1].TTL != openerTTL {
		t.Fatalf("%+v", all)
	}
	d.now = d.now.Add(10 * time.Millisecond)
	d.challenge(deskPeer)
	all := d.taken()
	if len(all) != 2 || all[0].To != deskPeer || !all[0].Response || all[1].To != deskOther || all[1].TTL != 0 || all[1].Response {
		t.Fatalf("%+v", all)
	}
}

// First answer, then a full-size and a small challenge at once; both answered, the pair is valid.
func TestValidationTranscript(t *testing.T) {
	d := newDesk(t, false)
	first := d.taken()[0]
	d.now = d.now.Add(15 * time.Millisecond)
	d.respond(first)
	if e, _ := d.agent.NextEvent(); e.Kind != EventPong || e.Addr != deskPeer || e.RTT != 15*time.Millisecond || e.Route != api.RouteDirect4 {
		t.Fatalf("%+v", e)
	}
	all := d.taken()
	if len(all) != 2 || all[0].Size != wire.MaxFrames || all[1].Size != answerSize(deskPeer) {
		t.Fatalf("%+v", all)
	}
	d.now = d.now.Add(5 * time.Millisecond)
	d.respond(all[1])
	if e, ok := d.agent.NextEvent(); ok {
		t.Fatalf("valid without a full-size answer: %+v", e)
	}
	d.respond(all[0])
	if e, _ := d.agent.NextEvent(); e.Kind != EventValidated || e.Addr != deskPeer {
		t.Fatalf("%+v", e)
	}
	// From now on the peer's challenges to this or an equal pair are answered, and no more is asked.
	d.challenge(deskPeer)
	d.challenge(deskOther)
	for _, p := range d.taken() {
		if p.Challenge {
			t.Fatalf("%+v", p)
		}
	}
}

// After a validation that failed the peer's challenges don't start the next one.
func TestFailedPairIsLeftAlone(t *testing.T) {
	d := newDesk(t, false)
	d.respond(d.taken()[0])
	for d.agent.find(0, deskPeer).state == pairChecking {
		d.now = d.agent.NextTimeout()
		d.agent.HandleTimeout(d.now)
		d.taken()
	}
	d.challenge(deskPeer)
	if all := d.taken(); len(all) != 1 || all[0].Challenge {
		t.Fatalf("%+v", all)
	}
	d.agent.Retry(d.now)
	d.taken()
	d.challenge(deskPeer)
	if all := d.taken(); len(all) == 0 || !all[0].Challenge {
		t.Fatalf("%+v", all)
	}
}

// A second pair of the same kind that works as well is no news, and one that is still silent is not probed any more.
func TestValidEndsTheSearch(t *testing.T) {
	for _, answers := range []bool{false, true} {
		d := newDesk(t, false)
		all := d.taken()
		d.now = d.now.Add(15 * time.Millisecond)
		d.respond(all[0])
		if answers {
			d.respond(all[1])
		}
		var valid, toOther int
		for range 2000 {
			for _, p := range d.taken() {
				if p.To == deskPeer || answers {
					d.respond(p)
				} else if d.agent.haveValid(1) {
					toOther++
				}
			}
			for e, ok := d.agent.NextEvent(); ok; e, ok = d.agent.NextEvent() {
				if e.Kind == EventValidated {
					valid++
				}
			}
			d.now = d.now.Add(5 * time.Millisecond)
			d.agent.HandleTimeout(d.now)
		}
		if valid != 1 || toOther != 0 {
			t.Fatalf("%d validations, %d probes to the other", valid, toOther)
		}
	}
}

// A punch never sends more plain packets than its budget, whatever the schedule wants; the next one has its own.
func TestBudgetIsHard(t *testing.T) {
	d := newDesk(t, false)
	d.taken()
	d.agent.spent = maxPlain - 1
	sent := 0
	for at := d.agent.NextTimeout(); !at.IsZero(); at = d.agent.NextTimeout() {
		d.now = at
		d.agent.HandleTimeout(d.now)
		sent += len(d.taken())
	}
	if e, _ := d.agent.NextEvent(); sent != 1 || e.Kind != EventGaveUp {
		t.Fatalf("%d packets, %+v", sent, e)
	}
	d.agent.Retry(d.now)
	all := d.taken()
	if len(all) != 3 || all[0].TTL != openerTTL || all[2].Control.Kind != wire.ControlPunch {
		t.Fatalf("%+v", all)
	}
	d.respond(all[0])
	if e, _ := d.agent.NextEvent(); e.Kind != EventPong {
		t.Fatalf("%+v", e)
	}
	d.agent.Retry(d.now.Add(10 * time.Second)) // a new punch, a new first answer
	if d.agent.find(0, deskPeer).ponged {
		t.Fatal("the pong of an earlier punch is remembered")
	}
}

// 3 of any 4 challenges in a row, one of them full-size. 'a' answered, 'A' answered and full-size, '.' not.
func TestProven(t *testing.T) {
	for history, want := range map[string]bool{
		"": false, "A": false, "AA": false, "aAa": true, "aaa": false, "Aa.a": true, "a.Aa": true, "A..aa": false, "Aa..a": false,
		"aaaA": true, "A....aaa": false, "....aA.a": true, "Aaaaaaaaaaaaaaaaaaaaaaa": false, // the full one is long ago
	} {
		p := &pair{}
		for _, c := range history {
			p.checks[p.sent%len(p.checks)] = check{answered: c != '.', full: c == 'A'}
			p.sent++
		}
		if p.proven() != want {
			t.Errorf("%q: %v", history, !want)
		}
	}
}
