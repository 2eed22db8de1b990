//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// Goals of the scenarios (docs/NAT.md).
const (
	goalFailover    = goalTakeover                                        // silence after a direct path died
	goalRebound     = goalTakeover + 4*demoDelay                          // ditto, if the way to the relay must be proved anew: two round trips to the server
	goalMoved       = 4*demoDelay + 100*time.Millisecond + time.Second/60 // silence after a client moved: one round trip over the relay and 100 ms, from the last message before it
	goalRelayFound  = 6 * time.Second                                     // silence of a relay that moved: 1 s until it counts as silent, 3 s until its server does, a look-up, the link, the legs
	goalServerFound = 20 * time.Second                                    // after the server is back: the link's keepalive of 15 s, 3 s of silence, a round of look-ups or tries
	blockedFor      = 6 * time.Second                                     // how long UDP is blocked
	goalStream      = 2500 * time.Millisecond                             // silence of a client whose network begins to block UDP: 1 s until the link is in doubt, TCP, TLS, WebSocket, link
	goalUDPBack     = 12 * time.Second                                    // direct again when UDP is free: it is tried 1, 3, 7, 15 s after the stream was opened
	goalFound       = time.Second                                         // direct again after a client moved
)

// scenarios are all there are. Those of NAT.md's list come first.
var scenarios = []scenario{
	{name: "double-nat", what: "A is behind two NATs", plan: with(between(lab.PR, lab.PR), lab.Extra{Inner: lab.PR}), after: endsDirect},
	{name: "double-nat-carrier", what: "A's home router is behind a carrier's NAT", plan: with(between(lab.SB, lab.FC), lab.Extra{Inner: lab.PR}), after: endsDirect},
	{name: "same-port", what: "two players in one home use the same local port; a third plays with both", plan: samePort(), play: threeMeet, after: threeWhole},
	{name: "same-nat", what: "both behind one NAT, on one network", plan: neighbours(lab.PR, lab.SameLAN), after: endsOn("lan")},
	{name: "same-nat-hairpin", what: "both behind one NAT that keeps them apart, but turns packets round", plan: neighbours(lab.FC, lab.Hairpin), after: endsOn("direct4")},
	{name: "same-nat-isolated", what: "both behind one NAT that keeps them apart", plan: neighbours(lab.PR, lab.Isolated), after: endsOn("relay")},
	{name: "nat-reboot", what: "A's NAT forgets every flow", plan: between(lab.PR, lab.PR), play: natReboots},
	{name: "nat-reboot-symmetric", what: "A's NAT forgets every flow and gives new ports", plan: between(lab.SR, lab.FC), play: natReboots},
	{name: "short-timeouts", what: "both NATs forget a flow after 5 s of silence; the players are silent for 20 s", plan: between(lab.PR, lab.PR), play: silence},
	{name: "wan-change", what: "A's home gets another public address", plan: between(lab.PR, lab.PR), play: wanMoves},
	{name: "loss-burst", what: "30 % of all packets are lost for 3 s", plan: between(lab.PR, lab.PR), play: lossBurst},
	{name: "reordering", what: "every fifth packet is overtaken by those of 15 ms, all with jitter", plan: between(lab.PR, lab.PR), play: reordering},
	{name: "network-change", what: "A's computer gets another address", plan: between(lab.PR, lab.PR), play: hostMoves},
	{name: "network-change-open", what: "A's computer gets another address, B has a public one", plan: between(lab.PR, lab.PUB), play: hostMoves},
	{name: "second-address", what: "A's computer gets a second address, the first one stays", plan: between(lab.PR, lab.PR), play: hostGains, after: nothingToALost},
	{name: "half-open", what: "A's packets reach B directly, B's do not reach A", plan: between(lab.PR, lab.PR), play: halfOpen},
	{name: "udp-blocked", what: "A's network lets no UDP out for a while", plan: between(lab.PR, lab.PR), play: udpBlocked},
	{name: "cut", what: "the direct path dies and comes back", plan: between(lab.PR, lab.PR), play: cutAndHeal},
	{name: "server-restart", what: "the server dies and comes back", plan: between(lab.PR, lab.PR), play: serverRestarts},
	{name: "server-move", what: "the server dies and comes back at another address, under the same name", plan: named(between(lab.PR, lab.PR)), play: serverMoves},
	{name: "server-move-relayed", what: "the same for two who need the relay", plan: named(between(lab.SR, lab.SR)), play: relayMoves},
	{name: "sockets-found", what: "hundreds of sockets look for a way and find it", plan: between(lab.PR, lab.SR), play: socketsFound, after: endsDirect},
	{name: "sockets-given-up", what: "thousands of sockets look for a way that does not exist", plan: eager(between(lab.SB, lab.SB)), play: socketsGivenUp},
	{name: "junk", what: "a stranger sends 1,000 datagrams a second to A", plan: between(lab.FC, lab.PR), play: junk, after: endsDirect},
}

