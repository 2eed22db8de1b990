package bus

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/musubi-p2p/musubi/core/cluster"
	"github.com/musubi-p2p/musubi/core/secure"
)

// end is a node with its bus and an owner goroutine's worth of news.
type end struct {
	t    *testing.T
	bus  *Bus
	node *cluster.Node
	wake chan struct{}
}

func quiet() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

type seeded struct{ n byte }

func (s *seeded) Read(b []byte) (int, error) {
	for i := range b {
		s.n += 7
		b[i] = s.n
	}
	return len(b), nil
}

func newEnd(t *testing.T, name string, seed byte, core *Core, url string) *end {
	t.Helper()
	return newEdge(t, name, seed, core, url, "")
}

func newEdge(t *testing.T, name string, seed byte, core *Core, url, password string) *end {
	t.Helper()
	e := &end{t: t, wake: make(chan struct{}, 1)}
	e.node = cluster.New(time.Now(), cluster.Config{Rand: &seeded{seed}, Name: name, Key: secure.TicketKey{1}, Addr: netip.MustParseAddrPort("192.0.2.1:3478"), Region: 'E'})
	var err error
	e.bus, err = Open(Config{Name: name, ID: e.node.ID(), Prefix: "musubi-test", URL: url, Core: core, Password: password, Log: quiet(), Wake: func() {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.bus.Close)
	return e
}

// until runs the node until something holds.
func (e *end) until(d time.Duration, what string, holds func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(d); !holds(); {
		now := time.Now()
		if now.After(deadline) {
			e.t.Fatalf("%s: not within %v", what, d)
		}
		for _, f := range e.bus.Read() {
			f(now, e.node)
		}
		e.node.HandleTimeout(now)
		for o, ok := e.node.NextBus(now); ok; o, ok = e.node.NextBus(now) {
			e.bus.Do(o)
		}
		if holds() {
			return
		}
		select {
		case <-e.wake:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *end) event(kind cluster.EventKind) func() bool {
	return func() bool {
		for ev, ok := e.node.NextEvent(); ok; ev, ok = e.node.NextEvent() {
			if ev.Kind == kind {
				return true
			}
		}
		return false
	}
}

func (e *end) both(d time.Duration, what string, other *end, holds func() bool) {
	e.t.Helper()
	e.until(d, what, func() bool {
		now := time.Now()
		for _, f := range other.bus.Read() {
			f(now, other.node)
		}
		other.node.HandleTimeout(now)
		for o, ok := other.node.NextBus(now); ok; o, ok = other.node.NextBus(now) {
			other.bus.Do(o)
		}
		return holds()
	})
}

// A node without a NATS comes to one that is in another process, with the cluster's password, and not without.
func TestEdgeAtACore(t *testing.T) {
	at := freePort(t)
	core, err := StartCore(CoreConfig{Name: "a", Data: t.TempDir(), Password: "secret", Clients: at, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(core.Close)
	stranger := newEdge(t, "x", 200, nil, "nats://"+at.String(), "guessed")
	a, b := newEdge(t, "a", 1, nil, "nats://"+at.String(), "secret"), newEdge(t, "b", 90, nil, "nats://"+at.String(), "secret")
	a.both(10*time.Second, "a is up", b, a.node.Connected)
	a.both(10*time.Second, "a meets b", b, func() bool { return len(a.node.Neighbours()) == 1 })
	if stranger.bus.nc.IsConnected() || core.Ready() != nil || core.Edges() != 2 {
		t.Errorf("stranger in: %v, ready: %v, %d edges", stranger.bus.nc.IsConnected(), core.Ready(), core.Edges())
	}
}

// Two nodes on one embedded NATS find each other, and share a directory in which a code is one room's.
func TestOneCore(t *testing.T) {
	began := time.Now()
	core, err := StartCore(CoreConfig{Name: "a", Data: t.TempDir(), Password: "secret", Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(core.Close)
	a, b := newEnd(t, "a", 1, core, ""), newEnd(t, "b", 90, core, "")
	a.both(10*time.Second, "a is up", b, a.node.Connected)
	t.Logf("up after %v", time.Since(began))
	a.both(10*time.Second, "a sees b", b, func() bool { return a.node.Stats(time.Now()).Nodes == 2 && b.node.Stats(time.Now()).Nodes == 2 })
	now := time.Now()
	a.node.Reserve(now, "E1234567", 7, 1)
	a.both(5*time.Second, "a has the code", b, a.event(cluster.Reserved))
	b.node.Reserve(now, "E1234567", 8, 1)
	a.both(5*time.Second, "b is refused", b, b.event(cluster.Taken))
	b.node.Seek(time.Now(), cluster.Search{Code: "E7654321", Signal: []byte{1}})
	a.both(5*time.Second, "nobody has the other code", b, b.event(cluster.NotFound))
	a.node.Closed("E1234567")
	a.both(5*time.Second, "the code is free again", b, func() bool {
		b.node.Reserve(time.Now(), "E1234567", 8, 1)
		ok := false
		a.both(5*time.Second, "an answer", b, func() bool {
			for ev, some := b.node.NextEvent(); some; ev, some = b.node.NextEvent() {
				if ev.Kind == cluster.Reserved || ev.Kind == cluster.Taken {
					ok = ev.OK
					return true
				}
			}
			return false
		})
		return ok
	})
}

func freePort(t *testing.T) netip.AddrPort {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// Three cores become one NATS; when one dies the other two go on.
func TestThreeCores(t *testing.T) {
	var at []netip.AddrPort
	for range 3 {
		at = append(at, freePort(t))
	}
	began := time.Now()
	var cores []*Core
	var ends []*end
	for i := range at {
		var routes []string
		for k, a := range at {
			if k != i {
				routes = append(routes, a.String())
			}
		}
		core, err := StartCore(CoreConfig{Name: fmt.Sprint("core", i), Listen: at[i], Routes: routes, Data: t.TempDir(), Password: "secret", Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(core.Close)
		cores = append(cores, core)
		ends = append(ends, newEnd(t, fmt.Sprint("n", i), byte(30*i+1), core, ""))
	}
	for i, e := range ends {
		e.until(30*time.Second, "up", e.node.Connected)
		t.Logf("node %d up after %v", i, time.Since(began))
	}
	ends[1].node.Reserve(time.Now(), "E1234567", 7, 1)
	ends[1].until(5*time.Second, "reserved", ends[1].event(cluster.Reserved))
	leader := 0
	for i, c := range cores {
		if c.server.JetStreamIsLeader() {
			leader = i
		}
	}
	t.Logf("leader %d", leader)
	cores[leader].Close()
	began = time.Now()
	e := ends[(leader+1)%3]
	for {
		e.node.Reserve(time.Now(), fmt.Sprintf("E%07d", time.Now().UnixNano()%1e7), 7, 1)
		ok := false
		e.until(5*time.Second, "an answer", func() bool {
			for ev, some := e.node.NextEvent(); some; ev, some = e.node.NextEvent() {
				if ev.Kind == cluster.Reserved {
					ok = ev.OK
					return true
				}
			}
			return false
		})
		if ok {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("two of three cores don't go on")
		}
	}
	t.Logf("goes on %v after its leader died", time.Since(began))
}
