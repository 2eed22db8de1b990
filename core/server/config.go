package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// Config is what `musubi server` is told. The zero value of a field means its default.
type Config struct {
	Listen      string       // "address:port", "address" or ":port"; default all IPv4 addresses, port 3478
	STUNPorts   []uint16     // further ports for NAT discovery; default the two after Listen's
	STUNAddr2   string       // a second address of this machine, for NAT discovery; default none
	Data        string       // directory of the master key; default DefaultData
	Auth        string       // "open" or "token"; default: token with keys, else open where strangers can't come
	AuthKeys    []string     // of the backends that make access tokens, as token.Keys.Parse reads them
	AuthKeyFile string       // more of them, one a line
	Privacy     string       // "direct", "consent" or "relay-only": of every pair of players at least
	Limits      string       // "" or "lab"
	Public      string       // host or host:port that players reach; default: found out
	TLSListen   string       // as Listen, for players whose network blocks UDP; "off"; default see tlsListen
	TLSCert     string       // files in PEM; default: a certificate of the server's own
	TLSKey      string       //
	WSListen    string       // the same without TLS; default: none
	Forwarded   bool         // a proxy stands before WSListen and tells clients' addresses in X-Forwarded-For
	Shards      int          // sockets that share the main port, a goroutine each; default: one a processor
	RelayBits   uint32       // bit/s and packets/s of each relay leg; default: hub's, or none with Limits lab
	RelayRate   uint32       //
	Egress      uint64       // bit/s that the machine's way out carries; default: not known, all of it may be used
	Capacity    int          // new links a second; more are told to wait; default hub.DefaultHandshakes
	Sessions    int          // links at a time; more are told to come later; default hub's: 200,000, with auth = open 2,000
	NATS        string       // "nats://host:port" of an external NATS, several with commas; empty: see NATSListen
	NATSListen  string       // "address:port" where the NATS inside meets those of other nodes; empty: this node is alone
	NATSRoutes  []string     // "host:port" of the others
	NATSClients string       // "address:port" where nodes without a NATS inside come
	Role        string       // "both", "core" (OpenCore) or "edge"; default: both with a NATS inside, else edge
	Admin       string       // "address:port" of metrics, health and the live page; "off"; default none
	Region      string       // first letter of join codes, A to Z; default E
	Node        string       // this server's name for people; default the machine's
	Version     string       // of the program, for people
	Log         *slog.Logger // default: slog's
}

// UsageError is a wrong setting: the command line is to be changed, not the machine.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

func usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// maxSTUNPorts bounds the sockets; a client uses two of them.
const maxSTUNPorts = 4

// settings is a Config that was understood.
type settings struct {
	listen netip.AddrPort
	stun   []uint16 // without the main port
	second netip.Addr
	data   string
	lab    bool
	public string // host:port, empty if not given
	auth   auth

	shards     int
	relayRate  wire.RelayRate // zeros: the hub's default
	egressBits uint64         // 0: no guard

	tls, ws         netip.AddrPort // invalid: none
	tlsWanted       bool           // by the operator: without it there is no server
	tlsCert, tlsKey string
	forwarded       bool

	admin       netip.AddrPort // invalid: none
	adminWanted bool           // by the operator: without it there is no server
	region      byte
	node        string
	handshakes  int // 0: the hub's default
	sessions    int // 0: the hub's default
	cluster     clustering
	coreOnly    bool // for OpenCore
}

// read is check on this machine, whose addresses it says too.
func (c *Config) read() (s settings, local []netip.Addr, err error) {
	if local, err = netio.LocalAddrs(); err == nil {
		s, err = c.check(local)
	}
	return s, local, err
}