func with(p plan, e lab.Extra) plan { p.extra = e; return p }

func eager(p plan) plan { p.punch = "max"; return p }

func named(p plan) plan { p.serverName = "musubi.lab"; return p }

// neighbours is a plan for two computers of one home.
func neighbours(k lab.Kind, n lab.Neighbour) plan {
	p := with(between(k, lab.PUB), lab.Extra{Neighbour: n})
	p.roles = [2]lab.Role{lab.HostA, lab.Guest}
	return p
}

// samePort is a plan for three: two at one home, where the second finds his port taken in the router's table.
func samePort() plan {
	p := with(between(lab.PR, lab.PR), lab.Extra{Neighbour: lab.SameLAN})
	p.bind, p.third = "0.0.0.0:40000", lab.Guest
	return p
}

func endsDirect(a *act, o observation) {
	got := judge(o)
	a.inTime(got.verdict == direct, "in the end the route is direct, and the router's counters agree; it was judged %s%s", got.verdict, reason(got))
}

// endsOn checks the routes alone: what passes between two computers of one home the laboratory's router does not see.
func endsOn(route string) func(*act, observation) {
	return func(a *act, o observation) {
		words := routes(o)
		a.inTime(words == [2]string{route, route}, "in the end the route is %s: A %s, B %s", route, words[wan.A], words[wan.B])
	}
}

// threeMeet lets three play for a while.
func threeMeet(ctx context.Context, a *act) error {
	if err := pause(ctx, 8*time.Second); err != nil {
		return err
	}
	if err := a.meeting.third.Order("enough"); err != nil {
		return err
	}
	return a.enough()
}

// threeWhole checks the exit codes, which say that everything arrived once and in order at everybody's.
func threeWhole(a *act, o observation) {
	a.check(o.exits == [2]int{}, "all messages among three: exit codes %v", o.exits)
	for side, log := range o.logs {
		for peer := 1; peer <= 2; peer++ {
			e, ok := log.Last(harness.RouteChanged, harness.Where("peer", fmt.Sprint(peer)))
			route := "relay"
			if ok {
				route = e.Get("route")
			}
			a.note("%v's route to its peer %d: %s", wan.Side(side), peer, route)
		}
	}
}

// breakage of one kind: something happens to a direct path under messages.
func (a *act) breaks(ctx context.Context, what string, act func() error, silence, found time.Duration) error {
	if err := a.begins(ctx); err != nil {
		return err
	}
	if _, _, err := a.phase(ctx); err != nil {
		return err
	}
	at := wan.Now()
	if err := act(); err != nil {
		return err
	}
	a.sayAt(at, "⚡ %s", what)
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	again, err := a.stays(ctx, at)
	if err != nil {
		return err
	}
	gap, _, err := a.phase(ctx)
	if err != nil {
		return err
	}
	a.goal("longest silence, the worse direction", gap, silence)
	a.goal("direct at both from then on, since", again, found)
	return a.enough()
}

// stays waits, up to 12 s, until both routes are direct, and says since when after a moment they are: zero if the moment
// changed nothing, negative if they are not.
func (a *act) stays(ctx context.Context, after time.Duration) (time.Duration, error) {
	limit := time.NewTimer(grace * goalReturn)
	defer limit.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var since time.Duration
		directs := 0
		for _, p := range a.peers {
			if last, ok := p.Events().Last(harness.RouteChanged); ok && last.Direct() {
				directs++
				since = max(since, last.At-after)
			}
		}
		if directs == len(a.peers) {
			return max(since, 0), pause(ctx, time.Second)
		}
		select {
		case <-look.C:
		case <-limit.C:
			return -1, nil
		case <-ctx.Done():
			return -1, context.Cause(ctx)
		}
	}
}

