package forward

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/musubi-p2p/musubi/core/relay"
	"github.com/musubi-p2p/musubi/core/wire"
)

var (
	start  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	alice  = netip.MustParseAddrPort("192.0.2.1:4000")
	bob    = netip.MustParseAddrPort("192.0.2.2:5000")
	mallet = netip.MustParseAddrPort("198.51.100.66:6666")
	meet   = [16]byte{1, 2, 3}
	rate   = wire.RelayRate{BitsPerSecond: 1_000_000, PacketsPerSecond: 300}
)

func random(n byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{n}) }

// rig is a relay whose table is shared, as in a server, without its sockets.
type rig struct {
	*relay.Server
	table *Table
	now   time.Time
}

func newRig(sessions int, egress uint64) *rig {
	table := NewTable(start, relay.NewHandles(random(1)), sessions, egress)
	return &rig{relay.NewServer(relay.ServerConfig{Rand: random(2), Base: start, Table: table, MaxSessions: sessions}), table, start}
}

// pair binds both legs of a session.
func (r *rig) pair(t testing.TB, id [16]byte, r8 wire.RelayRate) (toAlice, toBob uint32) {
	t.Helper()
	a, ok1 := r.Prebind(r.now, id, 0, relay.KeyHash{}, alice, r8)
	b, ok2 := r.Prebind(r.now, id, 1, relay.KeyHash{}, bob, r8)
	if !ok1 || !ok2 {
		t.Fatal("no place for a pair")
	}
	return a, b
}

// packet is a relayed datagram of 200 bytes.
func packet(handle uint32) []byte {
	b := wire.AppendSession(wire.AppendRelayed(nil, handle), wire.Session{ConnID: 7})
	return append(b, make([]byte, 200-len(b))...)
}

func (r *rig) route(from netip.AddrPort, handle uint32) (netip.AddrPort, verdict, relay.Drop) {
	return r.table.route(r.table.Now(r.now), from, packet(handle))
}

func (r *rig) wantPass(t *testing.T, from netip.AddrPort, handle uint32, want netip.AddrPort) {
	t.Helper()
	if to, v, why := r.route(from, handle); v != pass || to != want {
		t.Fatalf("from %v: verdict %d (%v) to %v, want %v", from, v, why, to, want)
	}
}

func (r *rig) wantRefused(t *testing.T, from netip.AddrPort, handle uint32, want relay.Drop) {
	t.Helper()
	if to, v, why := r.route(from, handle); v != refuse || why != want {
		t.Fatalf("from %v: verdict %d (%v) to %v, want a drop: %v", from, v, why, to, want)
	}
}

func TestABoundPairIsForwardedWithoutTheMachine(t *testing.T) {
	r := newRig(10, 0)
	a, b := r.pair(t, meet, rate)
	p := packet(a)
	to, v, _ := r.table.route(0, alice, p)
	if h, _, _ := wire.ParseRelayed(p); v != pass || to != bob || h != b {
		t.Fatalf("verdict %d to %v, handle %x", v, to, h)
	}
	r.wantPass(t, bob, b, alice)
	r.wantRefused(t, mallet, a, relay.DropSource)
	r.wantRefused(t, bob, a, relay.DropSource)
	r.wantRefused(t, alice, a+1, relay.DropHandle)
	r.wantRefused(t, alice, 0, relay.DropHandle)
	if _, v, why := r.table.route(0, alice, packet(a)[:20]); v != refuse || why != relay.DropFormat {
		t.Errorf("a piece of a packet: %d %v", v, why)
	}
}

// The relay never emits to an unbound address: while the other leg has none, the machine is asked, and it keeps.
func TestNothingGoesToALegThatIsNotBound(t *testing.T) {
	r := newRig(10, 0)
	a, _ := r.Prebind(r.now, meet, 0, relay.KeyHash{}, alice, rate)
	if to, v, _ := r.route(alice, a); v != ask || to.IsValid() {
		t.Fatalf("verdict %d to %v", v, to)
	}
	if to, ok := r.Deliver(r.now, alice, packet(a)); ok {
		t.Fatalf("delivered to %v", to)
	}
	r.Prebind(r.now, meet, 1, relay.KeyHash{}, bob, rate)
	if _, to, ok := r.AppendTransmit(nil); !ok || to != bob {
		t.Error("what was kept did not go out with the bind")
	}
	r.wantPass(t, alice, a, bob)
}

