//go:build linux

// Package film takes pictures of windows on a display that nobody sees: Xvfb's, whose memory is a file.
package film

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Display is a running Xvfb.
type Display struct {
	Name   string // for DISPLAY
	cmd    *exec.Cmd
	memory string // the screen's file
}

// Open starts an Xvfb with one screen, whose memory becomes a file in dir, and waits until it takes clients. It dies with this process.
// The X server chooses a number that is free.
func Open(ctx context.Context, dir string, width, height int) (*Display, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start Xvfb: %w", err)
	}
	defer out.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-fbdir", dir, "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{in}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	in.Close()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("there is no Xvfb; the package xvfb has it")
	}
	if err != nil {
		return nil, fmt.Errorf("start Xvfb: %w", err)
	}
	d := &Display{cmd: cmd, memory: filepath.Join(dir, "Xvfb_screen0")}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // it ends the pipe as well
	number, err := bufio.NewReader(out).ReadString('\n')
	if !stop() || err != nil {
		d.Close()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("start Xvfb: it ended before it printed its display number: %w", err))
	}
	d.Name = ":" + strings.TrimSpace(number)
	return d, nil
}

// Close ends the X server.
func (d *Display) Close() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // removes its lock and socket; an error means that it has ended
	_ = d.cmd.Wait()
}

// Picture copies what the screen shows.
func (d *Display) Picture() (*image.RGBA, error) {
	b, err := os.ReadFile(d.memory)
	if err != nil {
		return nil, fmt.Errorf("take a picture: %w", err)
	}
	return parseXWD(b)
}
