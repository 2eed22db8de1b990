//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/musubi-p2p/musubi/core/secure"
)

type flags struct {
	BinDir  string        `help:"Where musubi is." default:"build/bin" placeholder:"DIR"`
	JSON    string        `help:"File for the figures." name:"json" placeholder:"FILE"`
	Nodes   int           `help:"Nodes." default:"3"`
	Players int           `help:"Players; rooms have four." default:"200"`
	Each    time.Duration `help:"Time between two messages from a player to another." default:"250ms"`
	Small   bool          `help:"The form for the gate: one kill, nothing judged by time."`
	Links   int           `help:"Links of the crowd for signals and storm; 0: neither." default:"4500"`
	NATS    string        `help:"Program nats-server, run beside each node; empty: the NATS inside musubi." name:"nats" placeholder:"FILE"`
	Only    []string      `help:"Some chapters: kill, stop, cut, wipe, divide, drain-1, drain-2, drain-3, crowd."`
	Keep    bool          `help:"Keep the nodes' logs."`
	Check   bool          `help:"Say what this machine lacks for a cluster of namespaces."`
	Inside  string        `hidden:""`
}

const (
	exitCannot = 3               // as natlab's
	steady     = 5 * time.Second // before anything happens: room tickets and backup legs take a moment
	roomSize   = 4
)

func main() {
	var cli flags
	kong.Parse(&cli, kong.Name("outage"), kong.Description("What happens to players on a cluster whose nodes die, stop, are cut off and drained."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, name := range cli.Only {
		if name != crowdChapter && !slices.Contains(names, name) {
			fmt.Fprintf(os.Stderr, "outage: ✗ there is no chapter %q; there are: %s, %s\n", name, strings.Join(names, ", "), crowdChapter)
			os.Exit(2)
		}
	}
	var err error
	switch {
	case cli.Inside != "":
		err = cli.inside(ctx)
	default:
		if lacks := missing(); lacks != "" {
			fmt.Println("No cluster of namespaces here:", lacks)
			os.Exit(exitCannot)
		}
		if !cli.Check {
			err = cli.outside(ctx)
		}
	}
	switch ended, ok := err.(*exec.ExitError); {
	case err == nil:
	case ok: // the run inside has said why; a tool's failure is wrapped
		os.Exit(max(ended.ExitCode(), 1))
	default:
		fmt.Fprintln(os.Stderr, "outage: ✗", err)
		os.Exit(1)
	}
}

// outside builds the namespaces and runs this program again in the players' one.
func (c *flags) outside(ctx context.Context) error {
	w := &network{prefix: fmt.Sprintf("msclu%d", os.Getpid()), nodes: c.Nodes}
	defer w.close()
	if err := w.build(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := w.command(0, self, append(os.Args[1:], "--inside", w.prefix)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := spawn(cmd); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return cmd.Wait()
}

// laboratory is a run.
type laboratory struct {
	cluster *cluster
	fleet   *fleet
}

// inside plays the story.
func (c *flags) inside(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "outage-")
	if err != nil {
		return err
	}
	l := &laboratory{cluster: &cluster{net: &network{prefix: c.Inside, nodes: c.Nodes}, bin: filepath.Join(c.BinDir, "musubi"), nats: c.NATS, dir: dir}}
	r := &report{Bus: "NATS inside", Nodes: c.Nodes, Players: c.Players - c.Players%roomSize}
	if c.NATS != "" {
		r.Bus = "external nats-server"
	}
	defer func() {
		if l.cluster.close(); err == nil && !c.Keep {
			os.RemoveAll(dir)
			return
		}
		fmt.Println("the nodes' logs are in", dir)
	}()
	defer l.keepDiaries(dir)
	defer l.cluster.keepMetrics()
	if err := l.assemble(ctx, r.Players, c.Each); err != nil {
		return err
	}
	defer l.fleet.close()
	r.Rooms = len(l.fleet.rooms)
	began := time.Now()
	if err := await(ctx, steady+time.Second, "the first seconds are over", func() bool { return time.Since(began) > steady }); err != nil {
		return err
	}
	broke := c.tell(ctx, l, r)
	if r.judge(!c.Small); broke != nil {
		r.Kept, r.Verdict = false, "UNFINISHED: "+broke.Error()
	}
	r.print(os.Stdout)
	if c.JSON != "" {
		if err := r.write(c.JSON); err != nil {
			return err
		}
	}
	fmt.Println("verdict:", r.Verdict)
	switch {
	case broke != nil:
		return broke
	case !r.Kept:
		return errors.New("a promise was not kept")
	}
	return nil
}

// tell plays the chapters. An error: the story could not be told to its end.
func (c *flags) tell(ctx context.Context, l *laboratory, r *report) error {
	for i, name := range c.chosen() {
		if i > 0 {
			if err := l.calm(ctx); err != nil {
				return err
			}
		}
		if name == crowdChapter {
			if err := l.crowd(ctx, c.Links, r); err != nil {
				return err
			}
			continue
		}
		out, err := l.play(ctx, name)
		r.Rows = append(r.Rows, rowOf(&out))
		if err != nil {
			r.Rows[len(r.Rows)-1].Faults = append(r.Rows[len(r.Rows)-1].Faults, err.Error())
			return err
		}
		fmt.Printf("%s: watched for %v\n", name, out.took.Round(100*time.Millisecond))
	}
	r.Owners = l.fleet.ledger.epochs()
	if err := l.fleet.settle(ctx); err != nil {
		r.Whole = err.Error()
	}
	return nil
}

// chosen are the chapters to play.
func (c *flags) chosen() []string {
	switch {
	case len(c.Only) > 0:
		return c.Only
	case c.Small:
		return []string{"kill"}
	case c.Links > 0:
		return append(slices.Clone(names), crowdChapter)
	}
	return names
}

// assemble starts the cluster and the fleet.
func (l *laboratory) assemble(ctx context.Context, players int, each time.Duration) error {
	c := l.cluster
	if err := c.prepare(); err != nil {
		return err
	}
	started := make(chan error, c.net.nodes)
	for n := 1; n <= c.net.nodes; n++ { // side by side: their NATS wait for each other
		go func() { started <- c.start(n) }()
	}
	for range c.net.nodes {
		if err := <-started; err != nil {
			return err
		}
	}
	for n := 1; n <= c.net.nodes; n++ {
		if err := c.ready(ctx, n); err != nil {
			return err
		}
	}
	addr, err := secure.ParseServerAddress(c.servers[1].url)
	if err != nil {
		return err
	}
	addr.Hosts = nil
	for n := 1; n <= c.net.nodes; n++ {
		addr.Hosts = append(addr.Hosts, nodeAddr(n).String()+":3478")
	}
	l.fleet = &fleet{addr: addr, roomSize: roomSize, ledger: newLedger(c)}
	return l.fleet.assemble(ctx, players, each)
}

// keepDiaries writes what the clients logged beside the nodes' logs.
func (l *laboratory) keepDiaries(dir string) {
	if l.fleet == nil {
		return
	}
	for _, p := range l.fleet.players {
		p.look(func() {
			text := strings.Join(append(p.told, p.faults...), "\n") + "\n"
			_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("player-%d.log", p.index)), []byte(text), 0o600)
		})
	}
}

func (f *fleet) close() {
	for _, p := range f.players {
		p.close()
	}
}
