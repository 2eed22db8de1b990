package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/secure"
)

// Server runs one hub at a public address, or several.
type Server struct {
	w       *World
	Hub     *hub.Hub
	addr    netip.Addr
	addr6   netip.Addr       // invalid: IPv4 only
	sockets []netip.AddrPort // by the hub's index; each takes IPv6 as well if there is an address
	key     [32]byte
	wake    wakeup
	buf     []byte
	down    bool
	streams map[uint32]*tcpStream // by the hub's number
	cfg     hub.Config
	bus     *Bus // nil: alone
	onBus   bool
	starts  int // how often it was started anew
	// OnLog sees what the hub reports.
	OnLog func(now time.Time, text string)
}

// serverPorts is how many UDP ports a server has on each address.
const serverPorts = 3

// AddServer starts the server. Of further addresses, an IPv4 one brings sockets of its own, and an IPv6 one belongs to the
// sockets of the first, as on a machine with dual-stack sockets.
func (w *World) AddServer(addr string, configure func(*hub.Config), further ...string) *Server {
	s := &Server{w: w, addr: netip.MustParseAddr(addr), streams: map[uint32]*tcpStream{}}
	w.servers[s.addr] = s
	s.listen(s.addr)
	for _, more := range further {
		a := netip.MustParseAddr(more)
		if w.servers[a] = s; a.Is6() {
			s.addr6 = a
		} else {
			s.listen(a)
		}
	}
	rng := w.source("server")
	static, err := secure.GenerateKey(rng)
	if err != nil {
		panic("sim: " + err.Error())
	}
	s.key = static.Public()
	var ports []uint16
	for _, a := range s.sockets[:serverPorts] {
		ports = append(ports, a.Port())
	}
	cfg := hub.Config{Rand: rng, Static: static, STUNPorts: ports, Region: 'E', OpenAuth: true, LabLimits: true}
	if len(s.sockets) > serverPorts { // NAT discovery over two addresses
		cfg.Alternate = s.sockets[serverPorts].Addr()
	}
	_, _ = rng.Read(cfg.Master[:])
	if configure != nil {
		configure(&cfg)
	}
	s.cfg = cfg
	w.ears.overhear(cfg.Static[:])
	if w.ears != nil {
		w.ears.master(cfg.Master)
	}
	if s.Hub, err = hub.New(w.now, cfg); err != nil {
		panic("sim: " + err.Error())
	}
	s.wake = newWakeup(func(now time.Time) {
		if !s.down {
			s.Hub.HandleTimeout(now)
			s.drain(now)
		}
	})
	w.server = s
	return s
}

func (s *Server) listen(a netip.Addr) {
	for n := range uint16(serverPorts) {
		s.sockets = append(s.sockets, netip.AddrPortFrom(a, api.DefaultPort+n))
	}
}

// Addr is where clients find the server.
func (s *Server) Addr() netip.AddrPort { return s.sockets[0] }

// Addr6 is the same over IPv6; invalid if the server has no such address.
func (s *Server) Addr6() netip.AddrPort { return netip.AddrPortFrom(s.addr6, s.sockets[0].Port()) }

// Stop makes the server vanish without a word; its state stays for Resume.
func (s *Server) Stop()   { s.down = true }
func (s *Server) Resume() { s.down = false; s.drain(s.w.now) }

// Kill ends the process, whose streams break with it; Restart begins another one with the same secrets, which knows nothing.
func (s *Server) Kill() {
	s.down, s.onBus = true, false
	for _, id := range slices.Sorted(maps.Keys(s.streams)) {
		s.streams[id].reset()
	}
}

func (s *Server) Restart() {
	s.starts++
	s.cfg.Rand = s.w.source(fmt.Sprintf("server %s start %d", s.addr, s.starts))
	var err error
	if s.Hub, err = hub.New(s.w.now, s.cfg); err != nil {
		panic("sim: " + err.Error())
	}
	s.down, s.streams = false, map[uint32]*tcpStream{}
	if s.bus != nil {
		s.bus.connect(s)
	}
	s.drain(s.w.now)
}

func (s *Server) receive(now time.Time, p natsim.Packet) {
	if s.down {
		return
	}
	at := p.Dst
	if at.Addr() == s.addr6 {
		at = netip.AddrPortFrom(s.addr, at.Port())
	}
	for i, socket := range s.sockets {
		if socket == at {
			s.Hub.HandleDatagram(now, uint8(i), p.Src, p.Data)
			s.drain(now)
			return
		}
	}
}

func (s *Server) drain(now time.Time) {
	for {
		out, tx, ok := s.Hub.AppendTransmit(now, s.buf[:0])
		if !ok {
			break
		}
		s.buf = out
		if tx.Stream != 0 {
			if st := s.streams[tx.Stream]; st != nil {
				st.toClient(out)
			}
			continue
		}
		from := s.sockets[tx.Socket]
		if tx.To.Addr().Is6() {
			from = netip.AddrPortFrom(s.addr6, from.Port())
		}
		s.w.send(natsim.Packet{Src: from, Dst: tx.To, TTL: natsim.DefaultTTL, Data: out})
	}
	for {
		e, ok := s.Hub.NextEvent()
		if !ok {
			break
		}
		if s.OnLog != nil {
			s.OnLog(now, e.Text)
		}
	}
	for s.bus != nil {
		o, ok := s.Hub.NextBus(now)
		if !ok {
			break
		}
		s.bus.take(s, o)
	}
	s.wake.set(s.w, s.Hub.NextTimeout())
}

// Move gives the server another address in place of its first one; what is on its way to the old one is lost.
func (s *Server) Move(to string) {
	old := s.addr
	delete(s.w.servers, old)
	s.addr = netip.MustParseAddr(to)
	s.w.servers[s.addr] = s
	for i, a := range s.sockets {
		if a.Addr() == old {
			s.sockets[i] = netip.AddrPortFrom(s.addr, a.Port())
		}
	}
}
