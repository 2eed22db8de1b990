//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/harness"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/lab"
	"github.com/musubi-p2p/musubi/core/cmd/natlab/internal/wan"
)

// awaitProfiles lets both measure their networks before they meet, as they have long done in a real game. Without a
// profile the meeting goes on: that must work as well.
func (m *meeting) awaitProfiles(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, profileTime)
	defer cancel()
	for _, p := range m.peers {
		_, _ = p.Await(ctx, harness.Profiled)
	}
}

// startServer starts the server and remembers the address that it tells, key included. Its limits against
// abuse are lifted, since they are tested elsewhere and a laboratory may send more than a game. It must be told its public
// address, because it would rightly take none of the documentation ranges for one.
func (m *meeting) startServer(ctx context.Context, p programs, addr netip.Addr) (err error) {
	if m.keys == "" {
		if m.keys, err = os.MkdirTemp("", "natlab-server-"); err != nil {
			return err
		}
	}
	if m.serverName != "" {
		for s := range m.peers {
			if err := m.Name(m.role(wan.Side(s)), m.serverName, addr); err != nil {
				return err
			}
		}
	}
	args := []string{"server", "--limits", "lab", "--public", addr.String(), "--data", m.keys,
		"--listen", netip.AddrPortFrom(addr, serverPort).String()}
	if !m.oneAddress && addr == lab.ServerAddr {
		args = append(args, "--stun-addr2", lab.ServerAddr2.String())
	}
	cmd := m.Command(lab.Server, filepath.Join(p.BinDir, "musubi"), args...)
	server, err := harness.Start(cmd, harness.Options{Name: "musubi server", Parse: harness.ParseServer,
		Stdout: m.logs.file("server.out"), Stderr: m.logs.file("server.err")})
	if err != nil {
		return err
	}
	m.server = server
	m.watch.follow("the server", server.PID())
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("no address line within 10 s"))
	defer cancel()
	ready, err := server.Await(ctx, harness.ServerReady)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, m.logs.tail("server.err"))
	}
	if m.url = ready.Get("url"); m.serverName != "" {
		m.url = strings.Replace(m.url, addr.String(), m.serverName, 1)
	}
	return nil
}

// startPeer starts one player's harness. Both run until all messages of both directions have arrived, so that their exit
// codes say whether the meeting was whole.
func (m *meeting) startPeer(p programs, s wan.Side, onEvent func(wan.Side, harness.Event), entry ...string) (*harness.Process, error) {
	var hear func(harness.Event)
	if onEvent != nil {
		hear = func(e harness.Event) { onEvent(s, e) }
	}
	peer, err := m.startHarness(p, s.String(), m.role(s), hear, entry...)
	m.peers[s] = peer
	return peer, err
}

// startThird starts a third player, if the plan has one. A meeting of three is no pair's: it is judged by its exit codes.
func (m *meeting) startThird(p programs, code string) (err error) {
	if m.plan.third != "" {
		m.third, err = m.startHarness(p, "third", m.plan.third, nil, "--join", code)
	}
	return err
}

func (m *meeting) startHarness(p programs, name string, r lab.Role, hear func(harness.Event), entry ...string) (*harness.Process, error) {
	args := append([]string{"--server", m.url, "--name", name, "--control"}, entry...)
	args = append(args,
		"--messages", strconv.Itoa(m.messages), "--rate", strconv.Itoa(m.rate), "--size", strconv.Itoa(m.size),
		"--stay", seconds(m.stay), "--timeout", seconds(m.timeout))
	if m.unreliable > 0 {
		args = append(args, "--unreliable", strconv.Itoa(m.unreliable))
	}
	if mode, ok := map[string]string{"off": "1", "max": "2"}[m.punch]; ok {
		args = append(args, "--punch", mode)
	}
	if m.punchRate > 0 {
		args = append(args, "--punch-rate", strconv.Itoa(m.punchRate))
	}
	if m.marker != "" {
		args = append(args, "--marker", m.marker)
	}
	if m.bind != "" {
		args = append(args, "--bind", m.bind)
	}
	if m.plan.third != "" {
		args = append(args, "--members", "3")
	}
	cmd := m.Command(r, filepath.Join(p.BinDir, "musubi_peer"), args...)
	if p.LibDir != "" {
		cmd.Env = append(cmd.Environ(), "LD_LIBRARY_PATH="+p.LibDir)
	}
	peer, err := harness.Start(cmd, harness.Options{Name: "harness " + name, Parse: harness.ParseEvent, OnEvent: hear,
		Stdout: m.logs.file(name + ".out"), Stderr: m.logs.file(name + ".err")})
	if err != nil {
		return nil, err
	}
	m.watch.follow("harness "+name, peer.PID())
	return peer, nil
}

// stopAll ends harnesses that still run because the meeting was broken off, then the server: the other order would give
// them a lost server to talk about.
func (m *meeting) stopAll() {
	for _, peer := range []*harness.Process{m.peers[0], m.peers[1], m.third} {
		if peer != nil {
			peer.Stop(time.Second)
		}
	}
	if m.server != nil {
		m.server.Stop(2 * time.Second)
	}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// forgetKeys removes the server's data, which is its key.
func (m *meeting) forgetKeys() error {
	if m.keys == "" {
		return nil
	}
	return os.RemoveAll(m.keys)
}
