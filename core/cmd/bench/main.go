//go:build linux

// Command bench measures Musubi beside other libraries and draws the results. ./build.sh bench runs it with everything
// built; docs/BENCHMARKS.md says what each benchmark means.
//
//	bench run [names] [--quick] [--json FILE]     bulk rate ping lossy mixed api mesh relay
//	bench table --json FILE                       the table of a run that was kept
//	bench plot --json FILE --out DIR              two SVGs
//
// A benchmark of two ends is two processes: the C program musubi_bench for Musubi, programs with the same command line
// for the others. Libraries take turns, round by round; the first round is thrown away, and what is told is the median.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/musubi-p2p/musubi/core/cmd/bench/internal/load"
)

type commands struct {
	Run   runCmd   `cmd:"" help:"Measure."`
	Table tableCmd `cmd:"" help:"Show a run that was kept, with goals and verdicts."`
	Plot  plotCmd  `cmd:"" help:"Draw a run that was kept."`
	Raw   rawCmd   `cmd:"" name:"raw-relay" hidden:"" help:"The relay that does nothing but receive and send; run starts it."`
}

func main() {
	var cli commands
	parsed := kong.Parse(&cli, kong.Name("bench"), kong.Description("Benchmarks of Musubi beside other libraries."), kong.UsageOnError())
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type tableCmd struct {
	JSON     string `name:"json" help:"File of a run." required:"" type:"existingfile"`
	Markdown bool   `help:"As Markdown."`
}

// Run prints the table.
func (c *tableCmd) Run() error {
	all, err := readResults(c.JSON)
	if err == nil {
		writeTable(os.Stdout, all, c.Markdown)
	}
	return err
}

type rawCmd struct{}

// Run forwards until it is killed.
func (*rawCmd) Run() error { return load.ServeRaw(os.Stdout) }
