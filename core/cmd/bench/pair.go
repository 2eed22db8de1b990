//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/bench/internal/link"
)

// pair is one run of a benchmark: a far and a measuring end, and Musubi's server where it takes one.
type pair struct {
	dir   string // of the programs
	lib   library
	bench string
	args  []string
	link  *link.Link // between the ends; nil: loopback
	limit time.Duration
}

// command prepares a program on one side.
func (p *pair) command(ctx context.Context, s link.Side, program string, args ...string) *exec.Cmd {
	path := filepath.Join(p.dir, program)
	cmd := exec.CommandContext(ctx, path, args...)
	if p.link != nil {
		inside := p.link.Command(s, path, args...)
		cmd = exec.CommandContext(ctx, inside.Path, inside.Args[1:]...)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run returns the line that the measuring end printed.
func (p *pair) run() (r result, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.limit)
	defer cancel()
	common := append([]string{}, p.lib.prefix...)
	common = append(append(common, p.bench), p.args...)
	if p.lib.server {
		address, stop, err := p.server(ctx)
		if err != nil {
			return nil, err
		}
		defer stop()
		common = append(common, "--server", address)
	} else if p.link != nil {
		common = append(common, "--bind", link.Address(link.A).String()+":0")
	}
	// The far end is on the side of the server, so that only the other one signals through the link.
	far := p.command(ctx, link.A, p.lib.program, append(common, "--host")...)
	code, wait, err := started(far, "code ")
	if err != nil {
		return nil, fmt.Errorf("%s %s, far end: %w", p.lib.name, p.bench, err)
	}
	near := p.command(ctx, link.B, p.lib.program, append(common, "--join", code)...)
	var said strings.Builder
	near.Stderr = &said
	out, err := near.Output()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%s %s: %w %s", p.lib.name, p.bench, errors.Join(err, ctx.Err(), wait()), said.String())
	}
	if err := wait(); err != nil {
		return nil, fmt.Errorf("%s %s, far end: %w", p.lib.name, p.bench, err)
	}
	return parseResult(strings.TrimSpace(string(out)))
}

// server starts Musubi's on side A.
func (p *pair) server(ctx context.Context) (address string, stop func(), err error) {
	data, err := os.MkdirTemp("", "musubi-bench-")
	if err != nil {
		return "", nil, err
	}
	listen := "127.0.0.1:0"
	if p.link != nil {
		listen = link.Address(link.A).String() + ":3478"
	}
	cmd := p.command(ctx, link.A, "musubi", "server", "--listen", listen, "--limits", "lab", "--data", data)
	address, wait, err := started(cmd, "address ")
	stop = func() {
		if cmd.Process != nil {
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = wait()
		}
		os.RemoveAll(data)
	}
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("musubi server: %w", err)
	}
	return address, stop, nil
}

// started starts a program and waits for its line that begins with key. wait waits for its end, and tells what it said if
// that was not well.
func started(cmd *exec.Cmd, key string) (value string, wait func() error, err error) {
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", func() error { return nil }, err
	}
	wait = func() error {
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%w %s", err, said.String())
		}
		return nil
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), key); ok {
			return value, wait, nil
		}
	}
	return "", wait, errors.Join(errors.New("it printed no line "+key), wait())
}
