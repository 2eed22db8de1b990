package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/musubi-p2p/musubi/core/server"
)

type serverCommand struct {
	Listen      string   `help:"Address and UDP port to listen on; default: 0.0.0.0:3478." placeholder:"ADDR:PORT"`
	STUNPorts   []uint16 `name:"stun-ports" help:"Further UDP ports for NAT discovery; default: the two after --listen's." placeholder:"PORT"`
	STUNAddr2   string   `name:"stun-addr2" help:"A second address of this machine: players learn more about their NAT. Needs --listen with the first one." placeholder:"ADDR" env:"MUSUBI_STUN_ADDR2"`
	TLSListen   string   `name:"tls-listen" help:"Address and TCP port for players whose network blocks UDP, or off; default: port 443 of --listen's address, if it is free." placeholder:"ADDR:PORT" env:"MUSUBI_TLS_LISTEN"`
	TLSCert     string   `name:"tls-cert" help:"Certificate chain for --tls-listen, PEM; default: one that the server makes itself, which is enough unless a firewall checks it." placeholder:"FILE" env:"MUSUBI_TLS_CERT"`
	TLSKey      string   `name:"tls-key" help:"The certificate's private key, PEM." placeholder:"FILE" env:"MUSUBI_TLS_KEY"`
	WSListen    string   `name:"ws-listen" help:"The same without TLS: for development, or behind a proxy that does the TLS." placeholder:"ADDR:PORT" env:"MUSUBI_WS_LISTEN"`
	Forwarded   bool     `name:"ws-forwarded" help:"Trust the X-Forwarded-For header of the proxy in front of --ws-listen." env:"MUSUBI_WS_FORWARDED"`
	Data        string   `help:"Directory of the server's key; default: musubi-server in your configuration directory." placeholder:"DIR"`
	Auth        string   `help:"Who may use the server: token (players with an access token), open (anybody). Default: token if there are keys, else open, but not where strangers can reach it." placeholder:"token|open"`
	AuthKey     []string `name:"auth-key" help:"Key of a backend that makes access tokens; for HS256 this is the secret: better in a file, by --auth-keys, than in the process list." placeholder:"KID=ALG:BASE64[:APP]"`
	AuthKeys    string   `name:"auth-keys" help:"File with such keys, one per line." placeholder:"FILE"`
	Privacy     string   `help:"What players may learn of each other's addresses: direct, consent (when both games agreed), relay-only (nothing). Tokens, rooms and clients can make it stricter." placeholder:"direct|consent|relay-only"`
	Limits      string   `help:"lab: no limits against abuse; private networks only." placeholder:"lab"`
	Shards      int      `help:"Sockets that share the main port, each with a goroutine; default: one per processor." placeholder:"N" env:"MUSUBI_SHARDS"`
	RelayBits   uint32   `name:"relay-bits" help:"Bit/s that each player may send to each other through the relay; default 1000000." placeholder:"BITS" env:"MUSUBI_RELAY_BITS"`
	RelayRate   uint32   `name:"relay-packets" help:"The same in packets/s; default 300." placeholder:"N" env:"MUSUBI_RELAY_PACKETS"`
	Egress      uint64   `name:"egress" help:"Bit/s that this machine's line carries out; the relay keeps to 80 % of it. Default: not known." placeholder:"BITS" env:"MUSUBI_EGRESS"`
	Capacity    int      `help:"New links a second that this server takes on; a resumed one counts a third, and players beyond that are told when to try again. Default: 1500." placeholder:"N" env:"MUSUBI_CAPACITY"`
	Sessions    int      `help:"Players linked to this server at a time; players beyond that are told to try again. Default: 200000, with --auth open 2000." placeholder:"N" env:"MUSUBI_SESSIONS"`
	NATS        string   `name:"nats" help:"Address of the NATS that joins several servers into one cluster: nats://host:port, several separated by commas." placeholder:"URL" env:"MUSUBI_NATS"`
	NATSListen  string   `name:"nats-listen" help:"Run a NATS inside this server instead; the NATS of the other servers connect to this address." placeholder:"ADDR:PORT" env:"MUSUBI_NATS_LISTEN"`
	NATSRoutes  []string `name:"nats-routes" help:"The --nats-listen addresses of the other servers." placeholder:"HOST:PORT" env:"MUSUBI_NATS_ROUTES"`
	NATSClients string   `name:"nats-clients" help:"Where servers with --nats connect to the NATS inside this one." placeholder:"ADDR:PORT" env:"MUSUBI_NATS_CLIENTS"`
	Role        string   `help:"What this server does in a cluster: both (players, and a NATS inside), core (the NATS alone), edge (players alone). Default: both with --nats-listen or --nats-clients, else edge." placeholder:"both|core|edge"`
	Admin       string   `help:"Address and TCP port of metrics, health and the live page, or off." placeholder:"ADDR:PORT" default:"127.0.0.1:3480"`
	Region      string   `help:"Letter with which this server's join codes begin; default: E." placeholder:"A-Z"`
	Node        string   `help:"Name of this server in metrics and on the live page; default: the machine's." placeholder:"NAME"`
	LogLevel    string   `help:"Lowest level that is logged: debug, info, warn, error." enum:"debug,info,warn,error" default:"info"`
	LogFormat   string   `help:"text or json." enum:"text,json" default:"text"`
	Config      string   `help:"TOML file with settings; its keys are these flags' names." placeholder:"FILE"`
	Check       bool     `help:"Check the settings, print what follows from them, and exit."`
	file        *fileSettings
	Public      string `help:"Host, or host:port, under which players reach this server; default: an address of this machine." placeholder:"HOST"`
}

