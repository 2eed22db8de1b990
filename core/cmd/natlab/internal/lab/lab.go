//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// Config says what to build.
type Config struct {
	A, B    Kind
	Shape   wan.Shape     // of every direction
	Model   bool          // all NATs are natsim's, none the kernel's
	Timeout time.Duration // of idle flows in all NATs, whole seconds; zero: 30 s
	Extra                 // what the matrix has no need of
	Seed    uint64        // of the router's dice and of NATs that run in it
}

// Lab is one laboratory. Its conntrack tables, NAT rules and counters are new; nothing is shared with another lab.
// The caller ends the processes it started inside before Close.
type Lab struct {
	*wan.Router
	name string
	a, b home
	made bool // the namespaces exist

	foreign []*foreign // strangers' flows through our NATs
	extra   Extra
}

// Build makes a laboratory. On an error nothing is left behind.
func Build(cfg Config) (*Lab, error) {
	name := nextName()
	l := &Lab{name: name, a: homeA(name, cfg), b: homeB(name, cfg), extra: cfg.Extra}
	if err := l.build(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("build laboratory %s × %s: %w", cfg.A, cfg.B, err), l.Close())
	}
	return l, nil
}

// build makes namespaces and cables in one batch of ip, because each start of a process costs more than the work, then the
// router, whose devices the homes' configuration expects.
func (l *Lab) build(cfg Config) error {
	var batch strings.Builder
	for _, r := range l.roles() {
		fmt.Fprintf(&batch, "netns add %s\n", l.Namespace(r))
	}
	batch.WriteString(l.a.links() + l.b.links() + l.extraLinks())
	l.made = true // also when only some were made
	if err := ipBatch("", batch.String()); err != nil {
		return err
	}
	// Before any device goes up: IPv6 would send router solicitations and duplicate address checks into every link, and
	// this version's direct paths are IPv4 only.
	for _, r := range l.roles() {
		if err := sysctls(l.Namespace(r), map[string]string{"ipv6/conf/all/disable_ipv6": "1"}); err != nil {
			return err
		}
	}
	if err := l.startRouter(cfg); err != nil {
		return err
	}
	if err := l.a.configure(); err != nil {
		return err
	}
	if err := l.b.configure(); err != nil {
		return err
	}
	if err := l.configureExtra(); err != nil {
		return err
	}
	if cfg.Timeout > 0 {
		if err := l.ForgetAfter(int(cfg.Timeout / time.Second)); err != nil {
			return err
		}
	}
	if err := configureServer(l.Namespace(Server)); err != nil {
		return err
	}
	return l.startForeign(cfg)
}

// startRouter makes the three TUN devices where they belong and gives their descriptors to a router. A device stays in the
// namespace that it was made in, whichever namespace its descriptor's owner lives in: no cable is needed between ours and
// theirs, and nothing of the host's network is touched.
func (l *Lab) startRouter(cfg Config) error {
	links := [wan.Sides]wan.Link{{FD: -1, Prefix: prefixA, NAT: l.a.box}, {FD: -1, Prefix: prefixB, NAT: l.b.box}, {FD: -1, Prefix: prefixS}}
	for side, r := range []Role{NATA, NATB, Server} {
		err := inNamespace(l.Namespace(r), func() (err error) {
			links[side].FD, err = wan.OpenTUN("wan")
			return err
		})
		if err != nil {
			for _, open := range links[:side] {
				_ = syscall.Close(open.FD)
			}
			return err
		}
	}
	router, err := wan.New(links, cfg.Shape, cfg.Seed)
	l.Router = router
	return err
}

// Close removes the laboratory: router, devices, namespaces. It may be called more than once.
func (l *Lab) Close() error {
	var errs []error
	for _, f := range l.foreign {
		f.stop()
	}
	l.foreign = nil
	if l.Router != nil {
		errs = append(errs, l.Router.Close())
	}
	if !l.made {
		return errors.Join(errs...)
	}
	l.made = false
	for _, r := range l.roles() { // one by one: after a half failed build some do not exist, and a batch stops at the first
		if err := Remove([]string{l.Namespace(r)}); err != nil && exists(l.Namespace(r)) {
			errs = append(errs, err)
		}
		errs = append(errs, os.RemoveAll(l.etc(r)))
	}
	return errors.Join(errs...)
}

// Namespace gives the name of a namespace for ip netns exec.
func (l *Lab) Namespace(r Role) string { return l.name + "-" + string(r) }

// PublicA and PublicB are the addresses under which the world sees the two players.
func (l *Lab) PublicA() netip.Addr { return l.a.seen() }
func (l *Lab) PublicB() netip.Addr { return l.b.seen() }

// Inside is the address of a computer as it sees itself.
func (l *Lab) Inside(r Role) netip.Addr {
	switch r {
	case HostA:
		return l.a.inside
	case HostB:
		return l.b.inside
	case Guest:
		return guestInside
	case NATA:
		return l.a.wan
	case NATB:
		return l.b.wan
	}
	return ServerAddr
}

// Command prepares a program to run in a namespace. It dies with this process, and is in a process group of its own, so
// that a Ctrl-C at the terminal reaches only us and we end things in order.
func (l *Lab) Command(r Role, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", l.Namespace(r), program}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// ListenUDP opens a socket inside a namespace; port 0 picks one.
func (l *Lab) ListenUDP(r Role, addr netip.AddrPort) (conn *net.UDPConn, err error) {
	err = inNamespace(l.Namespace(r), func() error {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
		return err
	})
	return conn, err
}
