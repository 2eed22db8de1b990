//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// programs are the files under test.
type programs struct {
	BinDir string `help:"Directory with musubi and musubi_peer." type:"existingdir" required:""`
	LibDir string `help:"Directory with libmusubi.so, if the harness does not find it by itself." type:"existingdir"`
}

// plan describes one meeting of two players.
type plan struct {
	kinds      [2]lab.Kind // by side: A, B
	extra      lab.Extra
	roles      [2]lab.Role // where the two play; empty: at the two homes
	bind       string      // local address of both; empty: any
	third      lab.Role    // where a third plays; empty: nobody
	serverName string      // by which the players know the server; empty: by its address
	model      bool        // the simulator's NATs
	shape      wan.Shape
	seed       uint64
	host       wan.Side      // who makes the room; the other joins
	messages   int           // reliable, each way; the most if openEnd
	openEnd    bool          // no more messages once the way is decided
	rate       int           // messages a second
	size       int           // bytes of a message
	unreliable int           // unreliable messages beside, each way
	punch      string        // how far prediction goes: max, off, or as the library does it
	punchRate  int           // packets a second while predicting ports; 0: the library's choice
	oneAddress bool          // the server has no second address to answer from
	marker     string        // plaintext inside every message
	stats      time.Duration // how often both are asked for their figures; 0: never
	stay       time.Duration // after completion
	timeout    time.Duration // of each harness
}

// role says on which computer a side's harness runs.
func (p plan) role(s wan.Side) lab.Role {
	if p.roles[s] != "" {
		return p.roles[s]
	}
	return [2]lab.Role{wan.A: lab.HostA, wan.B: lab.HostB}[s]
}

func other(s wan.Side) wan.Side { return wan.B - s }

// The harness's exit codes that a slow machine can bring about, beside success (usage: musubi_peer --help).
const (
	exitServer  = 3 // the server or the room failed: a handshake timed out
	exitTimeout = 4 // not everything arrived in time
)

// serverPort is where the server listens, as outside.
const serverPort = 3478

// profileTime is how long a meeting waits for the profiles, which take three round trips (docs/NAT.md).
const profileTime = 5 * time.Second

// meeting is a plan under way: a laboratory of its own, a server, two harnesses.
type meeting struct {
	plan
	*lab.Lab
	peers  [2]*harness.Process
	third  *harness.Process // nil: nobody
	server *harness.Process
	keys   string // the server's data directory, which outlives it
	url    string // where the server is, key included
	logs   logs
	watch  *watch
	onEnd  func() // runs while the laboratory still stands, after the harnesses have ended; may be nil
}

// observation is what is known about a meeting when it is over. Judging needs nothing else.
type observation struct {
	plan
	logs    [2]harness.Log
	exits   [2]int
	samples samples
	stall   stall // the machine's longest during the meeting
	broken  error // the meeting could not be held to its end
	wrong   error // something happened that no stall of the machine can bring about
}

// hold runs a meeting. onEvent, which may be nil, sees every event as it is printed; during, which may be nil, runs
// while the two are in the room and may cut and heal paths. The laboratory is gone when hold returns.
func (p programs) hold(ctx context.Context, pl plan, onEvent func(wan.Side, harness.Event), during func(context.Context, *meeting) error) (o observation, texts *logs) {
	m := &meeting{plan: pl}
	o.plan = pl
	built, err := lab.Build(lab.Config{A: pl.kinds[wan.A], B: pl.kinds[wan.B], Shape: pl.shape, Model: pl.model, Extra: pl.extra, Seed: pl.seed})
	if err != nil {
		o.broken = err
		return o, &m.logs
	}
	m.Lab = built
	built.SetMarker(pl.marker)
	m.watch = startWatch(built.Router)
	err = m.run(ctx, p, onEvent, during)
	o.wrong = m.crashes()
	m.stopAll()
	o.wrong = errors.Join(o.wrong, m.forgetKeys())
	if m.onEnd != nil {
		m.onEnd()
	}
	saw := m.watch.stop()
	o.samples, o.stall = saw.samples, saw.stall
	for s, peer := range m.peers {
		if peer != nil {
			o.logs[s], o.exits[s] = peer.Events(), peer.ExitCode()
			o.wrong = errors.Join(o.wrong, peer.Err())
		}
	}
	// What does not come down is a laboratory that would leak into the next: that is ours to mend, whatever the stall.
	left := built.Close()
	o.wrong = errors.Join(o.wrong, left)
	o.broken = err
	return o, &m.logs
}

// crashes tells which programs under test ended by themselves and should not have. It is asked before the rest is stopped:
// what we end ourselves may end as it likes.
func (m *meeting) crashes() error {
	var errs []error
	check := func(name string, p *harness.Process, fine ...int) {
		if p == nil {
			return
		}
		select {
		case <-p.Ended():
			if code := p.ExitCode(); !slices.Contains(fine, code) {
				errs = append(errs, fmt.Errorf("%s ended with exit code %d", name, code))
			}
		default:
		}
	}
	check("musubi server", m.server)
	for s, peer := range m.peers {
		check("harness "+wan.Side(s).String(), peer, 0, exitServer, exitTimeout)
	}
	return errors.Join(errs...)
}

// run starts the server and both harnesses, lets them measure their networks, sends the guest into the host's room, and
// waits until both have ended. The harnesses have
// timeouts of their own, which tell more than ours; ours only ends what hangs.
func (m *meeting) run(ctx context.Context, p programs, onEvent func(wan.Side, harness.Event), during func(context.Context, *meeting) error) error {
	if err := m.startServer(ctx, p, lab.ServerAddr); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.timeout+5*time.Second, errors.New("the meeting took too long"))
	defer cancel()
	host, err := m.startPeer(p, m.host, onEvent, "--host")
	if err != nil {
		return err
	}
	guest, err := m.startPeer(p, other(m.host), onEvent, "--join", "-")
	if err != nil {
		return err
	}
	if m.stats > 0 {
		go m.askFigures(ctx)
	}
	room, err := host.Await(ctx, harness.RoomJoined)
	if err != nil {
		return err
	}
	m.awaitProfiles(ctx)
	if err := guest.Order("join " + room.Get("code")); err != nil {
		return err
	}
	if err := m.startThird(p, room.Get("code")); err != nil {
		return err
	}
	switch {
	case during != nil:
		if err := during(ctx, m); err != nil {
			return err
		}
	case m.openEnd:
		if err := m.awaitDecision(ctx, wan.Now); err != nil {
			return err
		}
	}
	for _, peer := range []*harness.Process{host, guest, m.third} {
		if peer == nil {
			continue
		}
		select {
		case <-peer.Ended():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// askFigures asks both players for theirs until the meeting is over.
func (m *meeting) askFigures(ctx context.Context) {
	tick := time.NewTicker(m.stats)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, p := range m.peers {
			_ = p.Order("stats") // one that has ended has no figures
		}
	}
}
