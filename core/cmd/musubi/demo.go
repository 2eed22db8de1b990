package main

import (
	"fmt"
	"io"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/sim"
)

// demoCommand tells the main story without a kernel: whole clients and a whole server behind simulated NATs under a virtual
// clock. build.sh runs it where the kernel laboratory is not possible.
type demoCommand struct {
	Seed uint64 `help:"Seed of the simulation; the same seed gives the same story." default:"1"`
}

const (
	demoOneWay   = 20 * time.Millisecond
	demoRTT      = 2 * demoOneWay
	demoMessages = 2000
)

// Run prints the story and fails if a step did not hold.
func (c *demoCommand) Run(std streams) error {
	out := std.out
	t := &teller{out: out}
	fmt.Fprintln(out, "Simulated NATs and a virtual clock; nothing is sent on a network.")
	t.cutAndHeal(c.Seed)
	t.relayOnly(c.Seed)
	if t.failed > 0 {
		return fmt.Errorf("%d of %d checks did not hold", t.failed, t.checks)
	}
	fmt.Fprintf(out, "\nall %d checks held\n", t.checks)
	return nil
}

// teller prints a story and counts what did not hold.
type teller struct {
	out            io.Writer
	checks, failed int
}

func (t *teller) check(ok bool, format string, args ...any) {
	t.checks++
	mark := "✓"
	if !ok {
		mark = "✗"
		t.failed++
	}
	fmt.Fprintf(t.out, "  %s %s\n", mark, fmt.Sprintf(format, args...))
}

// within prints a time beside its goal; over three times the goal is a failure.
func (t *teller) within(what string, took, goal time.Duration) {
	note := ""
	if took > goal {
		note = ", over the goal"
	}
	t.check(took <= 3*goal, "%s: %v (goal %v%s)", what, took.Round(100*time.Microsecond), goal, note)
}

func (t *teller) meet(seed uint64, nat string) (w *sim.World, host, guest *sim.Player, ok bool) {
	fmt.Fprintf(t.out, "\n%s × %s, %v each way\n", nat, nat, demoOneWay)
	w = sim.NewWorld(seed, sim.Weather{Delay: demoOneWay})
	w.AddServer("192.0.2.1", nil)
	host = w.AddSite(nat, "198.51.100.1").AddPlayer("host", 100, nil)
	guest = w.AddSite(nat, "203.0.113.1").AddPlayer("guest", 100, nil)
	ok = w.Meet(host, guest, 10*time.Second)
	for _, p := range []*sim.Player{host, guest} {
		fmt.Fprintf(t.out, "    %-5s mapping %v, filtering %v, seen as %s\n", p.Name, p.Profile.Mapping, p.Profile.Filtering, p.Profile.Public)
	}
	t.check(ok, "met by code %s, connected over the relay", host.Code)
	return w, host, guest, ok
}

func (t *teller) cutAndHeal(seed uint64) {
	w, host, guest, ok := t.meet(seed, "PR")
	if !ok {
		return
	}
	both := func(f func(*sim.Player) bool) func() bool { return func() bool { return f(host) && f(guest) } }
	signalled := host.Connected
	if guest.Connected.After(signalled) {
		signalled = guest.Connected
	}
	host.Stream(demoMessages, 5*time.Millisecond, false)
	guest.Stream(demoMessages, 5*time.Millisecond, false)
	direct := both(func(p *sim.Player) bool { return p.Route.Direct() })
	t.check(w.RunUntil(5*time.Second, direct), "both sides went direct")
	pong := host.Pong
	if guest.Pong.After(pong) {
		pong = guest.Pong
	}
	t.within("first authenticated answer", pong.Sub(signalled), 3*demoRTT+30*time.Millisecond)
	w.Run(time.Second)

	hostWAN, guestWAN := host.Site().WAN(), guest.Site().WAN()
	w.Cut(hostWAN, guestWAN)
	w.Cut(guestWAN, hostWAN)
	cut := w.Now()
	fmt.Fprintln(t.out, "    the direct path is cut")
	relayed := both(func(p *sim.Player) bool { return p.Route == api.RouteRelay })
	t.check(w.RunUntil(5*time.Second, relayed), "both sides fell back to the relay")
	t.within("the relay took over", w.Now().Sub(cut), 400*time.Millisecond+demoRTT)
	w.Run(2 * time.Second)
	w.Heal(hostWAN, guestWAN)
	w.Heal(guestWAN, hostWAN)
	healed := w.Now()
	fmt.Fprintln(t.out, "    the direct path is healed")
	t.check(w.RunUntil(20*time.Second, direct), "both sides are direct again, %v after healing", w.Now().Sub(healed).Round(time.Millisecond))
	w.RunUntil(30*time.Second, both(func(p *sim.Player) bool { return p.Received == demoMessages }))
	t.delivered(host, guest)
	for _, p := range []*sim.Player{host, guest} {
		t.within(p.Name+": longest gap between two messages", p.MaxGap, 400*time.Millisecond+demoRTT)
	}
}

func (t *teller) relayOnly(seed uint64) {
	w, host, guest, ok := t.meet(seed, "SR")
	if !ok {
		return
	}
	host.Stream(demoMessages, 5*time.Millisecond, false)
	guest.Stream(demoMessages, 5*time.Millisecond, false)
	w.RunUntil(60*time.Second, func() bool { return host.Received == demoMessages && guest.Received == demoMessages })
	for _, p := range []*sim.Player{host, guest} {
		t.check(p.Route == api.RouteRelay && len(p.Routes) == 0, "%s stayed on the relay: %s", p.Name, p.GaveUp)
	}
	t.delivered(host, guest)
}

func (t *teller) delivered(players ...*sim.Player) {
	for _, p := range players {
		t.check(p.Received == demoMessages && len(p.Faults) == 0, "%s received %d of %d reliable messages, each once and in order", p.Name, p.Received, demoMessages)
		for _, fault := range p.Faults {
			fmt.Fprintln(t.out, "     ", fault)
		}
	}
}
