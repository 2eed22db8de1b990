package nat

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// The profiles of the matrix, as a server with two addresses lets them be measured, and SA as one address does.
var profiles = map[string]wire.Profile{
	"PUB": {Mapping: uint8(api.BehaviourNone), Filtering: uint8(api.EndpointIndependent), Certain: true},
	"FW":  {Mapping: uint8(api.BehaviourNone), Filtering: uint8(apdf), Certain: true},
	"FC":  {Mapping: uint8(eim), Filtering: uint8(api.EndpointIndependent), Certain: true, Allocation: 1},
	"AR":  {Mapping: uint8(eim), Filtering: uint8(adf), Certain: true, Allocation: 1},
	"PR":  {Mapping: uint8(eim), Filtering: uint8(apdf), Certain: true, Allocation: 1, Poisonable: 1, OpenerTTL: 2},
	"SA":  {Mapping: uint8(adm), Filtering: uint8(adf), Certain: true, Allocation: 4, Low: 1024, High: 65535},
	"SA1": {Mapping: uint8(eim), Filtering: uint8(adf), Allocation: 4, Low: 1024, High: 65535},
	"SS":  {Mapping: uint8(apdm), Filtering: uint8(apdf), Certain: true, Allocation: 2, Step: 1},
	"SB":  {Mapping: uint8(apdm), Filtering: uint8(apdf), Certain: true, Allocation: 3, Low: 20000, High: 22500},
	"SR":  {Mapping: uint8(apdm), Filtering: uint8(apdf), Certain: true, Allocation: 4, Low: 1024, High: 65535},
	"SAs": {Mapping: uint8(adm), Filtering: uint8(adf), Certain: true, Allocation: 2, Step: -2},
}

// What each pair calls for; the side in front opens. Both sides must come to the same plan, whoever calls.
func TestPlans(t *testing.T) {
	for _, c := range []struct {
		opener, other string
		want          method
		doubt         bool
	}{
		{"SS", "PR", methodBracket, false}, {"SS", "FW", methodBracket, false}, {"SB", "PR", methodBirthday, false}, {"SR", "FW", methodBirthday, false},
		{"SA", "PR", methodBirthday, false}, {"SA", "SR", methodBirthday, false}, {"SA", "SS", methodBirthday, false}, {"SAs", "SR", methodBracket, false},
		{"SA1", "PR", methodBirthday, true}, {"SA1", "SR", methodBirthday, true}, {"SA1", "SS", methodBirthday, true},
		{"SR", "SR", methodNone, true}, {"SR", "SB", methodNone, true}, {"SS", "SB", methodNone, true}, {"SR", "AR", methodNone, true},
		{"SR", "PUB", methodNone, true}, {"SA", "FC", methodNone, true}, {"PR", "PR", methodNone, true}, {"SS", "AR", methodNone, true},
	} {
		for _, calls := range []bool{false, true} {
			a, b := profiles[c.opener], profiles[c.other]
			here, there := planFor(a, b, calls), planFor(b, a, !calls)
			if here.method != c.want || there.method != c.want || here.doubt != c.doubt || there.doubt != c.doubt {
				t.Errorf("%s × %s: %+v, %+v", c.opener, c.other, here, there)
			}
			if c.want != methodNone && (!here.opener || there.opener) {
				t.Errorf("%s × %s: the wrong side opens: %+v %+v", c.opener, c.other, here, there)
			}
		}
	}
	for _, pair := range [][2]string{{"SS", "SS"}, {"SA", "SA"}, {"SA1", "SA1"}} { // equal sides: exactly one drives
		x, y := planFor(profiles[pair[0]], profiles[pair[1]], true), planFor(profiles[pair[1]], profiles[pair[0]], false)
		if x.method == methodNone || x.method != y.method || x.opener == y.opener {
			t.Errorf("%v: %+v %+v", pair, x, y)
		}
	}
}

