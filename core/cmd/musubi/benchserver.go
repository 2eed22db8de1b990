package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/musubi-p2p/musubi/core/load"
)

type benchServerCommand struct {
	Stories  []string `arg:"" optional:"" help:"What to play; default: all. --list tells what there is."`
	List     bool     `help:"List the stories and exit."`
	Server   string   `help:"Address of a server that runs already, started with --limits lab; default: one is started here." placeholder:"musubi://..."`
	PID      int      `name:"pid" help:"That server's process on this machine, for its processor time and memory." placeholder:"PID"`
	Links    int      `help:"Links that the story idle holds, also while another story is played beside it." default:"10000"`
	Room     int      `help:"Players in a room." default:"4"`
	Seconds  float64  `help:"How long each story measures." default:"10"`
	Sockets  int      `help:"UDP sockets that the clients share." default:"64"`
	Flood    int      `help:"Forged INITs a second." default:"50000"`
	Pairs    int      `help:"Pairs of signals, relayed and flood." default:"200"`
	Packets  int      `help:"Packets of 200 bytes that each of a relayed pair sends a second." default:"60"`
	Churn    int      `help:"Players a second who leave, and others come." default:"100"`
	Notice   float64  `help:"In storm, every client looks after its link within so many seconds; 0: by its own keepalive, within 15 s."`
	Return   int      `help:"In storm, the new links a second that the server takes on when it is back; 0: a server's default."`
	Capacity int      `help:"New links a second that the server started here takes on." default:"1000000"`
	JSON     string   `name:"json" help:"File for the figures." placeholder:"FILE"`
	Quiet    bool     `help:"Print no progress."`
}

// Run prints a line for each story as it ends.
func (c *benchServerCommand) Run(std streams) error {
	if c.List {
		fmt.Fprint(std.out, load.Explain())
		return nil
	}
	if c.Links < 2 || c.Room < 2 || c.Room > 64 || c.Seconds <= 0 || c.Sockets < 1 || c.Sockets > 4096 || min(c.Flood, c.Pairs, c.Packets, c.Churn) < 1 {
		return fmt.Errorf("--links, --room (2 to 64), --seconds, --sockets (1 to 4096), --flood, --pairs, --packets and --churn must be positive")
	}
	target, err := c.target()
	if err != nil {
		return err
	}
	defer target.Stop()
	cfg := load.Config{Stories: c.Stories, Links: c.Links, Room: c.Room, Time: time.Duration(c.Seconds * float64(time.Second)), Sockets: c.Sockets,
		Flood: c.Flood, Pairs: c.Pairs, Packets: c.Packets, Churn: c.Churn, Return: c.Return, Notice: time.Duration(c.Notice * float64(time.Second))}
	if !c.Quiet {
		cfg.Out = std.err
	}
	var all []load.Result
	err = load.Play(target, cfg, func(r load.Result) {
		r.Write(std.out)
		all = append(all, r)
	})
	if c.JSON != "" && len(all) > 0 {
		b, e := json.MarshalIndent(all, "", " ")
		if e == nil {
			e = os.WriteFile(c.JSON, append(b, '\n'), 0o644)
		}
		if err == nil {
			err = e
		}
	}
	return err
}

func (c *benchServerCommand) target() (load.Target, error) {
	if c.Server != "" {
		return load.Remote(c.Server, c.PID)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return load.Start(program, c.Capacity)
}
