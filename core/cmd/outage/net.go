//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
)

// network is the namespaces and what hangs between them. The fleet's holds the bridge; a node's is named by its number, from 1.
type network struct {
	prefix string // of the namespaces' names: unique to this process
	nodes  int
}

const (
	bridgeAddr   = "10.77.0.1/16"
	directAddr   = "10.77.1.1"
	relayedAddrs = 4 // 10.77.2.1 and so on: a player of a relayed room each
)

func nodeAddr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + n)}) }
func relayedAddr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 77, 2, byte(1 + n%relayedAddrs)})
}

func (w *network) name(n int) string { return fmt.Sprintf("%s-%d", w.prefix, n) }
func (w *network) veth(n int) string { return fmt.Sprintf("v%d", n) }

// build makes all namespaces. What exists already after an error is removed by close.
func (w *network) build() error {
	var b strings.Builder
	for n := range w.nodes + 1 {
		fmt.Fprintf(&b, "netns add %s\n", w.name(n))
	}
	if err := ip("", b.String()); err != nil {
		return err
	}
	b.Reset()
	fmt.Fprintf(&b, "link set lo up\nlink add br0 type bridge\nlink set br0 up\naddr add %s dev br0\naddr add %s/32 dev br0\n", bridgeAddr, directAddr)
	for i := range relayedAddrs {
		fmt.Fprintf(&b, "addr add %s/32 dev br0\n", relayedAddr(i))
	}
	for n := 1; n <= w.nodes; n++ {
		fmt.Fprintf(&b, "link add %s type veth peer name eth0 netns %s\nlink set %s master br0 up\n", w.veth(n), w.name(n), w.veth(n))
	}
	if err := ip(w.name(0), b.String()); err != nil {
		return err
	}
	for n := 1; n <= w.nodes; n++ {
		if err := ip(w.name(n), fmt.Sprintf("link set lo up\nlink set eth0 up\naddr add %s/16 dev eth0\n", nodeAddr(n))); err != nil {
			return err
		}
	}
	return w.nft(0, `table inet apart {
		chain out { type filter hook output priority 0;
			`+apart()+`
		}
	}`)
}

// apart keeps the players of a relayed room from each other.
func apart() string {
	var b strings.Builder
	for i := range relayedAddrs {
		for k := range relayedAddrs {
			if i != k {
				fmt.Fprintf(&b, "ip saddr %s ip daddr %s drop\n", relayedAddr(i), relayedAddr(k))
			}
		}
	}
	return b.String()
}

// cutOff keeps a node from all others, though not from the players; heal ends it.
func (w *network) cutOff(node int) error {
	var b strings.Builder
	for n := 1; n <= w.nodes; n++ {
		if n != node {
			fmt.Fprintf(&b, "ip saddr %s drop\n", nodeAddr(n))
		}
	}
	return w.nft(node, "table inet cut {\nchain in {\ntype filter hook input priority 0\n"+b.String()+"}\n}\n")
}

func (w *network) heal(node int) error { return w.nft(node, "delete table inet cut") }

// close removes everything. Processes in the namespaces have ended.
func (w *network) close() {
	for n := range w.nodes + 1 {
		_ = ip("", "netns del "+w.name(n)+"\n")
	}
}

// command is a program to be run beside a node.
func (w *network) command(n int, program string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", w.name(n), program}, args...)...)
}

// ip runs lines of ip commands in a namespace, or outside of any with an empty name.
func ip(namespace, lines string) error {
	args := []string{"-batch", "-"}
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	return run(exec.Command("ip", args...), lines)
}

func (w *network) nft(n int, rules string) error { return run(w.command(n, "nft", "-f", "-"), rules) }

// run runs a tool; its complaint becomes the error.
func run(cmd *exec.Cmd, input string) error {
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}

// missing says what this machine lacks, in a sentence; empty: nothing.
func missing() string {
	if os.Geteuid() != 0 {
		return "it needs root: network namespaces are the administrator's"
	}
	for tool, pkg := range map[string]string{"ip": "iproute2", "nft": "nftables"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Sprintf("the program %q is missing; the package %s has it", tool, pkg)
		}
	}
	w := network{prefix: fmt.Sprintf("msclu%dtry", os.Getpid()), nodes: 1}
	defer w.close()
	if err := w.build(); err != nil {
		return fmt.Sprintf("a trial network could not be built (%v)", err)
	}
	return ""
}
