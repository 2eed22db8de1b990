package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/endpoint"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/secure"
)

// Client is one endpoint on a host of its own.
type Client struct {
	w        *World
	site     *Site
	Endpoint *endpoint.Endpoint
	addr     netip.Addr
	addr6    netip.Addr  // invalid: IPv4 only
	firewall *natsim.Box // in front of addr6
	ports    map[api.SocketID]uint16
	sockets  map[uint16]api.SocketID // the same, by port
	stream   *tcpStream              // nil: none
	wake     wakeup
	buf      []byte

	// OnEvent sees every event; Data is valid during the call only. Set it before the first Run.
	OnEvent func(now time.Time, ev *api.Event)
	// Opened counts sockets ever opened beside the main one; Open those open now.
	Opened, Open int

	// Names makes the client find the server by name, as node does: while the link is down it is told where the server is now.
	Names  bool
	asking bool // the name server, or asked a moment ago

	skew   time.Duration // the host's clock is so much ahead of the world's
	paused bool
	frozen bool
	kept   []natsim.Packet // what the system's socket buffer holds of a frozen client
	wakes  int             // deadlines that came
}

// AddClient puts a client into the site.
func (s *Site) AddClient(configure func(*endpoint.Config)) *Client {
	w := s.w
	c := &Client{w: w, site: s, addr: s.wan, ports: map[api.SocketID]uint16{}, sockets: map[uint16]api.SocketID{}}
	c.wake = newWakeup(func(now time.Time) {
		if c.frozen {
			return
		}
		c.wakes++
		c.Endpoint.HandleTimeout(c.local(now))
		c.drain(now)
	})
	if !s.public {
		c.addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + len(s.clients))})
	}
	cfg := endpoint.Config{
		Rand: w.source(fmt.Sprintf("client %s %s %d", s.Public(), s.wan, len(s.clients))), App: "sim", AES: true,
		Servers: []netip.AddrPort{w.server.Addr()}, ServerKey: w.server.key,
	}
	if configure != nil {
		configure(&cfg)
	}
	if cfg.Static != nil {
		w.ears.overhear(cfg.Static[:])
	}
	var err error
	if c.Endpoint, err = endpoint.New(w.now, cfg); err != nil {
		panic("sim: " + err.Error())
	}
	c.open(api.MainSocket)
	c.setLocal()
	s.clients = append(s.clients, c)
	return c
}

// open binds a socket to a random port.
func (c *Client) open(id api.SocketID) netip.AddrPort {
	port := uint16(0)
	for taken := true; taken; _, taken = c.sockets[port] {
		port = 20000 + uint16(c.w.rng.IntN(40000))
	}
	return c.bind(id, port)
}

func (c *Client) bind(id api.SocketID, port uint16) netip.AddrPort {
	c.ports[id], c.sockets[port] = port, id
	return netip.AddrPortFrom(c.addr, port)
}

func (c *Client) close(id api.SocketID) {
	delete(c.sockets, c.ports[id])
	delete(c.ports, id)
}

// setLocal tells the endpoint its addresses.
func (c *Client) setLocal() {
	addrs := []netip.Addr{c.addr}
	if c.addr6.IsValid() {
		addrs = append(addrs, c.addr6)
	}
	c.Endpoint.SetLocal(c.local(c.w.now), netip.AddrPortFrom(c.addr, c.ports[api.MainSocket]), addrs)
}

// SetPort binds the main socket to a port of one's choice. Before Connect.
func (c *Client) SetPort(port uint16) {
	c.close(api.MainSocket)
	c.bind(api.MainSocket, port)
	c.setLocal()
}

// AddIPv6 gives the host a global address beside its IPv4 one, behind a box that does not translate. Before Connect.
func (c *Client) AddIPv6(preset, addr string) {
	c.addr6 = netip.MustParseAddr(addr)
	c.firewall = natsim.New(presetBox(preset), c.addr6, c.w.rng)
	c.w.hosts6[c.addr6] = c
	c.setLocal()
}

// Move gives the host another address in its network and a fresh main socket, and tells the endpoint, as node does on a
// change from cable to radio. Not in a network without a box, where hosts have the public address.
func (c *Client) Move() {
	at := c.addr.As4()
	at[2]++
	c.addr = netip.AddrFrom4(at)
	c.Do(func(now time.Time, e *endpoint.Endpoint) {
		c.close(api.MainSocket)
		c.open(api.MainSocket)
		c.setLocal()
		e.NetworkChanged(now)
	})
}

// Pause makes the game deaf: events stay in the endpoint, as when a full ring holds them back, until Unpause.
func (c *Client) Pause()   { c.paused = true }
func (c *Client) Unpause() { c.paused = false; c.drain(c.w.now) }

// socketBuffer is how many datagrams a system keeps for a process that does not read; Linux's 212,992 bytes, in small ones.
const socketBuffer = 256

