// Package simlab holds the matrix's meetings in the simulator: whole clients and a whole server behind simulated NATs under
// a virtual clock, as many meetings at a time as there are processors. The same seed gives the same matrix.
package simlab

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/matrix"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/sim"
)

// Command is `natlab sim`.
type Command struct {
	Trials int           `help:"Meetings per pair; the two take turns at hosting." default:"200"`
	Pairs  string        `help:"Pairs as PR:SR,FC:FC; empty: all 55, and UDP blocked against each type."`
	JSON   string        `help:"File for one JSON object per pair." name:"json" placeholder:"FILE"`
	Docs   string        `help:"Directory of the project's documents: writes nat-sim.json and nat-sim.svg, and the figures into NAT.md." placeholder:"DIR"`
	Delay  time.Duration `help:"One-way delay between any two sides." default:"20ms"`
	Jitter time.Duration `help:"Added delay, random up to this."`
	Loss   float64       `help:"Share of packets lost, 0 to 1." default:"0.02"`
	Rate   int           `help:"Packets per second while ports are predicted." default:"1000"`
	Seed   uint64        `help:"Seed of everything." default:"1"`
	Punch  string        `help:"How far prediction goes: normal, max or off." enum:"normal,max,off" default:"normal"`
	Strict bool          `help:"Exit code 1 also where a goal is missed, not only where something is broken."`

	pairs []*pair
}

// punches are the words for --punch; "max" is what a player may ask for whose own router is hard as well.
var punches = map[string]api.Aggressiveness{"": api.PunchNormal, "normal": api.PunchNormal, "max": api.PunchMax, "off": api.PunchOff}

// pair is a cell with its meetings.
type pair struct {
	a, b     string
	outcomes []sim.Outcome
}

// Validate refuses what can't be run; kong calls it.
func (c *Command) Validate() (err error) {
	if c.Trials < 1 || c.Trials > 1<<16 || c.Loss < 0 || c.Loss >= 1 || c.Delay < 0 || c.Jitter < 0 || c.Rate < 0 {
		return fmt.Errorf("--trials is 1 to %d, --loss from 0 to below 1, --delay, --jitter and --rate at least 0", 1<<16)
	}
	c.pairs, err = parsePairs(c.Pairs)
	return err
}

// Run holds the meetings and prints the matrix. Its error says what is broken.
func (c *Command) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *Command) run(ctx context.Context, out io.Writer) error {
	pairs, began := c.pairs, time.Now()
	c.meetAll(ctx, pairs)
	if err := ctx.Err(); err != nil {
		return err
	}
	cells, meetings := make([]matrix.Cell, len(pairs)), 0
	for i, p := range pairs {
		cells[i] = p.cell()
		meetings += len(p.outcomes)
	}
	fmt.Fprintf(out, "%d meetings in %v\n", meetings, time.Since(began).Round(100*time.Millisecond))
	var report strings.Builder
	held := c.report(&report, cells)
	fmt.Fprint(out, report.String())
	if c.JSON != "" {
		if err := matrix.WriteJSON(c.JSON, cells); err != nil {
			return err
		}
	}
	if c.Docs != "" {
		if err := c.document(cells, report.String()); err != nil {
			return err
		}
	}
	if err := matrix.BrokenCells(cells); err != nil {
		return err
	}
	if c.Strict && !held {
		return fmt.Errorf("goals are missed")
	}
	return nil
}

// conditions says what the figures hold for.
func (c *Command) conditions() string {
	return fmt.Sprintf("direct RTT %v, relayed %v, %g %% loss", 2*c.Delay, 4*c.Delay, 100*c.Loss)
}

// report writes the matrix and says whether all goals are met. It names nothing that differs from run to run.
func (c *Command) report(out io.Writer, cells []matrix.Cell) bool {
	fmt.Fprintf(out, "simulated: %d pairs, %d meetings each, %s\n", len(cells), c.Trials, c.conditions())
	matrix.WriteGrid(out, cells)
	held := matrix.WriteClasses(out, cells, 2*c.Delay, 4*c.Delay)
	return held
}

// Marks of the part of NAT.md that is ours.
const figuresBegin, figuresEnd = "<!-- simulated figures, written by ./build.sh sim --docs docs -->\n", "<!-- end of simulated figures -->\n"

