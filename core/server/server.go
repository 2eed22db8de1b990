// Package server runs a hub on real sockets: one loop, one owner goroutine, the main port and the further STUN ports.
// It keeps the master key, logs what the hub reports, and says goodbye when it is stopped.
package server

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/musubi-p2p/musubi/core/admin"
	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/bus"
	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/forward"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/secure"
)

const (
	socketBuffer  = 7 << 20 // bytes; what a 10 Gbit/s port needs to ride out a 5 ms stall
	shutdownLimit = 1500 * time.Millisecond
)

// Server is a hub with its sockets open. One goroutine calls Run; Shutdown and Kill may be called from any.
//
// The hub, and all of the loop but its Wait, belong to whoever holds desk: mostly Run, and a shard that has packets of links when
// Run has nothing to do (desk.go).
type Server struct {
	desk    desk
	log     *slog.Logger
	loop    *netio.Loop
	hub     *hub.Hub
	edge    *forward.Edge // reads the main port; nil where the loop has to
	doors   *doors
	address string
	now     time.Time

	observer      *observer
	journal       journal
	admin         *admin.Admin // nil: none
	node, version string       // for people who look at it
	region        byte         // first letter of join codes

	bus    *bus.Bus  // nil: this node is alone
	core   *bus.Core // NATS in this process; nil: none
	joined bool      // the bus is up
	met    bool      // the other nodes are known, or were once
	fenced bool      // and nobody takes our lease
	opened time.Time // when Run began

	stopping atomic.Bool
	killed   atomic.Bool
}

// Open checks the configuration, reads or makes the key and opens the ports. What arrives from here on is served once
// Run runs. Errors are one sentence; a *UsageError means that the configuration is wrong.
func Open(cfg Config) (*Server, error) {
	log := cmp.Or(cfg.Log, slog.Default())
	set, local, err := cfg.read()
	if err != nil {
		return nil, err
	}
	if set.coreOnly {
		return nil, usage("--role core has no players: this starts a server for them")
	}
	master, err := loadKey(set.data, log)
	if err != nil {
		return nil, err
	}
	loop, err := netio.NewLoop()
	if err != nil {
		return nil, err
	}
	s := &Server{log: log, loop: loop, now: time.Now(), observer: newObserver(loop.Wake), journal: newJournal(log), node: set.node, version: cfg.Version, region: set.region}
	s.doors = newDoors(loop.Wake, log, set.lab, set.forwarded)
	if err := s.open(set, master, local); err != nil {
		s.close()
		return nil, err
	}
	set.auth.tell(log)
	if set.lab {
		log.Warn("limits = lab: there are no limits against abuse; never do this where strangers can reach the server")
	}
	return s, nil
}

func (s *Server) open(set settings, master [32]byte, local []netip.Addr) error {
	s.loop.Buffer = socketBuffer
	bound, legs, links, err := s.openMain(&set)
	if err != nil {
		return err
	}
	ports := []uint16{bound.Port()}
	for i, port := range set.stun {
		at, err := s.openPort(api.SocketID(i+1), netip.AddrPortFrom(set.listen.Addr(), port), "--stun-ports")
		if err != nil {
			return err
		}
		ports = append(ports, at.Port())
	}
	if set.second.IsValid() {
		for i, port := range ports[:2] {
			if _, err := s.openPort(api.SocketID(len(ports)+i), netip.AddrPortFrom(set.second, port), "--stun-addr2"); err != nil {
				return err
			}
		}
	}
	static := secure.PrivateKey(secure.Derive(master, "server static"))
	host := advertised(set.public, bound, local)
	public, _ := netip.ParseAddrPort(host) // a name stays unknown to the hub: clients keep what they resolved
	config := hub.Config{
		Rand: rand.Reader, Master: master, Static: static, Public: public, STUNPorts: ports, Alternate: set.second,
		Region: set.region, Node: set.node, Handshakes: set.handshakes, MaxSessions: set.sessions, OpenAuth: set.auth.keys == nil, Tokens: set.auth.keys, Privacy: set.auth.privacy, LabLimits: set.lab,
		Legs: legs, LinkTable: links, RelayRate: set.relayRate,
	}
	if err := s.clusterConfig(&set, &config, host, bound.Port()); err != nil {
		return err
	}
	if s.hub, err = hub.New(s.now, config); err != nil {
		return fmt.Errorf("the server can't start: %w", err)
	}
	if err := s.openBus(&set, master); err != nil {
		return err
	}
	address := secure.ServerAddress{Hosts: []string{host}, Key: static.Public()}
	if err := s.openTCP(&set, &address); err != nil {
		return err
	}
	if err := s.openAdmin(&set); err != nil {
		return err
	}
	s.address = address.String()
	s.log.Info("listening", "udp", bound.String(), "stun", ports, "tls", address.TLS, "ws", address.WS, "admin", s.AdminAddr(), "data", set.data)
	return nil
}

// openTCP opens the ports for players whose network blocks UDP, and says in the address where they are.
func (s *Server) openTCP(set *settings, address *secure.ServerAddress) error {
	if set.tls.IsValid() {
		config, err := tlsConfig(set, address.Hosts[0])
		if err != nil {
			return err
		}
		at, err := s.doors.listen(set.tls, config, "--tls-listen")
		if err != nil && set.tlsWanted {
			return err
		}
		if address.TLS = at.Port(); err != nil {
			address.TLS = 0
			s.log.Warn("players whose network blocks UDP can't connect: " + err.Error())
		}
	}
	if set.ws.IsValid() {
		at, err := s.doors.listen(set.ws, nil, "--ws-listen")
		if err != nil {
			return err
		}
		if address.TLS == 0 && !set.forwarded { // else players come by TLS, to us or to the proxy
			address.WS = at.Port()
		}
	}
	return nil
}

