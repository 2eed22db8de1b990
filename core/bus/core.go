package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// coreUser is the name by which nodes come to each other's embedded NATS; the password is derived from the master key.
const coreUser = "musubi"

// CoreConfig is an embedded NATS.
type CoreConfig struct {
	Name     string         // of the node
	Routes   []string       // host:port of the other cores
	Listen   netip.AddrPort // where they meet us; invalid: this core is the only one
	Clients  netip.AddrPort // where nodes without a core of their own come; invalid: nowhere
	Data     string         // directory of directory and roster
	Password string
	Log      *slog.Logger
}

// Core is a NATS server in this process.
type Core struct {
	cfg    CoreConfig
	server *server.Server
}

// closeTime is how long it may take to end.
const closeTime = 3 * time.Second

// readyTime is how long an embedded NATS may take for its ports. JetStream in a cluster takes longer, and nobody waits for it.
const readyTime = 5 * time.Second

// StartCore starts it. It is ready for connections from this process when it returns.
func StartCore(cfg CoreConfig) (*Core, error) {
	o := &server.Options{
		ServerName: cfg.Name, DontListen: true, JetStream: true, StoreDir: cfg.Data, NoSigs: true, DisableJetStreamBanner: true,
		Username: coreUser, Password: cfg.Password, MaxPayload: 1 << 20, MaxPending: 64 << 20,
	}
	if cfg.Clients.IsValid() {
		o.DontListen, o.Host, o.Port = false, cfg.Clients.Addr().String(), int(cfg.Clients.Port())
	}
	if cfg.Listen.IsValid() {
		if o.DontListen { // it begins with its routes only when it listens for clients
			o.DontListen, o.Host, o.Port = false, "127.0.0.1", server.RANDOM_PORT
		}
		o.Cluster = server.ClusterOpts{
			Name: "musubi", Host: cfg.Listen.Addr().String(), Port: int(cfg.Listen.Port()), Username: coreUser, Password: cfg.Password,
			PingInterval: pingEvery, MaxPingsOut: 2,
		}
		for _, at := range cfg.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: at, User: url.UserPassword(coreUser, cfg.Password)})
		}
	}
	if err := errors.Join(free(cfg.Listen, "--nats-listen"), free(cfg.Clients, "--nats-clients")); err != nil {
		return nil, err
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS: %w", err)
	}
	s.SetLoggerV2(natsLog{cfg.Log}, false, false, false)
	c := &Core{cfg: cfg, server: s}
	go s.Start()
	// One of several is ready when it has met the others, which may not have been started yet.
	if !c.Clustered() && !s.ReadyForConnections(readyTime) {
		c.Close()
		return nil, errors.New("embedded NATS did not start: its log says why; is its data directory writable?")
	}
	return c, nil
}

// free tells in words of ours that a port is taken, which the server would only log.
func free(at netip.AddrPort, flag string) error {
	if !at.IsValid() {
		return nil
	}
	l, err := net.Listen("tcp", at.String())
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("TCP port %d on %s is in use by another program: stop that, or choose another with %s", at.Port(), at.Addr(), flag)
	case err != nil:
		return fmt.Errorf("%s %s: %w", flag, at, err)
	}
	return l.Close()
}

// Clustered reports whether there are, or are to be, other cores.
func (c *Core) Clustered() bool { return len(c.cfg.Routes) > 0 }

// ready reports whether the core has met the others, if there are any: before that it would make buckets of its own.
func (c *Core) ready() bool {
	return !c.Clustered() || c.server.NumRoutes() > 0 && c.server.JetStreamIsClustered() && c.server.JetStreamIsCurrent()
}

// Ready is nil while it serves nodes: it has met other cores, if there are any, and agrees with most of them. Any goroutine.
func (c *Core) Ready() error {
	if !c.ready() {
		return errors.New("waiting for the other cores")
	}
	return nil
}

// Edges is how many connections of nodes it has, from this process or others; Routes how many of cores.
func (c *Core) Edges() int  { return c.server.NumClients() }
func (c *Core) Routes() int { return c.server.NumRoutes() }

// Close ends it.
func (c *Core) Close() {
	ended := make(chan struct{})
	go func() {
		c.server.Shutdown() // one that still waits for the others does not come back from this
		c.server.WaitForShutdown()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeTime):
	}
}

// natsLog takes the server's log to slog. Its notices are for those who look for them.
type natsLog struct{ log *slog.Logger }

func (l natsLog) Noticef(f string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLog) Warnf(f string, v ...any)   { l.log.Warn("nats: " + fmt.Sprintf(f, v...)) }
func (l natsLog) Fatalf(f string, v ...any)  { l.log.Error("nats: " + fmt.Sprintf(f, v...)) }

// Errorf: that another core is not there is said each second and three times, and known by then.
func (l natsLog) Errorf(f string, v ...any) {
	if text := fmt.Sprintf(f, v...); strings.Contains(text, "connect to route") {
		l.log.Debug("nats: " + text)
	} else {
		l.log.Error("nats: " + text)
	}
}

func (l natsLog) Debugf(string, ...any) {}
func (l natsLog) Tracef(string, ...any) {}