// Freeze stops the process without a word, as a debugger, a closed lid or an app switch does: it runs no deadline and reads
// nothing until Thaw, which gives it what its socket has kept.
func (c *Client) Freeze() { c.frozen = true }

// Thaw ends a Freeze.
func (c *Client) Thaw() {
	c.frozen = false
	for _, p := range c.kept {
		c.receive(c.w.now, p)
	}
	c.kept = nil
	c.Endpoint.HandleTimeout(c.local(c.w.now))
	c.drain(c.w.now)
}

// JumpClock sets the host's clock forward, as an operating system does that corrects it: to the endpoint everything takes
// so much longer, once.
func (c *Client) JumpClock(d time.Duration) {
	c.skew += d
	c.Endpoint.HandleTimeout(c.local(c.w.now))
	c.drain(c.w.now)
}

// local is what the host's clock shows.
func (c *Client) local(now time.Time) time.Time { return now.Add(c.skew) }

// Site is where the client is.
func (c *Client) Site() *Site { return c.site }

// Do runs a command on the endpoint and what follows from it.
func (c *Client) Do(f func(now time.Time, e *endpoint.Endpoint)) {
	f(c.local(c.w.now), c.Endpoint)
	c.drain(c.w.now)
}

func (c *Client) receive(now time.Time, p natsim.Packet) {
	if c.frozen {
		if len(c.kept) < socketBuffer {
			p.Data = append([]byte(nil), p.Data...)
			c.kept = append(c.kept, p)
		}
		return
	}
	if id, ok := c.sockets[p.Dst.Port()]; ok {
		c.Endpoint.HandleDatagram(c.local(now), id, p.Src, p.Data)
		c.drain(now)
	}
}

func (c *Client) receive6(now time.Time, p natsim.Packet) {
	if in, ok := c.firewall.Inbound(now, p); ok {
		c.receive(now, in)
	}
}

// derivation is how long a slow device takes for a password's key.
const derivation = 60 * time.Millisecond

func (c *Client) drain(now time.Time) {
	for again := true; again; {
		again = false
		for {
			op, ok := c.Endpoint.NextSocketOp()
			if !ok {
				break
			}
			switch again = true; {
			case op.Stream.IsValid():
				c.dial(op.ID, op.Stream)
			case c.stream != nil && op.ID == c.stream.id:
				c.hangUp()
			case op.Open:
				c.Opened++
				c.Open++
				c.Endpoint.SocketOpened(c.local(now), op.ID, c.open(op.ID))
			default:
				c.Open--
				c.close(op.ID)
			}
		}
		for {
			out, tx, ok := c.Endpoint.AppendTransmit(c.local(now), c.buf[:0])
			if !ok {
				break
			}
			c.buf = out
			c.transmit(now, out, tx)
		}
		if d, ok := c.Endpoint.NextDerivation(); ok {
			key := secure.RoomKey(d.Password, d.Room)
			if c.w.ears != nil {
				c.w.ears.roomKey(d.Room, key)
			}
			c.w.After(derivation, func(time.Time) {
				c.Do(func(now time.Time, e *endpoint.Endpoint) { e.Derived(now, d.Room, key) })
			})
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
				c.Endpoint.Consumed(c.local(now), ev.Peer, n)
			}
		}
		for {
			if _, _, ok := c.Endpoint.NextRelease(); !ok {
				break
			}
		}
	}
	at := c.Endpoint.NextTimeout()
	if !at.IsZero() {
		at = at.Add(-c.skew)
	}
	c.wake.set(c.w, at)
	c.lookUp()
}

// Times of a name server.
const (
	nameDelay = 30 * time.Millisecond
	nameAgain = 3 * time.Second // node's renewEvery
)

// lookUp is node's part while the link is down.
func (c *Client) lookUp() {
	if !c.Names || c.asking || c.frozen || !c.Endpoint.Searching() {
		return
	}
	c.asking = true
	c.w.After(nameDelay, func(time.Time) {
		c.Do(func(now time.Time, e *endpoint.Endpoint) { e.SetServers(now, []netip.AddrPort{c.w.server.Addr()}) })
	})
	c.w.After(nameAgain, func(time.Time) {
		c.asking = false
		c.lookUp()
	})
}

func (c *Client) transmit(now time.Time, b []byte, tx endpoint.Transmit) {
	if c.stream != nil && tx.Socket == c.stream.id {
		c.stream.toServer(b)
		return
	}
	port, ok := c.ports[tx.Socket]
	if !ok {
		return
	}
	ttl := tx.TTL
	if ttl == 0 {
		ttl = natsim.DefaultTTL
	}
	p := natsim.Packet{Src: netip.AddrPortFrom(c.addr, port), Dst: tx.To, TTL: ttl, Data: b}
	if tx.To.Addr().Is4() {
		c.site.emit(now, p)
		return
	}
	if c.firewall == nil {
		return // no such network here
	}
	p.Src = netip.AddrPortFrom(c.addr6, port)
	if out, ok := c.firewall.Outbound(now, p); ok {
		c.w.send(out)
	}
}
