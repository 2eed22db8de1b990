//go:build linux

package server

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/node"
	"github.com/musubi-p2p/musubi/core/secure"
)

// eavesdropper writes what real sockets carry as core/wire/decoder reads it; core/sim/capture_test.go has more kinds of it, from
// a simulated network.
type eavesdropper struct {
	mu      sync.Mutex
	lines   bytes.Buffer
	streams int
}

func (e *eavesdropper) line(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(&e.lines, format+"\n", args...)
}

// Read is the randomness of a player who is overheard.
func (e *eavesdropper) Read(b []byte) (int, error) {
	n, err := rand.Read(b)
	if len(b) == 32 {
		e.line(`{"secret":"%x"}`, b)
	}
	return n, err
}

// between listens at an address and hands on what comes to another one, and its answers.
func (e *eavesdropper) between(t *testing.T, at, to string) {
	door, err := net.Listen("tcp4", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	go func() {
		for {
			client, err := door.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp4", to)
			if err != nil {
				client.Close()
				continue
			}
			e.mu.Lock()
			e.streams++
			number := e.streams
			e.mu.Unlock()
			go e.copy(number, 0, client, server)
			go e.copy(number, 1, server, client)
		}
	}()
}

// copy takes one direction of a connection.
func (e *eavesdropper) copy(number, end int, from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if n > 0 {
			e.line(`{"stream":%d,"end":%d,"data":"%x"}`, number, end, b[:n])
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// What two players say to a real server and each other over TCP is what docs/PROTOCOL.md says, each byte.
func TestRealStreamsAreWhatTheDocumentSays(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node (nodejs) is not installed: the decoder of docs/PROTOCOL.md can't run")
	}
	major, version := 0, ""
	if out, err := exec.Command(program, "--version").Output(); err == nil {
		version = strings.TrimSpace(string(out))
		_, _ = fmt.Sscanf(version, "v%d.", &major)
	}
	if major < 18 {
		t.Skipf("node is %q: the decoder of docs/PROTOCOL.md needs version 18", version)
	}
	e := &eavesdropper{}
	data := t.TempDir()
	s, stop := start(t, Config{Data: data, Limits: "lab", Node: "real", TLSListen: "off", WSListen: "127.0.0.51:0"})
	e.line(`{"world":"real streams","node":"real"}`)
	key, err := loadKey(data, quiet())
	if err != nil {
		t.Fatal(err)
	}
	static := secure.Derive(key, "server static")
	e.line(`{"master":"%s"}`, hex.EncodeToString(key[:]))
	e.line(`{"secret":"%s"}`, hex.EncodeToString(static[:]))
	_, address := behindWall(t, s.Address())
	a, err := secure.ParseServerAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	e.between(t, fmt.Sprint(walled, ":", a.WS), fmt.Sprint("127.0.0.51:", a.WS))
	enter := func(bind string) *player {
		return joinWith(t, a, node.Config{Endpoint: endpoint.Config{App: "test", Rand: e}, Bind: netip.MustParseAddrPort(bind)})
	}
	host := enter("127.0.0.2:0")
	host.until(api.EventServerConnected)
	host.Do(node.Command{Kind: node.CmdRoomCreate})
	code := string(host.until(api.EventRoomJoined).Data)
	guest := enter("127.0.0.3:0")
	guest.Do(node.Command{Kind: node.CmdRoomJoin, Text: code})
	talk(host, guest, host.until(api.EventPeerConnected).Peer, guest.until(api.EventPeerConnected).Peer, 300)
	host.Close()
	guest.Close()
	stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	path := filepath.Join(t.TempDir(), "capture.jsonl")
	if err := os.WriteFile(path, e.lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if keep := os.Getenv("CAPTURE"); keep != "" {
		_ = os.WriteFile(keep, e.lines.Bytes(), 0o600)
	}
	out, err := exec.Command(program, "../wire/decoder/main.mjs", "../../docs/PROTOCOL.md", "../../docs/protocol-vectors.json", path, "some").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Log(strings.TrimSpace(string(out)))
}
