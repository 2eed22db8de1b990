//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/film"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// A window of the game, pixels; the arena's own size.
const windowWidth, windowHeight = 960, 540

// stage is where a game of arena is played: a laboratory with two homes, or this computer. It ends everything that was started on it.
type stage struct {
	*lab.Lab // nil: this computer
	server   *harness.Process
	games    []*harness.Process
	url      string // where the server is, key included
	data     string // the server's directory
	hear     func(name string, e harness.Event)
	display  *film.Display // nil: the user's own, or none
}

func newStage(here bool) (s *stage, err error) {
	s = &stage{}
	if s.data, err = os.MkdirTemp("", "natlab-play-"); err != nil {
		return nil, err
	}
	if here {
		return s, nil
	}
	s.Lab, err = lab.Build(lab.Config{A: lab.PR, B: lab.PR, Shape: wan.Shape{Delay: demoDelay}, Seed: 1})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.data))
	}
	return s, nil
}

// openDisplay has windows open on a display that nobody sees.
func (s *stage) openDisplay(ctx context.Context, width, height int) (err error) {
	s.display, err = film.Open(ctx, s.data, width, height)
	return err
}

// close ends games, server and display, in that order, and removes the laboratory.
func (s *stage) close() error {
	for _, p := range s.games {
		p.Stop(2 * time.Second)
	}
	if s.server != nil {
		s.server.Stop(2 * time.Second)
	}
	if s.display != nil {
		s.display.Close()
	}
	var err error
	if s.Lab != nil {
		err = s.Lab.Close()
	}
	return errors.Join(err, os.RemoveAll(s.data))
}

// command prepares a program for one of the places. On this computer it is in a process group of its own as well, so that Ctrl-C
// reaches only us.
func (s *stage) command(r lab.Role, program string, args ...string) *exec.Cmd {
	if s.Lab != nil {
		return s.Lab.Command(r, program, args...)
	}
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startServer starts the server and waits for its address.
func (s *stage) startServer(ctx context.Context, binDir string) (err error) {
	args := []string{"server", "--limits", "lab", "--data", filepath.Join(s.data, "server")}
	if s.Lab != nil {
		args = append(args, "--public", lab.ServerAddr.String(), "--stun-addr2", lab.ServerAddr2.String(),
			"--listen", netip.AddrPortFrom(lab.ServerAddr, serverPort).String())
	} else {
		args = append(args, "--listen", "127.0.0.1:0", "--stun-ports", "0,0")
	}
	var said logs
	s.server, err = harness.Start(s.command(lab.Server, filepath.Join(binDir, "musubi"), args...),
		harness.Options{Name: "musubi server", Parse: harness.ParseServer, Stderr: said.file("server.err")})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, playPatience, errors.New("no address line within a minute"))
	defer cancel()
	ready, err := s.server.Await(ctx, harness.ServerReady)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said.tail("server.err"))
	}
	s.url = ready.Get("url")
	return nil
}

// startGame starts one player's game at a home. Without a window's place it has none.
func (s *stage) startGame(binDir string, side wan.Side, name, window string, args ...string) (*harness.Process, error) {
	r := [2]lab.Role{wan.A: lab.HostA, wan.B: lab.HostB}[side]
	args = append([]string{s.url, "--name", name}, args...)
	if window != "" {
		args = append(args, "--window", window)
	}
	cmd := s.command(r, filepath.Join(binDir, "musubi_arena"), args...)
	cmd.Env = cmd.Environ()
	switch {
	case window == "" || (s.display == nil && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == ""):
		cmd.Env = append(cmd.Env, "SDL_VIDEODRIVER=dummy")
	case s.display != nil:
		cmd.Env = append(cmd.Env, "SDL_VIDEODRIVER=x11", "SDL_RENDER_DRIVER=software", "DISPLAY="+s.display.Name)
	}
	p, err := harness.Start(cmd, harness.Options{Name: name + "'s game", Parse: parseGame, Stderr: os.Stderr, OnEvent: func(e harness.Event) {
		if s.hear != nil {
			s.hear(name, e)
		}
	}})
	if err == nil {
		s.games = append(s.games, p)
	}
	return p, err
}

// seeWindows waits until so many windows side by side show something: where none is, the screen is black.
func (s *stage) seeWindows(ctx context.Context, n int, tell *story) error {
	err := await(ctx, "picture in every window", func() (bool, error) {
		picture, err := s.display.Picture()
		if err != nil {
			return false, err
		}
		for i := range n {
			lit := 0
			for y := range windowHeight {
				for x := i * windowWidth; x < (i+1)*windowWidth; x++ {
					if p := picture.RGBAAt(x, y); p.R|p.G|p.B != 0 {
						lit++
					}
				}
			}
			if lit < windowWidth*windowHeight*9/10 {
				return false, nil
			}
		}
		return true, nil
	})
	if err == nil {
		tell.sayAt(wan.Now(), "both windows show the game")
	}
	return err
}

// place gives the n-th window of that size in a row.
func place(n, width, height int) string { return fmt.Sprintf("%dx%d+%d+0", width, height, n*width) }

// Events made of the lines that the game prints.
const (
	gameRoom   = "room"   // code
	gameRoute  = "route"  // text: "RELAY, Bob: why"
	gameCut    = "cut"    // by the player itself, with the network simulator
	gameHealed = "healed" //
	gameReport = "report" // text, of a bot in the end
)

// parseGame reads a line of musubi_arena. All are for people as well, so that a line of another kind is a report.
func parseGame(line string) (harness.Event, error) {
	e := harness.Event{At: wan.Now(), Name: gameReport, Fields: map[string]string{"text": line}}
	if code, ok := strings.CutPrefix(line, "room "); ok {
		e.Name, e.Fields["code"] = gameRoom, code
	} else if text, ok := strings.CutPrefix(line, "route "); ok {
		e.Name, e.Fields["text"] = gameRoute, text
	} else if line == gameCut || line == gameHealed {
		e.Name = line
	}
	return e, nil
}
