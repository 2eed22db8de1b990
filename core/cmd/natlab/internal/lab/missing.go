//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// Missing says in sentences why no laboratory can be built here; empty means that one can. It tries: containers often
// have root and the tools, but not the right to use them. The answer is found once in a process.
var Missing = sync.OnceValue(missing)

func missing() []string {
	var list []string
	if os.Geteuid() != 0 {
		list = append(list, "It needs root: network namespaces and NAT rules are the administrator's.")
	}
	for _, tool := range []struct{ name, pkg string }{{"ip", "iproute2"}, {"nft", "nftables"}} {
		if _, err := exec.LookPath(tool.name); err != nil {
			list = append(list, fmt.Sprintf("The program %q is missing; the package %s has it.", tool.name, tool.pkg))
		}
	}
	if err := unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK); err != nil {
		list = append(list, fmt.Sprintf("/dev/net/tun can't be opened (%v); the kernel module tun or the right to use it is missing.", err))
	}
	if len(list) > 0 {
		return list
	}
	if err := try(); err != nil {
		list = append(list, fmt.Sprintf("A trial laboratory could not be built (%v).", err))
	}
	return list
}

// try builds the simplest laboratory with a NAT in it. The other kinds are not tried: if their rules were refused where
// plain masquerading works, that would be our mistake and has to show as a failure.
func try() error {
	l, err := Build(Config{A: PR, B: PUB, Shape: wan.Shape{}})
	if err != nil {
		return err
	}
	return l.Close()
}
