//go:build linux

package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/musubi-p2p/musubi/core/cmd/bench/internal/load"
	"github.com/musubi-p2p/musubi/core/secure"
)

// relayServer is a relay as a process of its own, so that what it costs is apart from what the load costs.
type relayServer struct {
	name string
	cmd  *exec.Cmd // nil: there is none, players talk directly
	dir  string    // ours alone
	at   netip.AddrPort
	pair func() (load.Pair, error)
	mint *load.Minter // Musubi's
	rate float64      // packets/s at which latency is measured; 0: half of what it does
}

// relayStart starts each of them; the programs that are built here are in a directory.
var relayStart = map[string]func(bin string) (*relayServer, error){"musubi": startMusubi, "coturn": startCoturn, "forwarder": startRaw, "direct": startNone}

func (s *relayServer) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		_ = os.RemoveAll(s.dir)
	}
}

// startMusubi runs `musubi server` with limits of relay legs that are never reached, but counted.
func startMusubi(bin string) (*relayServer, error) {
	dir, err := os.MkdirTemp("", "musubi-bench-")
	if err != nil {
		return nil, err
	}
	s := &relayServer{name: "musubi", dir: dir}
	s.cmd = exec.Command(filepath.Join(bin, "musubi"), "server", "--listen", "127.0.0.1:0", "--tls-listen", "off", "--data", dir, "--limits", "lab",
		"--relay-bits", "4000000000", "--relay-packets", "4000000")
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("musubi server does not start: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		var address secure.ServerAddress
		if address, err = secure.ParseServerAddress(strings.TrimSpace(strings.TrimPrefix(line, "address "))); err == nil {
			s.at, err = netip.ParseAddrPort(address.Hosts[0])
		}
	}
	var master [32]byte
	if err == nil {
		err = readMaster(dir, &master)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("musubi server does not say its address: %w", err)
	}
	s.mint = load.NewMinter(master)
	s.pair = func() (load.Pair, error) { return s.mint.Musubi(s.at) }
	return s, nil
}

func readMaster(dir string, key *[32]byte) error {
	text, err := os.ReadFile(filepath.Join(dir, "master.key"))
	if err == nil {
		_, err = base64.RawURLEncoding.Decode(key[:], []byte(strings.TrimSpace(string(text))))
	}
	return err
}

// startCoturn runs coturn's turnserver with what it needs for this alone: no credentials, no TCP, no TLS, no log.
func startCoturn(string) (*relayServer, error) {
	dir, err := os.MkdirTemp("", "musubi-bench-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &relayServer{name: "coturn", dir: dir, at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
	s.cmd = exec.Command("turnserver", "-n", "--no-auth", "--no-cli", "--allow-loopback-peers", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", strconv.Itoa(int(port)),
		"--no-tls", "--no-dtls", "--no-tcp", "--no-tcp-relay", "--no-multicast-peers", "--log-file", filepath.Join(dir, "log"), "--simple-log",
		"--pidfile", filepath.Join(dir, "pid"), "--db", filepath.Join(dir, "db"), "--no-rfc5780", "--no-stun-backward-compatibility")
	s.cmd.Dir = dir
	if err := s.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("turnserver does not start: %w", err)
	}
	s.pair = func() (load.Pair, error) { return load.TURN(s.at) }
	return s, nil
}

// freePort is a UDP port that nobody has at the moment.
func freePort() (uint16, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}

// startRaw runs this program as the relay that does nothing but receive and send.
func startRaw(string) (*relayServer, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &relayServer{name: "forwarder", cmd: exec.Command(own, "raw-relay")}
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("the raw relay does not start: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		s.at, err = netip.ParseAddrPort(strings.TrimSpace(line))
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the raw relay does not say its address: %w", err)
	}
	s.pair = func() (load.Pair, error) { return load.Raw(s.at) }
	return s, nil
}

// noRelayRate is what players without a relay send in all when our server is not measured, in packets/s: about half of what it does.
const noRelayRate = 200_000

func startNone(string) (*relayServer, error) {
	return &relayServer{name: "direct", pair: load.Direct, rate: noRelayRate}, nil
}