func (c *serverCommand) config(log *slog.Logger) server.Config {
	return server.Config{
		Listen: c.Listen, STUNPorts: c.STUNPorts, STUNAddr2: c.STUNAddr2, Data: c.Data, Auth: c.Auth, AuthKeys: c.AuthKey, AuthKeyFile: c.AuthKeys, Privacy: c.Privacy, Limits: c.Limits, Public: c.Public,
		TLSListen: c.TLSListen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, WSListen: c.WSListen, Forwarded: c.Forwarded,
		Shards: c.Shards, RelayBits: c.RelayBits, RelayRate: c.RelayRate, Egress: c.Egress, Capacity: c.Capacity, Sessions: c.Sessions,
		NATS: c.NATS, NATSListen: c.NATSListen, NATSRoutes: c.NATSRoutes, NATSClients: c.NATSClients, Role: c.Role,
		Admin: c.Admin, Region: c.Region, Node: c.Node, Version: programVersion(), Log: log,
	}
}

func (c *serverCommand) logger(std streams) *slog.Logger {
	options := &slog.HandlerOptions{}
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(c.LogLevel)) // kong has checked it
	options.Level = level
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(std.err, options))
	}
	return slog.New(slog.NewTextHandler(std.err, options))
}

// gcPercent is how much garbage may lie beside what lives. Most of what lives are links that nobody touches for a quarter of a minute:
// with Go's usual 100, 100,000 of them would take twice the memory.
const gcPercent = 35

// Run prints the address when the ports are open, and returns after a signal.
func (c *serverCommand) Run(std streams, settings []setting) error {
	if c.Check {
		return c.check(std, settings)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	s, err := c.open(std)
	if err != nil {
		return err
	}

	ended := make(chan struct{})
	result := make(chan bool) // whether a second signal came
	go func() {
		count := 0
		for {
			select {
			case <-signals:
				if count++; count == 1 {
					s.Shutdown()
				} else {
					s.Kill()
				}
			case <-ended:
				result <- count > 1
				return
			}
		}
	}()
	err = s.Run()
	close(ended)
	if twice := <-result; twice && err == nil {
		return errors.New("stopped at once by a second signal")
	}
	return err
}

// running is a server that has opened its ports.
type running interface {
	Run() error
	Shutdown()
	Kill()
}

// open starts the server and prints what others need to know of it: players an address, other servers where the NATS is.
func (c *serverCommand) open(std streams) (running, error) {
	cfg := c.config(c.logger(std))
	if c.Role == "core" {
		s, err := server.OpenCore(cfg)
		if err != nil {
			return nil, err
		}
		if at := s.Clients(); at.IsValid() {
			fmt.Fprintf(std.out, "core nats://%s\n", at)
		} else {
			fmt.Fprintf(std.out, "core %s\n", s.Listen())
		}
		return s, nil
	}
	s, err := server.Open(cfg)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(std.out, "address", s.Address())
	return s, nil
}
