//go:build linux

package harness

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseEvent(t *testing.T) {
	ev, err := ParseEvent(`t=1234.500000 route_changed peer=1 route=direct4 rtt_ms=40.1 text="validated, \"3 of 4\" pongs" n=-7`)
	if err != nil {
		t.Fatal(err)
	}
	if ev.At != 1234500*time.Millisecond || ev.Name != RouteChanged || !ev.Direct() {
		t.Errorf("%+v", ev)
	}
	if ev.Get("text") != `validated, "3 of 4" pongs` || ev.Milliseconds("rtt_ms") != 40100*time.Microsecond || ev.Int("n") != -7 {
		t.Errorf("%+v", ev)
	}
	if ev.Get("absent") != "" || ev.Int("absent") != -1 || ev.Milliseconds("absent") >= 0 {
		t.Error("an absent key has a value")
	}
	if ev, err := ParseEvent("t=1 room_joined"); err != nil || len(ev.Fields) != 0 {
		t.Errorf("%+v %v", ev, err)
	}
}

func TestBadLines(t *testing.T) {
	for _, line := range []string{
		"", "hello", "t=", "t=x y", "t=-1 y", "t=1", "t=1 a=b", "t=1 e a", `t=1 e a="b`, `t=1 e a="b\`, "t=1 e =b", "t=NaN e", "t=1e300 e",
	} {
		if ev, err := ParseEvent(line); err == nil {
			t.Errorf("%q: %+v", line, ev)
		}
	}
	for _, line := range []string{"", "address", "address http://x", "listening"} {
		if _, err := ParseServer(line); err == nil {
			t.Errorf("server line %q passes", line)
		}
	}
	if ev, err := ParseServer("address musubi://192.0.2.1:3478/#KEY"); err != nil || ev.Get("url") != "musubi://192.0.2.1:3478/#KEY" {
		t.Errorf("%+v %v", ev, err)
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add(`t=1.5 punch peer=1 ok=0 text="both symmetric"`)
	f.Add(`t=1 e a="\\" b=`)
	f.Fuzz(func(t *testing.T, line string) {
		if ev, err := ParseEvent(line); err == nil && (ev.At < 0 || ev.Name == "") {
			t.Errorf("%q gave %+v", line, ev)
		}
	})
}

func shell(t *testing.T, script string) *Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p, err := Start(cmd, Options{Name: "the shell", Parse: ParseEvent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(time.Second) })
	return p
}

func TestAwaitAndExit(t *testing.T) {
	p := shell(t, `echo t=1 room_joined code=X; echo nonsense; echo 't=2 room_left text="the end"'; exit 3`)
	ctx := context.Background()
	if ev, err := p.Await(ctx, RoomJoined); err != nil || ev.Get("code") != "X" {
		t.Errorf("%+v %v", ev, err)
	}
	_, err := p.Await(ctx, PeerConnected)
	if err == nil || !strings.Contains(err.Error(), "exit code 3") || !strings.Contains(err.Error(), "the end") {
		t.Errorf("error %v", err)
	}
	if p.ExitCode() != 3 || p.Err() == nil || len(p.Events()) != 2 {
		t.Errorf("exit %d, err %v, %d events", p.ExitCode(), p.Err(), len(p.Events()))
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	p := shell(t, "exec sleep 60")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Await(ctx, RoomJoined); err == nil {
		t.Error("it came")
	}
	p.Stop(10 * time.Second)
	if p.ExitCode() != -1 {
		t.Errorf("exit %d", p.ExitCode())
	}
}

// A program that ignores SIGINT is killed, with its children.
func TestStopKills(t *testing.T) {
	p := shell(t, `trap "" INT; echo t=1 ready; sleep 60; echo t=2 late`)
	if _, err := p.Await(context.Background(), "ready"); err != nil {
		t.Fatal(err)
	}
	p.Stop(0)
	if _, ok := p.Events().First("late"); ok || p.ExitCode() != -1 {
		t.Errorf("exit %d", p.ExitCode())
	}
}
