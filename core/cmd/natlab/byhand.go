//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// checkCmd says what is missing, by trying: a container may have root and all tools and still not the right to use them.
type checkCmd struct{}

// Run runs the command for kong.
func (checkCmd) Run() error {
	if err := require(); err != nil {
		return err
	}
	fmt.Println("Laboratories can be built here: root, ip, nft and TUN devices all work.")
	if _, err := exec.LookPath("tcpdump"); err != nil {
		fmt.Println("tcpdump is not installed; the demo then searches for plaintext with its own router only.")
	}
	return nil
}

// buildCmd builds one laboratory for a look around by hand. At its end it tells what crossed the router, and what did not.
type buildCmd struct {
	Pair  string        `arg:"" help:"Kinds of the two NATs, such as PR:SR."`
	Delay time.Duration `help:"One-way delay." default:"20ms"`
}

// Run runs the command for kong.
func (c *buildCmd) Run(ctx context.Context) (err error) {
	pairs, err := parsePairs(c.Pair)
	if err != nil || len(pairs) != 1 {
		return usageError{errors.Join(err, errors.New("give one pair, such as PR:SR"))}
	}
	if err := require(); err != nil {
		return err
	}
	l, err := lab.Build(lab.Config{A: pairs[0].a, B: pairs[0].b, Shape: wan.Shape{Delay: c.Delay}, Seed: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for _, r := range []lab.Role{lab.HostA, lab.NATA, lab.NATB, lab.HostB, lab.Server} {
		fmt.Printf("%-15v ip netns exec %s bash\n", l.Inside(r), l.Namespace(r))
	}
	fmt.Printf("A is seen as %v, B as %v. Ctrl-C ends it.\n", l.PublicA(), l.PublicB())
	<-ctx.Done()
	fmt.Println()
	for _, f := range l.Flows() {
		fmt.Printf("%v → %v: %d packets, %d bytes\n", f.Src, f.Dst, f.Packets, f.Bytes)
	}
	for why, n := range l.Counters().Dropped {
		if n > 0 {
			fmt.Printf("dropped, %v: %d\n", wan.Drop(why), n)
		}
	}
	return nil
}

// cleanCmd removes leftovers of natlabs that no longer run.
type cleanCmd struct{}

// Run runs the command for kong.
func (cleanCmd) Run() error {
	dead, err := lab.Leftovers()
	if err != nil {
		return err
	}
	if len(dead) == 0 {
		fmt.Println("Nothing was left behind.")
		return nil
	}
	if err := lab.Remove(dead); err != nil {
		return err
	}
	fmt.Printf("Removed %d namespaces: %v\n", len(dead), dead)
	return nil
}
