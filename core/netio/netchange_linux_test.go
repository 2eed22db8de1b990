package netio

import (
	"net/netip"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// elsewhere moves the test's goroutine into a network of its own, where interfaces may be made at will. Its thread ends
// with it.
func elsewhere(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: no other goroutine may find itself there
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("no network namespace without root: ", err)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("iproute2 is not installed")
	}
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

// The loop wakes up when an address or a route appears or goes, says so once, and the source address tells what it meant.
func TestNetworkNews(t *testing.T) {
	elsewhere(t)
	l := newTestLoop(t)
	if err := l.WatchNetwork(); err != nil {
		t.Fatal(err)
	}
	if l.NetworkNews() {
		t.Error("news before anything happened")
	}
	far := netip.MustParseAddrPort("192.0.2.1:3478")
	news := func(what string) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			if err := l.Wait(end); err != nil {
				t.Fatal(err)
			}
			if l.NetworkNews() {
				return
			}
			if time.Now().After(end) {
				t.Fatal("no news of ", what)
			}
		}
	}
	quiet := func() { // takes what is told of the same change in several messages
		for l.Wait(time.Now().Add(20*time.Millisecond)) == nil && l.NetworkNews() {
		}
	}
	ip(t, "link", "add", "x0", "type", "veth", "peer", "name", "x1")
	ip(t, "link", "set", "x0", "up")
	ip(t, "link", "set", "x1", "up")
	news("an interface")
	quiet()
	if a, ok := Source(far); ok {
		t.Errorf("a source without an address: %v", a)
	}
	for _, host := range []string{"10.1.1.2", "10.1.1.3"} {
		ip(t, "addr", "add", host+"/24", "dev", "x0")
		news("an address")
		quiet()
		ip(t, "route", "add", "default", "via", "10.1.1.1")
		news("a route")
		quiet()
		if a, ok := Source(far); !ok || a.String() != host {
			t.Errorf("source %v, want %s", a, host)
		}
		ip(t, "addr", "del", host+"/24", "dev", "x0")
		news("an address that is gone")
		quiet()
	}
}

// A loop that was asked to watch still sleeps until its deadline.
func TestWatchedLoopSleeps(t *testing.T) {
	elsewhere(t)
	l := newTestLoop(t)
	for range 2 { // twice is once
		if err := l.WatchNetwork(); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	if err := l.Wait(begun.Add(30 * time.Millisecond)); err != nil || l.NetworkNews() || time.Since(begun) < 30*time.Millisecond {
		t.Errorf("back after %v, %v", time.Since(begun), err)
	}
}
