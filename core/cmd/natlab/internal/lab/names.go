//go:build linux

package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Prefix begins the name of every namespace that a natlab makes; the maker's process id and a number follow.
const Prefix = "mslab"

// netnsDir is where iproute2 keeps namespaces by name.
const netnsDir = "/run/netns"

var built atomic.Uint64 // laboratories of this process so far

// Role is a namespace's place in a laboratory.
type Role string

const (
	HostA  Role = "ha"  // the first player's computer
	NATA   Role = "na"  // the router at its home
	NATB   Role = "nb"  // the second player's
	HostB  Role = "hb"  //
	Server Role = "srv" // the server

	Inner Role = "ia" // a second router, between the first player's computer and the router at its home
	Guest Role = "ga" // a second computer at the first player's home
)

// roles lists the places of this laboratory.
func (l *Lab) roles() []Role {
	list := []Role{HostA, NATA, NATB, HostB, Server}
	if l.extra.Inner != "" {
		list = append(list, Inner)
	}
	if l.extra.Neighbour != NoNeighbour {
		list = append(list, Guest)
	}
	return list
}

func nextName() string {
	return fmt.Sprintf("%s%d-%d", Prefix, os.Getpid(), built.Add(1))
}

// Leftovers lists namespaces of natlabs that no longer run, left behind by a kill -9 or a crash.
func Leftovers() ([]string, error) {
	entries, err := os.ReadDir(netnsDir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var dead []string
	for _, e := range entries {
		if pid, ok := maker(e.Name()); ok && syscall.Kill(pid, 0) == syscall.ESRCH {
			dead = append(dead, e.Name())
		}
	}
	return dead, nil
}

// maker reads the process id out of a namespace's name.
func maker(name string) (pid int, ok bool) {
	rest, found := strings.CutPrefix(name, Prefix)
	digits, _, dash := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(digits)
	return pid, found && dash && err == nil && pid > 0
}

// Remove deletes namespaces by name. Devices inside go with them.
func Remove(names []string) error {
	var batch strings.Builder
	for _, n := range names {
		fmt.Fprintf(&batch, "netns del %s\n", n)
	}
	return ipBatch("", batch.String())
}