// A leg at a stream is named by an address that no UDP packet may come from, whoever forges it, and none goes to.
func TestStreamsAreTheHubs(t *testing.T) {
	r := newRig(10, 0)
	stream := netip.MustParseAddrPort("[100::7]:1")
	a, _ := r.Prebind(r.now, meet, 0, relay.KeyHash{}, alice, rate)
	b, _ := r.Prebind(r.now, meet, 1, relay.KeyHash{}, stream, rate)
	if _, v, _ := r.route(alice, a); v != ask {
		t.Errorf("to a stream: verdict %d", v)
	}
	r.wantRefused(t, stream, b, relay.DropSource)
	if to, ok := r.Forward(r.now, stream, packet(b)); !ok || to != alice { // the hub has it from the stream itself
		t.Errorf("from a stream: %v %v", to, ok)
	}
}

// Moving to another address, binding again, and going to a stream and back use one and the same allowance.
func TestAllowanceSurvivesEveryMove(t *testing.T) {
	r := newRig(10, 0)
	a, _ := r.pair(t, meet, rate)
	for range 300 {
		r.wantPass(t, alice, a, bob)
	}
	r.wantRefused(t, alice, a, relay.DropRate)
	for _, next := range []string{"192.0.2.1:4001", "[100::9]:1", "203.0.113.5:9"} {
		to := netip.MustParseAddrPort(next)
		if from := alice; next == "192.0.2.1:4001" {
			r.Move(a, from, to)
		} else {
			r.table.Set(0, relay.Leg{Handle: a, Addr: to, Rate: rate}) // as bind does
		}
		if isStream(to.Addr()) {
			continue
		}
		r.wantRefused(t, to, a, relay.DropRate)
	}
	// The machine's own way spends from the same bucket.
	if _, ok := r.Forward(r.now, netip.MustParseAddrPort("203.0.113.5:9"), packet(a)); ok {
		t.Error("a full second allowance by another door")
	}
	r.now = r.now.Add(time.Second)
	r.table.Set(0, relay.Leg{Handle: a, Addr: alice, Rate: rate})
	r.wantPass(t, alice, a, bob)
}

func TestHandlesOfEndedSessionsAreStale(t *testing.T) {
	r := newRig(1, 0) // one place: every session uses it
	seen := map[uint32]bool{}
	for i := range byte(50) {
		a, b := r.pair(t, [16]byte{i}, rate)
		if seen[a] || seen[b] || a == b || a == 0 || b == 0 {
			t.Fatalf("handles %x %x came before", a, b)
		}
		seen[a], seen[b] = true, true
		r.wantPass(t, alice, a, bob)
		r.now = r.now.Add(relay.IdleTime + time.Second)
		r.HandleTimeout(r.now)
		r.wantRefused(t, alice, a, relay.DropHandle)
		// Nor does a shard that had looked a up just before read the next session's legs.
		next, _ := r.pair(t, [16]byte{i, 1}, rate)
		if _, to, ok := r.table.other(0, a); ok {
			t.Fatalf("an ended session leads to %v", to)
		}
		if _, to, ok := r.table.other(0, next); !ok || to != bob {
			t.Fatalf("the next session leads to %v", to)
		}
		seen[next] = true
		r.now = r.now.Add(relay.IdleTime + time.Second)
		r.HandleTimeout(r.now)
	}
}

// What the shards see keeps a session, though the machine sees none of it.
func TestForwardedPacketsKeepASession(t *testing.T) {
	r := newRig(10, 0)
	a, b := r.pair(t, meet, rate)
	for range 5 {
		r.now = r.now.Add(50 * time.Second)
		r.wantPass(t, alice, a, bob)
		r.wantPass(t, bob, b, alice)
		r.HandleTimeout(r.now)
	}
	r.now = r.now.Add(relay.IdleTime + time.Second)
	r.HandleTimeout(r.now)
	if r.Holds(a) || r.Stats().Sessions != 0 {
		t.Error("an idle session lives on")
	}
}

// Of a configured line the relay takes 80 %, whichever legs ask.
func TestEgressGuard(t *testing.T) {
	r := newRig(10, 10_000_000)
	var legs []uint32
	for i := range byte(10) {
		a, _ := r.pair(t, [16]byte{i}, wire.RelayRate{})
		legs = append(legs, a)
	}
	sent, refused := 0, 0
	for range 5000 { // 10 packets a millisecond, 18 Mbit/s, for 5 s
		r.now = r.now.Add(time.Millisecond)
		for _, a := range legs {
			switch _, v, why := r.route(alice, a); {
			case v == pass:
				sent++
			case why == relay.DropEgress:
				refused++
			default:
				t.Fatal(v, why)
			}
		}
	}
	bits := float64(sent) * (200 + datagramHead) * 8 / 5
	if bits < 7_900_000 || bits > 8_100_000 || refused == 0 {
		t.Errorf("%.0f bit/s of 10,000,000 were relayed, %d refused", bits, refused)
	}
}

