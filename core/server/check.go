package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Check says what a server with this configuration would do, and whether it could start now. It changes nothing: ports are
// opened and closed again, a key is not made. The findings hold even if there is an error.
func Check(cfg Config) (findings []string, err error) {
	say := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	set, local, err := cfg.read()
	if err != nil {
		return nil, err
	}
	if err := checkKey(set.data, say); err != nil {
		return findings, err
	}
	if set.coreOnly {
		return findings, checkCore(&set, say)
	}
	if set.auth.keys != nil {
		say("players need an access token signed with one of these keys: %s", strings.Join(set.auth.keys.Names(), ", "))
	} else {
		say("anybody may use it (auth = open)")
	}
	host := advertised(set.public, set.listen, local)
	say("players reach it at %s; open these ports in the firewall:", host)
	udp := []netip.AddrPort{set.listen}
	for _, port := range set.stun {
		udp = append(udp, netip.AddrPortFrom(set.listen.Addr(), port))
	}
	if set.second.IsValid() {
		for _, first := range udp[:2] {
			udp = append(udp, netip.AddrPortFrom(set.second, first.Port()))
		}
	}
	for i, at := range udp {
		what := "STUN: the NAT's type"
		if i == 0 {
			what = "links, relay, STUN"
		}
		if err := tryUDP(at); err != nil {
			return findings, err
		}
		say("  UDP %-22s %s", at, what)
	}
	sayNATS(&set, say)
	return findings, checkDoors(&set, host, say)
}

func sayNATS(set *settings, say func(string, ...any)) {
	for _, nats := range []netip.AddrPort{set.cluster.listen, set.cluster.clients} {
		if nats.IsValid() {
			say("  TCP %-22s NATS: for your other servers only", nats)
		}
	}
}

// checkCore looks at what a node without players opens.
func checkCore(set *settings, say func(string, ...any)) error {
	say("a core: no players connect here; open these ports between your servers:")
	sayNATS(set, say)
	for flag, at := range map[string]netip.AddrPort{"--nats-listen": set.cluster.listen, "--nats-clients": set.cluster.clients} {
		if at.IsValid() {
			if err := tryTCP(at, flag); err != nil {
				return err
			}
		}
	}
	return checkAdminPort(set, say)
}

func tryUDP(at netip.AddrPort) error {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return describe(err, "UDP", at, "--listen")
	}
	return c.Close()
}

func tryTCP(at netip.AddrPort, flag string) error {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return describe(err, "TCP", at, flag)
	}
	return l.Close()
}

// checkDoors looks at what listens on TCP.
func checkDoors(set *settings, host string, say func(string, ...any)) error {
	if set.tls.IsValid() {
		if _, err := os.Stat(filepath.Join(set.data, certFile)); set.tlsCert == "" && errors.Is(err, fs.ErrNotExist) {
			if err := tryWrite(set.data); err != nil {
				return fmt.Errorf("--data %s: the TLS certificate can't be kept there: %w; choose a directory that this user may write to, or give --tls-cert", set.data, err)
			}
		}
		if set.tlsCert != "" {
			if _, err := tlsConfig(set, host); err != nil {
				return err
			}
		}
		switch err := tryTCP(set.tls, "--tls-listen"); {
		case err != nil && set.tlsWanted:
			return err
		case err != nil:
			say("  players whose network blocks UDP can't connect: %v", err)
		default:
			say("  TCP %-22s links and relay for players whose network blocks UDP", set.tls)
		}
	}
	if set.ws.IsValid() {
		if err := tryTCP(set.ws, "--ws-listen"); err != nil {
			return err
		}
		say("  TCP %-22s the same without TLS", set.ws)
	}
	return checkAdminPort(set, say)
}

func checkAdminPort(set *settings, say func(string, ...any)) error {
	if set.admin.IsValid() {
		switch err := tryTCP(set.admin, "--admin"); {
		case err != nil && set.adminWanted:
			return err
		case err != nil:
			say("no admin page: %v", err)
		default:
			say("admin page, metrics and health: http://%s/ (keep it from strangers)", set.admin)
		}
	}
	return nil
}

// checkKey tells whether the key is there, or could be made.
func checkKey(dir string, say func(string, ...any)) error {
	path := filepath.Join(dir, keyFile)
	switch text, err := os.ReadFile(path); {
	case err == nil:
		if _, err := readKey(path, text); err != nil {
			return err
		}
		say("the key is in %s", path)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--data %s: the master key can't be read: %w", dir, err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("--data %s is not a directory", d)
		}
		if err == nil || d == filepath.Dir(d) {
			break
		}
	}
	if err := tryWrite(dir); err != nil {
		return fmt.Errorf("--data %s: the key can't be kept there: %w; choose a directory that this user may write to", dir, err)
	}
	say("there is no key in %s yet: the first start makes one", dir)
	return nil
}

// tryWrite finds out whether a directory, or one to be made at its place, could be written to. It leaves nothing behind.
func tryWrite(dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		probe, err := os.MkdirTemp(dir, ".musubi-check-*")
		switch {
		case err == nil:
			return os.Remove(probe)
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return err
		}
		if _, exists := os.Stat(dir); exists == nil {
			return err // a directory in which nothing can be made
		}
	}
}
