package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/hub"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/secure"
)

// wakeup schedules one actor's deadline: only the latest one counts.
type wakeup struct{ at time.Time }

func (k *wakeup) set(w *World, at time.Time, f func(now time.Time)) {
	if at.IsZero() || at.Equal(k.at) {
		return
	}
	k.at = at
	w.At(at, func(now time.Time) {
		if k.at.Equal(at) {
			k.at = time.Time{}
			f(now)
		}
	})
}

// Server runs one hub at a public address.
type Server struct {
	w     *World
	Hub   *hub.Hub
	addr  netip.Addr
	ports []uint16
	key   [32]byte
	wake  wakeup
	buf   []byte
	down  bool
}

// AddServer starts the server.
func (w *World) AddServer(addr string, configure func(*hub.Config)) *Server {
	s := &Server{w: w, addr: netip.MustParseAddr(addr), ports: []uint16{api.DefaultPort, api.DefaultPort + 1, api.DefaultPort + 2}}
	rng := w.source("server")
	static, err := secure.GenerateKey(rng)
	if err != nil {
		panic("sim: " + err.Error())
	}
	s.key = static.Public()
	cfg := hub.Config{Rand: rng, Static: static, STUNPorts: s.ports, Region: 'E', AES: true, OpenAuth: true, LabLimits: true}
	_, _ = rng.Read(cfg.Master[:])
	if configure != nil {
		configure(&cfg)
	}
	if s.Hub, err = hub.New(w.now, cfg); err != nil {
		panic("sim: " + err.Error())
	}
	w.server = s
	return s
}

// Stop makes the server vanish without a word; its state stays for Resume.
func (s *Server) Stop()   { s.down = true }
func (s *Server) Resume() { s.down = false; s.drain(s.w.now) }

func (s *Server) receive(now time.Time, p natsim.Packet) {
	if s.down {
		return
	}
	for i, port := range s.ports {
		if port == p.Dst.Port() {
			s.Hub.HandleDatagram(now, uint8(i), p.Src, p.Data)
			s.drain(now)
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
		s.w.send(natsim.Packet{Src: netip.AddrPortFrom(s.addr, s.ports[tx.Socket]), Dst: tx.To, TTL: natsim.DefaultTTL, Data: out})
	}
	for {
		if _, ok := s.Hub.NextEvent(); !ok {
			break
		}
	}
	s.wake.set(s.w, s.Hub.NextTimeout(), func(now time.Time) {
		if !s.down {
			s.Hub.HandleTimeout(now)
			s.drain(now)
		}
	})
}

// Site is a network behind one box, with one public address.
type Site struct {
	w       *World
	Box     *natsim.Box
	public  bool // hosts have the public address themselves
	wan     netip.Addr
	clients []*Client
}

// AddSite makes a network behind a box of a natsim preset.
func (w *World) AddSite(preset, wan string) *Site {
	cfg, ok := natsim.Preset(preset)
	if !ok {
		panic("sim: no NAT preset " + preset)
	}
	addr := netip.MustParseAddr(wan)
	s := &Site{w: w, wan: addr, Box: natsim.New(cfg, addr, w.rng), public: cfg.Mapping == api.BehaviourNone}
	w.sites[addr] = s
	return s
}

// WAN is the site's public address.
func (s *Site) WAN() netip.Addr { return s.wan }

// SetWAN gives the site another public address, as a provider does at night; what is on its way to the old one is lost.
func (s *Site) SetWAN(addr netip.Addr) {
	delete(s.w.sites, s.wan)
	s.wan = addr
	s.w.sites[addr] = s
	s.Box.SetAddr(addr)
}

func (s *Site) receive(now time.Time, p natsim.Packet) {
	in, ok := s.Box.Inbound(now, p)
	if !ok {
		return
	}
	for _, c := range s.clients {
		if c.addr == in.Dst.Addr() {
			c.receive(now, in)
		}
	}
}

func (s *Site) emit(now time.Time, p natsim.Packet) {
	for _, c := range s.clients {
		if c.addr == p.Dst.Addr() { // inside the same network
			p.Data = append([]byte(nil), p.Data...)
			s.w.After(LANDelay, func(now time.Time) { c.receive(now, p) })
			return
		}
	}
	if out, ok := s.Box.Outbound(now, p); ok {
		s.w.send(out)
	}
}

// Client is one endpoint on a host of its own.
type Client struct {
	w        *World
	site     *Site
	Endpoint *endpoint.Endpoint
	addr     netip.Addr
	ports    map[api.SocketID]uint16
	wake     wakeup
	buf      []byte

	// OnEvent sees every event; Data is valid during the call only. Set it before the first Run.
	OnEvent func(now time.Time, ev *api.Event)
	// Opened counts sockets ever opened beside the main one; Open those open now.
	Opened, Open int

	paused bool
	wakes  int // deadlines that came
}

// AddClient puts a client into the site.
func (s *Site) AddClient(configure func(*endpoint.Config)) *Client {
	w := s.w
	c := &Client{w: w, site: s, addr: s.wan, ports: map[api.SocketID]uint16{}}
	if !s.public {
		c.addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + len(s.clients))})
	}
	cfg := endpoint.Config{
		Rand: w.source(fmt.Sprintf("client %s %d", s.wan, len(s.clients))), App: "sim", AES: true,
		Servers: []netip.AddrPort{netip.AddrPortFrom(w.server.addr, w.server.ports[0])}, ServerKey: w.server.key,
	}
	if configure != nil {
		configure(&cfg)
	}
	var err error
	if c.Endpoint, err = endpoint.New(w.now, cfg); err != nil {
		panic("sim: " + err.Error())
	}
	main := c.open(api.MainSocket)
	c.Endpoint.SetLocal(w.now, main, []netip.Addr{c.addr})
	s.clients = append(s.clients, c)
	return c
}

