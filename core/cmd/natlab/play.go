//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// How long to wait for what must come: bounds for what hangs, since nothing here is judged by its time.
const (
	playPatience = 60 * time.Second
	goodbyeTime  = 70 * time.Second // a bot's own patience with the others' goodbyes is 60 s (examples/arena/bot.c)
)

// playCmd opens the example game in two windows: behind a NAT each, or both on this computer.
type playCmd struct {
	BinDir   string `help:"Directory with musubi and musubi_arena." type:"existingdir" required:""`
	Here     bool   `help:"No namespaces: both players on this computer's own network."`
	Bots     bool   `help:"The players play by themselves, the direct path is cut and healed, everything said is counted. Needs no display."`
	Xvfb     bool   `help:"With --bots: the windows open on a display that nobody sees."`
	Pictures string `help:"As --bots --xvfb, and keeps arena.png and arena.gif in that directory." placeholder:"DIR"`
}

// Run runs the command for kong.
func (c *playCmd) Run(ctx context.Context) error {
	if c.Pictures != "" {
		c.Bots, c.Xvfb = true, true
	}
	for _, name := range []string{"musubi", "musubi_arena"} {
		if _, err := os.Stat(filepath.Join(c.BinDir, name)); err != nil {
			return usageError{fmt.Errorf("%s has no program %s; build it first (./build.sh lib)", c.BinDir, name)}
		}
	}
	if !c.Bots && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		fmt.Print(`There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so that no window can be opened. Either of these shows the game all the same:
    ./build.sh play --bots               two bots play without windows; what happens to their connection is told line by line
    ./build.sh play --pictures DIR       they play in windows on an invisible display; a picture and a film of it go to DIR
If there is one and sudo hides it: sudo --preserve-env=DISPLAY,XAUTHORITY ./build.sh play
`)
		return errCannot
	}
	if !c.Here {
		if err := require(); err != nil {
			return err
		}
	}
	if c.Pictures != "" {
		return c.pictures(ctx, os.Stdout)
	}
	return c.play(ctx, os.Stdout)
}

// play holds one game and takes everything down again.
func (c *playCmd) play(ctx context.Context, out io.Writer) (err error) {
	set, err := newStage(c.Here)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.close()) }()
	if c.Xvfb {
		if err := set.openDisplay(ctx, 2*windowWidth, windowHeight); err != nil {
			return err
		}
	}
	if err := set.startServer(ctx, c.BinDir); err != nil {
		return err
	}
	fmt.Fprintf(out, "server   %s\n", set.url)
	if c.Bots {
		return c.bots(ctx, out, set)
	}
	return c.people(ctx, out, set)
}

// people lets two people play, or one with two windows, until both windows are closed.
func (c *playCmd) people(ctx context.Context, out io.Writer, set *stage) error {
	ann, bob, err := c.two(ctx, set)
	if err != nil {
		if os.Getenv("SUDO_USER") != "" && ctx.Err() == nil {
			err = fmt.Errorf("%w\nIf your display does not let root in: xhost +si:localuser:root, or run it without sudo", err)
		}
		return err
	}
	where := "each behind its own NAT, in a network namespace of its own: 20 ms between any two of them and the server"
	if c.Here {
		where = "both on this computer's network"
	}
	fmt.Fprintf(out, `Ann and Bob are open in two windows, %s.

    Click into one window: arrows run, Space dashes, Enter says something. B lets a window play by itself, against you.
    C cuts the direct path: the route turns to RELAY and the game goes on. C again heals it: back to DIRECT.
    1 to 6 make the network bad.

Close both windows, or press Ctrl-C here, to end it.
`, where)
	for _, p := range []*harness.Process{ann, bob} {
		select {
		case <-p.Ended():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if code := max(ann.ExitCode(), bob.ExitCode()); code != 0 {
		return fmt.Errorf("a window ended with exit code %d: see above", code)
	}
	return nil
}

// two starts Ann's game, which makes a room, and Bob's, which enters it.
func (c *playCmd) two(ctx context.Context, set *stage, bobs ...string) (ann, bob *harness.Process, err error) {
	if ann, err = set.startGame(c.BinDir, wan.A, "Ann", place(0, windowWidth, windowHeight), append(c.bot(), "new")...); err != nil {
		return nil, nil, err
	}
	code, err := roomOf(ctx, ann)
	if err != nil {
		return nil, nil, err
	}
	bob, err = set.startGame(c.BinDir, wan.B, "Bob", place(1, windowWidth, windowHeight), append(append(c.bot(), bobs...), code)...)
	return ann, bob, err
}

// roomOf waits for the code of the room that a game has made.
func roomOf(ctx context.Context, p *harness.Process) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, playPatience, errors.New("no room within a minute"))
	defer cancel()
	e, err := p.Await(ctx, gameRoom)
	return e.Get("code"), err
}

