// Package sim is a virtual internet: whole endpoints and a whole server node behind NAT boxes, under a virtual clock. It
// starts no goroutine and reads no clock; a minute of play takes milliseconds. The same seed gives the same bytes at the
// same times, which Trace proves.
//
// A World holds one server, sites (a NAT box each) and clients inside the sites. Run moves time from one event to the
// next. Datagrams cross one core router, which takes a hop, delays, loses, duplicates and reorders them by Weather.
package sim

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/musubi-p2p/musubi/core/natsim"
)

// Weather is what the core does to datagrams. Probabilities are 0..1, times one way.
type Weather struct {
	Delay     time.Duration
	Jitter    time.Duration // uniform, added to Delay
	Loss      float64
	Duplicate float64
	Reorder   float64       // share of datagrams held back by ReorderBy
	ReorderBy time.Duration // 0: one Delay
}

// LANDelay is the one-way delay between two clients of one site.
const LANDelay = 200 * time.Microsecond

// World is one simulation.
type World struct {
	now     time.Time
	rng     *rand.Rand
	seed    uint64
	weather Weather
	queue   eventHeap
	serial  uint64
	server  *Server
	sites   map[netip.Addr]*Site // by public address
	cuts    map[[2]netip.Addr]bool
	trace   hash.Hash
	flows   map[[2]netip.Addr]int
	tap     func(p natsim.Packet) // sees every datagram that enters the core; Data is borrowed
}

// Start is when every simulation begins.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// NewWorld makes an empty world.
func NewWorld(seed uint64, w Weather) *World {
	return &World{
		now: Start, rng: rand.New(rand.NewPCG(seed, 0x6d757375)), seed: seed, weather: w, trace: sha256.New(),
		sites: map[netip.Addr]*Site{}, cuts: map[[2]netip.Addr]bool{}, flows: map[[2]netip.Addr]int{},
	}
}

// Now is the virtual time.
func (w *World) Now() time.Time { return w.now }

// SetWeather changes the core's behaviour for datagrams sent from now on.
func (w *World) SetWeather(weather Weather) { w.weather = weather }

// Trace is a digest of every datagram that was sent: when, from where, to where, what.
func (w *World) Trace() [sha256.Size]byte { return [sha256.Size]byte(w.trace.Sum(nil)) }

// Cut drops everything that the core carries from one public address to another; Heal ends it.
func (w *World) Cut(from, to netip.Addr)  { w.cuts[[2]netip.Addr{from, to}] = true }
func (w *World) Heal(from, to netip.Addr) { delete(w.cuts, [2]netip.Addr{from, to}) }

// Carried is how many datagrams the core delivered from one public address to another.
func (w *World) Carried(from, to netip.Addr) int { return w.flows[[2]netip.Addr{from, to}] }

// source gives each actor its own stream of random bytes, so that one's draws don't shift another's.
func (w *World) source(name string) *rand.ChaCha8 {
	var seed [32]byte
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), w.seed))
	copy(seed[:], sum[:])
	return rand.NewChaCha8(seed)
}

// event is something that happens at a time; equal times keep the order in which they were scheduled.
type event struct {
	at     time.Time
	serial uint64
	do     func(now time.Time)
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].serial < h[j].serial
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

// At runs f at a time, not before now.
func (w *World) At(at time.Time, f func(now time.Time)) {
	if at.Before(w.now) {
		at = w.now
	}
	w.serial++
	heap.Push(&w.queue, event{at, w.serial, f})
}

// After runs f after a while.
func (w *World) After(d time.Duration, f func(now time.Time)) { w.At(w.now.Add(d), f) }

// Run moves time forward by d.
func (w *World) Run(d time.Duration) { w.RunUntil(d, func() bool { return false }) }

// maxSteps bounds one RunUntil: a machine whose deadline does not move would keep the world at one instant for ever.
const maxSteps = 20_000_000

// RunUntil moves time forward until cond holds, at most by d, and reports whether it held.
func (w *World) RunUntil(d time.Duration, cond func() bool) bool {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if cond() {
			return true
		}
		if len(w.queue) == 0 || w.queue[0].at.After(end) {
			w.now = end
			return cond()
		}
		if steps > maxSteps {
			panic(fmt.Sprintf("sim: %d events without reaching %v: a deadline does not move", steps, end.Sub(Start)))
		}
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do(w.now)
	}
}

// send puts a datagram that left its site (or the server) into the core.
func (w *World) send(p natsim.Packet) {
	w.record(p)
	if w.tap != nil {
		w.tap(p)
	}
	if p.TTL <= 1 { // the core is a router too
		return
	}
	p.TTL--
	c := w.weather
	if w.cuts[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}] || w.rng.Float64() < c.Loss {
		return
	}
	w.deliver(p, w.delay(c))
	if w.rng.Float64() < c.Duplicate {
		w.deliver(p, w.delay(c))
	}
}

func (w *World) delay(c Weather) time.Duration {
	d := c.Delay
	if c.Jitter > 0 {
		d += time.Duration(w.rng.Int64N(int64(c.Jitter)))
	}
	if w.rng.Float64() < c.Reorder {
		hold := c.ReorderBy
		if hold == 0 {
			hold = c.Delay
		}
		d += hold
	}
	return d
}

func (w *World) deliver(p natsim.Packet, after time.Duration) {
	p.Data = append([]byte(nil), p.Data...)
	w.After(after, func(now time.Time) {
		w.flows[[2]netip.Addr{p.Src.Addr(), p.Dst.Addr()}]++
		if w.server != nil && p.Dst.Addr() == w.server.addr {
			w.server.receive(now, p)
			return
		}
		if site := w.sites[p.Dst.Addr()]; site != nil {
			site.receive(now, p)
		}
	})
}

func (w *World) record(p natsim.Packet) {
	var b [64]byte
	out := binary.BigEndian.AppendUint64(b[:0], uint64(w.now.Sub(Start)))
	out = p.Src.Addr().AppendTo(out)
	out = binary.BigEndian.AppendUint16(out, p.Src.Port())
	out = p.Dst.Addr().AppendTo(out)
	out = binary.BigEndian.AppendUint16(out, p.Dst.Port())
	w.trace.Write(append(out, p.TTL))
	w.trace.Write(p.Data)
}
