package nat

import (
	"bytes"
	"cmp"
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/api"
	"github.com/musubi-p2p/musubi/core/natsim"
	"github.com/musubi-p2p/musubi/core/stun"
)

var testToken = [16]byte{1, 2, 3}

// office is one client behind a box and a STUN server with its ports, 20 ms apart.
type office struct {
	now      time.Time
	rng      *rand.Rand
	loss     float64
	blocked  uint16 // a port of the server that nothing reaches
	server   stun.Server
	box      *natsim.Box
	inner    map[api.SocketID]netip.AddrPort
	opened   int
	refuse   bool // the system opens no sockets
	profiler *Profiler
	queue    letters
	order    int
	sent     int
	closed   []api.SocketID
}

type letter struct {
	at    time.Time
	order int
	p     natsim.Packet
	up    bool // towards the server
}

type letters []letter

func (l letters) Len() int { return len(l) }
func (l letters) Less(i, j int) bool {
	return l[i].at.Before(l[j].at) || l[i].at.Equal(l[j].at) && l[i].order < l[j].order
}
func (l letters) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *letters) Push(x any)   { *l = append(*l, x.(letter)) }
func (l *letters) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

func newOffice(preset string, seed uint64) *office {
	cfg, ok := natsim.Preset(preset)
	if !ok {
		panic(preset)
	}
	return officeBehind(cfg, seed)
}

func officeBehind(cfg natsim.Config, seed uint64) *office {
	o := &office{now: time.Unix(0, 0).Add(warmUp), rng: rand.New(rand.NewPCG(seed, 3))}
	wan := netip.MustParseAddr("198.51.100.1")
	o.box = natsim.New(cfg, wan, o.rng)
	ip := netip.MustParseAddr("192.168.1.2")
	if cfg.Mapping == api.BehaviourNone {
		ip = wan
	}
	o.inner = map[api.SocketID]netip.AddrPort{0: netip.AddrPortFrom(ip, 41000)}
	o.server = stun.Server{Public: serverAddr, Ports: []uint16{3478, 3479, 3480},
		CheckToken: func(_ time.Time, ip netip.Addr, token [16]byte) bool { return ip == wan && token == testToken }}
	o.profiler = NewProfiler(ProfilerConfig{
		Rand: reader{o.rng}, Local: netip.MustParseAddrPort("0.0.0.0:41000"), LocalAddrs: []netip.Addr{ip},
		Server: serverAddr, Ports: o.server.Ports, Token: testToken,
	})
	return o
}

// measure runs a whole profile and returns how long it took.
func (o *office) measure(t *testing.T) (api.NATInfo, time.Duration) {
	t.Helper()
	o.profiler.Start(o.now)
	return o.finish(t)
}

// finish runs a profile that was started.
func (o *office) finish(t *testing.T) (api.NATInfo, time.Duration) {
	t.Helper()
	start := o.now
	for range 10000 {
		o.drain()
		info, done := o.profiler.Result()
		if done {
			if at := o.profiler.NextTimeout(); !at.IsZero() {
				t.Fatal("a finished profile wants to be woken")
			}
			return info, o.now.Sub(start)
		}
		next := o.profiler.NextTimeout()
		if next.IsZero() {
			t.Fatal("nothing scheduled, but not done")
		}
		if len(o.queue) > 0 && o.queue[0].at.Before(next) {
			next = o.queue[0].at
		}
		if next.After(o.now) {
			o.now = next
		}
		for len(o.queue) > 0 && !o.queue[0].at.After(o.now) {
			o.arrive(t, heap.Pop(&o.queue).(letter))
		}
		o.profiler.HandleTimeout(o.now)
	}
	t.Fatal("the profile does not end")
	return api.NATInfo{}, 0
}

func (o *office) drain() {
	for o.profiler.WantSocket() {
		if o.refuse {
			o.profiler.SocketFailed(o.now)
			continue
		}
		o.opened++
		id := api.SocketID(o.opened)
		o.inner[id] = netip.AddrPortFrom(o.inner[0].Addr(), uint16(42000+o.rng.IntN(20000)))
		o.profiler.SocketOpened(o.now, id, o.inner[id])
	}
	for {
		b, tx, ok := o.profiler.AppendTransmit(o.now, nil)
		if !ok {
			break
		}
		o.sent++
		if p, ok := o.box.Outbound(o.now, natsim.Packet{Src: o.inner[tx.Socket], Dst: tx.To, TTL: cmp.Or(tx.TTL, natsim.DefaultTTL), Data: b}); ok {
			o.post(p, true)
		}
	}
	for id, ok := o.profiler.CloseSocket(); ok; id, ok = o.profiler.CloseSocket() {
		o.closed = append(o.closed, id)
	}
}

