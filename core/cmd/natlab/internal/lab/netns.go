//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// inNamespace runs f on a thread that is inside the named namespace, and brings the thread back. Sockets and devices
// that f opens stay in the namespace. f must not start goroutines or processes.
func inNamespace(name string, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer home.Close()
	there, err := os.Open(filepath.Join(netnsDir, name))
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open namespace %s: %w", name, err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter namespace %s: %w", name, err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, so that no other goroutine ever runs in the wrong namespace.
		panic(fmt.Sprintf("can't leave namespace %s: %v", name, back))
	}
	runtime.UnlockOSThread()
	return err
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(netnsDir, name))
	return err == nil
}

// sysctls sets values below /proc/sys/net; the kernel shows each thread those of its own namespace. A value that this
// kernel does not have (IPv6 not built in) needs no setting.
func sysctls(name string, values map[string]string) error {
	return inNamespace(name, func() error {
		for key, value := range values {
			file := filepath.Join("/proc/sys/net", key)
			if err := os.WriteFile(file, []byte(value), 0o644); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("set %s in %s: %w", key, name, err)
			}
		}
		return nil
	})
}

// ipBatch runs lines of ip commands inside a namespace, or outside of any with an empty name.
func ipBatch(name, lines string) error {
	args := []string{"-batch", "-"}
	if name != "" {
		args = append([]string{"-n", name}, args...)
	}
	return run(exec.Command("ip", args...), lines)
}

// nft loads a ruleset into a namespace, all of it or nothing.
func nft(name, rules string) error {
	return run(exec.Command("ip", "netns", "exec", name, "nft", "-f", "-"), rules)
}

// run runs a tool with the given standard input; its complaint becomes the error.
func run(cmd *exec.Cmd, input string) error {
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}