// bot gives a bot's options: it plays until it is told to end.
func (c *playCmd) bot() []string {
	if !c.Bots {
		return nil
	}
	return []string{"--bot", "3600"}
}

// bots lets two bots play: direct, cut, relayed, healed, direct again, goodbye. Both count what they hear; their exit codes say
// whether anything was lost.
func (c *playCmd) bots(ctx context.Context, out io.Writer, set *stage) error {
	s := newStory(out)
	set.hear = func(name string, e harness.Event) {
		if e.Name == gameRoute {
			s.sayAt(e.At, "%s  route is now %s", name, e.Get("text"))
		}
	}
	var bobs []string
	if set.Lab == nil { // without a router of ours one of them cuts
		bobs = []string{"--cut", "1"}
	}
	ann, bob, err := c.two(ctx, set, bobs...)
	if err != nil {
		return err
	}
	both := []*harness.Process{ann, bob}
	if err := awaitRoutes(ctx, both, isDirect); err != nil {
		return err
	}
	if err := pause(ctx, cutAfter); err != nil {
		return err
	}
	if set.display != nil {
		if err := set.seeWindows(ctx, 2, s); err != nil {
			return err
		}
	}
	cut := func() (time.Duration, error) { return awaitEvent(ctx, bob, gameCut) }
	heal := func() (time.Duration, error) { return awaitEvent(ctx, bob, gameHealed) }
	if set.Lab != nil {
		by := func(on bool) func() (time.Duration, error) {
			return func() (time.Duration, error) { defer set.CutDirect(on); return wan.Now(), nil }
		}
		cut, heal = by(true), by(false)
	}
	if err := throughACut(ctx, s, both, cut, heal); err != nil {
		return err
	}
	return goodbye(ctx, out, both)
}

// throughACut lets the direct path be cut, waits for the relay on both sides, lets it be healed, and waits for direct routes. Both give
// the moment when it was done.
func throughACut(ctx context.Context, s *story, games []*harness.Process, cut, heal func() (time.Duration, error)) error {
	at, err := cut()
	if err != nil {
		return err
	}
	s.sayAt(at, "✂  the direct path is cut, both directions; the server stays reachable")
	if err := awaitRoutes(ctx, games, isRelay); err != nil {
		return err
	}
	if err := pause(ctx, cutAfter); err != nil {
		return err
	}
	if at, err = heal(); err != nil {
		return err
	}
	s.sayAt(at, "⚕  the direct path is healed")
	if err := awaitRoutes(ctx, games, isDirect); err != nil {
		return err
	}
	return pause(ctx, cutAfter)
}

// awaitEvent waits until a game has said that, and gives the moment.
func awaitEvent(ctx context.Context, p *harness.Process, name string) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, playPatience, errors.New("it did not come within a minute"))
	defer cancel()
	e, err := p.Await(ctx, name)
	return e.At, err
}

// awaitRoutes waits until the latest route of each is such a one: on a machine that stands still a route may change by itself, too.
func awaitRoutes(ctx context.Context, games []*harness.Process, such func(harness.Event) bool) error {
	return await(ctx, "such a route", func() (bool, error) {
		for _, p := range games {
			select {
			case <-p.Ended():
				return false, fmt.Errorf("a game ended with exit code %d", p.ExitCode())
			default:
			}
			if e, ok := p.Events().Last(gameRoute); !ok || !such(e) {
				return false, nil
			}
		}
		return true, nil
	})
}

// await looks every twentieth of a second whether something is so, for a minute.
func await(ctx context.Context, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, playPatience, fmt.Errorf("no %s within a minute", what))
	defer cancel()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func isDirect(e harness.Event) bool { return strings.HasPrefix(e.Get("text"), "DIRECT") }
func isRelay(e harness.Event) bool  { return strings.HasPrefix(e.Get("text"), "RELAY") }

// goodbye tells all bots to end, which they do together, and judges how.
func goodbye(ctx context.Context, out io.Writer, games []*harness.Process) error {
	var ends sync.WaitGroup
	for _, p := range games {
		ends.Go(func() { p.Stop(goodbyeTime) })
	}
	all := make(chan struct{})
	go func() { ends.Wait(); close(all) }()
	select {
	case <-all:
	case <-ctx.Done(): // the stage's end is less patient
		return context.Cause(ctx)
	}
	var errs []error
	for i, p := range games {
		for _, e := range p.Events() {
			if e.Name == gameReport {
				fmt.Fprintf(out, "           %s\n", e.Get("text"))
			}
		}
		if code := p.ExitCode(); code != 0 {
			errs = append(errs, fmt.Errorf("player %d ended with exit code %d", i+1, code))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintln(out, "✓ everything that was said was heard, in its order; both games ended with exit code 0")
	return nil
}
