//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// discoveryCmd lets a program that we did not write, coturn's turnutils_natdiscovery, ask our server about the kernel's NATs.
//
// It is asked about mappings, with padded requests: to short ones the server answers in short, without the address of its
// second socket, because an answer may not be much larger than what a forged sender paid for it. It is not asked about
// filters: from another port the server answers its own players only, so that to a stranger every NAT looks closed.
type discoveryCmd struct {
	programs `embed:""`
}

// discoveries are what it must find. SA is not among them: its NAT runs in our router, which does not put the fragments of
// such large requests together.
var discoveries = []struct {
	kind lab.Kind
	says string
}{
	{lab.FC, "NAT with Endpoint Independent Mapping!"},
	{lab.AR, "NAT with Endpoint Independent Mapping!"},
	{lab.PR, "NAT with Endpoint Independent Mapping!"},
	{lab.SS, "NAT with Address and Port Dependent Mapping!"},
	{lab.SB, "NAT with Address and Port Dependent Mapping!"},
	{lab.SR, "NAT with Address and Port Dependent Mapping!"},
}

func (c *discoveryCmd) run(ctx context.Context, out io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	if _, err := exec.LookPath("turnutils_natdiscovery"); err != nil {
		fmt.Fprintln(out, "turnutils_natdiscovery is missing; the package coturn has it.")
		return errCannot
	}
	var errs []error
	for _, d := range discoveries {
		text, err := c.discover(ctx, d.kind)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			errs = append(errs, err)
		case !strings.Contains(text, d.says):
			errs = append(errs, fmt.Errorf("behind %s it does not say %q:\n%s", d.kind, d.says, text))
		default:
			fmt.Fprintf(out, "✓ %-3s %s\n", d.kind, d.says)
		}
	}
	return errors.Join(errs...)
}

// discover runs it once behind a NAT.
func (c *discoveryCmd) discover(ctx context.Context, kind lab.Kind) (text string, err error) {
	l, err := lab.Build(lab.Config{A: kind, B: lab.PUB, Shape: wan.Shape{Delay: time.Millisecond}, Seed: 1})
	if err != nil {
		return "", err
	}
	m := &meeting{Lab: l, watch: startWatch(l.Router)}
	defer func() {
		m.stopAll()
		m.watch.stop()
		err = errors.Join(err, m.forgetKeys(), l.Close())
	}()
	if err := m.startServer(ctx, c.programs, lab.ServerAddr); err != nil {
		return "", err
	}
	// -m mapping, -P padding, -L local address: without it, it can't tell its own address from the mapped one.
	cmd := l.Command(lab.HostA, "turnutils_natdiscovery", "-m", "-P", "-L", l.Inside(lab.HostA).String(), lab.ServerAddr.String())
	cmd.WaitDelay = time.Second
	end := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() }) // its own time-outs are far shorter
	defer end.Stop()
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("turnutils_natdiscovery behind %s: %w\n%s", kind, err, said)
	}
	return string(said), nil
}