func TestRoutingAllocatesNothing(t *testing.T) {
	r := newRig(10, 1e12)
	a, _ := r.pair(t, meet, wire.RelayRate{BitsPerSecond: 4e9, PacketsPerSecond: 1e9})
	p, now := packet(a), int64(0)
	if n := testing.AllocsPerRun(100, func() {
		now += int64(time.Millisecond)
		wire.AppendRelayed(p[:0], a)
		if _, v, _ := r.table.route(now, alice, p); v != pass {
			t.Fatal("not forwarded")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A pair's memory, machine and table together: docs/SERVER.md promises 1.5 KB.
func TestMemoryOfAPair(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const pairs = 1 << 16
	before := heap()
	r := newRig(pairs, 0)
	for i := range uint32(pairs) {
		r.pair(t, [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}, rate)
	}
	each := (heap()-before)/pairs + 2*uint64(unsafe.Sizeof(leg{})) // with -race the table is counted twice
	t.Logf("%d bytes a pair", each)
	if each > 1500 {
		t.Errorf("%d bytes a pair", each)
	}
	runtime.KeepAlive(r)
}

// Shards forward while the hub moves, ends and makes sessions: no packet ever goes to an address of another session than its
// own, and what goes through a session's handle goes to where one of its legs was at that time. Run with -race.
func TestTableUnderFire(t *testing.T) {
	const sessions, shards = 8, 3
	r := newRig(sessions, 0)
	// Session n's players are at 10.n.k.m: n names the session, m the place that the player moved to.
	at := func(n, k, m int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n), byte(k), byte(m)}), 1000+uint16(m))
	}
	type live struct {
		n      int // the session's number, never used twice while fire lasts
		handle [2]uint32
	}
	var mu sync.Mutex // the test's own: what the firing goroutines believe
	var now [sessions]live
	stop := make(chan struct{})
	var done sync.WaitGroup
	for s := range shards {
		done.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(s), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				l := now[rng.IntN(sessions)]
				mu.Unlock()
				for range 500 {
					k, m := rng.IntN(2), rng.IntN(4)
					to, v, _ := r.table.route(int64(time.Hour), at(l.n, k, m), packet(l.handle[k]))
					if v != pass {
						continue
					}
					if b := to.Addr().As4(); b[1] != byte(l.n) || b[2] != byte(1-k) || to.Port() != 1000+uint16(b[3]) {
						t.Errorf("a packet of session %d, leg %d went to %v", l.n, k, to)
					}
				}
			}
		})
	}
	rng, n := rand.New(rand.NewPCG(9, 9)), 0
	id := func(n int) [16]byte { return [16]byte{byte(n), byte(n >> 8), 0xff} }
	for round := range 3000 {
		i := rng.IntN(sessions)
		switch l := now[i]; {
		case l.handle[0] == 0: // make it
			n = (n + 1) % 256
			var h [2]uint32
			for k := range 2 {
				h[k], _ = r.Prebind(r.now, id(n), uint8(k), relay.KeyHash{}, at(n, k, 0), wire.RelayRate{})
			}
			mu.Lock()
			now[i] = live{n, h}
			mu.Unlock()
		case round%16 == 0: // end all that nothing was heard of: every one, since the fire's clock is not the machine's
			r.now = r.now.Add(2 * time.Hour)
			r.HandleTimeout(r.now)
			mu.Lock()
			for j := range now {
				if !r.Holds(now[j].handle[0]) {
					now[j] = live{}
				}
			}
			mu.Unlock()
		default: // move a leg
			k := rng.IntN(2)
			for m := range 4 {
				r.Move(l.handle[k], at(l.n, k, m), at(l.n, k, rng.IntN(4)))
			}
		}
	}
	close(stop)
	done.Wait()
}

// A leg that moves without a pause is always at one of its addresses, never at half of each.
func TestAddressIsReadWhole(t *testing.T) {
	table := NewTable(start, relay.NewHandles(random(1)), 1, 0)
	var places [8]netip.AddrPort
	for i := range places {
		b := bytes.Repeat([]byte{byte(i) + 1}, 16)
		places[i] = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), 0x0101*(uint16(i)+1))
	}
	table.Set(0, relay.Leg{Handle: 1, Addr: places[0]})
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; !stop.Load(); i++ {
			table.Set(0, relay.Leg{Handle: 1, Addr: places[i%len(places)]})
		}
	})
	for range 200_000 {
		a, _ := table.legs[0].address()
		if n := a.high & 0xff; a.high != n*0x0101010101010101 || a.low != a.high || a.port != bound|uint32(n*0x0101) {
			t.Fatalf("read %x %x %x", a.high, a.low, a.port)
		}
	}
	stop.Store(true)
	done.Wait()
}