func natReboots(ctx context.Context, a *act) error {
	return a.breaks(ctx, "A's NAT has forgotten everything", func() error { return a.Reboot(lab.NATA) }, goalRebound, goalReturn)
}

func wanMoves(ctx context.Context, a *act) error {
	to := netip.MustParseAddr("198.51.100.2")
	return a.breaks(ctx, "A's home is at "+to.String()+" now", func() error { return a.MoveWAN(to) }, goalRebound, goalReturn)
}

func hostMoves(ctx context.Context, a *act) error {
	to := netip.MustParseAddr("192.168.1.77")
	return a.breaks(ctx, "A's computer is at "+to.String()+" now", func() error { return a.MoveHost(to) }, goalMoved, goalFound)
}

func hostGains(ctx context.Context, a *act) error {
	to := netip.MustParseAddr("192.168.1.77")
	return a.breaks(ctx, "A's computer is at "+to.String()+" as well", func() error { return a.SecondHost(to) }, goalMoved, goalFound)
}

// nothingToALost checks that what was under way to the old address arrived there.
func nothingToALost(a *act, o observation) {
	a0, ok := o.logs[wan.A].Last(harness.Result)
	b0, also := o.logs[wan.B].Last(harness.Result)
	lost := b0.Int("unreliable_sent") - a0.Int("unreliable_received")
	a.inTime(ok && also && lost == 0, "unreliable messages to A that were lost: %d", lost)
}

func cutAndHeal(ctx context.Context, a *act) error {
	heal := func() { a.CutDirect(false) }
	return a.breaks(ctx, "the direct path is cut for 2 s", func() error { a.CutDirect(true); time.AfterFunc(cutFor, heal); return nil }, goalFailover, cutFor+goalReturn)
}

// udpBlocked makes A play over TCP in the midst of the game, and lets it come back.
func udpBlocked(ctx context.Context, a *act) error {
	free := func() { a.BlockUDP(false) }
	return a.breaks(ctx, fmt.Sprintf("A's network lets no UDP out for %v", blockedFor),
		func() error { time.AfterFunc(blockedFor, free); return a.BlockUDP(true) }, goalStream, blockedFor+goalUDPBack)
}

// halfOpen cuts one direction: a path on which only one is heard is no path.
func halfOpen(ctx context.Context, a *act) error {
	heal := func() { a.Cut(wan.B, wan.A, false) }
	return a.breaks(ctx, "what B sends directly is lost for 2 s", func() error { a.Cut(wan.B, wan.A, true); time.AfterFunc(cutFor, heal); return nil }, goalFailover, cutFor+goalReturn)
}

// serverRestarts cuts the direct path before anybody has noticed: the tickets of the legs must be good at the new process.
func serverRestarts(ctx context.Context, a *act) error {
	if err := a.serverAway(ctx, lab.ServerAddr, nil); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	return a.relayThere(ctx)
}

// serverMoves cuts the direct path when the players have found the server at its new place.
func serverMoves(ctx context.Context, a *act) error {
	if err := a.serverAway(ctx, lab.ServerAddr2, a.MoveServer); err != nil {
		return err
	}
	found, err := a.linkedAgain(ctx, wan.Now())
	if err != nil {
		return err
	}
	a.goal("both have found the server again", found, goalServerFound)
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	return a.relayThere(ctx)
}

// relayMoves takes the only way away from two who are never direct.
func relayMoves(ctx context.Context, a *act) error {
	if err := pause(ctx, 6*time.Second); err != nil { // they have given up looking for a direct path
		return err
	}
	if _, _, err := a.phase(ctx); err != nil {
		return err
	}
	a.sayAt(wan.Now(), "⚡ the server is gone")
	a.server.Kill()
	if err := a.MoveServer(); err != nil {
		return err
	}
	if err := a.startServer(ctx, a.programs, lab.ServerAddr2); err != nil {
		return err
	}
	a.sayAt(wan.Now(), "the server is back at %v", lab.ServerAddr2)
	if err := pause(ctx, 8*time.Second); err != nil {
		return err
	}
	gap, _, err := a.phase(ctx)
	if err != nil {
		return err
	}
	a.goal("longest silence", gap, goalRelayFound)
	return a.enough()
}

