package load

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/netio"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

const (
	// firstHost is the first source address, 127.1.0.1: limits by address, where they are on, see as many clients as there are sockets.
	firstHost    = 0x7f010001
	socketBuffer = 4 << 20 // bytes
	// slice is how long one round of the loop may sleep: stories look at their own conditions so often.
	slice = 20 * time.Millisecond
	burst = 128 // players whose time has come speak at once
	turn  = 16  // bursts of a round: the story looks at itself between two
)

// player is one client. A story keeps what it wants to know about it in at and mark.
type player struct {
	link     *link.Client
	socket   api.SocketID
	index    int
	wake     time.Time // in the heap, possibly early
	heapAt   int       // -1: not in it
	connID   uint32    // under which we know it
	serverID uint32    // and the server
	at       time.Time
	mark     int
}

// crowd is a goroutine's players with their sockets. Not safe for two goroutines at once.
type crowd struct {
	loop     *netio.Loop
	sockets  int
	servers  []netip.AddrPort // nodes of one cluster; the i-th player prefers the i-th, and so on around
	key      secure.PublicKey
	rng      *rand.ChaCha8
	now      time.Time
	players  []*player
	byConn   map[uint32]*player
	byServer map[uint32]*player                // by the server's number for the session, which resets tell
	shaking  map[[wire.RandomSize]byte]*player // handshakes under way
	timers   wakes
	took     func(p *player, ev *link.ClientEvent) // what the story does with news
	relayed  func(b []byte)                        // and with relayed packets; nil: nothing

	up, resumed, down int // events
	hellos, refused   int // handshakes that were sent, copies included, and answers that said no or not yet

	deaf    bool // the server's welcomes are not heard
	greeted int  // such welcomes
}

// newCrowd opens the sockets.
func newCrowd(server secure.ServerAddress, sockets int, seed uint64) (*crowd, error) {
	var servers []netip.AddrPort
	for _, host := range server.Hosts {
		at, err := netip.ParseAddrPort(host)
		if err != nil {
			return nil, fmt.Errorf("the server's address must be a number, not the name %s", host)
		}
		servers = append(servers, at)
	}
	loop, err := netio.NewLoop()
	if err != nil {
		return nil, err
	}
	loop.Buffer = socketBuffer
	c := &crowd{loop: loop, sockets: sockets, servers: servers, key: server.Key, now: time.Now(), byConn: map[uint32]*player{}, byServer: map[uint32]*player{},
		shaking: map[[wire.RandomSize]byte]*player{}, took: func(*player, *link.ClientEvent) {}}
	c.rng = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	for i := range sockets {
		if _, err := loop.Open(api.SocketID(i), netip.AddrPortFrom(source(servers[0].Addr(), i), 0)); err != nil {
			loop.Close()
			return nil, fmt.Errorf("open socket %d: %w", i, err)
		}
	}
	return c, nil
}

