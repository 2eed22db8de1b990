// Command musubi is the program that operators run.
//
//	musubi server    discovery, STUN, signalling and relay on one machine
//	musubi doctor    why can't we connect? NAT, ports, relay, a verdict
//	musubi token     keys, access tokens, and why one is refused
//	musubi demo      two players behind simulated NATs, step by step
//	musubi bench-server  many clients at a server, and what that costs it
//	musubi version   what this is
//
// Exit codes: 0 done, 1 it did not work (one sentence on stderr), 2 the command line is wrong (ditto).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/musubi-p2p/musubi/core/server"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

type commands struct {
	Server      serverCommand      `cmd:"" help:"Run a server: discovery, STUN, signalling and relay on this machine."`
	Doctor      doctorCommand      `cmd:"" help:"Look at this network: NAT, ports, relay, and what players can expect."`
	Token       tokenCommand       `cmd:"" help:"Make and read access tokens."`
	Demo        demoCommand        `cmd:"" help:"Two players behind simulated NATs meet, go direct, fall back and come back."`
	BenchServer benchServerCommand `cmd:"" help:"Play many clients at a server: links, handshakes, resumes, signals, floods, a restart."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// streams are the program's outputs, so that a test can read them.
type streams struct{ out, err io.Writer }

func main() { os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr})) }

func run(args []string, std streams) (code int) {
	exited := false
	parser, err := kong.New(&commands{},
		kong.Name("musubi"),
		kong.Description("Peer-to-peer networking for games: the server, a doctor for networks, and a demonstration."),
		kong.Writers(std.out, std.err),
		kong.DefaultEnvars(envPrefix),
		kong.Exit(func(c int) { exited, code = true, c }), // --help
		kong.Bind(std),
	)
	if err != nil {
		fmt.Fprintln(std.err, "musubi:", err)
		return exitFailed
	}
	ctx, err := parser.Parse(args)
	if exited {
		return code
	}
	if wrong := (*server.UsageError)(nil); errors.As(err, &wrong) { // of the settings' file
		fmt.Fprintln(std.err, "musubi:", wrong)
		return exitUsage
	}
	if err != nil {
		where := ""
		if parse := (*kong.ParseError)(nil); errors.As(err, &parse) {
			where = fromWhere(parse.Context, err.Error())
		}
		fmt.Fprintf(std.err, "musubi: %v%s (musubi --help shows what there is)\n", err, where)
		return exitUsage
	}
	if err := ctx.Run(settingsOf(ctx)); err != nil {
		fmt.Fprintf(std.err, "musubi: %v%s\n", err, fromWhere(ctx, err.Error()))
		if wrong := (*server.UsageError)(nil); errors.As(err, &wrong) {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}
