//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// cluster is the nodes and, with --external, a NATS server beside each.
type cluster struct {
	net     *network
	bin     string // musubi
	nats    string // nats-server; empty: the one that is in musubi
	dir     string // of logs and data
	servers []*process
	buses   []*process
}

// process is one program on one node.
type process struct {
	name  string
	cmd   *exec.Cmd
	url   string // of a musubi server
	ended chan struct{}
	err   error // valid after ended
}

const (
	adminPort   = 3480
	natsPort    = 4222
	clusterPort = 6222
)

func (c *cluster) data(n int) string { return filepath.Join(c.dir, fmt.Sprintf("node-%d", n)) }

// prepare gives all nodes one master key.
func (c *cluster) prepare() error {
	var key [32]byte
	rand.Read(key[:])
	for n := 1; n <= c.net.nodes; n++ {
		if err := os.MkdirAll(c.data(n), 0o700); err != nil {
			return err
		}
		text := base64.RawURLEncoding.EncodeToString(key[:]) + "\n"
		if err := os.WriteFile(filepath.Join(c.data(n), "master.key"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	c.servers, c.buses = make([]*process, c.net.nodes+1), make([]*process, c.net.nodes+1)
	return nil
}

// start starts a node, and its NATS if that is a program of its own.
func (c *cluster) start(n int) error {
	if err := c.startBus(n); err != nil {
		return err
	}
	addr := nodeAddr(n).String()
	args := []string{"server", "--listen", addr + ":3478", "--public", addr, "--limits", "lab", "--data", c.data(n), "--tls-listen", "off",
		"--admin", fmt.Sprintf("%s:%d", addr, adminPort), "--node", fmt.Sprintf("node-%d", n), "--log-level", "debug",
		"--capacity", fmt.Sprint(handshakes)}
	p, err := c.launch(n, "server", c.bin, append(args, c.clusterArgs(n)...))
	if err != nil {
		return err
	}
	c.servers[n] = p
	return nil
}

// ready waits until a node says that it can serve, alone or as one of the cluster.
func (c *cluster) ready(ctx context.Context, n int) error {
	client := http.Client{Timeout: time.Second}
	err := await(ctx, 30*time.Second, fmt.Sprintf("node %d is ready", n), func() bool {
		answer, err := client.Get(fmt.Sprintf("http://%s:%d/readyz", nodeAddr(n), adminPort))
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK && c.servers[n].url != ""
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, tail(c.log(n, "server.err")))
}

func (c *cluster) log(n int, name string) string {
	return filepath.Join(c.dir, fmt.Sprintf("node-%d-%s", n, name))
}

func tail(file string) string {
	text, _ := os.ReadFile(file)
	return string(text[max(0, len(text)-2000):])
}

// launch starts a program on a node. Its output is kept beside its data.
func (c *cluster) launch(n int, name, program string, args []string) (*process, error) {
	p := &process{name: fmt.Sprintf("%s on node %d", name, n), cmd: c.net.command(n, program, args...), ended: make(chan struct{})}
	errors, err := os.OpenFile(c.log(n, name+".err"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = errors
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // whatever becomes of us, nothing stays
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := spawn(p.cmd); err != nil {
		return nil, err
	}
	urls := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "address "); ok {
				urls <- url
			}
		}
		p.err = p.cmd.Wait()
		errors.Close()
		close(p.ended)
	}()
	if name != "server" {
		return p, nil
	}
	select {
	case p.url = <-urls:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s ended at its start: %v\n%s", p.name, p.err, tail(c.log(n, name+".err")))
	case <-time.After(20 * time.Second):
		p.signal(syscall.SIGKILL)
		return nil, fmt.Errorf("%s printed no address within 20 s\n%s", p.name, tail(c.log(n, name+".err")))
	}
}

// spawn starts a program from a thread that lasts as long as this process: the kernel sends Pdeathsig at a thread's end.
func spawn(cmd *exec.Cmd) error {
	started := make(chan error)
	spawner <- func() { started <- cmd.Start() }
	return <-started
}

var spawner = func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
}()

func (p *process) signal(s syscall.Signal) {
	if p != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// kill ends a node as a power cut does, its NATS with it.
func (c *cluster) kill(n int) {
	for _, p := range []*process{c.servers[n], c.buses[n]} {
		if p != nil {
			p.signal(syscall.SIGKILL)
			<-p.ended
		}
	}
	c.servers[n], c.buses[n] = nil, nil
}

// drain ends a node as an operator does, and waits for it.
func (c *cluster) drain(ctx context.Context, n int, most time.Duration) error {
	p := c.servers[n]
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(most):
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.name, most)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.servers[n] = nil; p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// wipe removes what JetStream has on a node that is down.
func (c *cluster) wipe(n int) error {
	found := false
	for _, dir := range []string{"jetstream", "nats"} {
		path := filepath.Join(c.data(n), dir)
		if _, err := os.Stat(path); err == nil {
			found = true
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	if !found {
		return errors.New("no JetStream directory to wipe in " + c.data(n))
	}
	return nil
}

// healed ends a cut, and waits until the node is one of the cluster again.
func (c *cluster) healed(ctx context.Context, nodes ...int) error {
	for _, n := range nodes {
		if err := c.net.heal(n); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := c.ready(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// divide cuts every node off from every other for a while.
func (c *cluster) divide(ctx context.Context, within time.Duration) error {
	var all []int
	for n := 1; n <= c.net.nodes; n++ {
		all = append(all, n)
		if err := c.net.cutOff(n); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(within):
	}
	return c.healed(ctx, all...)
}

func (c *cluster) close() {
	for n := range c.servers {
		c.kill(n)
	}
}