// Every number of the range once, in another order each time, and for a step only its multiples.
func TestDraw(t *testing.T) {
	r := random{r: reader{rand.New(rand.NewPCG(1, 2))}}
	d := newDraw(1000, 1100, 2)
	var got []uint16
	for p, ok := d.next(&r); ok; p, ok = d.next(&r) {
		got = append(got, p)
	}
	if slices.IsSorted(got) || len(got) != 51 {
		t.Fatal(got)
	}
	slices.Sort(got)
	for i, p := range got {
		if int(p) != 1000+2*i {
			t.Fatal(got)
		}
	}
}

func TestStepPort(t *testing.T) {
	for _, c := range []struct {
		base    uint16
		step, n int
		want    uint16
	}{{5000, 1, 18, 5018}, {65530, 1, 18, 1036}, {1030, -2, 10, 65522}, {40000, 2, 0, 40000}} {
		if got := stepPort(c.base, c.step, c.n); got != c.want {
			t.Errorf("%d + %d·%d = %d, want %d", c.base, c.step, c.n, got, c.want)
		}
	}
}

// hunter is one Agent that predicts, with everything it asks for granted.
type hunter struct {
	now   time.Time
	agent *Agent
	id    api.SocketID
	open  int
	most  int
	out   []Probe
	local uint16 // outer port that the next sample tells
}

var hunterPeer = netip.MustParseAddrPort("198.51.100.2:4000")

func newHunter(local, remote string, caller bool) *hunter {
	return newHunterAs(local, remote, caller, api.PunchNormal)
}

func newHunterAs(local, remote string, caller bool, punch api.Aggressiveness) *hunter {
	h := &hunter{now: time.Unix(0, 0).Add(warmUp), local: 30000}
	h.agent = NewAgent(AgentConfig{
		Rand: reader{rand.New(rand.NewPCG(3, 4))}, Caller: caller, Local: profiles[local], Remote: profiles[remote], Rate: 1000, Granted: true, Punch: punch,
		Server: netip.AddrPortFrom(serverAddr, 3479), LinkRTT: rtt, RelayDelay: 2 * oneWay,
	})
	h.agent.AddRemote(h.now, []netip.AddrPort{hunterPeer}, false)
	h.agent.Start(h.now)
	h.drain(true)
	return h
}

func (h *hunter) drain(opens bool) {
	for again := true; again; {
		again = false
		for range h.agent.WantSockets() {
			again = true
			if !opens {
				h.agent.SocketFailed(h.now)
				continue
			}
			h.id++
			h.open++
			h.most = max(h.most, h.open)
			h.agent.SocketOpened(h.now, h.id, netip.AddrPort{})
		}
		for _, ok := h.agent.CloseSocket(); ok; _, ok = h.agent.CloseSocket() {
			h.open--
		}
		for p, ok := h.agent.NextProbe(h.now); ok; p, ok = h.agent.NextProbe(h.now) {
			h.out = append(h.out, p)
		}
	}
}

// step goes to the next deadline, at most d on.
func (h *hunter) step(d time.Duration) {
	at := h.agent.NextTimeout()
	if at.IsZero() || at.After(h.now.Add(d)) {
		at = h.now.Add(d)
	}
	if at.After(h.now) {
		h.now = at
	}
	h.agent.HandleTimeout(h.now)
	h.drain(true)
}

// A measurement that knows less ends in the middle of a search by an earlier one, which goes on with what it knew. (It divided by
// the step that the new profile did not have: found by sim --docs, PRx × SS.)
func TestProfileLostMidCampaign(t *testing.T) {
	for _, c := range []struct {
		local, remote string
		punch         api.Aggressiveness
	}{{"SS", "PR", api.PunchNormal}, {"SS", "SS", api.PunchNormal}, {"SAs", "SR", api.PunchNormal}, {"SS", "SB", api.PunchMax}} {
		for lost := range 30 {
			h := newHunterAs(c.local, c.remote, true, c.punch)
			h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlSampled, Flags: wire.ControlCover, Attempt: 1, Low: 21000, High: 21000, Count: 1792})
			asked := map[api.SocketID]bool{}
			for i := range 100 {
				if i == lost {
					h.agent.SetLocal(h.now, wire.Profile{Mapping: uint8(apdm), Filtering: uint8(apdf), Certain: true})
				}
				for _, p := range h.out {
					if p.Via == ViaSTUN && p.Socket != 0 && !asked[p.Socket] {
						asked[p.Socket] = true
						h.local += 20
						h.answer(p, h.local)
					}
				}
				h.out = h.out[:0]
				h.step(time.Millisecond)
			}
		}
	}
}

