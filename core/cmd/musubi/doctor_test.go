//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// testServer runs `musubi server` on loopback until the test ends and gives its address.
func testServer(t *testing.T, flags ...string) string {
	t.Helper()
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(append([]string{"server", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, flags...), streams{writer, io.Discard})
		writer.Close()
	}()
	lines := bufio.NewReader(reader)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		io.Copy(io.Discard, lines)
		<-ended
	})
	return strings.TrimSpace(strings.TrimPrefix(line, "address "))
}

func TestDoctorFindsAHealthyServer(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"doctor", "--json", testServer(t)}, streams{&out, &errs}); code != 0 {
		t.Fatalf("exit %d: %s%s", code, &out, &errs)
	}
	var d diagnosis
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if !d.Healthy || d.Relay != "ok" || d.RelayMillis <= 0 || d.LinkMillis <= 0 || d.Mapping == "" || !strings.Contains(d.Verdict, "local network") {
		t.Errorf("%+v", d)
	}
	for _, p := range d.Ports[:1] {
		if !p.Answered || !strings.HasPrefix(p.Mapped, "127.0.0.1:") {
			t.Errorf("port %+v", p)
		}
	}
	if !strings.HasPrefix(d.PortMapping, "not tried") {
		t.Errorf("a router was asked although the server is on this machine: %s", d.PortMapping)
	}
}

// Where only TCP gets through, the doctor says so, and that the game works.
func TestDoctorWithoutUDP(t *testing.T) {
	_, behind, _ := strings.Cut(testServer(t, "--tls-listen", "127.0.0.50:0"), "/?")
	var out, errs bytes.Buffer
	if code := run([]string{"doctor", "--json", "musubi://127.0.0.50:1/?" + behind}, streams{&out, &errs}); code != 0 {
		t.Fatalf("exit %d: %s%s", code, &out, &errs)
	}
	var d diagnosis
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if !d.Healthy || d.TCP != "ok" || d.TCPMillis <= 0 || d.Relay != "ok" || d.Mapping != "udp-blocked" || !strings.Contains(d.Verdict, "blocks UDP") {
		t.Errorf("%+v", d)
	}
}

func TestDoctorSaysWhatIsWrong(t *testing.T) {
	address := testServer(t)
	host, key, _ := strings.Cut(address, "#")
	flipped := "A" + key[1:]
	if key[0] == 'A' {
		flipped = "B" + key[1:]
	}
	for _, c := range []struct {
		server, want string
		code         int
	}{
		{"nonsense", "musubi://", exitFailed},
		{host, "has no key", exitFailed},
		{host + "#" + flipped, "not let in", exitFailed},
		{"musubi://127.0.0.1:1/#" + key, "can't be reached, over UDP or TLS", exitFailed},
	} {
		var out, errs bytes.Buffer
		code := run([]string{"doctor", c.server}, streams{&out, &errs})
		if text := out.String() + errs.String(); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("doctor %s: exit %d\n%s", c.server, code, text)
		}
	}
}

// A server that wants tokens is no fault of the network's, and with a token the doctor sees all of it.
func TestDoctorAtAServerThatWantsTokens(t *testing.T) {
	musubi := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(args, streams{&out, &errs})
		return code, out.String() + errs.String()
	}
	_, made := musubi("token", "keygen", "--kid", "studio")
	secret := filepath.Join(t.TempDir(), "studio.key")
	if err := os.WriteFile(secret, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(made, "server ")
	key, _, _ := strings.Cut(rest, "\n")
	address := testServer(t, "--auth-key", key)
	_, good := musubi("token", "mint", "--key", secret, "--app", "racer", "--sub", "user-17")

	for name, c := range map[string]struct {
		token string
		code  int
		says  []string
	}{
		"none": {"", 0, []string{"only players with an access token", "--token"}},
		"good": {strings.TrimSpace(good), 0, []string{"local network", "first message after"}},
		"bad":  {"nonsense", exitFailed, []string{"not let in", "musubi token inspect"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for ports that don't answer
			code, text := musubi("doctor", "--token", c.token, address)
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("no %q", want)
				}
			}
			if code != c.code || strings.Contains(text, "Compare the key") {
				t.Errorf("exit %d\n%s", code, text)
			}
		})
	}
}