// check understands a Config. local are this machine's addresses.
func (c *Config) check(local []netip.Addr) (s settings, err error) {
	if s.listen, err = parseListen(c.Listen, "--listen", api.DefaultPort); err != nil {
		return s, err
	}
	if s.stun, err = stunPorts(s.listen.Port(), c.STUNPorts); err != nil {
		return s, err
	}
	if s.second, err = secondAddr(c.STUNAddr2, s.listen.Addr()); err != nil {
		return s, err
	}
	if c.Public != "" {
		if s.public, err = parsePublic(c.Public, s.listen.Port()); err != nil {
			return s, err
		}
	}
	switch c.Limits {
	case "":
	case "lab":
		s.lab = true
		if why := publicReason(s.listen.Addr(), s.public, local); why != "" {
			return s, usage("--limits lab lifts the limits against abuse and is for private networks only, but %s", why)
		}
	default:
		return s, usage("--limits %q is unknown; allowed is: lab", c.Limits)
	}
	if err := c.checkAuth(&s, local); err != nil {
		return s, err
	}
	s.data = c.Data
	if s.data == "" {
		s.data = DefaultData()
	}
	if err := c.checkRelay(&s); err != nil {
		return s, err
	}
	if err := c.checkIdentity(&s); err != nil {
		return s, err
	}
	if err := c.checkCluster(&s); err != nil {
		return s, err
	}
	if err := c.checkAdmin(&s); err != nil {
		return s, err
	}
	return s, c.checkTCP(&s)
}

// maxShards bounds the sockets; beyond it the network card's queues are the limit, not ours.
const maxShards = 128

// maxSessions is what 8 GB of memory hold.
const maxSessions = 1_000_000

// maxHandshakes is more than any processor does.
const maxHandshakes = 1_000_000

// checkRelay understands what is said of the relay, and how much work is taken on.
func (c *Config) checkRelay(s *settings) error {
	switch s.shards, s.egressBits = c.Shards, c.Egress; {
	case c.Shards < 0 || c.Shards > maxShards:
		return usage("--shards %d is out of range; allowed is 1 to %d, or 0 for one per processor", c.Shards, maxShards)
	case c.Shards == 0:
		s.shards = min(runtime.NumCPU(), maxShards)
	}
	if s.handshakes = c.Capacity; c.Capacity < 0 || c.Capacity > maxHandshakes {
		return usage("--capacity %d is out of range; allowed is 1 to %d, or 0 for the default", c.Capacity, maxHandshakes)
	}
	if s.sessions = c.Sessions; c.Sessions < 0 || c.Sessions > maxSessions {
		return usage("--sessions %d is out of range; allowed is 1 to %d, or 0 for the default", c.Sessions, maxSessions)
	}
	if (c.RelayBits == 0) != (c.RelayRate == 0) {
		return usage("--relay-bits and --relay-packets go together: give both or neither")
	}
	if c.Egress != 0 && c.Egress < leastEgress {
		return usage("--egress %d is less than %d bit/s, too little for any server; leave it out if you don't know the line's rate", c.Egress, leastEgress)
	}
	s.relayRate = wire.RelayRate{BitsPerSecond: c.RelayBits, PacketsPerSecond: c.RelayRate}
	return nil
}

// leastEgress is one relay leg at its default rate.
const leastEgress = 1_000_000

// checkIdentity understands what distinguishes this server from others.
func (c *Config) checkIdentity(s *settings) error {
	switch {
	case c.Region == "":
		s.region = 'E'
	case len(c.Region) == 1 && c.Region[0] >= 'A' && c.Region[0] <= 'Z':
		s.region = c.Region[0]
	default:
		return usage("--region %q is not a region: allowed is one letter from A to Z, the first of this server's join codes", c.Region)
	}
	if s.node = c.Node; s.node == "" {
		s.node, _ = os.Hostname()
	}
	if len(s.node) > maxNode {
		return usage("--node %q has %d characters; at most %d are allowed", s.node, len(s.node), maxNode)
	}
	return nil
}

// maxNode is the length of a node's name: a label of metrics and a line of the admin page.
const maxNode = 64

// DefaultAdmin is where `musubi server` serves its admin page unless told otherwise.
const DefaultAdmin = "127.0.0.1:3480"

func (c *Config) checkAdmin(s *settings) (err error) {
	if c.Admin == "" || c.Admin == "off" {
		return nil
	}
	s.adminWanted = c.Admin != DefaultAdmin
	if s.admin, err = parseListen(c.Admin, "--admin", 3480); err != nil {
		return err
	}
	if s.admin.Addr().IsUnspecified() && !strings.Contains(c.Admin, s.admin.Addr().String()) {
		return usage("--admin %q names no address: allowed is one of this machine's, like 127.0.0.1:3480, or 0.0.0.0:3480 for all", c.Admin)
	}
	return nil
}

