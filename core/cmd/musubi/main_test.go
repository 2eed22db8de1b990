//go:build linux

package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 10 * time.Second

// Whatever is wrong is told in one line on stderr, with nothing on stdout and the exit code that fits.
func TestMistakesAreOneSentence(t *testing.T) {
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", exitUsage, "server"},
		{"sever", exitUsage, "sever"},
		{"server --bogus", exitUsage, "--bogus"},
		{"server extra", exitUsage, "extra"},
		{"server --listen nowhere", exitUsage, `"nowhere"`},
		{"server --listen 1.2.3.4:99999", exitUsage, `"1.2.3.4:99999"`},
		{"server --stun-ports x", exitUsage, "x"},
		{"server --listen :7 --stun-ports 8,8", exitUsage, "port 8 is named twice"},
		{"server --auth token", exitUsage, "musubi token keygen"},
		{"server --auth none", exitUsage, "allowed are: open, token"},
		{"server --auth open --auth-key a=HS256:" + strings.Repeat("A", 43), exitUsage, "leave one of them out"},
		{"server --auth-key a=HS256:AAAA", exitUsage, "32 to 512 bytes, this one 3"},
		{"server --auth-keys /does/not/exist", exitUsage, "no such file"},
		{"server --auth-keys " + file, exitUsage, "holds no key"},
		{"server --public play.example.org", exitUsage, "who may use this server?"},
		{"server --privacy none", exitUsage, "allowed are: direct, consent, relay-only"},
		{"server --limits none", exitUsage, "allowed is: lab"},
		{"server --limits lab --listen 8.8.8.8:99", exitUsage, "8.8.8.8 is a public address"},
		{"server --public http://x", exitUsage, "--public"},
		{"server --data " + file + "/sub", exitFailed, "not a directory"},
		{"server --data " + data + " --auth open --listen 240.0.0.1:0", exitFailed, "no address 240.0.0.1"},
		{"server --data " + data + " --listen " + taken.LocalAddr().String(), exitFailed, "in use by another program"},
	} {
		var out, errs bytes.Buffer
		code := run(strings.Fields(c.args), streams{&out, &errs})
		last := strings.TrimSuffix(errs.String(), "\n")
		last = last[strings.LastIndex(last, "\n")+1:] // a new key's log line may come before
		if code != c.code || !strings.Contains(last, c.want) || !strings.HasPrefix(last, "musubi: ") || out.Len() > 0 {
			t.Errorf("musubi %s: exit %d, stdout %q, stderr %q", c.args, code, &out, &errs)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{"--help": "server", "server --help": "--stun-ports", "version": "musubi "} {
		var out, errs bytes.Buffer
		if code := run(strings.Fields(args), streams{&out, &errs}); code != 0 || !strings.Contains(out.String(), want) || errs.Len() > 0 {
			t.Errorf("musubi %s: exit %d, stdout %q, stderr %q", args, code, &out, &errs)
		}
	}
}

// The address comes on stdout as one line; a signal ends the program cleanly within two seconds.
func TestServerRunsUntilASignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		reader, writer := io.Pipe()
		var errs bytes.Buffer
		code := make(chan int, 1)
		go func() {
			code <- run([]string{"server", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, streams{writer, &errs})
			writer.Close()
		}()
		out := bufio.NewReader(reader)
		line, err := out.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "address musubi://127.0.0.1:") || !strings.Contains(line, "/#") {
			t.Fatalf("stdout %q, %v", line, err)
		}
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		select {
		case c := <-code:
			if c != 0 {
				t.Errorf("%v: exit %d", sig, c)
			}
		case <-time.After(patience):
			t.Fatalf("%v: still running", sig)
		}
		if rest, _ := io.ReadAll(out); len(rest) > 0 {
			t.Errorf("more on stdout: %q", rest)
		}
		if log := errs.String(); !strings.Contains(log, "auth = open") || !strings.Contains(log, "stopped") {
			t.Errorf("log: %s", log)
		}
	}
}