// source is the address of the i-th socket: one of its own on loopback, else whatever the route says.
func source(server netip.Addr, i int) netip.Addr {
	if !server.IsLoopback() || !server.Is4() {
		if server.Is4() {
			return netip.IPv4Unspecified()
		}
		return netip.IPv6Unspecified()
	}
	n := firstHost + uint32(i)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// add makes a player that is not connected.
func (c *crowd) add() *player {
	key, _ := secure.GenerateKey(c.rng) // a ChaCha8 never fails
	p := &player{index: len(c.players), socket: api.SocketID(len(c.players) % c.sockets), heapAt: -1}
	first := p.index % len(c.servers)
	servers := slices.Concat(c.servers[first:], c.servers[:first])
	p.link = link.NewClient(link.ClientConfig{Rand: c.rng, Static: key, ServerKey: c.key, Servers: servers,
		AES: netio.HasAES(), Info: wire.ClientInfo{App: "bench-server"}})
	c.players = append(c.players, p)
	return p
}

// replace makes a new client of a player: nothing of the old one is told to anybody.
func (c *crowd) replace(p *player) {
	delete(c.byConn, p.connID)
	delete(c.byServer, p.serverID)
	index, old := p.index, len(c.players)
	fresh := c.add()
	c.players = c.players[:old]
	p.link, p.connID, p.serverID, p.index = fresh.link, 0, 0, index
}

// run lets time pass until a moment or until done, which is asked after each round.
func (c *crowd) run(until time.Time, done func() bool) error {
	for {
		c.now = time.Now()
		busy := c.loop.Read(c.datagram) > 0
		// All that are due: whoever acknowledges late is sent everything again, and is later still.
		for n := 1; n < turn*burst && len(c.timers) > 0 && !c.now.Before(c.timers[0].wake); n++ {
			if n%burst == 0 { // true clients don't speak in chorus, and no server has room for that
				c.loop.Flush()
				c.loop.Read(c.datagram)
				c.now = time.Now()
			}
			p := c.timers[0]
			if at := p.link.NextTimeout(); !at.IsZero() && !c.now.Before(at) {
				p.link.HandleTimeout(c.now)
			}
			c.say(p)
			busy = true
		}
		c.loop.Flush()
		if done() || !c.now.Before(until) {
			return nil
		}
		if busy {
			continue
		}
		wake := c.now.Add(slice)
		if len(c.timers) > 0 && c.timers[0].wake.Before(wake) {
			wake = c.timers[0].wake
		}
		if err := c.loop.Wait(wake); err != nil {
			return err
		}
	}
}

func (c *crowd) datagram(_ api.SocketID, from netip.AddrPort, b []byte) {
	if c.deaf && len(b) > 0 && (b[0] == wire.TypeWelcome || b[0] == wire.TypeResumed) {
		if p := c.owner(b); p != nil && p.mark == 0 {
			p.mark = 1
			c.greeted++
			p.link.Close(c.now)
			c.say(p)
		}
		return
	}
	if wire.FamilyOf(b) == wire.FamilyRelay && c.relayed != nil {
		c.relayed(b)
		return
	}
	if p := c.owner(b); p != nil {
		p.link.HandleDatagram(c.now, from, b)
		c.say(p)
	}
}

// owner finds whose a datagram is.
func (c *crowd) owner(b []byte) *player {
	switch wire.FamilyOf(b) {
	case wire.FamilySession:
		if head, _, ok := wire.ParseSession(b); ok {
			return c.byConn[head.ConnID]
		}
	case wire.FamilyHandshake:
		if m, ok := wire.ParseRetry(b); ok {
			return c.shaking[m.Random]
		} else if m, ok := wire.ParseRefuse(b); ok {
			c.refused++
			return c.shaking[m.Random]
		} else if m, ok := wire.ParseWelcome(b); ok {
			return c.byConn[m.ConnID]
		} else if m, ok := wire.ParseReset(b); ok {
			return c.byServer[m.ConnID]
		}
	}
	return nil
}

// say sends what a player has to say, hears its news and sets its timer.
func (c *crowd) say(p *player) {
	p.link.Flush(c.now)
	for {
		out, to, ok := p.link.AppendTransmit(c.now, c.loop.Room())
		if !ok {
			break
		}
		if wire.FamilyOf(out) == wire.FamilyHandshake {
			c.noteHandshake(p, out)
		}
		_ = c.loop.Send(p.socket, to, out, 0) // what can't be sent is lost, as in any network
	}
	for ev, ok := p.link.NextEvent(); ok; ev, ok = p.link.NextEvent() {
		c.news(p, &ev)
	}
	c.schedule(p)
}

// noteHandshake remembers by what its answers will be known.
func (c *crowd) noteHandshake(p *player, b []byte) {
	if m, ok := wire.ParseInit(b); ok {
		c.shaking[m.Random] = p
	} else if m, ok := wire.ParseHello(b); ok {
		c.hellos++
		c.shaking[m.Random] = p
		if p.connID != m.ConnID {
			delete(c.byConn, p.connID)
			p.connID = m.ConnID
			c.byConn[m.ConnID] = p
		}
	}
}

func (c *crowd) news(p *player, ev *link.ClientEvent) {
	switch ev.Kind {
	case link.Up:
		if c.up++; ev.Resumed {
			c.resumed++
		}
		delete(c.byServer, p.serverID)
		p.serverID = ev.Info.ConnID
		c.byServer[p.serverID] = p
		if len(c.shaking) > 4*len(c.players) { // of handshakes that are over
			clear(c.shaking)
		}
	case link.Down:
		c.down++
	}
	c.took(p, ev)
}

// schedule puts a player where its deadline belongs.
func (c *crowd) schedule(p *player) {
	switch at := p.link.NextTimeout(); {
	case at.IsZero():
		if p.heapAt >= 0 {
			heap.Remove(&c.timers, p.heapAt)
		}
	case p.heapAt < 0:
		p.wake = at
		heap.Push(&c.timers, p)
	case at.Before(p.wake) || !c.now.Before(p.wake):
		if !c.now.Before(at) { // it can't act on its deadline yet
			at = c.now.Add(time.Millisecond)
		}
		p.wake = at
		heap.Fix(&c.timers, p.heapAt)
	}
}

func (c *crowd) close() { c.loop.Close() }

// wakes is a heap of players by wake.
type wakes []*player

func (t wakes) Len() int           { return len(t) }
func (t wakes) Less(i, j int) bool { return t[i].wake.Before(t[j].wake) }
func (t wakes) Swap(i, j int)      { t[i], t[j] = t[j], t[i]; t[i].heapAt, t[j].heapAt = i, j }
func (t *wakes) Push(x any) {
	p := x.(*player)
	p.heapAt = len(*t)
	*t = append(*t, p)
}
func (t *wakes) Pop() any {
	last := len(*t) - 1
	p := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	p.heapAt = -1
	return p
}
