//go:build linux

package link

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// prefix begins the name of every namespace made here; the maker's process id follows.
const prefix = "msbench"

// Missing says why no link can be made on this machine; empty: it can.
func Missing() string {
	switch {
	case os.Geteuid() != 0:
		return "it needs root: the link joins two network namespaces by TUN devices"
	case exec.Command("ip", "-V").Run() != nil:
		return "it needs the program ip (iproute2)"
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		return "it needs /dev/net/tun: " + err.Error()
	} else {
		f.Close()
	}
	return ""
}

// Command prepares a program to run at a side. It dies with this process.
func (l *Link) Command(s Side, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", l.name(s), program}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (l *Link) name(s Side) string { return fmt.Sprintf("%s%d-%c", prefix, os.Getpid(), 'a'+rune(s)) }

// sweep removes what benchmarks left behind that were killed.
func sweep() {
	entries, _ := os.ReadDir("/run/netns")
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		digits, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(digits); ours && err == nil && unix.Kill(pid, 0) == unix.ESRCH {
			_ = ip("netns", "del", e.Name())
		}
	}
}

// build makes both namespaces and their devices, and opens the devices.
func (l *Link) build() error {
	for s := range Side(sides) {
		if err := ip("netns", "add", l.name(s)); err != nil {
			return err
		}
		var err error
		if l.fds[s], err = openTUN(l.name(s)); err != nil {
			return err
		}
		for _, line := range []string{
			"link set lo up",
			"link set dev link up mtu 1500 txqueuelen 10000", // the default of 500 would lose what nobody ordered
			fmt.Sprintf("addr add %v/32 dev link", Address(s)),
			fmt.Sprintf("route add %v/32 dev link src %v", Address(1-s), Address(s)),
		} {
			if err := ip(append([]string{"-n", l.name(s)}, strings.Fields(line)...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove takes away what build made.
func (l *Link) remove() error {
	var errs []error
	for s := range Side(sides) {
		if l.fds[s] >= 0 {
			errs = append(errs, unix.Close(l.fds[s]))
		}
		if _, err := os.Stat(filepath.Join("/run/netns", l.name(s))); err == nil {
			errs = append(errs, ip("netns", "del", l.name(s)))
		}
	}
	return errors.Join(errs...)
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// inside runs f on a thread that is in a namespace. What f opens stays there.
func inside(namespace string, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open(filepath.Join("/run/netns", namespace))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", namespace, err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(fmt.Sprintf("can't leave namespace %s: %v", namespace, back)) // the thread stays locked
	}
	runtime.UnlockOSThread()
	return err
}

// openTUN makes the device "link" in a namespace, where it stays, whoever holds its descriptor. Every read gives one whole
// IPv4 packet, segmented and with its checksums.
func openTUN(namespace string) (fd int, err error) {
	err = inside(namespace, func() (err error) {
		fd, err = makeTUN()
		// IPv6 would send its own solicitations into the link; they would be counted as somebody's traffic.
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0o644)
		return err
	})
	return fd, err
}

func makeTUN() (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("link")
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("make TUN device: %w", err)
	}
	return fd, nil
}
