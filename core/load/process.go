package load

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/secure"
)

// Target is a server under load.
type Target interface {
	Address() secure.ServerAddress
	// Usage is the processor time that it has used, and its resident memory in bytes; ok false: not known.
	Usage() (cpu time.Duration, rss int64, ok bool)
	// Restart kills it without a word and starts it anew with the same key and address. capacity as in server.Config.
	Restart(capacity int) error
	Stop()
}

// errNotOurs is what Restart says of a server that somebody else runs.
var errNotOurs = errors.New("this server was not started here: it can't be restarted")

// remote is a server that runs already; pid 0: on another machine.
type remote struct {
	address secure.ServerAddress
	pid     int
}

// Remote is a server that somebody else runs; its process, if it is on this machine, tells what it uses.
func Remote(address string, pid int) (Target, error) {
	a, err := secure.ParseServerAddress(address)
	if err != nil {
		return nil, err
	}
	return &remote{a, pid}, nil
}

func (r *remote) Address() secure.ServerAddress { return r.address }
func (r *remote) Usage() (time.Duration, int64, bool) {
	if r.pid == 0 {
		return 0, 0, false
	}
	return usage(r.pid)
}
func (r *remote) Restart(int) error { return errNotOurs }
func (r *remote) Stop()             {}

// child is a server of our own: `musubi server` on loopback, without limits by address.
type child struct {
	program, dir string
	address      secure.ServerAddress
	listen       string
	cmd          *exec.Cmd
}

// Start starts a server: program is musubi. capacity as in server.Config.
func Start(program string, capacity int) (Target, error) {
	dir, err := os.MkdirTemp("", "musubi-bench-server-")
	if err != nil {
		return nil, err
	}
	c := &child{program: program, dir: dir, listen: "127.0.0.1:0"}
	if err := c.start(capacity); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *child) start(capacity int) error {
	c.cmd = exec.Command(c.program, "server", "--listen", c.listen, "--stun-ports", "0", "--tls-listen", "off", "--admin", "off", "--auth", "open",
		"--limits", "lab", "--log-level", "error", "--capacity", strconv.Itoa(capacity), "--data", filepath.Join(c.dir, "data"))
	c.cmd.Stderr = os.Stderr
	dieWithUs(c.cmd)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "address ")
	if err != nil || !found {
		return fmt.Errorf("the server did not start: %q", line)
	}
	if c.address, err = secure.ParseServerAddress(address); err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(c.address.Hosts[0])
	c.listen = at.String()
	return err
}

func (c *child) Address() secure.ServerAddress                  { return c.address }
func (c *child) Usage() (cpu time.Duration, rss int64, ok bool) { return usage(c.cmd.Process.Pid) }

func (c *child) Restart(capacity int) error {
	c.kill()
	return c.start(capacity)
}

func (c *child) kill() {
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

func (c *child) Stop() {
	c.kill()
	_ = os.RemoveAll(c.dir)
}

// usage reads what a process has used. Linux counts in ticks of 10 ms.
func usage(pid int) (cpu time.Duration, rss int64, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	// The name, in brackets, may hold anything; behind it the fields are numbers: state is the third.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 22 {
		return 0, 0, false
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i-3], 10, 64); return n }
	const tick = 10 * time.Millisecond
	return time.Duration(number(14)+number(15)) * tick, number(24) * int64(os.Getpagesize()), true
}