// leaked is how many sockets were opened and not given back, or given back twice.
func (o *office) leaked() int {
	slices.Sort(o.closed)
	return o.opened - len(slices.Compact(slices.Clone(o.closed))) + len(o.closed) - len(slices.Compact(slices.Clone(o.closed)))
}

func (o *office) post(p natsim.Packet, up bool) {
	if p.TTL--; p.TTL == 0 || o.rng.Float64() < o.loss {
		return
	}
	o.order++
	heap.Push(&o.queue, letter{o.now.Add(oneWay), o.order, p, up})
}

// at is the address of a socket of the server.
func (o *office) at(socket int) netip.AddrPort {
	if n := len(o.server.Ports); socket >= n {
		return netip.AddrPortFrom(o.server.Alternate, o.server.Ports[socket-n])
	}
	return netip.AddrPortFrom(serverAddr, o.server.Ports[socket])
}

func (o *office) arrive(t *testing.T, l letter) {
	if l.up {
		for i := range o.server.Sockets() {
			if o.at(i) != l.p.Dst || l.p.Dst.Port() == o.blocked {
				continue
			}
			if b, reply, ok := o.server.Answer(o.now, i, l.p.Src, l.p.Data, nil); ok {
				if len(b) > len(l.p.Data) {
					t.Fatalf("the answer has %d bytes, the request %d", len(b), len(l.p.Data))
				}
				o.post(natsim.Packet{Src: o.at(reply.Socket), Dst: l.p.Src, TTL: natsim.DefaultTTL, Data: b}, false)
			}
		}
		return
	}
	if in, ok := o.box.Inbound(o.now, l.p); ok {
		for id := range api.SocketID(o.opened + 1) {
			if o.inner[id] == in.Dst && !slices.Contains(o.closed, id) && !o.profiler.HandleDatagram(o.now, id, in.Src, in.Data) {
				t.Fatalf("not taken: %v", in)
			}
		}
	}
}

// Every preset is told apart as well as one server address allows, also at 20 % loss, in time and within 40 packets.
func TestProfileOfEveryPreset(t *testing.T) {
	const none, ei, ad, apd = api.BehaviourNone, api.EndpointIndependent, api.AddressDependent, api.AddressAndPortDependent
	for _, c := range []struct {
		preset             string
		mapping, filtering api.Behaviour
	}{
		{"PUB", none, ad}, {"FW", none, apd}, {"FC", ei, ad}, {"AR", ei, ad}, {"PR", ei, apd}, {"PRx", ei, apd}, {"SR", apd, apd},
		{"BLOCKED", api.BehaviourUDPBlocked, api.BehaviourUDPBlocked},
	} {
		for _, loss := range []float64{0, 0.2} {
			wrong := 0
			const trials = 60
			for seed := range uint64(trials) {
				o := newOffice(c.preset, seed)
				o.loss = loss
				info, took := o.measure(t)
				if took > profileLimit || o.sent > 40 {
					t.Fatalf("%s: took %v and %d packets", c.preset, took, o.sent)
				}
				if info.Mapping != c.mapping || info.Filtering != c.filtering {
					wrong++
					t.Logf("%s at loss %v, seed %d: %v %v", c.preset, loss, seed, info.Mapping, info.Filtering)
				}
				if blocked := c.preset == "BLOCKED"; blocked != (info.Public == "") || !blocked && !strings.HasPrefix(info.Public, "198.51.100.1:") {
					t.Fatalf("%s: public %q", c.preset, info.Public)
				}
				if o.opened == 0 || o.leaked() != 0 {
					t.Fatalf("%s: opened %d, closed %v", c.preset, o.opened, o.closed)
				}
			}
			if loss == 0 && wrong > 0 || wrong > trials/30 {
				t.Errorf("%s at loss %v: %d of %d profiles wrong", c.preset, loss, wrong, trials)
			}
		}
	}
}