// The system gives 100 sockets and no more: the attack goes on with those, and tells the prober so.
func TestFewerSocketsThanWanted(t *testing.T) {
	h := newHunter("SR", "PR", true)
	for h.open < 100 {
		h.step(time.Millisecond)
	}
	for end := h.now.Add(500 * time.Millisecond); h.now.Before(end); {
		h.now = h.now.Add(time.Millisecond)
		h.agent.HandleTimeout(h.now)
		h.drain(false)
	}
	last := wire.Control{}
	for _, p := range h.out {
		if p.HasControl && p.Control.Kind == wire.ControlOpened {
			last = p.Control
		}
	}
	if n := int(last.Count); n < 100 || n > 100+socketChunk || n != len(h.agent.hunt.open.ids) {
		t.Fatalf("told %d sockets, has %d", n, len(h.agent.hunt.open.ids))
	}
}

// Two keepalives in a row without an answer: our own network suffers, and the rate is halved; with answers it is not.
func TestRateIsHalvedWhenAnswersAreLost(t *testing.T) {
	for _, answered := range []bool{false, true} {
		h := newHunter("SR", "PR", true)
		for end := h.now.Add(900 * time.Millisecond); h.now.Before(end); h.step(5 * time.Millisecond) {
			for _, p := range h.out {
				if p.Via == ViaSTUN && answered {
					h.answer(p, 40000)
				}
			}
			h.out = h.out[:0]
		}
		if halved := h.agent.hunt.rate < 1000; halved == answered {
			t.Errorf("answered %v: rate %d", answered, h.agent.hunt.rate)
		}
	}
}

// answer is the server's word on a sample.
func (h *hunter) answer(p Probe, port uint16) bool {
	b := h.agent.AppendSTUN(nil, &p)
	s := stun.Server{Public: serverAddr, Ports: []uint16{3478, 3479}}
	out, _, ok := s.Answer(h.now, 1, netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), port), b, nil)
	return ok && h.agent.HandleSTUN(h.now, p.Socket, netip.AddrPortFrom(serverAddr, 3479), out)
}

// A response counts only from the port that was shot at, on that socket, once, and at the address that the server vouches
// for.
func TestForgedResponsesToShots(t *testing.T) {
	h := newHunter("PR", "SR", false)
	h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlOpened, Flags: wire.ControlRandom, Attempt: 1, Low: 1024, High: 65535, Step: 1, Count: 512})
	h.out = nil
	h.step(0)
	h.step(time.Millisecond)
	var shot Probe
	for _, p := range h.out {
		if p.To.Addr() == hunterPeer.Addr() && p.To != hunterPeer {
			shot = p
		}
	}
	if !shot.Challenge || shot.To.Port() < 1024 {
		t.Fatalf("%+v", h.out)
	}
	answer := wire.Probe{Response: true, RespNonce: shot.ChallengeNonce, Observed: hunterPeer}
	for _, wrong := range []struct {
		socket api.SocketID
		from   netip.AddrPort
		nonce  uint64
	}{
		{0, netip.AddrPortFrom(hunterPeer.Addr(), shot.To.Port()^1), shot.ChallengeNonce},
		{0, netip.AddrPortFrom(netip.MustParseAddr("198.51.100.9"), shot.To.Port()), shot.ChallengeNonce},
		{7, shot.To, shot.ChallengeNonce}, {0, shot.To, shot.ChallengeNonce ^ 1},
	} {
		forged := answer
		forged.RespNonce = wrong.nonce
		h.agent.HandleProbe(h.now, wrong.socket, wrong.from, &forged)
	}
	if _, ok := h.agent.NextEvent(); ok || h.agent.Drops().UnknownNonce != 4 {
		t.Fatalf("%+v", h.agent.Drops())
	}
	h.agent.HandleProbe(h.now, 0, shot.To, &answer)
	if e, ok := h.agent.NextEvent(); !ok || e.Kind != EventPong || e.Addr != shot.To {
		t.Fatalf("%+v", e)
	}
	h.agent.HandleProbe(h.now, 0, shot.To, &answer)
	if h.agent.Drops().UnknownNonce != 5 {
		t.Fatal("a response counted twice")
	}
}