// document puts the figures where the project shows them.
func (c *Command) document(cells []matrix.Cell, report string) error {
	d := matrix.Document{Dir: c.Docs, Name: "nat-sim", Begin: figuresBegin, End: figuresEnd,
		Title: "Direct connections by pair of NAT types, simulated", Note: c.conditions()}
	return d.Write(cells, report)
}

// meetAll works through the meetings with all processors.
func (c *Command) meetAll(ctx context.Context, pairs []*pair) {
	type job struct {
		p     *pair
		cell  int
		trial int
	}
	jobs := make(chan job)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for j := range jobs {
				j.p.outcomes[j.trial] = sim.Trial{
					A: j.p.a, B: j.p.b, Seed: c.Seed<<32 | uint64(j.cell)<<16 | uint64(j.trial),
					Weather: sim.Weather{Delay: c.Delay, Jitter: c.Jitter, Loss: c.Loss},
					Client:  func(e *endpoint.Config) { e.PunchRate, e.Punch = c.Rate, punches[c.Punch] },
				}.Play()
			}
		})
	}
	for i, p := range pairs {
		p.outcomes = make([]sim.Outcome, c.Trials)
		for trial := range c.Trials {
			select {
			case jobs <- job{p, i, trial}:
			case <-ctx.Done():
			}
		}
	}
	close(jobs)
	workers.Wait()
}

// cell adds a pair's meetings up.
func (p *pair) cell() matrix.Cell {
	c := matrix.Cell{A: p.a, B: p.b, Trials: len(p.outcomes)}
	var probe, route, first, connect, gaveUp []time.Duration
	for _, o := range p.outcomes {
		switch {
		case !o.Connected:
			c.Failed++
		case o.Direct:
			c.Direct++
			probe, route = append(probe, o.Probe), append(route, o.Route)
		case o.GaveUp >= 0:
			c.Relay++
			gaveUp = append(gaveUp, o.GaveUp)
		default: // neither direct nor a decision
			c.Failed++
		}
		if o.FirstByte >= 0 {
			first = append(first, o.FirstByte)
		}
		if o.Connect >= 0 && matrix.ClassOf(p.a, p.b) == matrix.CUDP {
			connect = append(connect, o.Connect)
		}
		if !o.Direct && c.Why == "" {
			c.Why = o.Why
		}
		c.Lost += o.Lost
		c.Dup += o.Doubled
		c.Reordered += o.Reordered
		c.Corrupt += o.Corrupt
	}
	c.ProbeP50, c.ProbeP95 = matrix.Percentile(probe, 50), matrix.Percentile(probe, 95)
	c.RouteP50, c.RouteP95 = matrix.Percentile(route, 50), matrix.Percentile(route, 95)
	c.FirstByteP50, c.FirstByteP95 = matrix.Percentile(first, 50), matrix.Percentile(first, 95)
	c.ConnectP50, c.ConnectP95 = matrix.Percentile(connect, 50), matrix.Percentile(connect, 95)
	c.GaveUpMax = matrix.Percentile(gaveUp, 100)
	return c
}

// parsePairs reads a list of pairs; empty means every unordered pair, and UDP blocked against each type.
func parsePairs(list string) (pairs []*pair, err error) {
	if list == "" {
		for i, a := range matrix.Types {
			for _, b := range matrix.Types[i:] {
				pairs = append(pairs, &pair{a: a, b: b})
			}
		}
		for _, b := range matrix.Types {
			pairs = append(pairs, &pair{a: matrix.Blocked, b: b})
		}
		return pairs, nil
	}
	for _, text := range strings.Split(list, ",") {
		a, b, ok := strings.Cut(strings.TrimSpace(text), ":")
		if !ok {
			return nil, fmt.Errorf("pair %q is not of the form PR:SR", text)
		}
		p := &pair{}
		if p.a, err = parseType(a); err != nil {
			return nil, err
		}
		if p.b, err = parseType(b); err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func parseType(text string) (string, error) {
	for _, name := range natsim.Presets() {
		if strings.EqualFold(name, text) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%q is not a type of NAT; allowed are %v", text, natsim.Presets())
}