// checkTCP understands what is said of TCP. Nothing said: TLS on port 443 where it can be had, but not on a loopback address,
// where nobody blocks UDP.
func (c *Config) checkTCP(s *settings) (err error) {
	switch c.TLSListen {
	case "off":
	case "":
		if !s.listen.Addr().IsLoopback() {
			s.tls = netip.AddrPortFrom(s.listen.Addr(), api.DefaultTLSPort)
		}
	default:
		if s.tls, err = parseListen(c.TLSListen, "--tls-listen", api.DefaultTLSPort); err != nil {
			return err
		}
		s.tlsWanted = true
	}
	if c.WSListen != "" {
		if s.ws, err = parseListen(c.WSListen, "--ws-listen", 80); err != nil {
			return err
		}
	}
	switch s.tlsCert, s.tlsKey, s.forwarded = c.TLSCert, c.TLSKey, c.Forwarded; {
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return usage("--tls-cert and --tls-key go together: give both or neither")
	case s.tlsCert != "" && !s.tls.IsValid():
		return usage("--tls-cert does nothing while TLS is off: give --tls-listen")
	case s.forwarded && !s.ws.IsValid():
		return usage("--ws-forwarded does nothing without --ws-listen")
	}
	return nil
}

// DefaultData is where the server keeps its key when nobody says where: one place per user, so that the address stays
// the same wherever the server is started from.
func DefaultData() string {
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "musubi-server")
	}
	return "musubi-data"
}

func parseListen(text, flag string, standard uint16) (netip.AddrPort, error) {
	bad := usage("%s %q is not an address with a port, as in 0.0.0.0:%d", flag, text, standard)
	if text == "" {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), standard), nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), standard), nil
	}
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, bad
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.AddrPort{}, bad
	}
	addr := netip.IPv4Unspecified()
	if host != "" {
		if addr, err = netip.ParseAddr(host); err != nil || addr.Zone() != "" {
			return netip.AddrPort{}, bad
		}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// stunPorts fills in the default and refuses what can't work. Port 0, for tests, stays 0: the system chooses.
func stunPorts(main uint16, given []uint16) ([]uint16, error) {
	if len(given) == 0 {
		switch {
		case main == 0:
			return []uint16{0, 0}, nil
		case main > 65533:
			return nil, usage("there are no two ports after %d for NAT discovery; name them with --stun-ports", main)
		}
		return []uint16{main + 1, main + 2}, nil
	}
	if len(given) > maxSTUNPorts {
		return nil, usage("--stun-ports names %d ports; at most %d can be used", len(given), maxSTUNPorts)
	}
	seen := map[uint16]bool{main: true}
	for _, p := range given {
		if p != 0 && seen[p] {
			return nil, usage("port %d is named twice in --listen and --stun-ports", p)
		}
		seen[p] = true
	}
	return given, nil
}

// secondAddr understands --stun-addr2. A socket on all addresses would take the second one's datagrams.
func secondAddr(text string, listen netip.Addr) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(text)
	addr = addr.Unmap()
	switch {
	case err != nil || addr.Zone() != "" || addr.IsUnspecified():
		return netip.Addr{}, usage("--stun-addr2 %q is not an address, as in 203.0.113.8", text)
	case listen.IsUnspecified():
		return netip.Addr{}, usage("--stun-addr2 needs --listen with the main address, as in --listen 203.0.113.7:3478, not all addresses")
	case addr == listen || addr.Is4() != listen.Is4():
		return netip.Addr{}, usage("--stun-addr2 %s must be another address of the same family as --listen %s", addr, listen)
	}
	return addr, nil
}

// parsePublic accepts what can stand in a server address and adds the port.
func parsePublic(text string, port uint16) (string, error) {
	host := text
	if addr, err := netip.ParseAddr(text); err == nil {
		host = netip.AddrPortFrom(addr.Unmap(), port).String()
	} else if _, _, err := net.SplitHostPort(text); err != nil {
		host = net.JoinHostPort(text, strconv.Itoa(int(port)))
	}
	address, err := secure.ParseServerAddress("musubi://" + host)
	if port == 0 && err != nil { // the port is not known yet; the host is still looked at
		return parsePublic(text, api.DefaultPort)
	}
	if err != nil || len(address.Hosts) != 1 || strings.ContainsAny(host, "?#") {
		return "", usage("--public %q is not a host name or address, as in play.example.com or 203.0.113.1", text)
	}
	return address.Hosts[0], nil
}
