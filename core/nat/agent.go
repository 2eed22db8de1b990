// Package nat finds out what NAT a client is behind (Profiler) and opens and watches direct paths to one peer (Agent).
//
// Both are values with the verbs of every machine here: `now` comes in, packets and events go out, NextTimeout says when
// to call again. The Agent works above the seal: it deals in wire.Probe values that peer seals on wire.PathProbe, so
// all that it is told of was authenticated.
//
// Phases of an Agent:
//
//	new --Start--> opening --StartAfter or Heard--> probing --3.7 s without a valid pair--> gave up --Retry--> probing
//	               (caller only: low TTL)           \--a pair valid--> watching (consent, suspicion)
//
// Beside probing, where the two NATs' profiles call for it, ports are predicted (hunt.go, plan.go): one side opens many
// sockets, the other probes many ports. Giving up then waits for the end of that, at most 9.5 s.
//
// The caller holds the keys one server trip before the callee. A real probe of his that came before the callee's own
// first packet would, on a router that takes inbound packets itself, occupy the callee's conntrack tuple and move her
// flow to another port for good (docs/NAT.md, fact 4). So he opens his own NAT with packets that die in the network,
// and sends real ones when she is taken to have keys, or is heard.
package nat

import (
	"io"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/stun"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Bounds of one Agent.
const (
	maxRemote    = wire.MaxCandidates // candidates that AddRemote takes
	maxReflexive = 4                  // addresses learnt from the peer's own probes
	maxPlain     = 60                 // openers and probes of one punch; answers and checks of living pairs are not counted
	maxQueued    = 256                // probes and events waiting to be drained
	answerRate   = 64                 // answers per second, and burst
)

// AgentConfig is what an Agent must know of its connection.
type AgentConfig struct {
	Rand          io.Reader
	Caller        bool         // he gets keys first; the callee's first packet tells him that she has them
	Local, Remote wire.Profile // prediction chooses by them
	Main          api.SocketID
	// StartAfter is how long after Start the other side is taken to have keys. Caller only; too small an estimate can
	// poison the callee's router, too large a one only delays pairs in which he must be the first to get through.
	StartAfter time.Duration
	// LocalAddrs are the addresses that our sockets send from. Candidates of an address family that is missing here are
	// refused, and loopback ones unless one of these is loopback. Empty: every family, no loopback.
	LocalAddrs []netip.Addr
	Punch      api.Aggressiveness
	Rate       int            // packets per second of prediction; 0: by Punch
	Server     netip.AddrPort // a STUN port of the server that the main socket does not use; invalid: no port can be sampled
	Token      [16]byte       // link token for it
	LinkRTT    time.Duration  // to the server
	RelayDelay time.Duration  // one way through the relay to the peer, estimated
	Granted    bool           // the introduction brought the grant for port prediction
}

// Agent is one peer's connectivity checks.
type Agent struct {
	cfg    AgentConfig
	random random
	now    time.Time // latest time told; time never goes backwards

	started    bool
	real       bool      // real probes may be sent, not only openers
	realAt     time.Time // opening: when probing begins
	quietUntil time.Time // no real probes before, whatever is heard: see NetworkChanged
	endAt      time.Time // probing: when to give up; zero if not punching
	spent      int       // plain packets of this punch
	answers    bucket

	pairs    []*pair
	selected *pair
	usedAt   time.Time // the last packet on the selected pair, and the last that came soon after another
	busyAt   time.Time
	out      []Probe
	events   []Event
	drops    Drops

	pool       pool
	hunt       hunt
	punchedAt  time.Time
	forsakenAt time.Time // the last EventForsaken
	quit       bool      // nothing is searched for any more
	closed     bool
}

// Via is the way that a Probe goes.
type Via uint8

const (
	ViaDirect Via = iota // Socket to To
	ViaRelay             // through the relay; Socket, To and TTL say nothing
	ViaSTUN              // not a probe: the datagram that AppendSTUN writes, from Socket to To
)

// Probe is one packet to send: seal wire.Probe on wire.PathProbe and send it from Socket. TTL 0 is the system's.
type Probe struct {
	Socket api.SocketID
	To     netip.AddrPort
	TTL    uint8
	Via    Via
	id     stun.TransactionID
	wire.Probe
}

// Drops counts what was ignored, by reason.
type Drops struct {
	Early        uint64 // probe before Start
	UnknownNonce uint64 // response to no challenge of ours from that socket to that address
	RateLimited  uint64 // challenge not answered
	Candidates   uint64 // candidate refused: unusable address, or too many
	Overflow     uint64 // probe or event not queued: the caller does not drain
	Halved       uint64 // times that the rate of prediction was halved, since our own network lost answers
}

// EventKind is what an Agent reports.
type EventKind uint8

const (
	// EventPong: first authenticated answer of a candidate pair in this punch. The first of all is the time to direct.
	EventPong EventKind = iota + 1
	// EventValidated: 3 of 4 challenges in a row were answered, one of them full-size. Reported when the pair is better than
	// every other valid one (LAN before all else), so a second one may follow the first; and again after Suspect.
	EventValidated
	// EventGaveUp: punching ended without a valid pair. Reason says why. Challenges are still answered and may yet succeed.
	EventGaveUp
	// EventForsaken: the other side may be on another network, and what is under way to it lost. Pairs that were valid must
	// prove themselves anew.
	EventForsaken
	// EventDead: a valid pair had no validation for 5 s since it became suspect, or its consent ran out. Checking goes on.
	EventDead
	// EventBetter: a valid pair has had a shorter round trip than the selected one for a while.
	EventBetter
	// EventGrantWanted asks for the server's grant: one prediction at a time per external address. Answer with Granted.
	EventGrantWanted
	// EventGrantOver: the grant is needed no more.
	EventGrantOver
)

// Event is news of an Agent. Socket, Addr, Route and RTT belong to all kinds but EventGaveUp.
type Event struct {
	Kind   EventKind
	Socket api.SocketID
	Addr   netip.AddrPort
	Route  api.Route // what the pair is: RouteLAN, RouteDirect4 or RouteDirect6
	RTT    time.Duration
	Reason string
}

// NewAgent makes an Agent that waits for Start.
func NewAgent(cfg AgentConfig) *Agent {
	cfg.Server = unmap(cfg.Server)
	most := maxSockets
	if cfg.Punch == api.PunchMax {
		most = maxCovering
	}
	return &Agent{cfg: cfg, random: random{r: cfg.Rand}, pool: pool{most: most}}
}

// SetServer tells where ports can be sampled from now on: the server moved, or gave another token.
func (a *Agent) SetServer(server netip.AddrPort, token [16]byte) {
	a.cfg.Server, a.cfg.Token = unmap(server), token
}

// AddRemote adds addresses at which the peer may be reached, most wanted first. lan says that they are on our own
// network. Unusable and surplus ones are counted and ignored. May be called at any time.
func (a *Agent) AddRemote(now time.Time, addrs []netip.AddrPort, lan bool) {
	a.add(now, addrs, lan, !lan)
}

// AddTold adds addresses on the peer's own word: they are checked as they are, and no ports are guessed there.
func (a *Agent) AddTold(now time.Time, addrs []netip.AddrPort) { a.add(now, addrs, false, false) }

func (a *Agent) add(now time.Time, addrs []netip.AddrPort, lan, attested bool) {
	now = a.tick(now)
	for _, addr := range addrs {
		addr = unmap(addr)
		if a.find(a.cfg.Main, addr) != nil {
			continue
		}
		if !usable(addr, a.cfg.LocalAddrs) || a.count(false) >= maxRemote {
			a.drops.Candidates++
			continue
		}
		p := &pair{socket: a.cfg.Main, addr: addr, route: routeOf(addr.Addr(), lan), attested: attested}
		a.pairs = append(a.pairs, p)
		if a.started && a.endAt.After(now) {
			a.begin(now, p)
		}
	}
	a.run(now)
}

// Start begins punching; this side holds the keys now.
func (a *Agent) Start(now time.Time) {
	now = a.tick(now)
	if a.started || a.closed {
		return
	}
	a.started = true
	if a.cfg.Granted {
		a.hunt.granted = now.Add(huntLimit)
	}
	lead := time.Duration(0)
	if a.cfg.Caller {
		lead = max(a.cfg.StartAfter, 0)
	}
	a.punch(now, lead)
}

// Retry starts punching again, for pairs that don't work now, and tells the peer to do so too. Not before Start.
func (a *Agent) Retry(now time.Time) {
	now = a.tick(now)
	if a.started {
		a.again(now)
		a.tell(now, wire.Control{Kind: wire.ControlPunch})
	}
}

// NetworkChanged is Retry on what may be another network. The peer learns our new address from the server, two round trips of
// the link and half a one later; a real probe that reaches a poisonable router before his first packet would close it for
// good, so that we wait for as long.
func (a *Agent) NetworkChanged(now time.Time) {
	now = a.tick(now)
	a.hunt.birthdays = 0
	if !a.started {
		return
	}
	lead := retryLead
	if api.Answer(a.cfg.Remote.Poisonable) != api.AnswerNo && side(a.cfg.Remote) == restricted {
		lead = 3*a.cfg.RelayDelay + retryLead
		a.quietUntil = now.Add(lead)
	}
	a.suspectAll(now)
	a.afresh(now, lead)
	a.tell(now, wire.Control{Kind: wire.ControlPunch, Flags: wire.ControlMoved})
}

func (a *Agent) again(now time.Time) { a.afresh(now, retryLead) }

// afresh begins a punch with real probes after lead, for the pairs that don't work now.
func (a *Agent) afresh(now time.Time, lead time.Duration) {
	kept := a.pairs[:0]
	for _, p := range a.pairs {
		if p.reflexive && p.state == pairWaiting {
			continue
		}
		if p.state != pairValid {
			p.ponged = false
		}
		kept = append(kept, p)
	}
	clear(a.pairs[len(kept):])
	a.pairs = kept
	a.punch(now, lead)
}

// punch begins a round of plain punching; real probes follow after lead.
func (a *Agent) punch(now time.Time, lead time.Duration) {
	if a.quit {
		return
	}
	a.spent, a.punchedAt = 0, now
	a.planHunt(now, lead)
	a.sweep(0)
	a.real, a.realAt = lead == 0, now.Add(lead)
	a.endAt = a.realAt.Add(giveUpAfter)
	for _, p := range a.pairs {
		a.begin(now, p)
	}
	a.endIfPointless(now)
	a.run(now)
}

// Heard tells that an authenticated packet of the peer arrived, by any path: the peer has keys.
func (a *Agent) Heard(now time.Time) {
	if now = a.tick(now); !now.Before(a.quietUntil) {
		a.probing(now)
	}
	a.run(now)
}

// probing ends the opening phase.
func (a *Agent) probing(now time.Time) {
	if !a.started || a.real {
		return
	}
	a.real = true
	for _, p := range a.pairs {
		if p.state == pairWaiting && p.opening {
			a.begin(now, p)
		}
	}
}

// HandleTimeout does what is due.
func (a *Agent) HandleTimeout(now time.Time) { a.run(a.tick(now)) }

func (a *Agent) run(now time.Time) {
	if !a.started {
		return
	}
	if !a.real && !now.Before(a.realAt) {
		a.probing(now)
	}
	for i := 0; i < len(a.pairs); i++ { // steps may make or forget pairs
		p := a.pairs[i]
		for !p.next.IsZero() && !now.Before(p.next) {
			a.step(now, p)
		}
		a.mourn(now, p)
	}
	a.runHunt(now)
	a.conclude(now)
}

// conclude ends the punch when its time is over. A pair that answers but is not valid yet gets a little longer.
func (a *Agent) conclude(now time.Time) {
	if a.endAt.IsZero() || now.Before(a.endAt) {
		return
	}
	checking, answered := false, false
	for _, p := range a.pairs {
		if p.state == pairValid {
			a.endAt = time.Time{}
			return
		}
		checking = checking || p.state == pairChecking
		answered = answered || p.ponged
	}
	if a.hunt.on || checking && now.Before(a.endAt.Add(checkingGrace)) {
		return
	}
	a.endAt = time.Time{}
	a.emit(Event{Kind: EventGaveUp, Reason: a.reason(answered)})
}

// NextTimeout is when HandleTimeout must be called; zero if nothing is scheduled.
func (a *Agent) NextTimeout() time.Time {
	if !a.started {
		return time.Time{}
	}
	var t time.Time
	if !a.real {
		t = a.realAt
	}
	if !a.endAt.IsZero() {
		end := a.endAt
		if !a.now.Before(end) { // conclude waits for a pair that is being checked
			end = end.Add(checkingGrace)
		}
		if !a.hunt.on || a.now.Before(end) {
			t = deadline.Earlier(t, end)
		}
	}
	t = deadline.Earlier(t, a.huntTimeout())
	for _, p := range a.pairs {
		t = deadline.Earlier(deadline.Earlier(t, p.next), p.deadAt)
	}
	return t
}

// NextProbe takes the next packet to send.
func (a *Agent) NextProbe(now time.Time) (Probe, bool) {
	a.tick(now)
	if len(a.out) == 0 {
		return Probe{}, false
	}
	p := a.out[0]
	if a.out = a.out[1:]; len(a.out) == 0 {
		a.out = nil
	}
	return p, true
}

// NextEvent takes the next event.
func (a *Agent) NextEvent() (Event, bool) {
	if len(a.events) == 0 {
		return Event{}, false
	}
	e := a.events[0]
	if a.events = a.events[1:]; len(a.events) == 0 {
		a.events = nil
	}
	return e, true
}

// Drops returns the counts so far.
func (a *Agent) Drops() Drops { return a.drops }

func (a *Agent) tick(now time.Time) time.Time {
	if now.After(a.now) {
		a.now = now
	}
	return a.now
}

// post queues a packet of any kind.
func (a *Agent) post(p Probe) {
	if len(a.out) >= maxQueued {
		a.drops.Overflow++
		return
	}
	a.out = append(a.out, p)
}

func (a *Agent) emit(e Event) {
	if len(a.events) >= maxQueued {
		a.drops.Overflow++
		return
	}
	a.events = append(a.events, e)
}

func (a *Agent) find(socket api.SocketID, addr netip.AddrPort) *pair {
	for _, p := range a.pairs {
		if p.socket == socket && p.addr == addr {
			return p
		}
	}
	return nil
}

func (a *Agent) count(reflexive bool) (n int) {
	for _, p := range a.pairs {
		if p.reflexive == reflexive {
			n++
		}
	}
	return n
}