// serverAway ends the server without a word and brings it back.
func (a *act) serverAway(ctx context.Context, at netip.Addr, move func() error) error {
	if err := a.begins(ctx); err != nil {
		return err
	}
	if _, _, err := a.phase(ctx); err != nil {
		return err
	}
	a.sayAt(wan.Now(), "⚡ the server is gone")
	a.server.Kill()
	if move != nil {
		if err := move(); err != nil {
			return err
		}
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := a.startServer(ctx, a.programs, at); err != nil {
		return err
	}
	a.sayAt(wan.Now(), "the server is back at %v", at)
	return nil
}

// relayThere checks that the direct path did not notice, and that with it cut messages flow over the relay.
func (a *act) relayThere(ctx context.Context) error {
	gap, _, err := a.phase(ctx)
	if err != nil {
		return err
	}
	a.goal("longest silence while the server was away and came back", gap, goalMoved)
	cut := wan.Now()
	a.CutDirect(true)
	a.sayAt(cut, "✂  the direct path is cut: is there a relay?")
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	if gap, _, err = a.phase(ctx); err != nil {
		return err
	}
	a.CutDirect(false)
	a.goal("the relay takes over", gap, goalRebound)
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	return a.enough()
}

// linkedAgain waits for both players' links and says how long after a moment the later one came back; negative: not all did.
func (a *act) linkedAgain(ctx context.Context, after time.Duration) (took time.Duration, err error) {
	limited, cancel := context.WithTimeout(ctx, grace*goalServerFound)
	defer cancel()
	for _, p := range a.peers {
		e, err := p.Await(limited, harness.LogLine, harness.Since(after), harness.Where("text", "link to the server resumed"))
		if err != nil {
			if ctx.Err() == nil && limited.Err() != nil {
				return -1, nil
			}
			return -1, err
		}
		took = max(took, e.At-after)
	}
	return took, nil
}

// silence lets nobody speak for long enough that the NATs forget every flow which nobody keeps alive.
func silence(ctx context.Context, a *act) error {
	if err := a.ForgetAfter(5); err != nil {
		return err
	}
	if err := a.begins(ctx); err != nil {
		return err
	}
	for _, p := range a.peers {
		if err := p.Order("pause"); err != nil {
			return err
		}
	}
	if err := pause(ctx, 20*time.Second); err != nil {
		return err
	}
	spoken := wan.Now()
	for _, p := range a.peers {
		if err := p.Order("resume"); err != nil {
			return err
		}
	}
	a.sayAt(spoken, "both speak again")
	if _, _, err := a.phase(ctx); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	gap, received, err := a.phase(ctx)
	if err != nil {
		return err
	}
	a.inTime(received > 60, "messages in the two seconds after the silence, the fewer: %d", received)
	a.goal("longest silence after that", gap, goalFailover)
	since, err := a.stays(ctx, spoken)
	if err != nil {
		return err
	}
	a.goal("direct at both from then on, since", since, goalReturn)
	return a.enough()
}

// shapeAll changes every way between the three.
func (a *act) shapeAll(s wan.Shape) {
	for from := range wan.Side(wan.Sides) {
		for to := range wan.Side(wan.Sides) {
			a.SetShape(from, to, s)
		}
	}
}

func lossBurst(ctx context.Context, a *act) error {
	calm := wan.Shape{Delay: demoDelay}
	return a.breaks(ctx, "30 % of all packets are lost for 3 s", func() error {
		a.shapeAll(wan.Shape{Delay: demoDelay, Loss: 0.3})
		time.AfterFunc(3*time.Second, func() { a.shapeAll(calm) })
		return nil
	}, time.Second, 3*time.Second+goalReturn)
}

// reordering must trouble nobody: no path is left for it, and what is ordered comes in order.
func reordering(ctx context.Context, a *act) error {
	return a.breaks(ctx, "packets overtake each other", func() error {
		a.shapeAll(wan.Shape{Delay: demoDelay, Reorder: 0.2, HoldBack: 15 * time.Millisecond, Jitter: 5 * time.Millisecond})
		return nil
	}, 150*time.Millisecond, 0)
}