// Ports are guessed only at an address that the server vouches for, and never without one.
func TestNoGuessingAtUnattestedAddresses(t *testing.T) {
	h := newHunter("PR", "SR", false)
	for _, p := range h.agent.pairs {
		p.attested = false // as if told by the peer
	}
	h.out = nil
	h.agent.HandleControl(h.now, &wire.Control{Kind: wire.ControlOpened, Flags: wire.ControlRandom, Attempt: 1, Low: 1024, High: 65535, Step: 1, Count: 512})
	for range 300 {
		h.step(time.Millisecond)
	}
	for _, p := range h.out {
		if p.Via == ViaDirect && p.To != hunterPeer {
			t.Fatalf("%+v", p)
		}
	}
}

// Whatever an authenticated peer says, in whatever order: no panic, no more sockets and packets than the limits, an end
// within ten seconds, and all sockets given back.
func FuzzHunt(f *testing.F) {
	names := []string{"SR", "PR", "SS", "SB", "SA", "SA1", "SAs", "FW", "AR", "PUB"}
	f.Add([]byte{0, 1, 1, 3, 1, 1, 4, 0, 255, 255, 2, 0, 0, 10, 1})
	f.Add([]byte{2, 2, 0, 4, 1, 0, 117, 48, 0, 0, 0, 24, 0, 0, 1, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 2, 1, 3, 1, 0, 117, 48, 117, 64, 0, 16, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("0002\x001000000000"))
	f.Add([]byte("0002000000000\xbd00000000000A000A0000000x02100070000\xed000A0000000\xc20X0A00000000000A000000000200001000000"))
	f.Add([]byte{1, 1, 1, 5, 1, 0, 117, 48, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{2, 3, 3, 3, 1, 1, 83, 0, 83, 0, 7, 0, 0, 1, 3, 2, 3, 83, 0, 83, 0, 7, 0, 50, 1})
	f.Add([]byte{3, 3, 2, 3, 2, 3, 83, 0, 0, 0, 7, 0, 255, 1, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 3 {
			return
		}
		punch, most := api.PunchNormal, maxSockets
		if b[2]&2 != 0 {
			punch, most = api.PunchMax, maxCovering
		}
		h := newHunterAs(names[int(b[0])%len(names)], names[int(b[1])%len(names)], b[2]&1 != 0, punch)
		sent := 0
		for b = b[3:]; len(b) >= 12; b = b[12:] {
			be := binary.BigEndian
			c := wire.Control{Kind: wire.ControlKind(b[0]%6 + 1), Attempt: b[1], Flags: b[2], Low: be.Uint16(b[3:]), High: be.Uint16(b[5:]),
				Count: be.Uint16(b[7:]), LeadMillis: be.Uint16(b[9:]), Step: int8(b[11])}
			h.agent.HandleControl(h.now, &c)
			h.drain(true)
			for range 20 {
				for _, p := range h.out {
					if p.Via == ViaSTUN && b[2]&64 == 0 {
						h.local++
						h.answer(p, h.local)
					}
				}
				sent += len(h.out)
				h.out = h.out[:0]
				h.step(time.Duration(b[10]) * time.Millisecond)
			}
		}
		for i := 0; ; i++ {
			sent += len(h.out)
			h.out = h.out[:0]
			at := h.agent.NextTimeout()
			if at.IsZero() {
				break
			}
			if i > 60000 {
				t.Fatal("does not come to rest")
			}
			h.step(time.Hour)
		}
		if h.most > most || h.open != 0 {
			t.Fatalf("%d sockets at a time, %d left open", h.most, h.open)
		}
		h.agent.Close()
		if h.agent.SocketsWaiting() {
			t.Fatal("sockets after the end")
		}
	})
}
