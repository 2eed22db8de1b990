//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/simlab"
)

const (
	exitFailed    = 1
	exitUsage     = 2
	exitInterrupt = 130
)

// usageError is a mistake of whoever typed the command.
type usageError struct{ error }

// errCannot means that this machine can't build laboratories; the sentences have been printed.
var errCannot = errors.New("no laboratory can be built here")

type commands struct {
	Check     checkCmd       `cmd:"" help:"Say what is missing for a laboratory."`
	Matrix    matrixCmd      `cmd:"" help:"Hold meetings between all kinds of NAT and judge them."`
	Sim       simlab.Command `cmd:"" help:"The same with simulated NATs under a virtual clock; needs no laboratory."`
	Heatmap   matrix.Heatmap `cmd:"" help:"Draw a matrix as SVG."`
	Regress   regressCmd     `cmd:"" help:"Play what networks do to games, by name or all."`
	Discovery discoveryCmd   `cmd:"" help:"Let coturn's NAT discovery ask our server."`
	Demo      demoCmd        `cmd:"" help:"Show one meeting live: relay, direct, cut, relay, direct again."`
	Play      playCmd        `cmd:"" help:"Open the example game in two windows, each behind its own NAT."`
	Build     buildCmd       `cmd:"" help:"Build a laboratory and keep it until Ctrl-C."`
	Clean     cleanCmd       `cmd:"" help:"Remove namespaces that a killed natlab left behind."`
}

func main() {
	var cli commands
	parsed := kong.Parse(&cli, kong.Name("natlab"), kong.Description("NAT laboratory: the library behind the kernel's own NATs."),
		kong.UsageOnError(), kong.Exit(func(code int) { os.Exit(min(code, exitUsage)) }))
	// After the first Ctrl-C everything is taken down in order; a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	parsed.BindTo(ctx, (*context.Context)(nil))
	os.Exit(exitCode(parsed.Run()))
}

// exitCode prints an error and translates it.
func exitCode(err error) int {
	switch usage := (usageError{}); {
	case err == nil:
		return 0
	case errors.Is(err, errCannot):
		return exitCannot
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "natlab: ended by the user")
		return exitInterrupt
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "natlab:", err)
		return exitUsage
	default:
		fmt.Fprintln(os.Stderr, "natlab: ✗", err)
		return exitFailed
	}
}

// require prints what is missing, if something is.
func require() error {
	missing := lab.Missing()
	for _, sentence := range missing {
		fmt.Println(sentence)
	}
	if len(missing) > 0 {
		fmt.Println("So no NAT laboratory can be built here.")
		return errCannot
	}
	return nil
}

// Run runs the command for kong.
func (c *matrixCmd) Run(ctx context.Context) error {
	if err := require(); err != nil {
		return err
	}
	return c.run(ctx, os.Stdout)
}

// Run runs the command for kong.
func (c *regressCmd) Run(ctx context.Context) error {
	if !c.List {
		if err := require(); err != nil {
			return err
		}
	}
	return c.run(ctx, os.Stdout)
}

// Run runs the command for kong.
func (c *discoveryCmd) Run(ctx context.Context) error {
	if err := require(); err != nil {
		return err
	}
	return c.run(ctx, os.Stdout)
}

// Run runs the command for kong.
func (c *demoCmd) Run(ctx context.Context) error {
	if err := require(); err != nil {
		return err
	}
	return c.run(ctx, os.Stdout)
}