func (c *Client) open(id api.SocketID) netip.AddrPort {
	c.ports[id] = 20000 + uint16(c.w.rng.IntN(40000))
	return netip.AddrPortFrom(c.addr, c.ports[id])
}

// Move gives the host another address in its network and tells the endpoint, as a change from cable to radio does. Not in
// a network without a box, where hosts have the public address.
func (c *Client) Move() {
	at := c.addr.As4()
	at[2]++
	c.addr = netip.AddrFrom4(at)
	c.Do(func(now time.Time, e *endpoint.Endpoint) {
		e.SetLocal(now, netip.AddrPortFrom(c.addr, c.ports[api.MainSocket]), []netip.Addr{c.addr})
		e.NetworkChanged(now)
	})
}

// Pause makes the game deaf: events stay in the endpoint, as when a full ring holds them back, until Unpause.
func (c *Client) Pause()   { c.paused = true }
func (c *Client) Unpause() { c.paused = false; c.drain(c.w.now) }

// Site is where the client is.
func (c *Client) Site() *Site { return c.site }

// Do runs a command on the endpoint and what follows from it.
func (c *Client) Do(f func(now time.Time, e *endpoint.Endpoint)) {
	f(c.w.now, c.Endpoint)
	c.drain(c.w.now)
}

func (c *Client) receive(now time.Time, p natsim.Packet) {
	for id := api.SocketID(0); int(id) <= c.Opened; id++ {
		if port, ok := c.ports[id]; ok && port == p.Dst.Port() {
			c.Endpoint.HandleDatagram(now, id, p.Src, p.Data)
			c.drain(now)
			return
		}
	}
}

func (c *Client) drain(now time.Time) {
	for again := true; again; {
		again = false
		for {
			op, ok := c.Endpoint.NextSocketOp()
			if !ok {
				break
			}
			if again = true; op.Open {
				c.Opened++
				c.Open++
				c.Endpoint.SocketOpened(now, op.ID, c.open(op.ID))
			} else {
				c.Open--
				delete(c.ports, op.ID)
			}
		}
		for {
			out, tx, ok := c.Endpoint.AppendTransmit(now, c.buf[:0])
			if !ok {
				break
			}
			c.buf = out
			c.transmit(now, out, tx)
		}
		for !c.paused {
			ev, ok := c.Endpoint.NextEvent()
			if !ok {
				break
			}
			again = true
			n := len(ev.Data)
			if c.OnEvent != nil {
				c.OnEvent(now, &ev)
			}
			if ev.Kind == api.EventMessage && ev.Mode.Reliable() {
				c.Endpoint.Consumed(now, ev.Peer, n)
			}
		}
		for {
			if _, _, ok := c.Endpoint.NextRelease(); !ok {
				break
			}
		}
	}
	c.wake.set(c.w, c.Endpoint.NextTimeout(), func(now time.Time) {
		c.wakes++
		c.Endpoint.HandleTimeout(now)
		c.drain(now)
	})
}

func (c *Client) transmit(now time.Time, b []byte, tx endpoint.Transmit) {
	port, ok := c.ports[tx.Socket]
	if !ok {
		return
	}
	ttl := tx.TTL
	if ttl == 0 {
		ttl = natsim.DefaultTTL
	}
	c.site.emit(now, natsim.Packet{Src: netip.AddrPortFrom(c.addr, port), Dst: tx.To, TTL: ttl, Data: b})
}
