package hub

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/deadline"
	"github.com/musubi-p2p/musubi/core/link"
	"github.com/musubi-p2p/musubi/core/secure"
	"github.com/musubi-p2p/musubi/core/wire"
)

// crowd is many clients at one hub without a network between them: what one says the other hears at once. Unlike a cable
// it costs nothing for those who are silent.
type crowd struct {
	t       testing.TB
	now     time.Time
	hub     *Hub
	server  secure.PublicKey
	clients []*link.Client
	byAddr  map[netip.AddrPort]int
	buf     []byte
	told    []int // clients that heard something and were not asked for an answer yet
}

func crowdAddr(i int) netip.AddrPort {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a000000+uint32(i))
	return netip.AddrPortFrom(netip.AddrFrom4(b), 4000)
}

func newCrowd(t testing.TB, n int) *crowd {
	static, _ := secure.GenerateKey(seed(1))
	h, err := New(epoch, Config{Rand: seed(2), Master: [32]byte{3}, Static: static, STUNPorts: []uint16{3478}, OpenAuth: true, LabLimits: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, now: epoch, hub: h, server: static.Public(), byAddr: map[netip.AddrPort]int{}}
	for i := range n {
		c.add(i)
	}
	return c
}

func (c *crowd) add(i int) *link.Client {
	rng := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), byte(i >> 16), 9})
	key, _ := secure.GenerateKey(rng)
	l := link.NewClient(link.ClientConfig{Rand: rng, Static: key, ServerKey: c.server, Servers: []netip.AddrPort{serverAddr}, AES: true,
		Info: wire.ClientInfo{App: "some game"}})
	c.byAddr[crowdAddr(i)] = len(c.clients)
	c.clients = append(c.clients, l)
	return l
}

// talk carries datagrams between client i and the hub until both are silent.
func (c *crowd) talk(i int) {
	l := c.clients[i]
	for again := true; again; {
		again = false
		l.Flush(c.now)
		for {
			b, _, ok := l.AppendTransmit(c.now, c.buf[:0])
			if !ok {
				break
			}
			c.buf, again = b, true
			c.hub.HandleDatagram(c.now, 0, crowdAddr(i), b)
		}
		again = c.fromHub() || again
		for _, ok := l.NextEvent(); ok; _, ok = l.NextEvent() {
		}
	}
}

func (c *crowd) fromHub() (any bool) {
	for {
		b, tx, ok := c.hub.AppendTransmit(c.now, nil)
		if !ok {
			break
		}
		any = true
		if i, known := c.byAddr[tx.To]; known && c.clients[i] != nil {
			c.clients[i].HandleDatagram(c.now, serverAddr, b)
			c.told = append(c.told, i)
		}
	}
	for _, ok := c.hub.NextEvent(); ok; _, ok = c.hub.NextEvent() {
	}
	return any
}

// pass lets time go by in steps; in each all deadlines are looked at.
func (c *crowd) pass(d, step time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(step)
		c.hub.HandleTimeout(c.now)
		c.fromHub()
		for len(c.told) > 0 {
			i := c.told[0]
			c.told = c.told[1:]
			c.talk(i)
		}
		for i, l := range c.clients {
			if deadline.Due(c.now, l.NextTimeout()) {
				l.HandleTimeout(c.now)
				c.talk(i)
			}
		}
	}
}

// rooms brings the clients into rooms of size members.
func (c *crowd) rooms(size int) {
	for i, l := range c.clients {
		l.Connect(c.now)
		c.talk(i)
		if first := i / size * size; first == i {
			l.Rooms().Create(0, nil)
		} else {
			room, _ := c.clients[first].Rooms().Room()
			if err := l.Rooms().Join(room.Code); err != nil {
				c.t.Fatal(err)
			}
		}
		c.talk(i)
		c.pass(20*time.Millisecond, 20*time.Millisecond) // keepalives and tickets spread over a minute
	}
}

// liveHeap is what this process holds, in bytes.
func liveHeap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The goal of the design: a link in a room that only lives costs at most 2.5 KB. What the hub takes for itself falls out of
// the difference between a small and a large one.
func TestAnIdleLinkInARoomIsSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is counted")
	}
	const few, many = 300, 1200
	var heap [2]int
	for i, n := range []int{few, many} {
		before := liveHeap()
		c := newCrowd(t, n)
		c.rooms(4)
		c.pass(90*time.Second, 250*time.Millisecond)
		awake := 0
		for _, s := range c.hub.order {
			if !s.link.Resting() {
				awake++
			}
		}
		if s := c.hub.Stats(); s.Links != n || s.Rooms != n/4 || awake > n/20 {
			t.Fatalf("%d links, %d of them awake, in %d rooms", s.Links, awake, s.Rooms)
		}
		c.clients, c.byAddr = nil, nil
		heap[i] = liveHeap() - before
		runtime.KeepAlive(c)
	}
	each := (heap[1] - heap[0]) / (many - few)
	t.Logf("%d bytes for each link", each)
	if each > 2500 {
		t.Errorf("%d bytes for each link", each)
	}
}

// Two small ciphers are all that a keepalive takes from the heap: their keys are made anew each time that a link wakes.
func TestAKeepaliveLeavesNoGarbage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is counted")
	}
	c := newCrowd(t, 4)
	c.rooms(4)
	c.pass(time.Minute, 250*time.Millisecond)
	const rounds = 30 // eight minutes: no ticket is renewed
	l, mallocs := c.clients[0], uint64(0)
	in, out := make([]byte, 0, 2000), make([]byte, 0, 2000)
	for range rounds {
		c.now = c.now.Add(16 * time.Second)
		l.HandleTimeout(c.now)
		b, _, ok := l.AppendTransmit(c.now, in)
		if !ok {
			t.Fatal("no keepalive")
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.hub.HandleDatagram(c.now, 0, crowdAddr(0), b)
		b, _, ok = c.hub.AppendTransmit(c.now, out)
		_, _, more := c.hub.AppendTransmit(c.now, in)
		runtime.ReadMemStats(&after)
		mallocs += after.Mallocs - before.Mallocs
		if !ok || more || !c.hub.order[0].link.Resting() {
			t.Fatalf("answered: %v, more than once: %v, at rest: %v", ok, more, c.hub.order[0].link.Resting())
		}
		l.HandleDatagram(c.now, serverAddr, b)
	}
	t.Logf("%.2f objects for each keepalive", float64(mallocs)/rounds)
	if mallocs > 2*rounds {
		t.Errorf("%d objects for %d keepalives", mallocs, rounds)
	}
}
