//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
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
	model      bool        // the simulator's NATs
	shape      wan.Shape
	seed       uint64
	host       wan.Side      // who makes the room; the other joins
	messages   int           // reliable, each way; the most if openEnd
	openEnd    bool          // no more messages once the way is decided
	rate       int           // messages a second
	size       int           // bytes of a message
	unreliable int           // unreliable messages beside, each way
	punchRate  int           // packets a second while predicting ports; 0: the library's choice
	oneAddress bool          // the server has no second address to answer from
	marker     string        // plaintext inside every message
	stay       time.Duration // after completion
	timeout    time.Duration // of each harness
}

// sideRoles says on which computer a side's harness runs.
var sideRoles = [2]lab.Role{wan.A: lab.HostA, wan.B: lab.HostB}

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
	server *harness.Process
	peers  [2]*harness.Process
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
	built, err := lab.Build(lab.Config{A: pl.kinds[wan.A], B: pl.kinds[wan.B], Shape: pl.shape, Model: pl.model, Seed: pl.seed})
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
	url, err := m.startServer(ctx, p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.timeout+5*time.Second, errors.New("the meeting took too long"))
	defer cancel()
	host, err := m.startPeer(p, m.host, onEvent, url, "--host")
	if err != nil {
		return err
	}
	guest, err := m.startPeer(p, other(m.host), onEvent, url, "--join", "-")
	if err != nil {
		return err
	}
	room, err := host.Await(ctx, harness.RoomJoined)
	if err != nil {
		return err
	}
	m.awaitProfiles(ctx)
	if err := guest.Order("join " + room.Get("code")); err != nil {
		return err
	}
	if during != nil {
		if err := during(ctx, m); err != nil {
			return err
		}
	}
	if m.openEnd {
		if err := m.awaitDecision(ctx, wan.Now); err != nil {
			return err
		}
	}
	for _, peer := range []*harness.Process{host, guest} {
		select {
		case <-peer.Ended():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// awaitProfiles lets both measure their networks before they meet, as they have long done in a real game. Without a
// profile the meeting goes on: that must work as well.
func (m *meeting) awaitProfiles(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, profileTime)
	defer cancel()
	for _, p := range m.peers {
		_, _ = p.Await(ctx, harness.Profiled)
	}
}

// startServer starts the server and gives the address that it tells, key included. Its limits against
// abuse are lifted, since they are tested elsewhere and a laboratory may send more than a game. It must be told its public
// address, because it would rightly take none of the documentation ranges for one.
func (m *meeting) startServer(ctx context.Context, p programs) (string, error) {
	args := []string{"server", "--limits", "lab", "--public", lab.ServerAddr.String(),
		"--listen", netip.AddrPortFrom(lab.ServerAddr, serverPort).String()}
	if !m.oneAddress {
		args = append(args, "--stun-addr2", lab.ServerAddr2.String())
	}
	cmd := m.Command(lab.Server, filepath.Join(p.BinDir, "musubi"), args...)
	server, err := harness.Start(cmd, harness.Options{Name: "musubi server", Parse: harness.ParseServer,
		Stdout: m.logs.file("server.out"), Stderr: m.logs.file("server.err")})
	if err != nil {
		return "", err
	}
	m.server = server
	m.watch.follow("the server", server.PID())
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("no address line within 10 s"))
	defer cancel()
	ready, err := server.Await(ctx, harness.ServerReady)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, m.logs.tail("server.err"))
	}
	return ready.Get("url"), nil
}

// startPeer starts one player's harness. Both run until all messages of both directions have arrived, so that their exit
// codes say whether the meeting was whole.
func (m *meeting) startPeer(p programs, s wan.Side, onEvent func(wan.Side, harness.Event), url string, entry ...string) (*harness.Process, error) {
	args := append([]string{"--server", url, "--name", s.String(), "--control"}, entry...)
	args = append(args,
		"--messages", strconv.Itoa(m.messages), "--rate", strconv.Itoa(m.rate), "--size", strconv.Itoa(m.size),
		"--stay", seconds(m.stay), "--timeout", seconds(m.timeout))
	if m.unreliable > 0 {
		args = append(args, "--unreliable", strconv.Itoa(m.unreliable))
	}
	if m.punchRate > 0 {
		args = append(args, "--punch-rate", strconv.Itoa(m.punchRate))
	}
	if m.marker != "" {
		args = append(args, "--marker", m.marker)
	}
	cmd := m.Command(sideRoles[s], filepath.Join(p.BinDir, "musubi_peer"), args...)
	if p.LibDir != "" {
		cmd.Env = append(cmd.Environ(), "LD_LIBRARY_PATH="+p.LibDir)
	}
	o := harness.Options{Name: "harness " + s.String(), Parse: harness.ParseEvent,
		Stdout: m.logs.file(s.String() + ".out"), Stderr: m.logs.file(s.String() + ".err")}
	if onEvent != nil {
		o.OnEvent = func(e harness.Event) { onEvent(s, e) }
	}
	peer, err := harness.Start(cmd, o)
	if err != nil {
		return nil, err
	}
	m.peers[s] = peer
	m.watch.follow("harness "+s.String(), peer.PID())
	return peer, nil
}

// stopAll ends harnesses that still run because the meeting was broken off, then the server: the other order would give
// them a lost server to talk about.
func (m *meeting) stopAll() {
	for _, peer := range m.peers {
		if peer != nil {
			peer.Stop(time.Second)
		}
	}
	if m.server != nil {
		m.server.Stop(2 * time.Second)
	}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
