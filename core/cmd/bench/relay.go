//go:build linux

package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musubi-p2p/musubi/core/cmd/bench/internal/load"
	"github.com/musubi-p2p/musubi/core/secure"
)

// relayServer is a relay as a process of its own, so that what it costs is apart from what the load costs.
type relayServer struct {
	name string
	cmd  *exec.Cmd
	dir  string // ours alone
	at   netip.AddrPort
	pair func() (load.Pair, error)
	mint *load.Minter // Musubi's
}

const (
	relayPairs   = 64
	relayWindow  = 8      // packets under way in each direction of a pair, at full load
	relayThreads = 1      // of the load
	relayMany    = 10_000 // pairs bound to see their memory
	relayTime    = 3 * time.Second
	relayWarm    = 500 * time.Millisecond
)

// relayCases say how players send at full load: each packet by itself, or four in a row, as who sends much does.
var relayCases = []struct {
	name  string
	burst int
}{{"one by one", 1}, {"bursts of 4", 4}}

// relay loads our server and coturn in turns: first with as much as comes back, then with half of that at even pace. Loopback,
// 64 pairs, 200 bytes, both directions.
func (c *runCmd) relay() (all []result, err error) {
	rounds := map[string][]result{}
	for round := range c.Rounds {
		for _, name := range []string{"musubi", "coturn"} {
			if len(c.Libs) > 0 && !slices.Contains(c.Libs, name) {
				continue
			}
			if _, err := exec.LookPath("turnserver"); err != nil && name == "coturn" {
				if round == 0 {
					fmt.Println("skip  relay  coturn is not installed: apt-get install coturn")
				}
				continue
			}
			start := map[string]func(string) (*relayServer, error){"musubi": startMusubi, "coturn": startCoturn}[name]
			s, err := start(c.BinDir)
			if err != nil {
				return all, err
			}
			got, err := s.measure(c.Quick)
			s.stop()
			if err != nil {
				return all, fmt.Errorf("%s: %w", s.name, err)
			}
			for i, r := range got {
				key := s.name + " " + relayCases[i].name
				rounds[key] = append(rounds[key], r)
				fmt.Printf("relay  %-8s %-11s round %d of %d: %s\n", s.name, relayCases[i].name, round+1, c.Rounds, brief(r))
			}
		}
	}
	for _, how := range relayCases {
		for _, name := range []string{"musubi", "coturn"} {
			if r := rounds[name+" "+how.name]; len(r) > 0 {
				all = append(all, median(r, "packets_per_cpu_s"))
			}
		}
	}
	return all, nil
}

// measure gives a result for each case. The server's memory by pair is seen last, and told with the first.
func (s *relayServer) measure(quick bool) (all []result, err error) {
	var pairs []load.Pair
	defer func() {
		for _, p := range pairs {
			p.Close()
		}
	}()
	for range relayPairs {
		p, err := s.pair()
		if err != nil {
			p.Close()
			return nil, err
		}
		pairs = append(pairs, p)
	}
	for _, how := range relayCases {
		all = append(all, s.load(pairs, how.name, how.burst, quick))
	}
	if s.mint != nil && !quick {
		before := residentBytes(s.cmd.Process.Pid)
		if err := s.mint.BindMany(s.at, relayMany); err != nil {
			return nil, err
		}
		all[0]["pair_bytes"] = math.Round((residentBytes(s.cmd.Process.Pid) - before) / relayMany)
	}
	return all, nil
}

// load measures one case: all that comes back, then half of that.
func (s *relayServer) load(pairs []load.Pair, name string, burst int, quick bool) result {
	r := result{"bench": "relay", "lib": s.name, "case": name, "pairs": float64(relayPairs), "bytes": float64(load.Payload)}
	var server, own [2]float64
	plan := load.Plan{Window: relayWindow, Burst: burst, Threads: relayThreads, Warmup: relayWarm, Time: relayTime,
		Begin: func() { server[0], own[0] = cpuSeconds(s.cmd.Process.Pid), cpuSeconds(os.Getpid()) },
		End:   func() { server[1], own[1] = cpuSeconds(s.cmd.Process.Pid), cpuSeconds(os.Getpid()) }}
	if quick {
		plan.Time = time.Second
	}
	got := load.Run(pairs, plan)
	perSecond := float64(got.Received) / got.Seconds
	r["packets_per_s"], r["packets_per_cpu_s"] = math.Round(perSecond), math.Round(float64(got.Received)/max(server[1]-server[0], 0.01))
	r["server_cores"], r["load_cores"] = round((server[1]-server[0])/got.Seconds, 3), round((own[1]-own[0])/got.Seconds, 3)
	r["lost_pct"] = lostPercent(got)
	plan.Rate = perSecond / 2
	got = load.Run(pairs, plan)
	r["half_per_s"], r["half_server_cores"] = math.Round(float64(got.Received)/got.Seconds), round((server[1]-server[0])/got.Seconds, 3)
	r["us_p50"], r["us_p99"], r["us_p999"] = round(got.At(0.5), 1), round(got.At(0.99), 1), round(got.At(0.999), 1)
	r["half_lost_pct"] = lostPercent(got)
	return r
}

// lostPercent may be a little off zero: what is under way when counting begins and ends is on one side only.
func lostPercent(r load.Result) float64 {
	return max(0, round(100*(1-float64(r.Received)/float64(max(r.Sent, 1))), 2))
}

func (s *relayServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
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

// cpuSeconds is the processor time of a process and all its threads, of which some may have ended.
func cpuSeconds(pid int) float64 {
	f := statFields(pid)
	if len(f) < 15 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[13], 64)
	system, _ := strconv.ParseFloat(f[14], 64)
	return (user + system) / 100 // USER_HZ
}

// statFields are those of /proc/pid/stat; the program's name in its brackets must have no space.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

func residentBytes(pid int) float64 {
	f := statFields(pid)
	if len(f) < 24 {
		return 0
	}
	pages, _ := strconv.ParseFloat(f[23], 64)
	return pages * float64(os.Getpagesize())
}