func TestProfileWithoutAValidToken(t *testing.T) {
	o := newOffice("FC", 1)
	o.server.CheckToken = nil
	if info, _ := o.measure(t); info.Mapping != api.EndpointIndependent || info.Filtering != api.BehaviourUnknown {
		t.Fatalf("%+v", info)
	}
}

// Silence from a port that nothing reaches is no filter.
func TestProfileWithABlockedPort(t *testing.T) {
	o := newOffice("FC", 1)
	o.blocked = 3479
	if info, _ := o.measure(t); info.Mapping != api.EndpointIndependent || info.Filtering != api.BehaviourUnknown {
		t.Fatalf("%+v", info)
	}
}

func TestProfileOfAServerWithOnePort(t *testing.T) {
	o := newOffice("PR", 1)
	o.server.Ports = o.server.Ports[:1]
	o.profiler.cfg.Ports = o.server.Ports
	info, took := o.measure(t)
	if info.Mapping != api.BehaviourUnknown || info.Filtering != api.BehaviourUnknown || info.Public == "" || took != rtt {
		t.Fatalf("%+v after %v", info, took)
	}
}

func TestProfileWhoseSocketNeverOpens(t *testing.T) {
	o := newOffice("PR", 1)
	o.profiler.Start(o.now)
	if !o.profiler.WantSocket() || o.profiler.WantSocket() {
		t.Fatal("the socket must be wanted once")
	}
	o.profiler.SocketFailed(o.now)
	o.refuse = true
	if info, _ := o.finish(t); info.Mapping != api.EndpointIndependent || info.Filtering != api.BehaviourUnknown {
		t.Fatalf("%+v", info)
	}
	// A socket that comes too late is given back.
	o.profiler.SocketOpened(o.now, 9, o.inner[0])
	if id, ok := o.profiler.CloseSocket(); !ok || id != 9 {
		t.Fatal(id, ok)
	}
}

// Answers that nobody asked for change nothing: foreign source, foreign socket, unknown transaction.
func TestProfileIgnoresForgedAnswers(t *testing.T) {
	o := newOffice("PR", 1)
	o.profiler.Start(o.now)
	b, tx, _ := o.profiler.AppendTransmit(o.now, nil)
	good, _, ok := o.server.Answer(o.now, 0, netip.MustParseAddrPort("198.51.100.99:1"), b, nil)
	if !ok {
		t.Fatal("no answer")
	}
	if o.profiler.HandleDatagram(o.now, tx.Socket, netip.MustParseAddrPort("192.0.2.1:3478"), good) ||
		o.profiler.HandleDatagram(o.now, tx.Socket, netip.AddrPortFrom(serverAddr, 3479), good) ||
		o.profiler.HandleDatagram(o.now, 5, tx.To, good) {
		t.Fatal("forged answer taken")
	}
	good[10] ^= 1
	if o.profiler.HandleDatagram(o.now, tx.Socket, tx.To, good) || o.profiler.mapping.public().IsValid() {
		t.Fatal("forged answer taken")
	}
}

// known puts the id of a request that waits for an answer into the datagram, so that what is behind it is reached.
func FuzzProfilerDatagram(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint8(0), uint8(0), false)
	f.Add([]byte{1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 5, 1, 2, 3, 4}, uint8(0), uint8(1), true)
	f.Add([]byte{1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 5, 1, 2, 3, 4}, uint8(1), uint8(2), true)
	f.Fuzz(func(t *testing.T, b []byte, socket, port uint8, known bool) {
		o := newOffice("PR", 1)
		o.profiler.Start(o.now)
		o.drain()
		asked := o.profiler.mapping.asked[int(port)%3].id
		if socket == 1 {
			asked = o.profiler.filtering.asked.id
		}
		b = bytes.Clone(b) // the fuzzer goes on with what it gave
		if known && len(b) >= 20 {
			copy(b[8:20], asked[:])
		}
		from := netip.AddrPortFrom(serverAddr, o.server.Ports[int(port)%3])
		if o.profiler.HandleDatagram(o.now, api.SocketID(socket), from, b) && !known {
			t.Fatal("guessed a transaction id")
		}
		o.profiler.HandleTimeout(o.now.Add(time.Hour))
		if _, done := o.profiler.Result(); !done {
			t.Fatal("not done")
		}
	})
}
