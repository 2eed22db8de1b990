//go:build !linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/simlab"
)

// The NATs of the laboratory are the Linux kernel's: network namespaces, nftables, TUN devices. Nothing like them exists
// elsewhere, so that there is nothing to port; the simulated matrix covers the same pairs on every system.
type commands struct {
	Sim     simlab.Command `cmd:"" help:"Hold meetings between all kinds of simulated NAT."`
	Heatmap matrix.Heatmap `cmd:"" help:"Draw a matrix as SVG."`
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "natlab: needs Linux: its NATs are the Linux kernel's own. `natlab sim` runs with simulated NATs everywhere.")
		os.Exit(exitCannot)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	parsed := kong.Parse(&commands{}, kong.Name("natlab"))
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.FatalIfErrorf(parsed.Run())
}