func (s *Server) openPort(id api.SocketID, at netip.AddrPort, flag string) (netip.AddrPort, error) {
	local, err := s.loop.Open(id, at)
	return local, describe(err, "UDP", at, flag)
}

// Address is what players need: host, port and key.
func (s *Server) Address() string { return s.address }

// Shutdown makes Run tell everybody and return, within two seconds.
func (s *Server) Shutdown() {
	s.stopping.Store(true)
	s.loop.Wake()
}

// Kill makes Run return at once.
func (s *Server) Kill() {
	s.killed.Store(true)
	s.loop.Wake()
}

// Run serves until Shutdown or Kill, then closes the sockets.
func (s *Server) Run() error {
	defer s.close()
	s.desk.Lock()
	defer s.desk.retire() // before close: what a shard sends goes through the loop
	if s.edge != nil {
		s.edge.Run()
	}
	stop := make(chan struct{})
	defer close(stop)
	go keepMemory(stop)
	var closeBy time.Time
	s.opened = time.Now()
	for {
		s.now = time.Now()
		busy := s.loop.Read(s.datagram)+s.doors.streams.Read(s.streamed, s.streamNews)+s.readEdge() > 0
		busy = s.readBus() || busy
		if s.stopping.Load() && closeBy.IsZero() {
			closeBy = s.stop()
		}
		if at := s.hub.NextTimeout(); !at.IsZero() && !s.now.Before(at) {
			s.hub.HandleTimeout(s.now)
			s.shutUseless()
		}
		s.send()
		s.tell()
		s.observer.answer()
		if s.killed.Load() || !closeBy.IsZero() && (s.hub.Done() || !s.now.Before(closeBy)) {
			s.logTotals()
			return nil
		}
		if busy {
			continue
		}
		if err := s.wait(deadline.Earlier(s.hub.NextTimeout(), closeBy)); err != nil {
			return fmt.Errorf("waiting for the network failed: %w", err)
		}
	}
}

// send sends what came of the present turn.
func (s *Server) send() {
	s.transmit()
	s.sendBus()
	s.loop.Flush()
	s.doors.streams.Flush()
}

// tell writes the log, which may take its time.
func (s *Server) tell() {
	s.logEvents()
	if s.journal.due(s.now) {
		s.journal.report(s.now, s.thrownAway())
	}
}

func (s *Server) close() {
	if s.admin != nil {
		s.admin.Close()
	}
	s.closeBus()
	s.doors.close()
	s.loop.Close() // before the edge, whose socket it sends through
	if s.edge != nil {
		s.edge.Close()
	}
}

// datagram serves one and takes what the hub has to say to it: the hub may point into b.
func (s *Server) datagram(id api.SocketID, from netip.AddrPort, b []byte) {
	s.hub.HandleDatagram(s.now, uint8(id), from, b)
	s.transmit()
}

// streamed is datagram for what came through a stream.
func (s *Server) streamed(id api.SocketID, b []byte) {
	s.hub.HandleStream(s.now, uint32(id), b)
	s.transmit()
}

func (s *Server) streamNews(n netio.StreamNews) {
	if n.Open {
		s.hub.StreamOpened(uint32(n.ID), n.Remote)
	} else {
		s.hub.StreamClosed(uint32(n.ID))
	}
}

func (s *Server) transmit() {
	for {
		out, tx, ok := s.hub.AppendTransmit(s.now, s.loop.Room())
		if !ok {
			return
		}
		if tx.Stream != 0 {
			_ = s.doors.streams.Send(api.SocketID(tx.Stream), out) // counted, if it has no room
			continue
		}
		_ = s.loop.Send(api.SocketID(tx.Socket), tx.To, out, 0) // what can't be sent is lost; netio counts it
	}
}

func (s *Server) logEvents() {
	for {
		ev, ok := s.hub.NextEvent()
		if !ok {
			return
		}
		s.observer.note(s.now, &ev)
		s.journal.write(s.now, &ev)
	}
}

// shutUseless closes the streams that the hub has no use for.
func (s *Server) shutUseless() {
	for id, ok := s.hub.NextUseless(); ok; id, ok = s.hub.NextUseless() {
		s.doors.streams.Shut(api.SocketID(id))
		s.hub.StreamClosed(id)
		s.doors.counts.Useless.Add(1)
	}
}

// logTotals is the last line: what the server has done, and what it threw away, by reason.
func (s *Server) logTotals() {
	h, n, t := s.hub.Stats(), s.netStats(), s.doors.streams.Stats()
	var drops []any
	for _, d := range s.thrownAway() {
		if d.Count > 0 {
			drops = append(drops, d.Reason, d.Count)
		}
	}
	s.log.Info("stopped", "handshakes", h.Handshakes, "resumed", h.Resumed, "introduced", h.Introduced, "relayed", h.RelayPackets,
		"received", n.Received, "sent", n.Sent, "send_full", n.SendFull, "send_error", n.SendError, "overflow", n.Overflow,
		slog.Group("tcp", "opened", s.doors.counts.Opened.Load(), "received", t.Received, "sent", t.Sent, "full", t.Full),
		slog.Group("drops", drops...))
}
